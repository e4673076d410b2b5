"""One ComfyUI server: what is asked of it over HTTP, and the typed records that it answers with."""

import contextlib
import json
import re
from collections.abc import Iterable
from typing import BinaryIO
from urllib.parse import urlencode

from ..convert.links import Prompt
from ..text import cut
from . import tls
from .answers import Entry, History, Kind, Listed, ObjectInfo, QueueState, Submitted, System, SystemStats, parse
from .deadline import Deadline
from .exchange import Reply, asking
from .gone import Gone
from .refusal import Refused, complaints
from .secret import NAME, Secret

OLDEST = (0, 3, 64)  # version of ComfyUI
ANSWER = 60.0  # seconds in which a server answers that is not hung; --timeout may say less
MOST_JSON, MOST_FILE = 128 * 2**20, 8 * 2**30  # bytes


class Server:
    """A server, by its address (``scheme://host:port/prefix``).

    ``token`` is sent with each request, as a bearer token, and masked in what the server says. ``timeout`` is in
    seconds; an answer that is not whole by then (see ``Deadline``) makes the server count as hung. Every method raises
    ``Gone`` when it cannot be used. Raises ValueError for a token that cannot be used.
    """

    def __init__(self, address: str, token: str | None = None, timeout: float = ANSWER) -> None:
        self.address, self.timeout = address, timeout
        self.name = address.partition("://")[2]
        self.secret = Secret(token)
        self.authorities = tls.authorities()

    def system(self) -> System:
        """What it says of itself."""
        return self.read(SystemStats, "system_stats").system

    def check(self, kinds: Iterable[str]) -> None:
        """Raise ``Gone`` if its ComfyUI is too old, or has no nodes of these classes."""
        version = self.system().comfyui_version
        if version_of(version) < OLDEST:
            raise Gone(f"runs ComfyUI {cut(version, 40)}; expected {'.'.join(map(str, OLDEST))} or newer")
        missing = [kind for kind in kinds if kind not in self.read(ObjectInfo, f"object_info/{kind}").root]
        if missing:
            raise Gone(
                f"ComfyUI {cut(version, 40)} there has no node {', '.join(missing)}; expected this pack, up to date"
            )

    def submit(self, prompt: Prompt, prompt_id: str, client_id: str) -> tuple[str, list[str]]:
        """Queue a prompt; return the id that the server gave it, and lines on the parts that it will not run.

        Messages about it go to the websocket of ``client_id``. Raises ``Refused`` if the server takes none of it.
        """
        body = json.dumps({"prompt": prompt, "prompt_id": prompt_id, "client_id": client_id}).encode()
        answer = self._json(Submitted, "POST", "prompt", body, accept=(200, 400))
        if answer.prompt_id is None:
            raise Refused(complaints(answer, prompt))
        return answer.prompt_id, complaints(answer, prompt) if answer.node_errors else []

    def history(self, prompt_id: str) -> Entry | None:
        """The history's entry of a prompt that has ended, else None."""
        return self.read(History, f"history/{prompt_id}").root.get(prompt_id)

    def place(self, prompt_id: str) -> str | None:
        """``running``, ``pending``, or None for a prompt that is not in its queue (any more)."""
        queue = self.read(QueueState, "queue")
        for place, items in (("running", queue.queue_running), ("pending", queue.queue_pending)):
            if any(item[1] == prompt_id for item in items):
                return place
        return None

    def cancel(self, prompt_id: str) -> None:
        """Ask it not to run a prompt (any further). No error if it does not answer."""
        with contextlib.suppress(Gone):
            for path, body in (("queue", {"delete": [prompt_id]}), ("interrupt", {"prompt_id": prompt_id})):
                with self._ask("POST", path, json.dumps(body).encode(), deadline=Deadline(min(2.0, self.timeout))):
                    pass

    def view(self, file: Listed, sink: BinaryIO, deadline: Deadline | None = None) -> bool:
        """Write a file that the history names to ``sink``; False if the server does not give it."""
        path = f"view?{urlencode(file.model_dump())}"
        with self._ask("GET", path, deadline=deadline, most=MOST_FILE) as reply:
            if reply.status == 401:
                raise self._closed(reply.status)
            if reply.status != 200:
                return False
            for piece in reply.pieces:
                sink.write(piece)
            return True

    def read(self, kind: type[Kind], path: str) -> Kind:
        """The record that the server answers when it is asked for a path."""
        return self._json(kind, "GET", path)

    def _json(
        self, kind: type[Kind], method: str, path: str, body: bytes | None = None, accept: tuple[int, ...] = (200,)
    ) -> Kind:
        """The record in an answer, which must come with one of these statuses."""
        short = f"/{path.partition('/')[0]}"
        with self._ask(method, path, body) as reply:
            if reply.status in (401, 403):
                raise self._closed(reply.status)
            if reply.status not in accept:
                raise Gone(f"answers {short} with status {reply.status}")
            return parse(kind, self.secret.mask(b"".join(reply.pieces)), short)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        deadline: Deadline | None = None,
        most: int | None = None,
    ) -> contextlib.AbstractContextManager[Reply]:
        deadline = deadline or Deadline(min(ANSWER, self.timeout))
        most = MOST_JSON if most is None else most
        return asking(self.address, method, path, body, self.secret.token, self.authorities, deadline, most)

    def _closed(self, status: int) -> Gone:
        wants = "does not accept the token in" if self.secret.token else "wants a token; set"
        return Gone(f"answers {status}: {wants} {NAME}")


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version; what is no version counts as the oldest.

    >>> version_of("v0.3.64-2-gabc"), version_of("main")
    ((0, 3, 64), ())
    """
    found = re.match(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()

"""One ComfyUI server: what is asked of it over HTTP. Nothing but the named host is spoken to: no proxy, no redirect."""

import io
import json
import re
from collections.abc import Iterable
from typing import BinaryIO

import requests

from ..convert.api import Prompt
from ..data import Object, as_list, as_object, parse_object
from . import tls
from .refusal import Refused

OLDEST = (0, 3, 64)  # version of ComfyUI
CONNECT, ANSWER = 5, 60  # seconds
MOST_JSON, MOST_FILE = 512 * 2**20, 8 * 2**30  # bytes


class Gone(Exception):
    """A server that died, hangs, or cannot be used at all; the text says which."""


class Server:
    """A server, by its address (``scheme://host:port/prefix``).

    ``token`` is sent with each request, as a bearer token. ``timeout`` is in seconds; after that long without an answer
    the server counts as hung. Every method raises ``Gone`` when the server cannot be used.
    """

    def __init__(self, address: str, token: str | None = None, timeout: float = ANSWER) -> None:
        self.address, self.timeout = address, timeout
        self.name = address.partition("://")[2]
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy or .netrc of the environment is no host that the user named
        self.authorities = self.session.verify = tls.authorities()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def check(self, kinds: Iterable[str]) -> None:
        """Raise ``Gone`` if its ComfyUI is too old, or has no nodes of these classes."""
        system = as_object(self._json("GET", "system_stats").get("system"))
        version = str(system.get("comfyui_version", "of unknown version"))
        if version_of(version) < OLDEST:
            raise Gone(f"runs ComfyUI {version}; expected {'.'.join(map(str, OLDEST))} or newer")
        missing = [kind for kind in kinds if kind not in self._json("GET", f"object_info/{kind}")]
        if missing:
            raise Gone(f"ComfyUI {version} there has no node {', '.join(missing)}; expected this pack, up to date")

    def submit(self, prompt: Prompt, prompt_id: str, client_id: str) -> tuple[str, list[str]]:
        """Queue a prompt; return the id that the server gave it, and lines on the parts that it will not run.

        Messages about it go to the websocket of ``client_id``. Raises ``Refused`` if the server takes none of it.
        """
        body = json.dumps({"prompt": prompt, "prompt_id": prompt_id, "client_id": client_id}).encode()
        answer = self._json("POST", "prompt", body, accept=(200, 400))
        if "prompt_id" not in answer:
            raise Refused(answer, prompt)
        return str(answer["prompt_id"]), Refused(answer, prompt).lines if answer.get("node_errors") else []

    def history(self, prompt_id: str) -> Object | None:
        """The history's entry of a prompt that has ended, else None."""
        entry = self._json("GET", f"history/{prompt_id}").get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def place(self, prompt_id: str) -> str | None:
        """``running``, ``pending``, or None for a prompt that is not in its queue (any more)."""
        queue = self._json("GET", "queue")
        for key in ("running", "pending"):
            if any(prompt_id in as_list(item)[1:2] for item in as_list(queue.get(f"queue_{key}"))):
                return key
        return None

    def cancel(self, prompt_id: str) -> None:
        """Ask it not to run a prompt (any further). No error if it does not answer."""
        for path, body in (("queue", {"delete": [prompt_id]}), ("interrupt", {"prompt_id": prompt_id})):
            try:
                self.session.post(f"{self.address}/{path}", json=body, timeout=2, allow_redirects=False)
            except requests.RequestException:
                return

    def view(self, file: dict[str, str], sink: BinaryIO) -> bool:
        """Write a file that the history names to ``sink``; False if the server does not give it."""
        return self._ask("GET", "view", params=file, sink=sink, most=MOST_FILE)

    def _json(self, method: str, path: str, body: bytes | None = None, accept: tuple[int, ...] = (200,)) -> Object:
        """The answer, which must be a JSON object and come with one of these statuses."""
        answer = io.BytesIO()
        self._ask(method, path, body, accept=accept, sink=answer, most=MOST_JSON)
        value = parse_object(answer.getvalue())
        if value is None:
            raise Gone(f"answers /{path.partition('/')[0]} with something else than JSON; expected a ComfyUI")
        return value

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        params: dict[str, str] | None = None,
        accept: tuple[int, ...] | None = None,
        *,
        sink: BinaryIO,
        most: int,
    ) -> bool:
        """Write the answer, of ``most`` bytes at most, to ``sink``.

        A status that is not in ``accept`` raises ``Gone``; without ``accept`` any but 200 and 401 gives False.
        """
        times = min(CONNECT, self.timeout), min(ANSWER, self.timeout)
        short = f"/{path.partition('/')[0]}"
        try:
            with self.session.request(
                method,
                f"{self.address}/{path}",
                data=body,
                params=params,
                timeout=times,
                stream=True,
                allow_redirects=False,
                headers={"Content-Type": "application/json"} if body else None,
            ) as answer:
                status = answer.status_code
                if accept is None and status not in (200, 401):
                    return False
                if status in (401, 403):
                    wants = "does not accept the token in" if self.token else "wants a token; set"
                    raise Gone(f"answers {status}: {wants} FSAMPLER_TOKEN")
                if status not in (accept or (200,)):
                    raise Gone(f"answers {short} with status {status}")
                got = 0
                for part in answer.iter_content(2**16):
                    got += len(part)
                    if got > most:
                        raise Gone(f"answers {short} with more than {most >> 20} MiB")
                    sink.write(part)
                promised = answer.headers.get("Content-Length", "")
                if promised.isdecimal() and int(promised) != got and "Content-Encoding" not in answer.headers:
                    raise Gone(f"breaks {short} off after {got} of {promised} bytes")
                return True
        except requests.Timeout:
            raise Gone(f"does not answer {short} within {times[1]:g} s") from None
        except requests.RequestException as error:
            verb = "refuses or drops" if isinstance(error, requests.ConnectionError) else "breaks"
            raise Gone(tls.fault(error) or f"{verb} the connection ({type(error).__name__})") from None


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version; what is no version counts as the oldest.

    >>> version_of("v0.3.64-2-gabc"), version_of("main")
    ((0, 3, 64), ())
    """
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()

"""Runs a prompt on a ComfyUI: gives it to the server, and waits for its end.

A ``Runner`` is what a worker needs of that. ``ServerRunner`` speaks to the server itself; that of ``tools/cluster`` has
a ``ServerRunner`` do it on another machine.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..convert.links import Prompt
from .answers import Entry, Heard
from .follow import follow
from .listen import Listener
from .record import Viewer
from .refusal import failure
from .server import Server

NEEDED = ("FSamplerModel", "FSamplerReport", "PreviewAny")  # classes of nodes that jobs use
Step = Callable[[float | None, float | None], None]


@dataclass(frozen=True)
class Ran:
    """A prompt that has ended, well or not.

    ``entry`` is the history's, ``omitted`` are lines on parts that the server left out, ``by_node`` the seconds spent
    in each node (empty if nobody listened); ``kept``: it had been given to the server by an earlier start of the queue.
    """

    prompt_id: str
    entry: Entry
    omitted: list[str]
    by_node: dict[str, float]
    kept: bool


class Runner(Viewer, Protocol):
    """A ComfyUI, as a worker sees it. Every method but ``close`` raises ``Gone`` when it cannot be used.

    ``address`` tells it from all others, ``name`` is shown to the user, ``place`` says where it runs: two runners in
    one place would refuse the same jobs.
    """

    address: str
    name: str
    place: str

    def open(self) -> None:
        """Be ready for jobs. Raises ``Stopped`` when there will be none."""

    def run(self, prompt: Prompt, kept: str | None, begin: Callable[[str], None], step: Step) -> Ran:
        """Run a prompt to its end.

        ``kept`` is the id under which an earlier start of the queue gave it to this server, which may still have it.
        ``begin(prompt id)`` is called before it is sent; a runner whose server ends with the queue need not do that.
        ``step(value, most)`` is called when a node says how far it is. Raises ``Refused`` if the server takes none of
        it, ``Stopped`` when the queue ends.
        """

    def close(self) -> None:
        """Let go of it."""


class ServerRunner:
    """A server that can be reached from here; ``stop`` ends the waiting for it."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        self.server, self.stop = server, stop
        self.address, self.name, self.place = server.address, server.name, server.address
        self.timeout, self.view = server.timeout, server.view
        self.client_id = uuid.uuid4().hex
        self.listener = Listener(server, self.client_id)

    def open(self) -> None:
        """As ``Runner`` says."""
        self.server.check(NEEDED)
        self.listener.connect()

    def run(self, prompt: Prompt, kept: str | None, begin: Callable[[str], None], step: Step) -> Ran:
        """As ``Runner`` says."""
        spent = Spent()

        def heard(kind: str, data: Heard) -> None:
            spent.hear(kind, data)
            if kind == "progress":
                step(data.value, data.max)

        omitted = list[str]()
        prompt_id, entry = self._kept(kept) if kept is not None else (None, None)
        if prompt_id is None:
            kept, prompt_id = None, str(uuid.uuid4())
            begin(prompt_id)  # before it is sent, to find it again after a crash
            given, omitted = self.server.submit(prompt, prompt_id, self.client_id)
            if given != prompt_id:
                prompt_id = given
                begin(prompt_id)
        if entry is None:
            entry = follow(self.server, self.listener, prompt_id, self.stop, heard)
        return Ran(prompt_id, entry, omitted, spent.by_node if kept is None else {}, kept is not None)

    def close(self) -> None:
        """As ``Runner`` says."""
        self.listener.close()

    def _kept(self, prompt_id: str) -> tuple[str, Entry | None] | tuple[None, None]:
        """``(prompt id, history entry or None)`` of a prompt that this server still has, else ``(None, None)``."""
        place, entry = self.server.place(prompt_id), self.server.history(prompt_id)
        ended = entry is not None and failure(entry, {}) is None
        return (prompt_id, entry if ended else None) if ended or place else (None, None)


class Spent:
    """Seconds in each node, by this machine's clock and the server's messages."""

    def __init__(self) -> None:
        self.by_node: dict[str, float] = {}
        self.last: tuple[str, float] | None = None  # the node that runs, and since when

    def hear(self, kind: str, data: Heard) -> None:
        """Take note of a message about the job."""
        if kind not in ("executing", "execution_success"):
            return
        now = time.monotonic()
        if self.last is not None:
            last, since = self.last
            self.by_node[last] = self.by_node.get(last, 0.0) + now - since
        node = data.node if kind == "executing" else None
        self.last = (node, now) if node is not None else None

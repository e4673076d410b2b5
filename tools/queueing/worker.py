"""The thread of one server: takes jobs, runs them there, brings the results home."""

import threading
import time
import uuid

from ..convert.links import Prompt
from .answers import Entry, Heard
from .board import Board
from .follow import Stopped, follow
from .gone import Gone
from .listen import Listener
from .plan import Plan, QueueJob
from .progress import Progress
from .record import record_of, with_files
from .refusal import Refused, failure
from .server import Server
from .store import Store

NEEDED = ("FSamplerModel", "FSamplerReport", "PreviewAny")  # classes of nodes that jobs use


class Worker(threading.Thread):
    """Works on the jobs of ``board`` until there are none, the server is gone, or ``stop`` is set.

    Afterwards ``error`` is the ValueError or OSError that ended it (no room in DIR, say), and ``crashed`` says that
    something else did, which is a bug. Either sets ``stop``, so that all others end too.
    """

    def __init__(
        self, server: Server, plan: Plan, board: Board, store: Store, progress: Progress, stop: threading.Event
    ) -> None:
        super().__init__(name=server.name, daemon=True)
        self.server, self.plan, self.board, self.store = server, plan, board, store
        self.progress, self.stop = progress, stop
        self.client_id = uuid.uuid4().hex
        self.listener = Listener(server, self.client_id)
        self.error: Exception | None = None
        self.crashed, self.warm = True, False  # warm: it has run a job, so the model is loaded
        board.join(server.address)

    def run(self) -> None:
        """What the thread does."""
        why = None
        try:
            self._work()
        except Gone as error:
            why = str(error)
            self.progress.say(f"{self.server.name} {why}")
            self.crashed = False
        except Stopped:
            self.crashed = False
        except (ValueError, OSError) as error:
            self.error, self.crashed = error, False
            self.stop.set()
        else:
            self.crashed = False
        finally:
            if self.crashed:
                self.stop.set()
            self.listener.close()
            self.board.leave(self.server.address, why)
            self.progress.idle(self.server.name)

    def _work(self) -> None:
        self.server.check(NEEDED)
        self.listener.connect()
        while (job := self.board.take(self.server.address, self.stop)) is not None:
            try:
                prompt = self.plan.prompt_of(job)
                self._run(job, prompt)
            except Refused as error:
                self.store.drop(job)
                self.progress.say(f"{self.server.name} refuses {job}:", *error.lines)
                self.board.refuse(self.server.address, str(error))
            else:
                self.board.finish(self.server.address)

    def _run(self, job: QueueJob, prompt: Prompt) -> None:
        """Run one job and keep what it made. Raises ``Refused`` if the server refuses it, or if it fails on the way."""
        began, spent = time.monotonic(), Spent()
        self.progress.begin(self.server.name, job)

        def heard(kind: str, data: Heard) -> None:
            spent.hear(kind, data)
            if kind == "progress":
                self.progress.step(self.server.name, data.value, data.max)

        prompt_id, entry = self._kept(job)
        kept, omitted = prompt_id is not None, list[str]()
        if prompt_id is None:
            prompt_id = str(uuid.uuid4())
            self.store.begin(job, self.server.address, prompt_id)  # before it is sent, to find it again after a crash
            given, omitted = self.server.submit(prompt, prompt_id, self.client_id)
            if given != prompt_id:
                prompt_id = given
                self.store.begin(job, self.server.address, prompt_id)
            for line in omitted:
                self.progress.say(f"{self.server.name} leaves out a part of {job}: {line}")
        if entry is None:
            entry = follow(self.server, self.listener, prompt_id, self.stop, heard)
        why = failure(entry, prompt)
        if why:
            raise Refused([why])
        record = record_of(job, prompt, entry, self.server.address, prompt_id, {} if kept else spent.by_node)
        record["warm"], self.warm = self.warm and not kept, True
        record["left"] += omitted
        with_files(record, prompt, self.server, self.store)
        self.store.finish(job, record)
        self.progress.end(self.server.name, job, record, time.monotonic() - began)

    def _kept(self, job: QueueJob) -> tuple[str, Entry | None] | tuple[None, None]:
        """``(prompt id, history entry or None)`` of a job that this server still has, else ``(None, None)``."""
        address, prompt_id = self.store.started(job) or ("", "")
        if address != self.server.address:
            return None, None
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

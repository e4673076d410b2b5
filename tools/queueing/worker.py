"""The thread of one server: takes jobs, runs them there, brings the results home."""

import threading
import time
import uuid

from .follow import Listener, Stopped, follow
from .record import record_of, with_files
from .refusal import Refused, failure
from .server import Gone

NEEDED = ("FSamplerModel", "FSamplerReport", "PreviewAny")


class Worker(threading.Thread):
    """``error`` is a ValueError or OSError that ended it (no room in DIR, say); ``crashed``: it was a bug."""

    def __init__(self, server, plan, board, store, progress, stop):
        super().__init__(name=server.name, daemon=True)
        self.server, self.plan, self.board, self.store = server, plan, board, store
        self.progress, self.stop = progress, stop
        self.client_id = uuid.uuid4().hex
        self.listener = Listener(server, self.client_id)
        self.error, self.crashed, self.warm = None, True, False
        board.join(server.address)

    def run(self):
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

    def _work(self):
        self.server.check(NEEDED)
        self.listener.connect()
        while (job := self.board.take(self.server.address, self.stop)) is not None:
            try:
                prompt = self.plan.prompt_of(job)
                self._run(job, prompt)
            except Refused as error:
                self.store.drop(job)
                self.progress.say("\n  ".join([f"{self.server.name} refuses {job}:", *error.lines]))
                self.board.refuse(self.server.address, str(error))
            else:
                self.board.finish(self.server.address)

    def _run(self, job, prompt):
        """Raises ``Refused`` also for a job that failed while it ran."""
        began, spent = time.monotonic(), Spent()
        self.progress.begin(self.server.name, job)

        def heard(kind, data):
            spent.hear(kind, data)
            if kind == "progress":
                self.progress.step(self.server.name, data.get("value"), data.get("max"))

        prompt_id, entry = self._kept(job)
        kept, left = prompt_id is not None, []
        if not kept:
            prompt_id = str(uuid.uuid4())
            self.store.begin(job, self.server.address, prompt_id)  # before it is sent: a crash must find it again
            given, left = self.server.submit(prompt, prompt_id, self.client_id)
            if given != prompt_id:
                prompt_id = given
                self.store.begin(job, self.server.address, prompt_id)
            for line in left:
                self.progress.say(f"{self.server.name} leaves out a part of {job}: {line}")
        if entry is None:
            entry = follow(self.server, self.listener, prompt_id, self.stop, heard)
        why = failure(entry, prompt)
        if why:
            raise Refused({"error": why}, prompt)
        record = record_of(job, prompt, entry, self.server.address, prompt_id, {} if kept else spent.by_node)
        record["warm"], self.warm = self.warm and not kept, True
        record["left"] += left
        with_files(record, prompt, self.server, self.store)
        self.store.finish(job, record)
        self.progress.end(self.server.name, job, record, time.monotonic() - began)

    def _kept(self, job):
        """``(prompt id, history entry or None)`` of a job that this server still has, else ``(None, None)``."""
        address, prompt_id = self.store.started(job) or (None, None)
        if address != self.server.address:
            return None, None
        place, entry = self.server.place(prompt_id), self.server.history(prompt_id)
        ended = entry is not None and failure(entry, {}) is None
        return (prompt_id, entry if ended else None) if ended or place else (None, None)


class Spent:
    """Seconds in each node, by this machine's clock."""

    def __init__(self):
        self.by_node, self.last = {}, None

    def hear(self, kind, data):
        if kind not in ("executing", "execution_success"):
            return
        now = time.monotonic()
        if self.last is not None:
            node, since = self.last
            self.by_node[node] = self.by_node.get(node, 0.0) + now - since
        node = data.get("node") if kind == "executing" else None
        self.last = (str(node), now) if node is not None else None

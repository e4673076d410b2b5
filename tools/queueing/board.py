"""The jobs that remain, shared by the threads of the servers: whoever is free takes the next one."""

import threading
from collections.abc import Iterable, Mapping

from .plan import QueueJob


class Board:
    """Who runs which job. A job that a server refused or failed is not given to that server again.

    ``kept`` says which server has a job from an earlier start of the queue; it is offered to that one first.
    """

    def __init__(self, jobs: Iterable[QueueJob], kept: Mapping[QueueJob, str]) -> None:
        self.changed = threading.Condition()
        self.waiting = list(jobs)
        self.kept = dict(kept)
        self.running: dict[str, QueueJob] = {}  # by the name of the server
        self.refused: dict[QueueJob, dict[str, str]] = {job: {} for job in self.waiting}  # why, by the server's name
        self.gone: dict[str, str] = {}  # why a server ended early
        self.done: dict[str, int] = {}  # how many jobs a server has finished
        self.servers: set[str] = set()

    def join(self, name: str) -> None:
        """A server is there."""
        with self.changed:
            self.servers.add(name)

    def take(self, name: str, stop: threading.Event) -> QueueJob | None:
        """The next job for a server. Waits while another server's job may come back; None once there will be none."""
        with self.changed:
            while not stop.is_set():
                mine = [job for job in self.waiting if name not in self.refused[job] and self._may(job, name)]
                mine.sort(key=lambda job: self.kept.get(job) != name)
                if mine:
                    self.waiting.remove(mine[0])
                    self.running[name] = mine[0]
                    return mine[0]
                coming = [job for job in (*self.running.values(), *self.waiting) if name not in self.refused[job]]
                if not coming:
                    return None
                self.changed.wait(0.5)
        return None

    def _may(self, job: QueueJob, name: str) -> bool:
        """A server may take any job but one that another server, which is still there, has from an earlier start."""
        return self.kept.get(job, name) == name or self.kept[job] not in self.servers

    def finish(self, name: str) -> None:
        """The job of a server is done."""
        with self.changed:
            self.done[name] = self.done.get(name, 0) + 1
            del self.running[name]
            self.changed.notify_all()

    def refuse(self, name: str, why: str) -> None:
        """The job of a server failed there; others may try it."""
        with self.changed:
            job = self.running.pop(name)
            self.refused[job][name] = why
            self.kept.pop(job, None)
            self.waiting.insert(0, job)
            self.changed.notify_all()

    def leave(self, name: str, why: str | None = None) -> None:
        """A server is done, or gone for the reason ``why``; its job goes back."""
        with self.changed:
            job = self.running.pop(name, None)
            if job is not None:
                self.waiting.insert(0, job)
            if why is not None:
                self.gone[name] = why
            self.servers.discard(name)
            self.changed.notify_all()

"""The jobs that remain, shared by the threads of the servers: whoever is free takes the next one."""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from .plan import QueueJob


class Board:
    """Who runs which job. A job that was refused or failed in a place is not given to that place again.

    ``kept`` says which server has a job from an earlier start of the queue; it is offered to that one first. A job is
    given up when ``most_places`` have refused it, or ``most_losses`` servers were lost while they ran it.
    """

    def __init__(
        self,
        jobs: Iterable[QueueJob],
        kept: Mapping[QueueJob, str],
        most_places: float = math.inf,
        most_losses: float = math.inf,
    ) -> None:
        self.changed = threading.Condition()
        self.waiting = list(jobs)
        self.first: QueueJob | None = None
        self.kept = dict(kept)
        self.most_places, self.most_losses = most_places, most_losses
        self.running: dict[str, QueueJob] = {}  # by the name of the server
        self.refused: dict[QueueJob, dict[str, str]] = {job: {} for job in self.waiting}  # why, by place
        self.losses = Counter[QueueJob]()  # how many servers were lost while they ran a job
        self.gone: dict[str, str] = {}  # why a server ended early
        self.done = Counter[str]()  # how many jobs were finished in a place
        self.servers: dict[str, str] = {}  # the place of each server that is there; its name until it has one

    def begin_with(self, job: QueueJob | None) -> None:
        """No other job is begun before this one is done, where it is still to be done."""
        self.first = job if job in self.waiting else None

    def join(self, name: str, place: str | None = None) -> None:
        """A server is there, or has found its place."""
        with self.changed:
            self.servers[name] = place or name

    def take(self, name: str, stop: threading.Event) -> QueueJob | None:
        """The next job for a server. Waits while another server's job may come back; None once there will be none."""
        with self.changed:
            while not stop.is_set():
                mine = [job for job in self._open() if self._offered(job, name) and self._may(job, name)]
                mine.sort(key=lambda job: self.kept.get(job) != name)
                if mine:
                    self.waiting.remove(mine[0])
                    self.running[name] = mine[0]
                    return mine[0]
                coming = [job for job in (*self.running.values(), *self._open()) if self._offered(job, name)]
                if not coming:
                    return None
                self.changed.wait(0.5)
        return None

    def _open(self) -> list[QueueJob]:
        """The jobs that may be begun now."""
        return self.waiting if self.first is None else [job for job in self.waiting if job == self.first]

    def _offered(self, job: QueueJob, name: str) -> bool:
        """A job is not given up, and not refused in a server's place."""
        return self._alive(job) and self.servers.get(name, name) not in self.refused[job]

    def _alive(self, job: QueueJob) -> bool:
        return len(self.refused[job]) < self.most_places and self.losses[job] < self.most_losses

    def _may(self, job: QueueJob, name: str) -> bool:
        """A server may take any job but one that another server, which is still there, has from an earlier start."""
        return self.kept.get(job, name) == name or self.kept[job] not in self.servers

    def finish(self, name: str) -> None:
        """The job of a server is done."""
        with self.changed:
            self.done[self.servers.get(name, name)] += 1
            if self.running.pop(name) == self.first:
                self.first = None
            self.changed.notify_all()

    def refuse(self, name: str, why: str) -> None:
        """The job of a server failed there; others may try it."""
        with self.changed:
            job = self.running.pop(name)
            self.refused[job][self.servers.get(name, name)] = why
            self.kept.pop(job, None)
            self.waiting.insert(0, job)
            self.changed.notify_all()

    def leave(self, name: str, why: str | None = None) -> None:
        """A server is done, or gone for the reason ``why``; its job goes back."""
        with self.changed:
            job = self.running.pop(name, None)
            if job is not None:
                self.waiting.insert(0, job)
                self.losses[job] += why is not None
            if why is not None:
                self.gone[name] = why
            self.servers.pop(name, None)
            self.changed.notify_all()

    def left(self) -> int:
        """How many jobs may still be given to a server that comes now; 0 once only refused ones are left, and nobody
        is there who might refuse or do them."""
        with self.changed:
            waiting = [job for job in self._open() if self._alive(job)]
            hoped = self.running or any(not self.refused[job] for job in waiting) or self._placed()
            return len(waiting) + len(self.running) if hoped else 0

    def _placed(self) -> bool:
        return any(place != name for name, place in self.servers.items())

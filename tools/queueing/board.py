"""The jobs that are left, shared by the threads of the servers: whoever is free takes the next one."""

import threading


class Board:
    """A job goes to each server at most once unless the server could not be used at all."""

    def __init__(self, jobs, kept):
        """``kept``: job -> the name of the server that has it from an earlier start."""
        self.changed = threading.Condition()
        self.waiting = list(jobs)
        self.kept = dict(kept)
        self.running = {}  # server name -> job
        self.refused = {job: {} for job in jobs}  # job -> server name -> why
        self.gone = {}  # server name -> why
        self.done = {}  # server name -> jobs
        self.servers = set()

    def join(self, name):
        with self.changed:
            self.servers.add(name)

    def take(self, name, stop):
        """The next job for a server; None when there is and will be none."""
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

    def _may(self, job, name):
        """Not while a server that already has it is still there."""
        return self.kept.get(job, name) == name or self.kept[job] not in self.servers

    def finish(self, name):
        with self.changed:
            self.done[name] = self.done.get(name, 0) + 1
            del self.running[name]
            self.changed.notify_all()

    def refuse(self, name, why):
        """The job failed there; others may try."""
        with self.changed:
            job = self.running.pop(name)
            self.refused[job][name] = why
            self.kept.pop(job, None)
            self.waiting.insert(0, job)
            self.changed.notify_all()

    def leave(self, name, why=None):
        """A server is done, or gone for a reason; its job goes back."""
        with self.changed:
            job = self.running.pop(name, None)
            if job is not None:
                self.waiting.insert(0, job)
            if why is not None:
                self.gone[name] = why
            self.servers.discard(name)
            self.changed.notify_all()

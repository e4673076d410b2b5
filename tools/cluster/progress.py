"""What the user sees while a cluster works: one bar, with how many ComfyUIs are at work and how fast they are."""

import time

from ..bar import FORMAT
from ..data import Object
from ..queueing.plan import QueueJob
from ..queueing.progress import Progress


class ClusterProgress(Progress):
    """One bar for all; without a terminal, a line about all for each tenth, beside a line for each job."""

    def __init__(self, total: int, done: int) -> None:
        super().__init__([], total, done)
        self.all.bar_format = FORMAT + ", {postfix}"
        self.total, self.done, self.before = total, done, done
        self.began: float | None = None  # when the first ComfyUI was ready; until then all only waits
        self.at_work = set[str]()

    def begin(self, name: str, job: QueueJob) -> None:
        """A ComfyUI starts with a job."""
        with self.lock:
            self.began = self.began or time.monotonic()
            self.at_work.add(name)
            self.all.set_postfix_str(self._told())

    def step(self, name: str, value: float | None, most: float | None) -> None:
        """Nothing is shown of steps."""

    def end(self, name: str, job: QueueJob, record: Object, seconds: float) -> None:
        """A ComfyUI has finished a job, after so many seconds by this machine's clock."""
        with self.lock:
            self.done += 1
            self.all.set_postfix_str(self._told(), refresh=False)
            super().end(name, job, record, seconds)
            if not self.live and self.done * 10 // self.total > (self.done - 1) * 10 // self.total:
                left = (self.total - self.done) / self._rate()
                self.say(f"{self.done}/{self.total} jobs, {self._told()}, {left * 60:.0f} s left")

    def idle(self, name: str) -> None:
        """A ComfyUI has nothing more to do, or is gone."""
        with self.lock:
            self.at_work.discard(name)
            self.all.set_postfix_str(self._told())

    def _rate(self) -> float:
        """Jobs a minute since the first began."""
        spent = time.monotonic() - self.began if self.began is not None else 0.0
        return (self.done - self.before) * 60 / max(1e-3, spent)

    def _told(self) -> str:
        count = len(self.at_work)
        return f"{count} ComfyUI{'s' if count != 1 else ''} at work, {self._rate():.1f} jobs/min"

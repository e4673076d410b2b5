"""What the user sees while the queue runs, on stderr: a bar for all jobs and one for each server.

Without a terminal there are no bars, only a line for each job that ends.
"""

import sys
import threading
from collections.abc import Iterable, Sized

from tqdm import tqdm

from ..bar import FORMAT
from ..data import Object
from ..text import shown
from .plan import QueueJob

STEPS = "  {desc}: {n_fmt}/{total_fmt} {rate_inv_fmt}, {remaining} left"
FEW = 5  # lines that say more


class Progress:
    """The bars. ``names`` are those of the servers, ``done`` of the ``total`` jobs were finished before."""

    def __init__(self, names: Iterable[str], total: int, done: int) -> None:
        self.lock = threading.RLock()
        self.live = sys.stderr.isatty()
        common = dict(disable=not self.live, leave=False, file=sys.stderr)
        self.all = tqdm(total=total, initial=done, desc="jobs", position=0, bar_format=FORMAT, **common)
        self.bars = {
            name: tqdm(desc=name, position=at, bar_format=STEPS, smoothing=0.1, **common)
            for at, name in enumerate(names, 1)
        }

    def say(self, line: str, *more: str) -> None:
        """Write a line above the bars, and under it ``more`` lines, of which a few are enough."""
        lines = [line, *(f"  {one}" for one in more[:FEW])]
        lines += [f"  and {len(more) - FEW} more"] if len(more) > FEW else []
        with self.lock:
            for one in lines:
                tqdm.write(f"fsampler queue: {shown(one, sys.stderr)}", file=sys.stderr)

    def begin(self, name: str, job: QueueJob) -> None:
        """A server starts with a job."""
        with self.lock:
            bar = self.bars[name]
            bar.reset()
            bar.set_description_str(f"{name} {job}")

    def step(self, name: str, value: float | None, most: float | None) -> None:
        """A node of a server's job is at step ``value`` of ``most``, if it says so."""
        if not self.live or value is None or most is None:
            return
        with self.lock:
            bar = self.bars[name]
            if value < bar.n or bar.total != most:  # another node
                bar.reset(total=most)
            bar.update(value - bar.n)

    def end(self, name: str, job: QueueJob, record: Object, seconds: float) -> None:
        """A server has finished a job, after so many seconds by this machine's clock."""
        calls = ", ".join(f"{one.get('calls')}/{one.get('evaluations')} calls" for one in record["reports"])
        with self.lock:
            self.all.update()
            parts = [calls or "no report", f"{seconds:.1f} s", _count(record["images"], "picture")]
            parts += [_count(record["files"], "other file")] if record["files"] else []
            self.say(f"{job} on {name}: {', '.join(parts)}", *record["left"])

    def idle(self, name: str) -> None:
        """A server has nothing more to do."""
        with self.lock:
            self.bars[name].reset()
            self.bars[name].set_description_str(f"{name} (no job)")

    def close(self) -> None:
        """Take the bars away."""
        with self.lock:
            for bar in (*self.bars.values(), self.all):
                bar.close()


def _count(found: Sized, what: str) -> str:
    return f"{len(found)} {what}{'s' if len(found) != 1 else ''}"

"""What is seen meanwhile, on stderr: a bar for the whole and one a server; without a terminal, a line a job."""

import sys
import threading

from tqdm import tqdm

from ..text import printable

STEPS = "  {desc}: {n_fmt}/{total_fmt} {rate_inv_fmt}, {remaining} left"
ALL = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}, {remaining} left"


class Progress:
    def __init__(self, names, total, done):
        self.lock = threading.RLock()
        self.live = sys.stderr.isatty()
        common = dict(disable=not self.live, leave=False, file=sys.stderr)
        self.all = tqdm(total=total, initial=done, desc="jobs", position=0, bar_format=ALL, **common)
        self.bars = {
            name: tqdm(desc=name, position=at, bar_format=STEPS, smoothing=0.1, **common)
            for at, name in enumerate(names, 1)
        }

    def say(self, text):
        with self.lock:
            for line in text.split("\n"):
                tqdm.write(f"fsampler queue: {printable(line, sys.stderr)}", file=sys.stderr)

    def begin(self, name, job):
        with self.lock:
            bar = self.bars[name]
            bar.reset()
            bar.set_description_str(f"{name} {job}")

    def step(self, name, value, most):
        """A node of the job is at ``value`` of ``most``."""
        if not self.live or not all(isinstance(number, (int, float)) for number in (value, most)):
            return
        with self.lock:
            bar = self.bars[name]
            if value < bar.n or bar.total != most:  # another node
                bar.reset(total=most)
            bar.update(value - bar.n)

    def end(self, name, job, record, seconds):
        calls = ", ".join(f"{one.get('calls')}/{one.get('evaluations')} calls" for one in record["reports"])
        with self.lock:
            self.all.update()
            parts = [calls or "no report", f"{seconds:.1f} s", _count(record["images"], "picture")]
            parts += [_count(record["files"], "other file")] if record["files"] else []
            text = f"{job} on {name}: {', '.join(parts)}"
            self.say("\n  ".join([text, *record["left"]]))

    def idle(self, name):
        with self.lock:
            self.bars[name].reset()
            self.bars[name].set_description_str(f"{name} (no job)")

    def close(self):
        with self.lock:
            for bar in (*self.bars.values(), self.all):
                bar.close()


def _count(found, what):
    return f"{len(found)} {what}{'s' if len(found) != 1 else ''}"

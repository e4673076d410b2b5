"""How long a run took, and what it would have taken in full: from moments at which the host waits anyway.

The one transfer of an evaluation ends when the device has done all that was asked of it before, the model's call
included. So the time from one transfer to the next is that of one evaluation, and nothing waits for the clock.
"""

from collections.abc import Sequence
from statistics import median
from time import perf_counter


class Stopwatch:
    """The moments of one run, in seconds of a clock of its own."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.laps: list[float] = []

    def start(self) -> None:
        """The first evaluation begins; later ones change nothing."""
        if self.began is None:
            self.began = perf_counter()

    def lap(self) -> None:
        """An evaluation's transfer is done; or the last one's, and with it the run."""
        self.laps.append(perf_counter())

    def total(self) -> float | None:
        """Seconds since ``start``; None where nothing has begun."""
        return None if self.began is None else perf_counter() - self.began


def speedup(seconds: float, laps: Sequence[float], skipped: Sequence[bool]) -> float | None:
    """How many times as long a run of so many ``seconds`` would have taken in full, given the moments of its transfers
    and which evaluations were skipped; None where no REAL evaluation was timed.

    A call takes as much as a REAL evaluation takes longer than a SKIP one. Medians, so that a first call that compiles
    or loads says nothing of the others; what the run's own measuring costs in both is not in it.
    """
    times = [after - before for before, after in zip(laps, laps[1:], strict=False)]
    timed = list(zip(times, skipped, strict=False))
    real, skip = ([time for time, skips in timed if skips is kind] for kind in (False, True))
    if not real or seconds <= 0:
        return None
    call = median(real) - (median(skip) if skip else 0.0)
    return (seconds + sum(skipped) * call) / seconds

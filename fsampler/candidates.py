"""Which steps a plan may make REAL, and how far its gaps may reach: in long runs not all, so that planning stays cheap.

A plan's work is its number of calls, times its candidate steps, times the square of how many of them a gap may reach
over. Up to ``WORK`` a plan is exact: every step is a candidate and every gap that the run allows is looked at. That
holds for the default longest gap up to 1000 steps, and for any longest gap up to 79. Beyond it every second, third, ...
step is a candidate, but with 4 candidates to a mean gap or more where the number of calls is given; and what is still
too much ends at shorter gaps.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .schedule import Windows

WORK = 4e7  # at 1 to 2 ns each
FEWEST_LAYERS = 32  # calls that a plan is charged for at least, so that the errors of its gaps fit in 10 MB
PER_GAP = 4  # candidates to a mean gap, where the number of calls is given


@dataclass(frozen=True)
class Candidates:
    """The steps that a plan may make REAL.

    steps: ascending; the last is where every path ends. forced: those among them that no gap may pass. closing: the
    furthest that a gap may end at. reach: how many steps further the next REAL one may lie.
    """

    steps: tuple[int, ...]
    forced: tuple[int, ...]
    closing: int
    reach: int

    @classmethod
    def of(
        cls, windows: Windows, changes: Iterable[int], longest_gap: int, calls: int | None, thinned: bool
    ) -> "Candidates":
        """Those of a run.

        calls: REAL steps to come after the opening, where their number is given; gaps become as long as it takes.
        thinned: where no number of calls is given and an exact plan is too much work, leave candidates out, so that
        gaps may be long; otherwise keep all of them, and the gaps short.
        """
        forced = tuple(forced_steps(windows.steps, changes))
        start, closing = windows.first - 1, min(windows.closing, windows.final)
        way = max(windows.final - start, 1)
        every = cls(tuple(range(windows.final + 1)), forced, closing, min(longest_gap + 1, way))
        every = every if calls is None else every._reaching(every._least_reach(start, calls) + 1)
        coarsest = way if thinned else 1 if calls is None else max(way // (PER_GAP * calls), 1)
        pitch, reach = _resolution(windows.final + 1, calls or windows.final, every.reach, coarsest)
        dense = {*range(windows.first + 2), *forced, *range(every.closing, windows.final + 1)}
        kept = (step for step in every.steps if step in dense or (every.closing - step) % pitch == 0)
        found = cls(tuple(kept), forced, every.closing, reach)
        while calls is not None and found.fewest(start) > calls and found.reach < way:
            found = found._reaching(found.reach + pitch)
        return found

    @property
    def complete(self) -> bool:
        """Whether every step is a candidate."""
        return len(self.steps) == self.steps[-1] + 1

    def _reaching(self, reach: int) -> "Candidates":
        return Candidates(self.steps, self.forced, self.closing, max(reach, self.reach))

    def _least_reach(self, start: int, calls: int) -> int:
        """The least reach with which ``calls`` REAL steps lead from ``start`` to the end."""
        whole = self.steps[-1] - start
        fits = (Candidates(self.steps, self.forced, self.closing, reach) for reach in range(1, whole))
        return next((each.reach for each in fits if each.fewest(start) <= calls), whole)

    def after(self, last: int) -> Sequence[int]:
        """The candidates that may follow ``last`` as the next REAL step."""
        forced = bisect.bisect_right(self.forced, last)
        limit = self.forced[forced] if forced < len(self.forced) else self.steps[-1]
        furthest = max(last + 1, min(last + self.reach, self.closing, limit))
        return self.steps[bisect.bisect_right(self.steps, last) : bisect.bisect_right(self.steps, furthest)]

    def fewest(self, last: int) -> int:
        """The fewest REAL steps that lead from ``last`` to the end."""
        count = 0
        while last < self.steps[-1]:
            last, count = self.after(last)[-1], count + 1
        return count


def forced_steps(steps: int, changes: Iterable[int]) -> list[int]:
    """Where the model changes no gap passes: that step and the one after it are REAL."""
    return sorted({step for change in changes for step in (change, change + 1) if step < steps})


def _resolution(steps: int, calls: int, reach: int, coarsest: int) -> tuple[int, int]:
    """How many steps apart candidates are, ``coarsest`` at most, and how far a gap may then reach."""

    def most(pitch: int) -> float:
        """Candidates that a gap may reach over."""
        layers = max(min(calls, steps // pitch), FEWEST_LAYERS)
        return math.sqrt(WORK * pitch / (layers * steps))

    pitch = next((p for p in range(1, coarsest) if reach / p <= most(p)), coarsest)
    return pitch, min(reach, pitch * max(int(most(pitch)), 2))

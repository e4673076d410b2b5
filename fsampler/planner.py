"""The cheapest way to spend calls: shortest paths over gaps."""

import bisect
import functools
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from .candidates import Candidates
from .gap_error import GapErrors
from .response import Points
from .schedule import Windows


class Planner:
    """The least sum of squared gap errors, for every number of REAL steps still to come.

    A path ends with the last step, made REAL. In a run with an open end it ends one further, where the next sampler
    begins with a REAL call of its own. Where the model changes no gap passes: that step and the one after it are REAL.

    sigmas: the whole schedule. points: the sampler's evaluations (``response.Response``), or None. noisy: the sampler
    adds noise. changes: steps at which the model begins to answer differently. windows: its ``first`` and ``last`` are
    taken as at least 2 and 1. longest_gap: in steps. calls, thinned: ``Candidates.of``'s; with ``calls`` no path of
    more REAL steps is found. estimate: ``GapErrors``'s.

    The table holds the least costs from a candidate to the end: by calls still to come, by candidate, and by how many
    candidates back the REAL step before it is. In a thinned plan, a REAL step that is no candidate counts there as the
    candidate after it.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        points: Points | None,
        flow: bool,
        noisy: bool,
        changes: Iterable[int],
        windows: Windows,
        longest_gap: int,
        calls: int | None = None,
        thinned: bool = False,
        estimate: bool = False,
    ) -> None:
        first = min(max(windows.first, 2), windows.steps)
        windows = Windows(windows.steps, windows.open_end, first, windows.last)
        self.final, self.errors = windows.final, GapErrors(sigmas, points, flow, noisy, estimate)
        self.candidates = Candidates.of(windows, changes, longest_gap, calls, thinned)
        most = len(self.candidates.steps) - 1
        self._table = self._solve(most if calls is None else min(calls, most))
        self._asked: tuple[int, int] | None = None
        self._gone: tuple[tuple[int, ...], list[float]] = (), []

    def _solve(self, most: int) -> Tensor:
        """The table: float64 ``[most + 1, candidates, reach]``; inf where no path has that many calls."""
        ways = [len(self.candidates.after(step)) for step in self.candidates.steps]
        count, reach = len(ways), max(*ways, 1)
        table = torch.full((most + 1, count, reach), math.inf, dtype=torch.float64)
        table[0, -1] = 0.0
        costs = self._costs(torch.tensor(ways[:-1]), reach)
        there = (torch.arange(count)[:, None] + torch.arange(1, reach + 1)).clamp_max(count - 1)
        back = torch.arange(reach)
        for calls in range(1, most + 1):
            rows = slice(count - calls)  # those with enough candidates behind them
            following = table[calls - 1][there[rows], back]
            torch.amin(costs[rows] + following[:, None, :], dim=2, out=table[calls, rows])
        return table

    def _costs(self, ways: Tensor, reach: int) -> Tensor:
        """The squared errors from every candidate but the last: by the gap before it and the gap after it."""
        steps, gap = torch.tensor(self.candidates.steps), torch.arange(1, reach + 1)
        place = torch.arange(len(ways))[:, None]
        before, end = steps[(place - gap).clamp_min(0)], steps[(place + gap).clamp_max(len(ways))]
        last = self.candidates.steps[reach:] + self.candidates.steps[-1:] * reach
        furthest = max(b - a for a, b in zip(self.candidates.steps, last, strict=False))
        costs = self.errors.squared(before, steps[:-1], end, furthest).expand(-1, reach, -1)
        return costs.masked_fill((gap > ways[:, None])[:, None, :], math.inf)

    def _from(self, before: int, last: int) -> tuple[Sequence[int], Tensor, Tensor]:
        """As ``_first_gaps``, kept until other steps are asked for: a gap's steps all ask the same."""
        if self._asked != (before, last):
            self._asked, self._answer = (before, last), self._first_gaps(before, last)
        return self._answer

    def _first_gaps(self, before: int, last: int) -> tuple[Sequence[int], Tensor, Tensor]:
        """The steps that may follow, the squared errors of the gaps up to them, and what the table says from there.

        Any two steps will do: only the first gap of a path knows how long the gap before it was.
        """
        steps, ends = self.candidates.steps, self.candidates.after(last)
        origin, first = bisect.bisect_left(steps, last), bisect.bisect_right(steps, last)
        places = torch.arange(first, first + len(ends))
        back = (places - origin).clamp(1, self._table.shape[2]) - 1
        costs = self.errors.squared(
            torch.tensor([[before]]), torch.tensor([last]), torch.tensor([ends]), ends[-1] - last
        )[0, 0]
        return ends, costs, self._table[:, places, back]

    def gone(self, real: tuple[int, ...]) -> list[float]:
        """The squared errors of the gaps that end with the third REAL step, the fourth, ... of ``real``."""
        if self._gone[0] != real:
            steps, furthest = torch.tensor(real), max(b - a for a, b in zip(real, real[1:], strict=False))
            costs = self.errors.squared(steps[:-2, None], steps[1:-1], steps[2:, None], furthest)
            self._gone = real, costs.flatten().tolist()
        return self._gone[1]

    def rest(self, before: int, last: int) -> Tensor:
        """Least cost from the REAL steps ``before``, ``last`` to the end, by calls still to come: float64."""
        if last == self.final:
            return self._table[:, -1, 0]
        _, costs, following = self._from(before, last)
        least = (following + costs).amin(dim=1)
        return torch.cat([least.new_tensor([math.inf]), least[:-1]])

    def next_real(self, before: int, last: int, calls: int, weight: float = 1.0) -> int | None:
        """The next REAL step of the cheapest path with ``calls`` more REAL steps; None where no path has that many.

        weight: of the squared error of the gap up to it; below 1 the gap may be longer.
        """
        ends, costs, following = self._from(before, last)
        totals = (following[calls - 1] + weight * costs).tolist()
        least = min(totals)
        return ends[totals.index(least)] if math.isfinite(least) else None


def plans() -> Callable[..., Planner]:
    """``Planner`` for one run: a plan asked for again is not made again. It keeps the two newest, and whoever holds it
    keeps them."""
    return functools.lru_cache(maxsize=2)(Planner)

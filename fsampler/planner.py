"""The cheapest way to spend calls: shortest paths over gaps."""

import functools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .gap_error import gap_error, noisy_gap_error, points_at_starts
from .response import Points
from .schedule import Windows


class Planner:
    """The least sum of squared gap errors, for every number of REAL steps still to come.

    A path ends with the last step, made REAL. In a run with an open end it ends one further, where the next sampler
    begins with a REAL call of its own. Where the model changes no gap passes: that step and the one after it are REAL.

    sigmas: the whole schedule. points: the sampler's evaluations (``response.Response``), or None. noisy: the sampler
    adds noise. changes: steps at which the model begins to answer differently. windows: its ``first`` and ``last`` are
    taken as at least 2 and 1. longest_gap: in steps.
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
    ) -> None:
        self.sigmas, self.points = sigmas, points or points_at_starts(sigmas)
        self.flow, self.noisy, steps = flow, noisy, windows.steps
        self.final = windows.final
        self.first = min(max(windows.first, 2), steps)
        self.closing = min(windows.closing, self.final)  # no gap may reach past this step
        self.reach = longest_gap + 1
        self.forced = sorted({step for change in changes for step in (change, change + 1) if step < steps})
        self._rest: dict[tuple[int, int], Tensor] = {}
        for last in range(self.final, self.first - 2, -1):
            for before in range(max(last - self.reach, 0), last):
                self._rest[before, last] = self._solve(before, last)

    def ends(self, last: int) -> range:
        """Steps that may follow ``last`` as the next REAL one."""
        forced = next((step for step in self.forced if step > last), self.final)
        return range(last + 1, max(last + 1, min(last + self.reach, self.closing, forced)) + 1)

    def cost(self, before: int, last: int, end: int) -> float:
        """The squared error of the gap between the REAL steps ``last`` and ``end``, per unit of squared kappa."""
        if self.noisy:
            return noisy_gap_error(self.sigmas, self.points, last, end, self.flow) ** 2
        return gap_error(self.sigmas, self.points, before, last, end, self.flow) ** 2

    def _solve(self, before: int, last: int) -> Tensor:
        if last == self.final:
            rest = torch.full((self.final + 1,), math.inf, dtype=torch.float64)
            rest[0] = 0.0
            return rest
        ways = torch.stack([self._rest[last, end] + self.cost(before, last, end) for end in self.ends(last)])
        return torch.cat([ways.new_tensor([math.inf]), ways.amin(dim=0)[:-1]])

    def rest(self, before: int, last: int) -> Tensor:
        """Least cost from the REAL steps ``before``, ``last`` to the end, by calls still to come: float64 ``[steps]``.

        Any two steps will do: only the first gap of a path knows how long the gap before it was.
        """
        known = self._rest.get((before, last))
        return self._solve(before, last) if known is None else known

    def next_real(self, before: int, last: int, calls: int) -> int:
        """The next REAL step of the cheapest path with ``calls`` more REAL steps."""

        def total(end: int) -> float:
            return self.cost(before, last, end) + float(self._rest[last, end][calls - 1])

        return min(self.ends(last), key=total)


planner = functools.lru_cache(maxsize=8)(Planner)  # kept for the run's next step, and for the next run of its schedule

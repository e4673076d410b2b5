"""Mode ``plan:...``: calls the model where a plan says, and predicts the other steps with its coefficients."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .guidance import GuidanceTerm
from .history import History
from .notes import Note
from .plan_text import Plan
from .policies import Budget, Decision, Policy, Situation, as_planned
from .predictors import Trend
from .query import Query
from .recording import named
from .schedule import coincide


@dataclass(frozen=True)
class Planned(Policy):
    """Takes the plan's steps. Where it says nothing of the run, because the sampler adds noise or the model changes,
    ``otherwise`` decides."""

    plan: Plan
    otherwise: Budget

    @property
    def keeps_count(self) -> bool:
        return True

    def decide(self, situation: Situation) -> Decision:
        if situation.noisy or situation.changes or situation.model_since:
            return self.otherwise.decide(situation)
        return as_planned(self.plan.sequence[situation.step] == "S")

    def refusal(self, sigmas: Sequence[float]) -> Note | None:
        if self.plan.fits(sigmas):
            return None
        text = f"the plan was recorded over {named(self.plan.sigmas)}, this run is over {named(sigmas)}"
        return Note("plan-refused", text)

    def check(self, steps: int, changes: Iterable[int] = ()) -> None:
        if changes:
            self.otherwise.check(steps, changes)

    def remarks(self, changes: Collection[int], setting: Mapping[str, str]) -> Iterator[Note]:
        if changes:
            text = f"the model changes in this run: calls:{self.plan.calls} in place of the plan"
            yield Note("plan-set-aside", text)
        elsewhere = self.plan.recorded_elsewhere(setting)
        if elsewhere:
            yield Note("plan-elsewhere", elsewhere)


@dataclass(frozen=True)
class Unrecorded(Budget):
    """Of a plan's text that says no more than the steps: ``calls:N`` with as many calls."""

    def remarks(self, changes: Collection[int], setting: Mapping[str, str]) -> Iterator[Note]:
        yield Note("plan-unrecorded", f"the plan brings nothing that was recorded: calls:{self.calls} in its place")


class Table:
    """A plan's coefficients, found by sigma: where an evaluation is in the schedule is not known when it is predicted.

    For the order in which REAL answers came only; after any other, a run predicts as it does without a plan.
    """

    def __init__(self, plan: Plan) -> None:
        real = [sigma for sigma, kind in zip(plan.sigmas, plan.sequence, strict=False) if kind == "R"]
        self._pairs = [*itertools.pairwise(real)]
        skips = [sigma for sigma, kind in zip(plan.sigmas, plan.sequence, strict=False) if kind == "S"]
        self._rows = [(sigma, *numbers) for sigma, numbers in zip(skips, plan.coefficients, strict=True)]
        self._there: Tensor | None = None
        self._asked: tuple[Tensor, Tensor] | None = None  # the newest sigma, and its row: trend and guidance ask alike

    def covers(self, history: History) -> bool:
        """Whether the newest REAL answers are, as epsilon, two that follow each other in the plan."""
        older, newest = (entry.sigma for entry in history.entries[-2:])
        known = any(coincide(older, first) and coincide(newest, last) for first, last in self._pairs)
        return known and history.parameterization == "epsilon"

    def at(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Trend and guidance coefficient of the SKIP nearest to ``sigma`` (0-d), each ``[1]``; on its device."""
        if self._there is None:
            self._there = torch.tensor(self._rows, dtype=sigma.dtype, device=sigma.device)
        if self._asked is None or self._asked[0] is not sigma:
            row = (self._there[:, 0] - sigma).abs().argmin()
            numbers = self._there.index_select(0, row.reshape(1))  # by a tensor: a number would have to be on the host
            self._asked = sigma, numbers
        return self._asked[1][:, 1], self._asked[1][:, 2]


class PlannedTrend(Trend):
    """Follows the trend as far as the plan says."""

    def __init__(self, order: int, table: Table) -> None:
        super().__init__(order)
        self.table = table

    def value(self, history: History, query: Query) -> Tensor:
        if not self.table.covers(history):
            return super().value(history, query)
        older, newest = history.entries[-2:]
        trend, _ = self.table.at(query.sigma)
        return torch.lerp(newest.value, older.value, -trend)


class PlannedGuidance(GuidanceTerm):
    """Adds what the plan says along what guidance did."""

    def __init__(self, flow: bool, table: Table) -> None:
        super().__init__(flow)
        self._table = table

    def applied(self, value: Tensor, sigma: Tensor, history: History) -> Tensor:
        if self.difference is None or not self._table.covers(history):
            return super().applied(value, sigma, history)
        _, guidance = self._table.at(sigma)
        return value.addcmul_(self.difference, guidance)

"""Predictors of the model's next answer: the polynomial through the history, and ours, the learned trend."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .history import History, usable_order
from .query import Query

GAIN_RANGE = (0.0, 1.2)
GAIN_MEMORY = 0.5


@dataclass(frozen=True)
class BackTest:
    """A REAL evaluation, seen by what was remembered before it; all tensors ``[B, ...]``.

    state, sigma, denoised: the question and the model's answer. value: the answer in the history's parameterization.
    change: value minus the newest REAL value before.
    trend: the change that the plain polynomial predicted. Both are None where the history holds too little or this
    sigma is not below all of it.
    came_true: ``[B, 1, ..., 1]``, the share of the trend that is in the change, ``<trend, change> / <trend, trend>``,
    less what guidance explains of the change (``guidance.GuidanceTerm``); None where there is no trend.
    high_curvature: ``[B, 1, ..., 1]``, the samples that the run's first back-test found strongly curved, or None.
    """

    state: Tensor
    sigma: float
    denoised: Tensor
    value: Tensor
    change: Tensor | None = None
    trend: Tensor | None = None
    came_true: Tensor | None = None
    high_curvature: Tensor | None = None


class Predictor(Protocol):
    """Predicts values from a history and learns from every REAL evaluation; one instance serves one run.

    capacity: REAL values it wants remembered, at least 2.
    trend_gain: the share of a predicted change that came true, ``[B, 1, ..., 1]``; None where it is not learned, which
    counts as 1. It also says how the model is taken to react to a correction (``correction.value_shift``).
    """

    @property
    def capacity(self) -> int: ...

    @property
    def trend_gain(self) -> Tensor | None: ...

    def value(self, history: History, query: Query) -> Tensor:
        """The next value ``[B, ...]``, a new tensor, in ``history.parameterization``; the history holds 2 or more."""

    def learn(self, history: History, seen: BackTest) -> None:
        """Called at every REAL evaluation, before it joins the history. Must not keep or change ``seen.trend``."""


class Polynomial:
    """The bare polynomial through the newest ``order`` values, fewer while there are fewer (stabilizer "none")."""

    trend_gain: Tensor | None = None

    def __init__(self, order: int) -> None:
        self.order = order

    @property
    def capacity(self) -> int:
        return self.order

    def value(self, history: History, query: Query) -> Tensor:
        return history.extrapolate(query.sigma, self._order(history))

    def learn(self, history: History, seen: BackTest) -> None:
        """Nothing is learned."""

    def _order(self, history: History) -> int:
        return usable_order(self.order, len(history)) or len(history)


class Trend(Polynomial):
    """Ours (stabilizer "trend"): scales the predicted change by the share of it that came true before.

    What the paper's learning stabilizer wanted to be: it scales the change since the last REAL value, not the value.
    On smooth problems the gain stays near 1, full extrapolation; under strong guidance it falls toward 0, holding.
    Ablation: docs/measurements.md, "The learned trend".
    """

    def value(self, history: History, query: Query) -> Tensor:
        older, newest = history.entries[-2:]
        reached = within_reach(query.sigma, newest.sigma, history.previous_step or older.sigma)
        return history.extrapolate(reached, self._order(history), self.trend_gain)

    def learn(self, history: History, seen: BackTest) -> None:
        if seen.came_true is not None:
            self.trend_gain = learn_gain(self.trend_gain, seen.came_true, seen.high_curvature)


def learn_gain(gain: Tensor | None, came_true: Tensor, high_curvature: Tensor | None) -> Tensor:
    """``gain <- (gain + came_true) / 2``, the new term within [0, 1.2]; all ``[B, 1, ..., 1]``.

    came_true: the share of the predicted change that came true (``BackTest``).
    gain: None before the first back-test; the new term then stands alone, as it does where it is the lower one in
    samples of ``high_curvature`` (bool): there the gain falls at once.
    """
    came_true = came_true.clamp(*GAIN_RANGE)
    if gain is None or high_curvature is None:
        return came_true
    slow = torch.lerp(came_true, gain, GAIN_MEMORY)
    return torch.where(high_curvature, torch.minimum(came_true, slow), slow)


def within_reach(sigma: Tensor, newest: float, before: float) -> Tensor:
    """Where to read the trend for an evaluation at ``sigma`` (0-d): no further below the newest REAL sigma than that is
    from ``before``, where the REAL step before it began. From there on the trend is held.

    A schedule whose steps grow measures its first trend over a tiny distance and would follow it over a whole gap. The
    limit is the distance of REAL steps, not of evaluations: docs/measurements.md, "The reach of a trend".
    """
    return sigma.clamp_min(newest - abs(before - newest))

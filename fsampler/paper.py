"""What the FSampler paper describes (arXiv 2511.09180, section 3), by its names; our own method is elsewhere.

=======================  ==========================================================================
predictors h2, h3, h4    ``history.lagrange_weights`` at the nodes 0, 1, 2, ...
cadence hN/sK            ``Cadence``
explicit steps           ``ExplicitSteps``
adaptive gate            ``AdaptiveGate``, ``gate_sums``, ``gate_values``
validators               ``rejection``, ``judged``
learning stabilizer      ``LearnedRatio``
gradient estimation      ``GradientEstimate``
=======================  ==========================================================================
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .history import History
from .measure import Each, ForecastFigures, GateFigures, Sums, dot, norm
from .notes import Note
from .parameterization import decode, encode
from .parts import Parts
from .policies import Decision, Policy, Situation
from .predictors import BackTest, Predictor
from .query import Query

GATE_THRESHOLD = 0.10
GATE_FLOOR = 1e-6
SMALLEST_NORM = 1e-8
SMALLEST_RATIO, LARGEST_RATIO = 1e-6, 50.0
SMALLEST_COSINE = -0.9  # ours
RATIO_RANGE = (0.5, 2.0)
GRADIENT_CLAMP = 0.25


@dataclass(frozen=True)
class Cadence(Policy):
    """Mode ``hN/sK``: K REAL steps, then one SKIP; the first cycle starts at ``max(protect_first, N)``."""

    order: int
    real_calls: int
    protect_first: int

    def decide(self, situation: Situation) -> Decision:
        position = situation.step - max(self.protect_first, self.order)
        if position < 0:
            return Decision(False, "warm-up")
        skip = position % (self.real_calls + 1) == self.real_calls
        return Decision(skip, "cadence skip" if skip else "cadence call")


@dataclass(frozen=True)
class ExplicitSteps(Policy):
    """Mode ``hN, i, j, ...``: skip exactly these steps, counted from 0; overrides the protected windows.

    Those beyond the run are left out. Steps 0 and 1 are never skipped. That leaves two REAL steps before the first
    streak of skips, and a new streak can only begin after a REAL step has ended the last: the paper's two rules hold by
    construction.
    """

    indices: tuple[int, ...]

    def decide(self, situation: Situation) -> Decision:
        if situation.step < 2:
            return Decision(False, "steps 0 and 1 are never skipped")
        listed = situation.step in self.indices
        return Decision(listed, "listed" if listed else "not listed")

    def note(self, steps: int) -> Note | None:
        beyond = [str(i) for i in self.indices if i >= steps]
        text = f"listed beyond the run's last step ({steps - 1}): {', '.join(beyond)}"
        return Note("short-run", text) if beyond else None


@dataclass(frozen=True)
class AdaptiveGate(Policy):
    """Mode ``adaptive``: skip while the h3 and h2 predictions, advanced one step, agree to ``threshold``.

    ``rms(x_h3 - x_h2) / max(rms(x_h3), 1e-6) <= 0.10``, with a REAL anchor every ``anchor_interval`` steps counted from
    ``protect_first`` (0: none). Skips in a row are capped by ``policies.Guarded``.
    """

    protect_first: int
    anchor_interval: int
    threshold: float = GATE_THRESHOLD

    @property
    def needs_gate(self) -> bool:
        return True

    def decide(self, situation: Situation) -> Decision:
        if self.anchor_interval and (situation.step - self.protect_first) % self.anchor_interval == 0:
            return Decision(False, "anchor")
        if situation.gate is None:
            return Decision(False, "history below 3")
        skip = situation.gate <= self.threshold
        where = "within gate" if skip else "over gate"
        reason = f"{where}: {situation.gate:.3f} of {self.threshold:g}"
        return Decision(skip, reason, situation.gate, by_part=situation.gate_by_part)


def gate_sums(history: History, query: Query) -> Sums | None:
    """What the gate follows from for any step: ``GateFigures``, on the device; None before three REAL values.

    Euler's map stands for the sampler's update, ``x_h = r x + (1 - r) denoised_h`` with r = sigma_next / sigma, so the
    paper's fallback for unknown updates is never needed.
    """
    if len(history) < 3:
        return None
    h3, h2 = (history.decode(history.extrapolate(query.sigma, order), query) for order in (3, 2))
    return dot(query.state, query.state), dot(query.state, h3), dot(h3, h3), norm(h3 - h2)


def gate_values(figures: GateFigures, ratio: float, elements: Sequence[int]) -> Each:
    """The gate of each sample; ``ratio`` is r, ``elements`` the size of each."""
    gates = []
    for xx, xh, hh, apart, size in zip(*figures, elements, strict=True):
        x_h3 = max(ratio**2 * xx + 2 * ratio * (1 - ratio) * xh + (1 - ratio) ** 2 * hh, 0.0) ** 0.5
        gates.append((1 - ratio) * apart / max(x_h3, GATE_FLOOR * size**0.5))
    return tuple(gates)


def rejection(figures: ForecastFigures, direction: bool) -> str | None:
    """Why a prediction must not be used, judged on the worst sample, or None: the validators, of every mode.

    Finite; norm >= 1e-8; norm within 1e-6 to 50 times the last REAL value's. direction: check also that the cosine to
    the last REAL value is -0.9 or more. The original's documents promise such a check and its code has none; it does
    not fit the residual, which may rightly turn about as it crosses 0. A rejected SKIP becomes a REAL call, or holds
    the last REAL value where the policy keeps its number of calls.
    """
    for length, last, product in zip(figures.norm, figures.last, figures.inner, strict=True):
        if not (math.isfinite(length) and (not direction or math.isfinite(product))):
            return "not finite"
        if length < SMALLEST_NORM:
            return f"norm {length:.1e} < {SMALLEST_NORM:.0e}"
        if length < SMALLEST_RATIO * last:
            return f"norm ratio {length / last:.1e} < {SMALLEST_RATIO:.0e}"
        if length > LARGEST_RATIO * last:
            return f"norm ratio {length / max(last, SMALLEST_NORM):.1f} > {LARGEST_RATIO:.0f}"
        if direction and product < SMALLEST_COSINE * length * last:
            return f"cosine {product / (length * last):.2f} < {SMALLEST_COSINE}"
    return None


def first_rejection(figures: ForecastFigures, direction: bool, parts: Parts) -> str | None:
    """``rejection`` of the first part that has one, which is named; or None."""
    for number, part in enumerate(zip(*map(parts.grouped, figures), strict=True), start=1):
        fault = rejection(ForecastFigures(*part), direction)
        if fault is not None:
            return f"part {number}: {fault}" if parts.sizes else fault
    return None


def judged(
    planned: Decision, figures: ForecastFigures | None, parameterization: str, keeps_count: bool, parts: Parts
) -> Decision:
    """What a step's decision comes to at one evaluation, given what was measured of its forecast (None: there is none).

    A SKIP whose forecast is rejected in any part becomes REAL, or holds the last REAL value where the policy
    ``keeps_count``.
    """
    if not planned.skip:
        return planned
    direction = parameterization != "residual"
    fault = "history below 2" if figures is None else first_rejection(figures, direction, parts)
    if fault is None:
        return planned
    if keeps_count and figures is not None:
        return planned._replace(reason=f"held: {fault}", hold=True)
    return Decision(False, f"rejected: {fault}")


class _Wrapped:
    """A predictor that changes what another one says."""

    def __init__(self, inner: Predictor) -> None:
        self.inner = inner

    @property
    def capacity(self) -> int:
        return self.inner.capacity

    @property
    def trend_gain(self) -> Tensor | None:
        return self.inner.trend_gain


class LearnedRatio(_Wrapped):
    """The learning stabilizer: predictions are divided by L, ``L <- beta L + (1 - beta) ||predicted|| / ||real||``.

    L is within [0.5, 2], per sample, and learned where the history holds 3 values or more. With the paper's beta near 1
    it never leaves 1 (docs/measurements.md, "What each part is worth").
    """

    def __init__(self, inner: Predictor, order: int, beta: float) -> None:
        super().__init__(inner)
        self.order, self.beta = order, beta
        self.ratio: Tensor | None = None

    @property
    def capacity(self) -> int:
        return max(self.inner.capacity, 3)

    def value(self, history: History, query: Query) -> Tensor:
        value = self.inner.value(history, query)
        return value if self.ratio is None else value / self.ratio

    def learn(self, history: History, seen: BackTest) -> None:
        self.inner.learn(history, seen)
        if seen.trend is not None and len(history) >= 3:
            predicted = history.extrapolate(seen.sigma, min(self.order, len(history)))
            self.ratio = learn_ratio(self.ratio, predicted, seen.value, self.beta)


def learn_ratio(ratio: Tensor | None, predicted: Tensor, real: Tensor, beta: float) -> Tensor:
    """``L <- beta L + (1 - beta) ||predicted|| / ||real||`` within [0.5, 2]; ``[B, 1, ..., 1]``, None stands for 1."""
    seen = norm(predicted) / norm(real).clamp_min(torch.finfo(real.dtype).tiny)
    previous = torch.ones_like(seen) if ratio is None else ratio
    return (beta * previous + (1 - beta) * seen).clamp(*RATIO_RANGE)


class GradientEstimate(_Wrapped):
    """The gradient-estimation stabilizer: ``d + (gamma - 1) (d - d_last)``, d being epsilon, d_last the last REAL."""

    def __init__(self, inner: Predictor, gamma: float) -> None:
        super().__init__(inner)
        self.gamma = gamma
        self.last_epsilon: Tensor | None = None

    def value(self, history: History, query: Query) -> Tensor:
        value, x, sigma = self.inner.value(history, query), query.state, query.sigma
        if self.last_epsilon is None:
            return value
        epsilon = encode("epsilon", history.decode(value, query), x, sigma)
        epsilon = gradient_estimate(epsilon, self.last_epsilon, self.gamma)
        return encode(history.parameterization, decode("epsilon", epsilon, x, sigma), x, sigma)

    def learn(self, history: History, seen: BackTest) -> None:
        self.inner.learn(history, seen)
        self.last_epsilon = encode("epsilon", seen.denoised, seen.state, seen.sigma)


def gradient_estimate(epsilon: Tensor, last_epsilon: Tensor, gamma: float) -> Tensor:
    """``d + (gamma - 1)(d - d_last)`` with the added term at most 25 % of ``||d||``; all ``[B, ...]``."""
    added = (gamma - 1) * (epsilon - last_epsilon)
    limit = GRADIENT_CLAMP * norm(epsilon)
    return epsilon + added * (limit / norm(added).clamp_min(torch.finfo(added.dtype).tiny)).clamp_max(1)

"""Every option of the engine: its values, its range, and what the paper and we start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .history import MAX_ORDER, MIN_ORDER
from .paper import GradientEstimate, LearnedRatio
from .parameterization import PARAMETERIZATIONS
from .policies import OPENING
from .predictors import Polynomial, Predictor, Trend


@dataclass(frozen=True)
class Options:
    """One value for every option; None is allowed where it says so.

    order: values that take part in a prediction: 2 (line), 3 (parabola), 4 (cubic); None is the mode's own.
    space: "auto" (epsilon; denoised once the sampler is seen to add noise) or a parameterization.
    nodes: what the polynomial runs over: "sigma", or the paper's "index", the step number.
    protect_first, protect_last: steps that are never skipped; protect_first None lets ``calls:N`` choose.
    anchor_interval: mode adaptive, a REAL step every so many; 0 is none.
    max_consecutive_skips: the longest gap, in steps.
    stabilizer: a name in ``PREDICTORS``.
    beta, gamma: memory of the learning stabilizer; strength of the gradient one.
    correct: correct the state after a gap.
    """

    order: int | None
    space: str
    nodes: str
    protect_first: int | None
    protect_last: int
    anchor_interval: int
    max_consecutive_skips: int
    stabilizer: str
    beta: float
    gamma: float
    correct: bool

    def but(self, **changed: Any) -> Options:
        """The same with some options changed; nothing is checked."""
        return replace(self, **changed)

    @property
    def opening(self) -> int:
        """``protect_first`` where it may not be None."""
        return self.protect_first or 0

    def predictor(self, order: int) -> Predictor:
        """A new predictor of that order."""
        return PREDICTORS[self.stabilizer](self, order)


# What the option `stabilizer` chooses from; the settings node lists the same names.
PREDICTORS: dict[str, Callable[[Options, int], Predictor]] = {
    "none": lambda options, order: Polynomial(order),
    "trend": lambda options, order: Trend(order),
    "learning": lambda options, order: LearnedRatio(Polynomial(order), order, options.beta),
    "gradient": lambda options, order: GradientEstimate(Polynomial(order), options.gamma),
    "learning+gradient": lambda options, order: GradientEstimate(
        LearnedRatio(Polynomial(order), order, options.beta), options.gamma
    ),
}

PAPER = Options(
    order=None,
    space="residual",
    nodes="index",
    protect_first=2,
    protect_last=1,
    anchor_interval=4,
    max_consecutive_skips=2,
    stabilizer="none",
    beta=0.9985,
    gamma=2.0,
    correct=False,
)
OURS = PAPER.but(
    space="auto",
    nodes="sigma",
    protect_first=OPENING,
    anchor_interval=0,
    max_consecutive_skips=5,
    stabilizer="trend",
    correct=True,
)

CHOICES: dict[str, tuple[object, ...]] = {
    "space": ("auto", *PARAMETERIZATIONS),
    "nodes": ("sigma", "index"),
    "stabilizer": tuple(PREDICTORS),
    "correct": (True, False),
}
RANGES: dict[str, tuple[float, float]] = {
    "order": (MIN_ORDER, MAX_ORDER),
    "protect_first": (0, 100),
    "protect_last": (0, 100),
    "anchor_interval": (0, 100),
    "max_consecutive_skips": (1, 100),
    "beta": (0.0, 1.0),
    "gamma": (1.0, 5.0),
}


def check_option(name: str, value: object) -> None:
    """Raises ValueError naming the option, its value and what was expected."""
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(str, CHOICES[name]))}")
        return
    low, high = RANGES[name]
    kinds = (int,) if isinstance(low, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "a whole number" if isinstance(low, int) else "a number"
        raise ValueError(f"{name} is {value!r}; expected {kind} from {low} to {high}")

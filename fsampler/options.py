"""Every option of the engine, in one table: its type, the values it may have, what the paper has and what we have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypedDict

from .history import MAX_ORDER, MIN_ORDER
from .paper import GradientEstimate, LearnedRatio
from .parameterization import PARAMETERIZATIONS
from .policies import OPENING, Policy
from .predictors import Polynomial, Predictor, Trend

# What the option ``stabilizer`` chooses from: each builds a predictor from the options and its order.
PREDICTORS: dict[str, Callable[[Options, int], Predictor]] = {
    "none": lambda options, order: Polynomial(order),
    "trend": lambda options, order: Trend(order),
    "learning": lambda options, order: LearnedRatio(Polynomial(order), order, options.beta),
    "gradient": lambda options, order: GradientEstimate(Polynomial(order), options.gamma),
    "learning+gradient": lambda options, order: GradientEstimate(
        LearnedRatio(Polynomial(order), order, options.beta), options.gamma
    ),
}


def _within(low: float, high: float, paper: Any) -> Any:
    """An option with a range, whole numbers only if its ends are; and the paper's value."""
    return field(default=paper, metadata={"range": (low, high)})


def _one_of(*choices: object, paper: object) -> Any:
    """An option with a choice of values, and the paper's."""
    return field(default=paper, metadata={"choices": choices})


@dataclass(frozen=True)
class Options:
    """One value for every option, those of the paper where none is given.

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

    order: int | None = _within(MIN_ORDER, MAX_ORDER, paper=None)
    space: str = _one_of("auto", *PARAMETERIZATIONS, paper="residual")
    nodes: str = _one_of("sigma", "index", paper="index")
    protect_first: int | None = _within(0, 100, paper=2)
    protect_last: int = _within(0, 100, paper=1)
    anchor_interval: int = _within(0, 100, paper=4)
    max_consecutive_skips: int = _within(1, 100, paper=2)
    stabilizer: str = _one_of(*PREDICTORS, paper="none")
    beta: float = _within(0.0, 1.0, paper=0.9985)
    gamma: float = _within(1.0, 5.0, paper=2.0)
    correct: bool = _one_of(True, False, paper=False)

    @property
    def opening(self) -> int:
        """``protect_first`` where it may not be None."""
        return self.protect_first or 0

    def predictor(self, order: int) -> Predictor:
        """A new predictor of that order."""
        return PREDICTORS[self.stabilizer](self, order)


PAPER = Options()
OURS = replace(
    PAPER,
    space="auto",
    nodes="sigma",
    protect_first=OPENING,
    anchor_interval=0,
    max_consecutive_skips=5,
    stabilizer="trend",
    correct=True,
)
CHOICES: dict[str, tuple[object, ...]] = {
    one.name: one.metadata["choices"] for one in fields(Options) if "choices" in one.metadata
}
RANGES: dict[str, tuple[float, float]] = {
    one.name: one.metadata["range"] for one in fields(Options) if "range" in one.metadata
}


class GivenOptions(TypedDict, total=False):
    """What ``Config.parse`` takes beside the mode; what is left out or None stays as the mode has it.

    The options above, by name. policy: decides in place of the mode's own; what the mode says about predictions stays,
    and the report calls the run by the policy's class. predictor: makes each run's predictor, in place of the one that
    ``stabilizer`` names.
    """

    order: int | None
    space: str | None
    nodes: str | None
    protect_first: int | None
    protect_last: int | None
    anchor_interval: int | None
    max_consecutive_skips: int | None
    stabilizer: str | None
    beta: float | None
    gamma: float | None
    correct: bool | None
    policy: Policy | None
    predictor: Callable[[], Predictor] | None


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

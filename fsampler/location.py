"""Where in the schedule each evaluation of a run belongs, and when it can belong nowhere in it."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .notes import Note
from .schedule import MATCH, coincide

LOOKED_AT = 8  # evaluations that show how a sampler goes
MOST_RETURN = 2  # steps

Evaluations = tuple[tuple[float, int], ...]  # of a whole run, in order: sigma, and the step it belongs to


@dataclass(frozen=True)
class Place:
    """Where an evaluation stands: its number and its step, both from 0, and sigma there and at the step's end.

    first: it is the first evaluation of its step.
    """

    evaluation: int
    step: int
    sigma: float
    sigma_next: float
    first: bool


class Locator(Protocol):
    """Follows a run's evaluations. place: the newest one's, or None."""

    place: Place | None

    @property
    def repeats(self) -> bool:
        """Whether the sampler is known to ask next at the sigma of the newest evaluation, if it does."""

    def next_place(self, sigma: float) -> Place | Note:
        """The place of the next evaluation, which is at ``sigma``; or why it has none."""


def locator(sigmas: Sequence[float], expected: Evaluations | None) -> Locator:
    """The one for a sampler of which the evaluations are expected, or for one of which nothing is known (None)."""
    return StepLocator(sigmas) if expected is None else ExpectedLocator(sigmas, expected)


def nearest(ascending: Sequence[float], sigma: float) -> int:
    """The last step whose sigma is not below the given one; a sigma above the schedule belongs to step 0.

    ascending: the schedule's sigmas, each with its sign changed.
    """
    return max(bisect.bisect_right(ascending, -sigma * (1 - MATCH)) - 1, 0)


def steps_of(sigmas: Sequence[float], asked: Sequence[float]) -> list[int]:
    """The step of each evaluation of a whole run, in the order in which they were asked for.

    Heun's second evaluation shares its sigma with the next step's first, and so comes twice in a row: the first time it
    ends a step. Never back: a sampler that looks ahead and returns (heunpp2) is in the furthest step it has asked for.

    >>> steps_of([4.0, 2.0, 1.0, 0.0], [4.0, 2.0, 2.0, 1.0])  # the first step looks ahead, as for a start
    [0, 0, 1, 2]
    """
    ascending = [-sigma for sigma in sigmas]
    steps: list[int] = []
    for i, sigma in enumerate(asked):
        step = nearest(ascending, sigma)
        repeats, repeated = (0 <= j < len(asked) and coincide(sigma, asked[j]) for j in (i - 1, i + 1))
        ends = repeated and not repeats and step > 0 and coincide(sigma, sigmas[step])
        steps.append(max([min(step - ends, len(sigmas) - 2), *steps[-1:]]))
    return steps


class ExpectedLocator:
    """Of a sampler that has been tried out: it asks again for what it asked for then, or it is another run.

    expected: the evaluations seen.
    """

    def __init__(self, sigmas: Sequence[float], expected: Evaluations) -> None:
        self.sigmas, self.expected = sigmas, expected
        self.place: Place | None = None

    @property
    def repeats(self) -> bool:
        """See ``Locator``."""
        newest = -1 if self.place is None else self.place.evaluation
        pair = self.expected[max(newest, 0) : newest + 2]
        return len(pair) == 2 and coincide(pair[0][0], pair[1][0])

    def next_place(self, sigma: float) -> Place | Note:
        """See ``Locator``."""
        last = self.place
        evaluation = 0 if last is None else last.evaluation + 1
        expected, step = self.expected[evaluation] if evaluation < len(self.expected) else (None, 0)
        if expected is None or not coincide(sigma, expected):
            return _anomaly(last, sigma, "is not the one that this sampler asks for there")
        self.place = Place(evaluation, step, sigma, self.sigmas[step + 1], last is None or last.step != step)
        return self.place


class StepLocator:
    """Of a sampler of which nothing is known: goes by the sigmas that it asks for, and by their order.

    Sigma alone does not tell: heun's second evaluation shares its sigma with the next step's first. But a sampler that
    does so evaluates the same sigma twice in a row, before the first step that may be skipped; it has stopped doing so
    once it goes on from a step's end without asking there again.

    A step begins at its sigma. Evaluations elsewhere, when none has been there, are told another sigma than the
    state's. A sampler may look ahead and return (heunpp2, ancestral DPM++ 2S on flow). That it does, and how far, at
    most 2 steps, shows in its first evaluations, before the first skip; a rise beyond that is a restart, a loop or
    another trajectory.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = sigmas
        self.place: Place | None = None
        self._ascending = [-sigma for sigma in sigmas]
        self._shares_ends = False
        self._begun = -1  # the newest step at whose sigma there was an evaluation
        self._start = 0  # the step from which it looks ahead
        self._returns = 0  # steps that the sampler goes back after looking ahead
        self._leaps = False  # it has looked past the step's end, between two steps

    @property
    def repeats(self) -> bool:
        """See ``Locator``."""
        last = self.place
        if last is None:
            return False
        if last.evaluation == 1:  # may be heun's first corrector; two trajectories show in the first two evaluations
            return coincide(last.sigma, self.sigmas[1])
        return self._shares_ends and coincide(last.sigma, last.sigma_next)

    def next_place(self, sigma: float) -> Place | Note:
        """See ``Locator``."""
        last, node = self.place, nearest(self._ascending, sigma)
        if last is not None and sigma > last.sigma * (1 + MATCH):
            back = nearest(self._ascending, last.sigma) - node
            if last.evaluation < LOOKED_AT and back <= MOST_RETURN:
                self._returns = max(self._returns, back)
            if back > self._returns or (back and node <= self._start):
                return _anomaly(last, sigma)
            self._start = node
        elif self._returns and node > self._start + MOST_RETURN:
            return _anomaly(last, sigma, "is further ahead than this sampler looks")
        if self._on_node(sigma):
            self._begun = max(self._begun, node)
        elif node > self._begun and sigma > 0:
            if last is None or not self._on_node(last.sigma) or not (self._leaps or last.evaluation < LOOKED_AT):
                return _anomaly(last, sigma, "lies between two steps, and none has begun there")
            self._leaps = True
        evaluation, reached = (0, 0) if last is None else (last.evaluation + 1, last.step)
        step = max(min(node - self._ends(sigma, node), len(self.sigmas) - 2), reached)
        self.place = Place(evaluation, step, sigma, self.sigmas[step + 1], last is None or last.step != step)
        return self.place

    def _on_node(self, sigma: float) -> bool:
        """Whether a step begins at ``sigma``."""
        return coincide(sigma, self.sigmas[nearest(self._ascending, sigma)])

    def _ends(self, sigma: float, node: int) -> bool:
        """Whether an evaluation at ``sigma`` ends a step, and does not begin the one at ``node``."""
        last, on_node = self.place, self._on_node(sigma)
        if last is None or node == 0:
            return False
        if coincide(sigma, last.sigma):
            self._shares_ends = self._shares_ends or on_node
            return False
        if coincide(last.sigma, last.sigma_next):  # a step's end, which is not asked for again as a beginning
            self._shares_ends = False
        return on_node and self._shares_ends


def _anomaly(last: Place | None, sigma: float, odd: str = "") -> Note:
    """Why an evaluation has no place: it is at a higher sigma than the one before, or at one that is ``odd``."""
    if last is not None and sigma > last.sigma * (1 + MATCH):
        text = f"sigma rises from {last.sigma:.5g} to {sigma:.5g}, as for a restart or a second trajectory"
        return Note("sigma-rises", text)
    number = 1 if last is None else last.evaluation + 2
    return Note("told-sigma", f"the sigma {sigma:.5g} that the model is told at evaluation {number} {odd}")

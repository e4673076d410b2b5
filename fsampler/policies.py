"""Who may skip, and why. A policy decides once a step; the paper's are in ``paper.py``, ours are here.

A policy is frozen and pure, and it never sees a tensor. To write one, subclass ``Policy`` and give it to
``run.sample(..., policy=...)``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import geometric_mean
from typing import NamedTuple

from .candidates import forced_steps
from .gap_error import HIGH_CURVATURE
from .notes import Note
from .planner import Planner, plans
from .response import Points
from .schedule import Windows, ends_open, still_steps

OPENING = 4  # REAL steps before the first skip: two back-tests, and early errors change the picture most
COLLAPSED = 0.2  # of kappa's geometric mean before: below it, the next gap of a ``Budget`` weighs less
LEAST_WEIGHT = 1 / 16  # of the squared error of such a gap, against what it weighs otherwise
RESERVE = 0.25  # share of the squared tolerance that the rest of a run keeps, however much is spent
# The 90th percentile over images of the final latent's error, over the summed gap errors.
FINAL_SHARE = {"ve": 0.35, "flow": 0.7, "noisy": 1.5}
PLANNED_CALL, PLANNED_SKIP = "planned call", "planned skip"


class Decision(NamedTuple):
    """Skip this step or not, and why.

    estimate: the predicted relative error, where the policy made one. hold: the prediction was refused, and the last
    REAL value stands in for it. by_part: that error of each part of a pack, of which the estimate is the largest; none
    where the latent is one.
    """

    skip: bool
    reason: str
    estimate: float | None = None
    hold: bool = False
    by_part: tuple[float, ...] = ()


@dataclass(frozen=True)
class Situation:
    """All that a policy may know when a step begins. Figures of a batch are those of its worst sample, of
    a pack those of its worst part.

    step: the step, from 0. sigmas: the whole schedule, ``steps + 1`` of them. real_steps: those made REAL so far.
    skips_in_row: SKIP steps since the last REAL one.
    gate: relative distance of the paper's h3 and h2 predictions, where the policy ``needs_gate``.
    curvatures: by REAL step, the kappa that its back-test showed (``gap_error``).
    first_curvature: the first one, but the mean over the batch, of the worst part; None before it.
    flow: sigma is flow time. noisy: the sampler adds noise.
    changes: steps at which the model begins to answer differently, as far as that is known beforehand.
    model_since: the step at which the present model began; 0 but for such changes, foreseen or not.
    points: of each step, the sampler's evaluations (``response.Response``); None means one at its beginning.
    planner: makes a ``Planner``, or gives one again that the run has made before (``planner.plans``).
    gate_by_part, curvatures_by_part: gate and curvatures of each part of a pack; none where the latent is one.
    """

    step: int
    sigmas: tuple[float, ...]
    real_steps: tuple[int, ...] = ()
    skips_in_row: int = 0
    gate: float | None = None
    curvatures: Mapping[int, float] = field(default_factory=dict)
    first_curvature: float | None = None
    flow: bool = False
    noisy: bool = False
    changes: frozenset[int] = frozenset()
    model_since: int = 0
    points: Points | None = None
    planner: Callable[..., Planner] = field(default_factory=plans, compare=False, repr=False)
    gate_by_part: tuple[float, ...] = ()
    curvatures_by_part: Sequence[Mapping[int, float]] = ()

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


class Policy(ABC):
    """Decides for each step of a run. Subclasses are frozen: what changes is in the ``Situation``."""

    @property
    def needs_gate(self) -> bool:
        """Whether ``Situation.gate`` is wanted; it costs two predictions an evaluation."""
        return False

    @property
    def keeps_count(self) -> bool:
        """Whether a SKIP stays one when its prediction is refused; the last REAL value is held then."""
        return False

    @abstractmethod
    def decide(self, situation: Situation) -> Decision:
        """Skip this step or not. A SKIP without two REAL values behind it becomes REAL."""

    def note(self, steps: int) -> Note | None:
        """A remark for the report where a run of that many steps is shorter than what was asked for; else None."""
        return None

    def remarks(self, changes: Collection[int], setting: Mapping[str, str]) -> Iterable[Note]:
        """Further remarks on a run in which the model changes at ``changes``, made in ``setting`` (``run.begin``)."""
        return ()

    def refusal(self, sigmas: Sequence[float]) -> Note | None:
        """Why nothing may be skipped over that schedule; or None."""
        return None

    def check(self, steps: int, changes: Iterable[int] = ()) -> None:  # noqa: B027  most policies run over any steps
        """Raises ValueError when the policy cannot run over that many steps, the model changing at ``changes``."""


@dataclass(frozen=True)
class Never(Policy):
    """Mode ``off``: every step is REAL."""

    def decide(self, situation: Situation) -> Decision:
        return Decision(False, "off")


@dataclass(frozen=True)
class Record(Never):
    """Mode ``record``: as ``off``, and the run is recorded."""


@dataclass(frozen=True)
class Guarded(Policy):
    """Never skip in the protected windows, or more than ``max_consecutive_skips`` in a row; otherwise ask ``inner``."""

    inner: Policy
    protect_first: int
    protect_last: int
    max_consecutive_skips: int | None = None

    @property
    def needs_gate(self) -> bool:
        return self.inner.needs_gate

    @property
    def keeps_count(self) -> bool:
        return self.inner.keeps_count

    def decide(self, situation: Situation) -> Decision:
        windows = Windows.of(situation.sigmas, self.protect_first, self.protect_last)
        if situation.step < windows.first:
            return Decision(False, "protected first")
        if situation.step >= windows.closing:
            return Decision(False, "protected last")
        if self.max_consecutive_skips is not None and situation.skips_in_row >= self.max_consecutive_skips:
            return Decision(False, "cap")
        return self.inner.decide(situation)

    def note(self, steps: int) -> Note | None:
        return self.inner.note(steps)

    def check(self, steps: int, changes: Iterable[int] = ()) -> None:
        self.inner.check(steps, changes)


def _plan(
    situation: Situation,
    windows: Windows,
    longest_gap: int,
    changes: frozenset[int],
    calls: int | None = None,
    thinned: bool = False,
) -> Planner:
    """The plan of a run; without ``calls`` its errors are an estimate's."""
    run = situation.sigmas, situation.points, situation.flow, situation.noisy
    return situation.planner(*run, changes, windows, longest_gap, calls, thinned, calls is None)


def _begins_curved(situation: Situation) -> bool:
    """Whether the first back-test showed high curvature."""
    return situation.first_curvature is not None and situation.first_curvature >= HIGH_CURVATURE


def as_planned(skip: bool) -> Decision:
    """The decision of a policy that had settled it before."""
    return Decision(skip, PLANNED_SKIP if skip else PLANNED_CALL)


@dataclass(frozen=True)
class ErrorControl(Policy):
    """Modes ``auto`` and the presets: the fewest calls that keep the final latent's estimated error in ``tolerance``.

    The error is relative, rms over rms(denoised), of the worst sample, and of each part of a pack: the calls are enough
    for every part. Kappa is a maximum over the back-tests so far that halves with every REAL step; the plan is made
    anew as it changes. Closed gaps are charged at the curvature that the back-test across them measured; where that is
    overspent, a quarter of the squared tolerance remains for the rest of the run.
    """

    tolerance: float
    protect_first: int
    protect_last: int
    longest_gap: int

    def decide(self, situation: Situation) -> Decision:
        windows = Windows.of(situation.sigmas, self.protect_first, max(self.protect_last, 1))
        curved = any(step >= situation.model_since for step in situation.curvatures)
        if not curved or len(situation.real_steps) < max(windows.first, 3):
            return Decision(False, "warm-up")
        if situation.step >= windows.closing:
            return Decision(False, "protected last")
        before, last = situation.real_steps[-2:]
        plans = self._plans(situation, windows)
        parts = situation.curvatures_by_part or (situation.curvatures,)
        spent = [self._spent(situation, seen, plans[0]) for seen in parts]
        share = FINAL_SHARE["noisy" if situation.noisy else "flow" if situation.flow else "ve"]
        allowed = (self.tolerance / share) ** 2
        needs = [(kappa, max(allowed - gone, RESERVE * allowed)) for gone, kappa in spent]
        calls, rest, plan = min((_enough(plan, needs, before, last) for plan in plans), key=lambda way: way[0])
        each = tuple(share * (gone + kappa**2 * rest) ** 0.5 for gone, kappa in spent)
        estimate, by_part = max(each), each if len(each) > 1 else ()
        within = estimate <= self.tolerance
        following = plan.next_real(before, last, calls)
        skip = following is not None and situation.step < following
        if within and not skip:
            return Decision(False, PLANNED_CALL, estimate, by_part=by_part)
        where = "within tolerance" if within else "within reserve" if skip else "over tolerance"
        return Decision(skip, f"{where}: {estimate:.3g} of {self.tolerance:g}", estimate, by_part=by_part)

    def _plans(self, situation: Situation, windows: Windows) -> list[Planner]:
        """The plan; where an exact one is too much work, one of all steps with short gaps and a thinned one."""
        thinned = _plan(situation, windows, self.longest_gap, situation.changes, thinned=True)
        if thinned.candidates.complete:
            return [thinned]
        return [_plan(situation, windows, self.longest_gap, situation.changes), thinned]

    def _spent(self, situation: Situation, curvatures: Mapping[int, float], plan: Planner) -> tuple[float, float]:
        """The squared error of the gaps so far, and kappa, by the curvatures that back-tests showed."""
        real, kappa, spent = situation.real_steps, 0.0, 0.0
        for last, end, cost in zip(real[1:], real[2:], plan.gone(real), strict=False):
            seen = kappa
            if end in curvatures:
                seen = plan.errors.curvature(curvatures[end], last)
            kappa = 0.0 if last < situation.model_since <= end else max(seen, kappa / 2)
            spent += seen**2 * cost
        return spent, kappa


def _enough(plan: Planner, needs: Sequence[tuple[float, float]], before: int, last: int) -> tuple[int, float, Planner]:
    """The fewest calls that are enough for every part, their squared error per unit of kappa, and the plan; or a call a
    step. needs: kappa of each part, and what its squared error may be."""
    rest = plan.rest(before, last).tolist()
    calls = max(
        next((n for n, cost in enumerate(rest) if kappa**2 * cost <= allowed), plan.final - last)
        for kappa, allowed in needs
    )
    return calls, rest[min(calls, len(rest) - 1)], plan


@dataclass(frozen=True)
class Budget(Policy):
    """Modes ``calls:N`` and ``calls:P%``: exactly that many REAL steps, at the least sum of squared gap errors.

    A run of fewer steps makes every call.

    Of ``calls`` (a number) and ``share`` (of the steps) one is None. ``protect_first`` None opens the run with a third
    of the calls, or with half of them where the first back-test shows high curvature: 3 to 4 REAL steps, or 2 to 3
    where the answers do not move yet. The mean of a batch decides, since the worst image of a large one is strongly
    curved at any guidance. Where such a run turns even, the next gap weighs less than those to come. Ablation:
    docs/measurements.md, "How a run of N calls opens", "Where nothing moves yet" and "What later back-tests show".
    """

    calls: int | None
    share: float | None
    protect_first: int | None
    protect_last: int
    longest_gap: int

    @property
    def keeps_count(self) -> bool:
        return True

    def decide(self, situation: Situation) -> Decision:
        steps, changes, real = situation.steps, situation.changes, situation.real_steps
        calls, open_end = self.real_steps(steps, changes), ends_open(situation.sigmas)
        windows = Windows.of(situation.sigmas, self._opening(calls, situation), max(self.protect_last, 1))
        if len(real) < windows.first or calls == steps:
            return Decision(False, "warm-up" if len(real) < windows.first else PLANNED_CALL)
        remaining, way = calls - len(real), steps - 1 - real[-1]
        if remaining <= 0:
            return as_planned(situation.step < windows.closing)
        # An unforeseen change takes calls too: what is planned begins anew with it.
        since = situation.model_since
        begun = windows if since in changes else replace(windows, first=max(windows.first, since + 1))
        made = sum(step < begun.first for step in real)
        longest = steps if changes else self.longest_gap
        plan = _plan(situation, begun, longest, changes | {0, since}, calls - made + open_end)
        before, last = real[-2:]
        # The call at an open end is the next sampler's.
        ahead, weight = min(remaining, way) + open_end, self._weight(situation, plan)
        following = plan.next_real(before, last, ahead, weight)
        return as_planned(following is not None and situation.step < following)

    def note(self, steps: int) -> Note | None:
        if self.calls is None or self.calls <= steps:
            return None
        text = f"fewer steps ({steps}) than the {self.calls} calls asked for: every call was made"
        return Note("short-run", text)

    def check(self, steps: int, changes: Iterable[int] = ()) -> None:
        least = self._least(steps, changes)
        if self.calls is not None and self.calls < least:
            what = "the protected steps and those where the model changes" if changes else "the protected steps"
            raise ValueError(f"calls:{self.calls} in a run of {steps} steps; expected {least} ({what}) or more")

    def real_steps(self, steps: int, changes: Iterable[int] = ()) -> int:
        """REAL steps of a run; a percentage is rounded, and never below those that cannot be skipped."""
        wanted = self.calls if self.calls is not None else round((self.share or 0.0) * steps)
        return min(steps, max(wanted, self._least(steps, changes)))

    def _least(self, steps: int, changes: Iterable[int]) -> int:
        """REAL steps of a run that cannot be skipped."""
        first, closing = max(self.protect_first or 0, 2), max(steps - max(self.protect_last, 1), 0)
        return len({*range(min(first, steps)), *range(closing, steps), *forced_steps(steps, changes)})

    def _weight(self, situation: Situation, plan: Planner) -> float:
        """Of the next gap's squared error: below 1 where a run that began strongly curved has turned even."""
        if situation.noisy or not _begins_curved(situation):
            return 1.0
        real, seen = situation.real_steps, situation.curvatures
        kappas = [
            plan.errors.curvature(seen[end], last)
            for last, end in zip(real[1:], real[2:], strict=False)
            if end in seen and last >= situation.model_since
        ]
        before = [kappa for kappa in kappas[:-1] if kappa > 0]
        if not before:
            return 1.0
        fallen = kappas[-1] / geometric_mean(before)
        return min(max((fallen / COLLAPSED) ** 2, LEAST_WEIGHT), 1.0)

    def _opening(self, calls: int, situation: Situation) -> int:
        """REAL steps before the first planned one."""
        if self.protect_first is not None:
            return max(self.protect_first, 2)
        steps, curved = situation.steps, situation.noisy or _begins_curved(situation)
        still = 0 if situation.noisy else still_steps(situation.sigmas, situation.flow)
        opening = max(min(OPENING, calls // 2 if curved else calls // 3), min(calls - 1, 3))
        opening = min(opening, max(OPENING - still, 2))
        closing = range(Windows.of(situation.sigmas, 0, max(self.protect_last, 1)).closing, steps)
        later = {*closing, *forced_steps(steps, situation.changes)}  # what they need is not the opening's
        return next(n for n in range(max(opening, 2), 1, -1) if n == 2 or len(later.union(range(n))) <= calls)

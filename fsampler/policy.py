"""Who may skip, and why: the paper's schedules, and the guards around every schedule.

A policy is frozen and pure: ``decide(situation) -> Decision`` for one step of one run. It never sees a tensor. The
policies that plan gaps by their error are in ``control.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Decision(NamedTuple):
    """Skip this step or not, and why; ``estimate`` is the predicted relative error where the policy made one.

    firm: a SKIP stays one when its prediction is refused; the last REAL value is held then.
    """

    skip: bool
    reason: str
    estimate: float | None = None
    firm: bool = False


@dataclass(frozen=True)
class Situation:
    """All a policy may know when a step begins. Per-sample figures are those of the worst sample of the batch."""

    step: int
    sigmas: tuple[float, ...]  # the whole schedule, ``steps + 1`` of them
    real_steps: tuple[int, ...] = ()  # steps made REAL so far
    skips_in_row: int = 0
    gate: float | None = None  # relative distance of the h3 and h2 predictions (PaperGate)
    kappas: Mapping[int, float] = field(default_factory=dict)  # REAL step -> kappa its back-test showed (plan.py)
    stiffness: float | None = None  # the first back-test's curvature, but the mean over the batch
    flow: bool = False  # sigma is flow time; plans and error estimates depend on it
    noisy: bool = False  # the sampler adds noise; so do they
    changes: frozenset[int] = frozenset()  # steps at which the model begins to answer differently
    evaluations: tuple | None = None  # of each step, (sigma, share of its effect); None: one at its beginning

    @property
    def steps(self):
        return len(self.sigmas) - 1


def ends_open(sigmas):
    """The run hands a noisy latent on (its last sigma is above 0): its end is not the end, and needs no protection."""
    return sigmas[-1] > 0


class Policy(Protocol):
    def decide(self, situation: Situation) -> Decision: ...

    def check(self, steps: int) -> None:
        """Raise ValueError when the policy cannot run over that many steps."""


@dataclass(frozen=True)
class Never:
    """Mode ``off``: every step is REAL."""

    def decide(self, situation):
        return Decision(False, "off")

    def check(self, steps):
        pass


@dataclass(frozen=True)
class Cadence:
    """Mode ``hN/sK``: K REAL steps, then one SKIP; the first cycle starts at ``max(protect_first, N)``."""

    order: int
    real_calls: int
    protect_first: int

    def decide(self, situation):
        position = situation.step - max(self.protect_first, self.order)
        if position < 0:
            return Decision(False, "warm-up")
        if position % (self.real_calls + 1) == self.real_calls:
            return Decision(True, "cadence")
        return Decision(False, "cadence")

    def check(self, steps):
        pass


@dataclass(frozen=True)
class AtIndices:
    """Mode ``hN, i, j, ...``: skip exactly these 0-based steps; overrides the protected windows.

    Steps 0 and 1 are never skipped. That leaves two REAL steps before the first streak of skips, and a new streak can
    only begin after a REAL step has ended the last: the paper's two rules hold by construction.
    """

    indices: tuple[int, ...]

    def decide(self, situation):
        if situation.step < 2:
            return Decision(False, "steps 0 and 1 are never skipped")
        return Decision(situation.step in self.indices, "listed" if situation.step in self.indices else "not listed")

    def check(self, steps):
        outside = [i for i in self.indices if i >= steps]
        if outside:
            raise ValueError(f"step {outside[0]} is outside the run; expected indices 0 to {steps - 1}")


@dataclass(frozen=True)
class PaperGate:
    """Mode ``adaptive``: skip while the h3 and h2 predictions, advanced one step, agree to ``threshold``.

    ``rms(x_h3 - x_h2) / max(rms(x_h3), 1e-6) <= 0.10``, with a REAL anchor every ``anchor_interval`` steps counted from
    ``protect_first`` (0: none). Skips in a row are capped by ``Guarded``.
    """

    protect_first: int
    anchor_interval: int
    threshold: float = 0.10

    def decide(self, situation):
        if self.anchor_interval and (situation.step - self.protect_first) % self.anchor_interval == 0:
            return Decision(False, "anchor")
        if situation.gate is None:
            return Decision(False, "history below 3")
        sign = "<=" if situation.gate <= self.threshold else ">"
        return Decision(sign == "<=", f"gate {situation.gate:.3f} {sign} {self.threshold:.3f}", situation.gate)

    def check(self, steps):
        pass


@dataclass(frozen=True)
class Guarded:
    """Never skip in the protected windows or past the cap; otherwise ask ``inner``. An open end is not protected."""

    inner: Policy
    protect_first: int
    protect_last: int
    max_consecutive_skips: int | None = None

    def decide(self, situation):
        if situation.step < self.protect_first:
            return Decision(False, "protected first")
        if not ends_open(situation.sigmas) and situation.step >= situation.steps - self.protect_last:
            return Decision(False, "protected last")
        if self.max_consecutive_skips is not None and situation.skips_in_row >= self.max_consecutive_skips:
            return Decision(False, "cap")
        return self.inner.decide(situation)

    def check(self, steps):
        self.inner.check(steps)

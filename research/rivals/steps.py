"""REAL steps that are known before the run: the policy that makes them, and the published rules that name them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from comfyui_fsampler.fsampler import Decision, Policy, Situation

Rule = Callable[[int, int], tuple[int, ...]]  # (steps of the run, REAL steps it opens with) -> its REAL steps


@dataclass(frozen=True)
class AtSteps(Policy):
    """REAL at the steps given, SKIP at all others. The engine makes steps 0 and 1 REAL whatever is given."""

    real: frozenset[int]

    @property
    def keeps_count(self) -> bool:
        """A prediction that the engine's validators refuse is replaced by the last REAL value, not by a call."""
        return True

    def decide(self, situation: Situation) -> Decision:
        return Decision(situation.step not in self.real, "given")


def step_of(sigmas: Sequence[float], sigma: float) -> int:
    """The step of a schedule that begins at this sigma, rounding aside.

    >>> step_of([1.0, 0.5, 0.0], 0.4999)
    1
    """
    return min(range(len(sigmas) - 1), key=lambda step: abs(sigmas[step] - sigma))


def periodic(steps: int, opening: int, interval: int, closing: int, phase: int | None = None) -> tuple[int, ...]:
    """REAL: the ``opening`` first steps, every ``interval``-th, and the ``closing`` last ones.

    phase: the remainder that every ``interval``-th step leaves; None counts from the last step of the opening.

    >>> periodic(10, opening=3, interval=3, closing=1)
    (0, 1, 2, 5, 8, 9)
    """
    phase = (opening - 1) % interval if phase is None else phase
    return tuple(i for i in range(steps) if i < opening or i >= steps - closing or i % interval == phase)


def fitted(rules: Iterable[Rule], steps: int, calls: int) -> tuple[int, ...]:
    """The REAL steps of the first of some rules that does with so many calls.

    Of its openings it is the shortest that spends the most; what is left over goes to the run's end. Raises ValueError
    where no rule does with so many.
    """
    for rule in rules:
        within = [real for opening in range(2, calls + 1) if len(real := rule(steps, opening)) <= calls]
        if within:
            real = max(within, key=len)
            skipped = [step for step in range(steps) if step not in real]
            return tuple(sorted({*real, *skipped[len(skipped) - (calls - len(real)) :]}))
    raise ValueError(f"{calls} calls of {steps} steps are fewer than the rule can do with; expected more")

"""What becomes of each step of a run: the policy's word, a changed model, a rejected forecast."""

from collections.abc import Iterable, Sequence

from .knowledge import Knowledge
from .location import Place
from .measure import Measured
from .paper import gate_values, judged
from .planner import plans
from .policies import Decision, Policy


class Decisions:
    """Asks the policy once a step; every evaluation of a step is of one kind, but for rejected forecasts. Keeps the
    run's plans.

    changes: steps at which the model begins to answer differently, as far as that is known beforehand.
    """

    def __init__(self, policy: Policy, changes: Iterable[int]) -> None:
        self.policy, self.changes = policy, frozenset(changes)
        self.planner = plans()
        self.model_changed = False  # since the last step, said from outside
        self.by_step: dict[int, Decision] = {}  # a SKIP whose forecast is rejected becomes REAL

    def model_changes(self, place: Place, last: Place | None) -> bool:
        """Whether the model has changed since the step before; then this step is REAL."""
        since = range(0 if last is None else last.step + 1, place.step + 1)
        if not place.first or not (self.model_changed or self.changes.intersection(since)):
            return False
        self.model_changed = False
        self.by_step[place.step] = Decision(False, "the model changes")
        return True

    def at(self, place: Place, measured: Measured, known: Knowledge, elements: Sequence[int]) -> Decision:
        """The decision for one evaluation; ``elements`` is the size of each sample."""
        if place.step not in self.by_step:
            ratio = place.sigma_next / known.sigmas[place.step]
            gates = measured.gate and known.parts.worst(gate_values(measured.gate, ratio, elements))
            situation = known.situation(place, self.by_step, gates, self.changes, self.planner)
            self.by_step[place.step] = self.policy.decide(situation)
        planned, parameterization = self.by_step[place.step], known.forecaster.history.parameterization
        decision = judged(planned, measured.forecast, parameterization, self.policy.keeps_count, known.parts)
        if decision.skip != planned.skip:
            self.by_step[place.step] = decision
        return decision

    def finished(self) -> None:
        """The run is over: no plan is kept."""
        self.planner = plans()

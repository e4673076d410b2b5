"""What one run does: a mode text and a few options, resolved into a frozen ``Config``."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .guidance import GuidanceTerm
from .modes import DEFAULT_MODE, VALID_FORMS, parse_mode, plain_mode
from .options import GivenOptions, Options, check_option
from .plan_text import Plan
from .planned import PlannedGuidance, PlannedTrend, Table
from .policies import Never, Policy, Record
from .predictors import Predictor

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; nothing but a type checker reads it


@dataclass(frozen=True)
class Config:
    """What one run does; build it with ``Config.parse``. Every field is resolved: nothing means "default" any more.

    mode: the text in its plain form: lower case, blanks trimmed, ``50%`` as ``calls:50%`` (``modes.plain_mode``);
    of a plan only its steps.
    policy: who decides, its guards included.
    order: values that take part in a prediction, 2 to 4.
    options: every option (``options.Options``); ``space``, ``nodes`` and ``correct`` are at hand here as well.
    predictor: makes the predictor of a run, in place of the one that the option ``stabilizer`` names; or None.
    plan: what a plan's text says beside its steps; or None.
    """

    mode: str
    policy: Policy
    order: int
    options: Options
    predictor: Callable[[], Predictor] | None = None
    plan: Plan | None = None

    @property
    def space(self) -> str:
        return self.options.space

    @property
    def nodes(self) -> str:
        return self.options.nodes

    @property
    def correct(self) -> bool:
        return self.options.correct

    @property
    def guided(self) -> bool:
        """Whether use is made of what the model says of its guidance."""
        return self.records or (self.options.stabilizer == "trend" and self.predictor is None)

    @property
    def records(self) -> bool:
        """Mode record: as off, and the run is recorded."""
        return isinstance(self.policy, Record)

    @property
    def never_skips(self) -> bool:
        """Modes off and record: the run is passed through untouched."""
        return isinstance(self.policy, Never)

    def make_predictor(self) -> Predictor:
        """The predictor of one run."""
        if self.predictor is not None:
            return self.predictor()
        return self.options.predictor(self.order) if self.plan is None else PlannedTrend(self.order, Table(self.plan))

    def make_guidance_term(self, flow: bool, predictor: Predictor) -> GuidanceTerm:
        """What predicts with the model's guidance in one run, beside its ``predictor``."""
        return PlannedGuidance(flow, predictor.table) if isinstance(predictor, PlannedTrend) else GuidanceTerm(flow)

    @staticmethod
    def parse(mode: str = DEFAULT_MODE, **options: Unpack[GivenOptions]) -> Config:
        """The ``Config`` of a mode text; options (``options.GivenOptions``) that are not None replace the mode's own.

        Raises ValueError naming the text, the position and what was expected there, or the option, its value and its
        range; TypeError for an option that does not exist.

        >>> Config.parse("h3/s4").order, Config.parse("auto:0.1", space="denoised").space
        (3, 'denoised')
        """
        unknown = sorted({*options} - {*GivenOptions.__annotations__})
        if unknown:
            raise TypeError(f"unknown option {unknown[0]!r}; expected one of {', '.join(GivenOptions.__annotations__)}")
        if not isinstance(mode, str):
            raise ValueError(f"mode is {reprlib.repr(mode)}; expected a text: {VALID_FORMS}")
        said = parse_mode(mode)
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        policy, predictor = given.pop("policy", None), given.pop("predictor", None)
        for name, value in given.items():
            check_option(name, value)
        chosen = replace(said.defaults, **given)
        name = plain_mode(mode) if said.plan is None else said.plan.name
        return Config(
            mode=name if policy is None else type(policy).__name__,
            policy=said.policy(chosen) if policy is None else policy,
            order=chosen.order or said.order,
            options=chosen,
            predictor=predictor,
            plan=said.plan if policy is None else None,
        )

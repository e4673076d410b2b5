"""What one run does: a mode text and a few options, resolved into a frozen ``Config``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .modes import DEFAULT_MODE, VALID_FORMS, parse_mode
from .options import Options, check_option
from .policies import Never, Policy
from .predictors import Predictor


@dataclass(frozen=True)
class Config:
    """What one run does; build it with ``Config.parse``. Every field is resolved: nothing means "default" any more.

    mode: the text as given, lower case, blanks trimmed.
    policy: who decides, its guards included.
    order: values that take part in a prediction, 2 to 4.
    options: every option (``options.Options``); ``space``, ``nodes`` and ``correct`` are at hand here as well.
    predictor: makes the predictor of a run, in place of the one that the option ``stabilizer`` names; or None.
    """

    mode: str
    policy: Policy
    order: int
    options: Options
    predictor: Callable[[], Predictor] | None = None

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
    def never_skips(self) -> bool:
        """Mode off: the run is passed through untouched."""
        return isinstance(self.policy, Never)

    def make_predictor(self) -> Predictor:
        """The predictor of one run."""
        return self.options.predictor(self.order) if self.predictor is None else self.predictor()

    @staticmethod
    def parse(
        mode: str = DEFAULT_MODE,
        *,
        order: int | None = None,
        space: str | None = None,
        nodes: str | None = None,
        protect_first: int | None = None,
        protect_last: int | None = None,
        anchor_interval: int | None = None,
        max_consecutive_skips: int | None = None,
        stabilizer: str | None = None,
        beta: float | None = None,
        gamma: float | None = None,
        correct: bool | None = None,
        policy: Policy | None = None,
        predictor: Callable[[], Predictor] | None = None,
    ) -> Config:
        """The ``Config`` of a mode text; an option that is not None replaces the mode's own default.

        The options are those of ``options.Options``. policy replaces the mode's own: what the mode says about
        predictions stays, and the report calls the run by the policy's class. predictor makes each run's predictor.

        Raises ValueError naming the text, the position and the valid forms, or the option, its value and its range.

        >>> Config.parse("h3/s4").order, Config.parse("auto:0.1", space="denoised").space
        (3, 'denoised')
        """
        given = {name: value for name, value in locals().items() if name in Options.__dataclass_fields__}
        if not isinstance(mode, str):
            raise ValueError(f"mode is {mode!r}; expected a text: {VALID_FORMS}")
        said = parse_mode(mode)
        for name, value in given.items():
            if value is not None:
                check_option(name, value)
        options = said.defaults.but(**{name: value for name, value in given.items() if value is not None})
        return Config(
            mode=mode.strip().lower() if policy is None else type(policy).__name__,
            policy=said.policy(options) if policy is None else policy,
            order=options.order or said.order,
            options=options,
            predictor=predictor,
        )

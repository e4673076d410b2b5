"""What a run has learned, and the events that replace it: the start, noise found, a changed model, the finish."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from .config import Config
from .correction import Correction
from .forecast import Forecast, Forecaster
from .location import Place
from .measure import Each, Measured, PreviousFigures, Sums, measure, nonfinite_share
from .noise import FirstAnswer, below
from .packed import PackForecaster, forecaster
from .parameterization import encode
from .parts import WHOLE, Parts
from .planner import Planner
from .policies import Decision, Situation
from .query import Query
from .response import Response


@dataclass(frozen=True)
class Curvatures:
    """The kappa that back-tests showed (``gap_error``).

    by_part: for each part of the latent, by REAL step, the worst sample's. first: the mean of the first back-test over
    the samples, of the worst part.
    """

    by_part: Sequence[Mapping[int, float]] = ()
    first: float | None = None

    @property
    def by_step(self) -> Mapping[int, float]:
        """Of each REAL step the worst part's."""
        return functools.reduce(_worse, self.by_part) if self.by_part else {}

    def seen(self, step: int, figures: Sequence[Each]) -> Curvatures:
        """With one more back-test: for each part, a figure for each sample."""
        before = self.by_part or [{} for _ in figures]
        by_part = [{**part, step: max(*new, part.get(step, 0.0))} for part, new in zip(before, figures, strict=True)]
        first = max(sum(new) / len(new) for new in figures) if self.first is None else self.first
        return Curvatures(by_part, first)


def _worse(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """The greater figure of each step; both parts have seen the same steps."""
    return {step: max(figure, other[step]) for step, figure in one.items()}


@dataclass(frozen=True)
class Knowledge:
    """All that a run's answers rest on beside its schedule. Every event makes a new one; nothing is poked.

    sigmas: the schedule. forecaster: history and predictor, the only part that changes in place. correction: the open
    gap, and what the sampler is still to get. curvatures: what back-tests showed. first_answer: kept while it is open
    whether the sampler adds noise. parts: of the latent.
    """

    sigmas: tuple[float, ...]
    forecaster: Forecaster | PackForecaster
    correction: Correction
    curvatures: Curvatures = Curvatures()
    first_answer: FirstAnswer | None = None
    model_since: int = 0
    parts: Parts = WHOLE

    @classmethod
    def start(
        cls, sigmas: tuple[float, ...], config: Config, flow: bool, response: Response, parts: Parts
    ) -> Knowledge:
        """Nothing is known."""
        return cls(sigmas, forecaster(config, flow, parts), Correction(response, config.correct), parts=parts)

    def finished(self) -> Knowledge:
        """Without a tensor; the curvatures, which are none, stay to be read."""
        correction = Correction(self.correction.response, self.correction.active)
        return replace(self, forecaster=self.forecaster.fresh(), correction=correction, first_answer=None)

    def noise_found(self, first: FirstAnswer) -> Knowledge:
        """The sampler adds noise: ``denoised`` is predicted from the first answer on, and nothing is corrected."""
        noisy = self.forecaster.noisy_after(first)
        return Knowledge(self.sigmas, noisy, Correction(self.correction.response, active=False), parts=self.parts)

    def model_changed(self, step: int) -> Knowledge:
        """The model answers differently from this step on: nothing is predicted or planned from what it said before.

        What remains is what the sampler is still to get of a correction, and what the gaps so far have cost. Measured:
        docs/measurements.md, "When the model changes in mid-run".
        """
        return replace(
            self,
            forecaster=self.forecaster.fresh(),
            correction=self.correction.closed(),
            first_answer=None,
            model_since=step,
        )

    def situation(
        self,
        place: Place,
        decisions: Mapping[int, Decision],
        gates: Each | None,
        changes: frozenset[int],
        planner: Callable[..., Planner],
    ) -> Situation:
        """What the policy may know at the first evaluation of a step; ``decisions`` are those of the steps before.

        gates: the paper's gate of each part, where it was measured.
        """
        streak = itertools.takewhile(lambda decision: decision.skip, reversed([*decisions.values()]))
        return Situation(
            step=place.step,
            sigmas=self.sigmas,
            real_steps=tuple(step for step, decision in decisions.items() if not decision.skip),
            skips_in_row=len([*streak]),
            gate=max(gates) if gates else None,
            curvatures=self.curvatures.by_step,
            first_curvature=self.curvatures.first,
            flow=self.forecaster.flow,
            noisy=self.forecaster.noisy,
            changes=changes,
            model_since=self.model_since,
            points=self.correction.response.points,
            planner=planner,
            gate_by_part=gates if gates and self.parts.sizes else (),
            curvatures_by_part=self.curvatures.by_part if self.parts.sizes else (),
        )

    def measure(self, query: Query, forecast: Forecast | None, pending: Sums | None, gate: bool) -> Measured:
        """The evaluation's one device-to-host transfer.

        pending: the sums of the REAL evaluation before. gate: the paper's gate is wanted.
        """
        first = self.first_answer
        return measure(
            query.sigma,
            forecast=self.forecaster.sums(forecast) if forecast else None,
            gate=self.forecaster.gate_sums(query) if gate else None,
            euler_distance=first.euler_distance(query.state, query.sigma, self.parts) if first else None,
            previous=pending,
            apart=query.apart,
            spread=query.spread,
        )

    def adds_noise(self, measured: Measured) -> FirstAnswer | None:
        """The first answer, where this evaluation shows that the sampler adds noise."""
        first, distances = self.first_answer, measured.euler_distance
        if first is None or distances is None:
            return None
        known = self.correction.response.adds_noise
        return first if known or first.shows_noise(distances, measured.sigma, self.sigmas[1]) else None

    def informed(self, figures: PreviousFigures, place: Place) -> Knowledge:
        """With what the transfer brought of the REAL answer at ``place``. Raises FloatingPointError where that was not
        finite."""
        share = sum(figures.nonfinite) / len(figures.nonfinite)
        if share > 0:
            raise FloatingPointError(
                f"the model's output at step {place.step} (sigma {place.sigma:.5g}) is not finite in "
                f"{100 * share:.3g} % of its elements; expected finite values, the run stops here"
            )
        if figures.curvature is None:
            return self
        return replace(self, curvatures=self.curvatures.seen(place.step, self.parts.grouped(figures.curvature)))

    def skipped(self, forecast: Forecast, place: Place) -> Knowledge:
        """After a SKIP that used the forecast."""
        correction = self.correction.skipped(forecast.parameterization, forecast.value, place)
        return replace(self, correction=correction)

    def observed(
        self, state: Tensor, denoised: Tensor, place: Place, guidance: Tensor | None = None
    ) -> tuple[Knowledge, Sums, Tensor | None]:
        """After a REAL evaluation, where the model answered ``denoised [B, ...]`` at ``state [B, ...]``.

        guidance: what the model said of that answer's guidance (``guidance.taken_from``).
        Returns also ``PreviousFigures`` on the device, and how far the state is off after a gap, ``[B, ...]``, or None.
        """
        nonfinite = nonfinite_share(denoised)
        forecaster, history = self.forecaster, self.forecaster.history
        value = encode(history.parameterization, denoised, state, place.sigma)
        curvature = forecaster.back_test(state, place.sigma, denoised, value, guidance)
        delta = self.correction.delta(history, value, place)
        if delta is not None:
            value = forecaster.corrected(value, delta, place.sigma)
        value = value.clone() if value is denoised else value  # the model may answer in the same tensor again
        forecaster.remember(state, place.sigma, denoised, value, self.sigmas[place.step])
        first = self._watched(denoised, value, place)
        known = replace(self, correction=self.correction.closed(), first_answer=first)
        return known, (nonfinite,) if curvature is None else (nonfinite, curvature), delta

    def _watched(self, denoised: Tensor, value: Tensor, place: Place) -> FirstAnswer | None:
        """The first answer, from the first evaluation until its step is over."""
        if below(place.sigma, self.sigmas[1]):
            return None
        if place.evaluation == 0 and self.forecaster.config.space == "auto":
            return FirstAnswer(denoised.clone(), value, place.sigma, self.sigmas[0])
        return self.first_answer

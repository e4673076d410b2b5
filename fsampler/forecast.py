"""The next answer before it is asked for: what a run remembers, and the predictor that reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .config import Config
from .correction import value_shift
from .gap_error import HIGH_CURVATURE, denoised_change
from .history import History, usable_order
from .measure import Sums, dot, norm, rms, share_along
from .noise import FirstAnswer, innovation, noise_in
from .paper import gate_sums
from .predictors import BackTest
from .query import Query
from .schedule import lambda_slope_squared

TINY = 1e-12


@dataclass(frozen=True)
class Forecast:
    """What the model is expected to answer: ``value [B, ...]`` in ``parameterization``."""

    value: Tensor
    parameterization: str


class Forecaster:
    """History and predictor of a run whose sampler follows the ODE; ``NoisyForecaster`` serves the others.

    first_curvature ``[B, 1, ..., 1]``: what the first back-test showed, on the device; None before it.
    """

    noisy = False

    def __init__(self, config: Config, flow: bool) -> None:
        self.config, self.flow = config, flow
        self.predictor = config.make_predictor()
        capacity = max(self.predictor.capacity, 3 if config.policy.needs_gate else 2)
        self.history = History(self._parameterization(), capacity, config.nodes)
        self.first_curvature: Tensor | None = None
        guided = config.guided and self.history.parameterization == "epsilon"
        self.guidance = config.make_guidance_term(flow, self.predictor) if guided else None

    def _parameterization(self) -> str:
        return "epsilon" if self.config.space == "auto" else self.config.space

    def fresh(self) -> Forecaster:
        """One of the same kind that has seen nothing."""
        return type(self)(self.config, self.flow)

    def forecast(self, query: Query) -> Forecast | None:
        """What a SKIP at the query would use; None while fewer than 2 REAL values are known."""
        if len(self.history) < 2:
            return None
        value = self.predictor.value(self._readable(query), query)
        if self.guidance is not None:
            value = self.guidance.applied(value, query.sigma, self.history)
        return Forecast(value, self.history.parameterization)

    def _readable(self, query: Query) -> History:
        """The history as predictions read it."""
        return self.history

    def hold(self) -> Forecast:
        """The last REAL value, as a forecast."""
        return Forecast(self.history.newest.value.clone(), self.history.parameterization)

    def sums(self, forecast: Forecast) -> Sums:
        """What the validators need of a forecast: ``measure.ForecastFigures`` on the device."""
        length = self.history.newest_norm
        assert length is not None  # a forecast has been made from the history
        return norm(forecast.value), length, dot(forecast.value, self.history.newest.value)

    def gate_sums(self, query: Query) -> Sums | None:
        """What the paper's gate needs: ``measure.GateFigures`` on the device; None before three REAL values."""
        return gate_sums(self.history, query)

    def back_test(
        self, state: Tensor, sigma: float, denoised: Tensor, value: Tensor, guidance: Tensor | None = None
    ) -> Tensor | None:
        """Learn from a REAL evaluation what could have been predicted of it.

        guidance: ``GuidanceTerm.see``'s; of no use before the old one has been judged, and of none to the history.
        Returns the curvature seen, ``[B, 1, ..., 1]``, in the unit of ``gap_error``; None where nothing could be.
        """
        seen, curvature = BackTest(state, sigma, denoised, value), None
        if self.history.entries and self.history.all_above(sigma):
            seen = self._seen(seen)
        self.predictor.learn(self.history, seen)
        if seen.change is not None:
            curvature = self._curvature(seen, seen.change)
            self.first_curvature = curvature if self.first_curvature is None else self.first_curvature
        if self.guidance is not None:
            self.guidance.see(guidance, sigma)
        return curvature

    def _seen(self, seen: BackTest) -> BackTest:
        """The back-test with what the history says of it."""
        newest, trend = self.history.newest, self._polynomial(seen.sigma)
        change, came_true = seen.value - newest.value, None
        if trend is not None:
            trend.sub_(newest.value)
            along, squared = dot(trend, change), dot(trend, trend)
            if self.guidance is not None:
                along = self.guidance.unexplained(change, trend, along, squared, seen.sigma, newest.sigma)
            came_true = share_along(along, squared)
        return replace(
            seen,
            change=change,
            trend=trend,
            came_true=came_true,
            high_curvature=None if self.first_curvature is None else self.first_curvature >= HIGH_CURVATURE,
        )

    def _polynomial(self, sigma: float) -> Tensor | None:
        order = usable_order(self.config.order, len(self.history))
        return None if order is None else self.history.extrapolate(sigma, order)

    def _curvature(self, seen: BackTest, change: Tensor) -> Tensor | None:
        """The miss of the straight line, over rms(denoised), over the distances to its two nodes: the second divided
        difference of epsilon. That over ``lambda_slope_squared`` is even over a run (``gap_error``)."""
        if seen.trend is None:
            return None
        older, newer = (entry.sigma for entry in self.history.entries[-2:])
        miss = rms(change.sub_(seen.trend)) / rms(seen.denoised).clamp_min(TINY)
        distances = (newer - seen.sigma) * (older - seen.sigma)
        to_epsilon = 1.0 if self.history.parameterization == "epsilon" else seen.sigma
        return miss / (distances * to_epsilon * lambda_slope_squared(newer, self.flow))

    def corrected(self, value: Tensor, delta: Tensor, sigma: float) -> Tensor:
        """A REAL value at ``sigma``, as it would have been at the state ``delta`` away; both ``[B, ...]``."""
        shift = value_shift(self.history.parameterization, delta, sigma, self.predictor.trend_gain)
        return torch.addcmul(value, delta, shift)

    def noisy_after(self, first: FirstAnswer) -> NoisyForecaster:
        """The one to go on with once the sampler is known to add noise; it knows the run's first answer."""
        return NoisyForecaster.after(first, self.config, self.flow)

    def remember(self, state: Tensor, sigma: float, denoised: Tensor, value: Tensor, step_begins: float) -> None:
        """Take a REAL evaluation into the history; ``step_begins`` is the sigma at which its step begins."""
        self.history.append(sigma, value, step_begins)


class NoisyForecaster(Forecaster):
    """Of a run whose sampler adds noise, which epsilon would hold: predicts ``denoised``, moved by the fresh noise."""

    noisy = True

    def __init__(self, config: Config, flow: bool) -> None:
        super().__init__(config, flow)
        self.noise: Tensor | None = None

    @classmethod
    def after(cls, first: FirstAnswer, config: Config, flow: bool) -> NoisyForecaster:
        """One that knows the run's first answer."""
        begun, state = cls(config, flow), first.denoised + first.sigma * first.epsilon
        begun.remember(state, first.sigma, first.denoised, first.denoised, first.step_begins)
        return begun

    def _parameterization(self) -> str:
        return "denoised"

    def _readable(self, query: Query) -> History:
        assert self.noise is not None  # remembered with every value
        newest = self.history.newest.value
        return self.history.with_offset(innovation(query.state, query.sigma, newest, self.noise, self.flow))

    def _curvature(self, seen: BackTest, change: Tensor) -> Tensor:
        """The relative move of ``denoised`` over ``denoised_change``: no curvature can be seen through the noise."""
        moved = rms(change) / rms(seen.denoised).clamp_min(TINY)
        return moved / denoised_change(seen.sigma, self.history.newest.sigma, self.flow)

    def remember(self, state: Tensor, sigma: float, denoised: Tensor, value: Tensor, step_begins: float) -> None:
        super().remember(state, sigma, denoised, value, step_begins)
        self.noise = noise_in(state, denoised, sigma, self.flow)

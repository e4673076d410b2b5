"""One denoiser call: query, forecast, measure, decide, then skip or call the model. Sole owner of a run's state.

A sampler sees a callable ``model(x, sigma, **extra) -> denoised`` and nothing else; skipping needs no help from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .config import Config
from .forecast import Forecast
from .knowledge import Knowledge
from .measure import Measured, Sums, measure, read_previous
from .paper import gate_value, judged
from .parameterization import decode
from .policies import Decision
from .query import Model, Place, Query, QueryReader, StepLocator
from .report import Report
from .response import EulerResponse, Response
from .schedule import check_schedule, is_flow


@dataclass(frozen=True)
class Answer:
    """What the sampler gets: ``denoised [B, ...]`` in x's dtype, with what is due of a correction."""

    denoised: Tensor
    place: Place
    decision: Decision


class SkippingDenoiser:
    """Wraps ``model`` for one run over ``sigmas``; use it where the sampler would use the model, then ``finish()``.

    model: ``(x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]``.
    sigmas: the schedule, ``steps + 1`` values, strictly decreasing, read once.
    config: a ``Config`` that may skip; ``run.FullRun`` is for the others.
    flow: sigma is flow time; None reads it off the schedule (``schedule.is_flow``).
    changes: steps at which the model begins to answer differently, by a schedule of its own. Such a step is REAL, and
    what follows is neither predicted nor planned from what came before it. ``forget`` says the same from outside.
    response: what is known of the sampler (``response.probe``); None is nothing.
    report: the ``Report``, filled as the run goes.

    Raises ValueError for a bad schedule or a config that does not fit it, for x that changes shape or dtype or requires
    grad; FloatingPointError when the model's output is not finite (one evaluation late, or in ``finish``: the check
    travels with the next evaluation's only device-to-host transfer).
    """

    def __init__(
        self,
        model: Model,
        sigmas: Tensor | Sequence[float],
        config: Config,
        *,
        flow: bool | None = None,
        changes: Iterable[int] = (),
        response: Response | None = None,
    ) -> None:
        self.model, self.config, self.policy = model, config, config.policy
        self.sigmas = check_schedule(sigmas)
        self.policy.check(len(self.sigmas) - 1)
        self.changes, self.forgetting = frozenset(changes), False
        self.report = Report(config.mode, len(self.sigmas) - 1)
        self.reader, self.locator = QueryReader(self.sigmas), StepLocator(self.sigmas)
        flow = is_flow(self.sigmas) if flow is None else flow
        self.known = Knowledge.start(self.sigmas, config, flow, response or EulerResponse())
        self.decisions: dict[int, Decision] = {}  # by step; a SKIP whose forecast is rejected becomes REAL
        self.pending: Sums | None = None  # of the REAL evaluation before; they travel with the next transfer

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        """``denoised [B, ...]`` at ``(x, sigma)``, in the dtype of x: the model's, or a prediction."""
        query, last = self.reader.read(x, sigma, extra), self.locator.place
        forecast = self.known.forecaster.forecast(query)
        measured = self._measure(query, forecast)
        self._learn(measured, last)
        place = self.locator.next_place(measured.sigma)
        decision = self._decide(place, measured, last)
        if decision.skip and forecast is not None:
            answer = self._skip(query, self.known.forecaster.hold() if decision.hold else forecast, place, decision)
        else:
            del forecast  # not kept alive beside the model
            answer = self._real(query, place, decision)
        self.report.add(answer.place, answer.decision)
        return answer.denoised

    def forget(self) -> None:
        """The model answers differently from now on: the next step is REAL and begins a new history."""
        self.forgetting = True

    def finish(self) -> Report:
        """The run's ``Report``; drops every tensor. Raises FloatingPointError for a non-finite last output."""
        pending, self.pending, last = self.pending, None, self.locator.place
        self.reader, self.known = QueryReader(self.sigmas), self.known.finished()
        if pending and last:
            self.known = self.known.informed(read_previous(pending), last)
        return self.report

    def _measure(self, query: Query, forecast: Forecast | None) -> Measured:
        """The evaluation's one device-to-host transfer."""
        known, pending, self.pending = self.known, self.pending, None
        return measure(
            query.sigma,
            forecast=known.forecaster.sums(forecast) if forecast else None,
            gate=known.forecaster.gate_sums(query) if self.policy.needs_gate else None,
            euler_distance=known.first_answer.euler_distance(query.state, query.sigma) if known.first_answer else None,
            previous=pending,
        )

    def _learn(self, measured: Measured, last: Place | None) -> None:
        """Take in what the last REAL answer showed, and whether the sampler adds noise."""
        if measured.previous and last:
            self.known = self.known.informed(measured.previous, last)
        first = self.known.adds_noise(measured)
        if first is not None:
            self.known = self.known.noise_found(first)
            self.report.notes.append("sampler adds noise: predicting denoised, no correction")

    def _decide(self, place: Place, measured: Measured, last: Place | None) -> Decision:
        """The policy is asked once a step; every evaluation of a step is of one kind, but for rejected forecasts."""
        if place.first:
            self.decisions[place.step] = self._decide_step(place, measured, last)
        planned, history = self.decisions[place.step], self.known.forecaster.history
        decision = judged(planned, measured.forecast, history.parameterization, self.policy.keeps_count)
        if decision.skip != planned.skip:
            self.decisions[place.step] = decision
        return decision

    def _decide_step(self, place: Place, measured: Measured, last: Place | None) -> Decision:
        """REAL, and a new beginning, where the model has changed since the step before; otherwise the policy's word."""
        since = range(0 if last is None else last.step + 1, place.step + 1)
        if self.forgetting or not self.changes.isdisjoint(since):
            self.forgetting, self.known = False, self.known.model_changed(place.step)
            return Decision(False, "the model changes")
        ratio, elements = place.sigma_next / self.sigmas[place.step], self.reader.elements
        gate = measured.gate and gate_value(measured.gate, ratio, elements)
        return self.policy.decide(self.known.situation(place, self.decisions, gate, self.changes))

    def _skip(self, query: Query, forecast: Forecast, place: Place, decision: Decision) -> Answer:
        self.known = self.known.skipped(forecast, place)
        denoised = decode(forecast.parameterization, forecast.value, query.state, place.sigma)
        return self._answer(denoised, query, place, decision)

    def _real(self, query: Query, place: Place, decision: Decision) -> Answer:
        denoised = self.model(query.x, query.asked_sigma, **query.extra)
        if place.sigma <= 0:
            return Answer(denoised, place, decision)  # nothing follows that could use it
        denoised = denoised.to(query.state.dtype)
        self.known, self.pending, delta = self.known.observed(query.state, denoised, place)
        return self._answer(denoised, query, place, decision, delta)

    def _answer(
        self, denoised: Tensor, query: Query, place: Place, decision: Decision, delta: Tensor | None = None
    ) -> Answer:
        denoised, correction = self.known.correction.apply(denoised, place, delta)
        self.known = replace(self.known, correction=correction)
        return Answer(denoised.to(query.x.dtype), place, decision)

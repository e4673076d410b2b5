"""One denoiser call: query, forecast, measure, decide, then skip or call the model. Sole owner of a run's state.

A sampler sees a callable ``model(x, sigma, **extra) -> denoised`` and nothing else; skipping needs no help from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .config import Config
from .decisions import Decisions
from .forecast import Forecast
from .full_run import FullRun
from .gain import remark
from .guidance import taken_from
from .knowledge import Knowledge
from .location import Place, locator
from .measure import Measured, Sums, read_previous
from .notes import Note
from .parameterization import decode
from .parts import Parts
from .policies import Decision
from .query import Model, Query, QueryReader, is_answer, misfit
from .report import SKIP, Report, in_calls
from .response import EulerResponse, Response
from .schedule import check_schedule, is_flow
from .timing import Stopwatch, speedup


@dataclass(frozen=True)
class Answer:
    """What the sampler gets: ``denoised [B, ...]``, with what is due of a correction."""

    denoised: Tensor
    place: Place
    decision: Decision


class SkippingDenoiser:
    """Wraps ``model`` for one run over ``sigmas``; use it where the sampler would use the model, then ``finish()``.

    model: ``(x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]``. Under classifier-free guidance it may say
    what guidance did: with an attribute ``guidance_difference``, which it sets at every call to the conditional answer
    less the unconditional one, both as denoised ``[B, ...]``, or to None. The run takes it, and its memory with it.
    sigmas: the schedule, ``steps + 1`` values, strictly decreasing, read once.
    config: a ``Config`` that may skip; ``run.FullRun`` is for the others.
    flow: sigma is flow time; None reads it off the schedule (``schedule.is_flow``).
    changes: steps at which the model begins to answer differently, by a schedule of its own. Such a step is REAL, and
    what follows is neither predicted nor planned from what came before it. ``forget`` says the same from outside.
    response: what is known of the sampler (``response.probe``); None is nothing.
    parts: where x is a pack of several latents, such as video and sound, how many elements of its last dimension belong
    to each. Every figure is then of each part, and the worst decides.
    report: the ``Report``, filled as the run goes.

    Whatever breaks what skipping rests on ends it, with a note that says what it was (docs/notes.md): the rest of the
    run is in full.

    Raises ValueError for a bad schedule, a config that does not fit it, an x that requires grad, and parts that do not
    add up to x's last dimension; FloatingPointError when the model's output is not finite (one evaluation late, or in
    ``finish``: the check travels with the next evaluation's only device-to-host transfer).
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
        parts: Sequence[int] = (),
    ) -> None:
        self.model, self.config, self.decisions = model, config, Decisions(config.policy, changes)
        self.sigmas = check_schedule(sigmas)
        config.policy.check(len(self.sigmas) - 1, self.decisions.changes)
        self.report = Report(config.mode, len(self.sigmas) - 1)
        response, flow = response or EulerResponse(), is_flow(self.sigmas) if flow is None else flow
        self.locator = locator(self.sigmas, response.evaluations)
        given = Parts.of(parts)
        self.reader = QueryReader([*self.sigmas, *(sigma for sigma, _ in response.evaluations or ())], given)
        self.known = Knowledge.start(self.sigmas, config, flow, response, given)
        self.rest: FullRun | None = None  # once an anomaly has ended the skipping
        self.stopwatch = Stopwatch()
        self.pending: Sums | None = None  # of the REAL evaluation before; they travel with the next transfer

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        """``denoised [B, ...]`` at ``(x, sigma)``: the model's, or a prediction in the dtype of x."""
        self.stopwatch.start()
        anomaly = self.reader.anomaly(x)
        if self.rest or anomaly:
            return self._in_full(anomaly, x, sigma, extra)
        query, last = self.reader.read(x, sigma, extra), self.locator.place
        forecast = self.known.forecaster.forecast(query)
        measured = self.known.measure(query, forecast, self.pending, self.config.policy.needs_gate)
        self.stopwatch.lap()
        self.pending = None
        place = misfit(measured, last, self.locator.repeats) or self.locator.next_place(measured.sigma)
        if isinstance(place, Note):
            return self._in_full(place, x, sigma, extra)
        self._learn(measured, last)
        if self.decisions.model_changes(place, last):
            self.known = self.known.model_changed(place.step)
        decision = self.decisions.at(place, measured, self.known, self.reader.elements)
        if decision.skip and forecast is not None:
            answer = self._skip(query, self.known.forecaster.hold() if decision.hold else forecast, place, decision)
        else:
            del forecast  # not kept alive beside the model
            answer = self._real(query, place, decision)
        self.report.add(answer.place, answer.decision)
        return answer.denoised

    def forget(self) -> None:
        """The model answers differently from now on: the next step is REAL and begins a new history."""
        self.decisions.model_changed = True

    def in_full(self, reason: Note) -> None:
        """The rest of the run skips nothing; ``reason`` is for the report."""
        if self.rest is None:
            self._set_aside(reason)

    def progress(self) -> str:
        """How far the run is, for the user: ``step 12 of 20, 7 calls``."""
        if self.rest is None:
            return self.report.progress()
        return f"{in_calls(self.report.calls + len(self.rest.asked))}, the rest in full"

    def finish(self) -> Report:
        """The run's ``Report``; drops every tensor and plan. Raises FloatingPointError for a non-finite last output."""
        pending, last = self.pending, self.locator.place
        self._let_go()
        if pending and last:
            self.known = self.known.informed(read_previous(pending), last)
        rest = self.rest.finish().records if self.rest else []
        self._time()
        self.report.records += rest
        if self.known.parts.sizes:
            self.report.add_parts(self.known.parts.sizes, self.known.curvatures.by_part)
        little = remark(self.report, self.config.policy)
        self.report.notes += [little] if little else []
        return self.report

    def _time(self) -> None:
        """What the report says of time; whatever the last evaluation asked of the device has just been waited for."""
        if self.rest is None:
            self.stopwatch.lap()
        skipped = [record.kind == SKIP for record in self.report.records]
        self.report.seconds = seconds = self.stopwatch.total()
        self.report.speedup = None if seconds is None else speedup(seconds, self.stopwatch.laps, skipped)

    def _let_go(self) -> None:
        self.pending, self.reader, self.known = None, QueryReader(()), self.known.finished()
        self.decisions.finished()

    def _in_full(self, anomaly: Note | None, x: Tensor, sigma: Tensor, extra: dict[str, Any]) -> Tensor:
        """The model's answer, for the rest of the run: from an anomaly on the picture is the bare sampler's."""
        if anomaly:
            self._set_aside(anomaly)
        assert self.rest is not None
        return self.rest(x, sigma, **extra)

    def _set_aside(self, anomaly: Note) -> None:
        self._let_go()
        self.rest = FullRun(self.model, self.sigmas, self.config.mode, anomaly)
        self.report.notes.append(anomaly.in_full("the rest of the run is"))

    def _learn(self, measured: Measured, last: Place | None) -> None:
        """Take in what the last REAL answer showed, and whether the sampler adds noise."""
        if measured.previous and last:
            self.known = self.known.informed(measured.previous, last)
        first = self.known.adds_noise(measured)
        if first is not None:
            self.known = self.known.noise_found(first)
            self.report.notes.append(Note("adds-noise", "sampler adds noise: predicting denoised, no correction"))

    def _skip(self, query: Query, forecast: Forecast, place: Place, decision: Decision) -> Answer:
        self.known = self.known.skipped(forecast, place)
        denoised = decode(forecast.parameterization, forecast.value, query.state, place.sigma)
        return self._answer(denoised, query.x.dtype, place, decision)

    def _real(self, query: Query, place: Place, decision: Decision) -> Answer:
        said = self.model(query.x, query.asked_sigma, **query.extra)
        if not is_answer(said, query):
            self._set_aside(Note("answer-not-a-latent", "the model's answer is not one tensor like the latent"))
            return Answer(said, place, decision)
        if place.sigma <= 0:
            return Answer(said, place, decision)  # nothing follows that could use it
        denoised = said.to(query.state.dtype)
        guidance = taken_from(self.model, denoised)
        self.known, self.pending, delta = self.known.observed(query.state, denoised, place, guidance)
        return self._answer(denoised, said.dtype, place, decision, delta)

    def _answer(
        self, denoised: Tensor, dtype: torch.dtype, place: Place, decision: Decision, delta: Tensor | None = None
    ) -> Answer:
        denoised, correction = self.known.correction.apply(denoised, place, delta)
        self.known = replace(self.known, correction=correction)
        return Answer(denoised.to(dtype), place, decision)

"""One denoiser call: predict, look, decide, then skip or call the model. All mutable state of a run lives here.

A sampler sees a callable ``model(x, sigma, **extra) -> denoised`` and nothing else; skipping needs no help from it.
"""

import torch

from .clock import Clock, check_schedule, unround
from .correct import Gap, Landing, follow
from .gate import gate, gate_figures
from .noise import NoiseWatch
from .plan import is_flow
from .policy import Decision, Situation
from .predictor import Predictor
from .rehearsal import OneStep
from .report import REAL, SKIP, Record, Report
from .space import decode, encode
from .validate import rejection


class SkippingDenoiser:
    """Wraps ``model`` for one run over ``sigmas``; use it where the sampler would use the model, then ``finish()``.

    model: ``(x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]``.
    sigmas: the schedule, ``steps + 1`` values, strictly decreasing, read once.
    config: a ``Config`` that may skip; ``full.FullRun`` is for the others.
    flow: sigma is flow time; None reads it off the schedule (``plan.is_flow``).
    changes: steps at which the model begins to answer differently, by a schedule of its own. Such a step is REAL, and
    nothing from before it is used again; ``forget`` says the same from outside while the run goes.
    sampler: what is known of the sampler (``rehearsal.rehearse``).
    report: the ``Report``, filled as the run goes.

    Raises ValueError for a bad schedule or a config that does not fit it, for x that changes shape or dtype or requires
    grad; FloatingPointError when the model's output is not finite (one evaluation late, or in ``finish``: the check
    travels with the next evaluation's only device-to-host transfer).
    """

    def __init__(self, model, sigmas, config, *, flow=None, changes=(), sampler=None):
        self.model, self.config, self.sampler = model, config, sampler or OneStep()
        self.sigmas = check_schedule(sigmas)
        self.flow = is_flow(self.sigmas) if flow is None else flow
        self.changes, self.forgetting = frozenset(changes), False
        config.policy.check(len(self.sigmas) - 1)
        self.report = Report(config.mode, len(self.sigmas) - 1)
        self.clock, self.watch = Clock(self.sigmas), NoiseWatch(self.sigmas)
        self.predictor, self.gap, self.landing = Predictor(config, self.flow), Gap(), Landing()
        self.correct = config.correct
        self.step, self.decision, self.refused, self.real_steps, self.skips_in_row = None, None, None, [], 0
        self.pending, self.kappas, self.stiffness, self.like, self.schedule = {}, {}, None, None, None

    @torch.no_grad()
    def __call__(self, x, sigma, **extra):
        """``denoised`` at ``(x, sigma)``, shape and dtype of x: the model's, or a prediction."""
        self._check(x)
        level = unround(sigma.flatten()[:1].to(x.device), self.schedule)[0]
        level = level.to(torch.promote_types(x.dtype, torch.float32))
        state = x.to(level.dtype)
        before = self.sigmas[self.real_steps[-2]] if len(self.real_steps) > 1 else None
        prediction = self.predictor.predict(state, level, before)
        now = self._look(state, level, prediction)
        self._learn(now)
        self._decide(now)
        if self.decision.skip:
            if self.refused:
                prediction = self.predictor.history.entries[-1].value.clone()
            return self._skip(prediction, state, now["sigma"][0]).to(x.dtype)
        del prediction  # not kept alive beside the model
        return self._real(x, sigma, extra, state, now["sigma"][0])

    def forget(self):
        """The model answers differently from now on: the next step is REAL and begins a new history."""
        self.forgetting = True

    def finish(self):
        """The run's ``Report``; drops every tensor. Raises FloatingPointError for a non-finite last output."""
        last, self.pending = self.pending, {}
        self.predictor, self.gap, self.landing = Predictor(self.config, self.flow), Gap(), Landing()
        self.schedule = None
        self.watch.stop()
        if last:
            self._learn(_read(last))
        return self.report

    # -- before the decision -------------------------------------------------------------------------------------

    def _check(self, x):
        if x.requires_grad:
            raise ValueError("x requires grad; expected a latent to sample from (call x.detach())")
        if not x.is_floating_point() or x.ndim < 2 or not x.numel():
            raise ValueError(f"x is {x.dtype} {tuple(x.shape)}; expected a non-empty floating-point batch [B, ...]")
        like = (x.shape, torch.promote_types(x.dtype, torch.float32))  # a sampler may step up from half precision
        if self.like is None:
            self.like = like
            self.schedule = torch.tensor(self.sigmas, dtype=like[1], device=x.device)
        elif self.like != like:
            was, now = (f"{dtype} {tuple(shape)}" for shape, dtype in (self.like, like))
            raise ValueError(f"x changed from {was} to {now} within a run; expected one shape and dtype")

    def _look(self, state, level, prediction):
        """The evaluation's one device-to-host transfer: sigma, figures of the prediction, what was pending."""
        figures = {"sigma": level, **self.pending, **self.watch.figures(state, level)}
        if prediction is not None:
            figures |= self.predictor.figures(prediction)
        if self.config.gate:
            figures |= gate_figures(self.predictor, state, level)
        self.pending = {}
        return _read(figures)

    # -- the decision --------------------------------------------------------------------------------------------

    def _learn(self, now):
        """Take in what was transferred: was the last output finite, how curved is it, does the sampler add noise?"""
        bad = now.get("bad", [0.0])
        share = sum(bad) / len(bad)
        if share > 0:
            record = self.report.records[-1]
            raise FloatingPointError(
                f"the model's output at step {record.step} (sigma {record.sigma:.5g}) is not finite in "
                f"{100 * share:.3g} % of its elements; expected finite values, the run stops here"
            )
        if "kappa" in now:
            step = self.real_steps[-1]
            self.kappas[step] = max(*now["kappa"], self.kappas.get(step, 0.0))
            if self.stiffness is None:
                self.stiffness = sum(now["kappa"]) / len(now["kappa"])
        if "noise" in now and (self.sampler.noisy or self.watch.noisy(now["noise"], now["sigma"][0])):
            self.predictor.expect_noise(*self.watch.origin)
            self.watch.stop()
            self.correct, self.kappas = False, {}  # no correction: docs/measurements.md
            self.report.notes.append("sampler adds noise: predicting denoised, no correction")

    def _decide(self, now):
        """Ask the policy once a step; every evaluation of a step is of one kind."""
        step = self.clock.locate(now["sigma"][0])
        if step != self.step:
            changed = self._changed(step)
            self.step = step
            self.decision = changed or self.config.policy.decide(self._situation(now))
            if not self.decision.skip:
                self.real_steps.append(step)
            self.skips_in_row = self.skips_in_row + 1 if self.decision.skip else 0
        self.refused = None
        if self.decision.skip:
            fault = self._fault(now)
            if fault and self.decision.firm and "norm" in now:
                self.refused = fault
            elif fault:
                self.decision = Decision(False, f"rejected: {fault}")
                self.real_steps.append(step)
                self.skips_in_row = 0

    def _changed(self, step):
        """A REAL step and a new beginning, when the model has changed since the step before; otherwise None."""
        begins = 0 if self.step is None else self.step + 1
        if not self.forgetting and self.changes.isdisjoint(range(begins, step + 1)):
            return None
        self.forgetting, self.gap = False, Gap()
        self.predictor.forget()
        self.watch.stop()
        return Decision(False, "the model changes")

    def _situation(self, now):
        ratio = self.sigmas[self.step + 1] / self.sigmas[self.step]
        return Situation(
            step=self.step,
            sigmas=self.sigmas,
            real_steps=tuple(self.real_steps),
            skips_in_row=self.skips_in_row,
            gate=gate(now, ratio, self.like[0][1:].numel()),
            kappas=dict(self.kappas),
            stiffness=self.stiffness,
            flow=self.flow,
            noisy=self.predictor.noisy,
            changes=self.changes,
            evaluations=self.sampler.evaluations,
        )

    def _fault(self, now):
        """Why the prediction must not be used, or None."""
        if "norm" not in now:
            return "history below 2"
        turns = self.predictor.space == "residual"
        return rejection(now["norm"], now["last"], None if turns else now["product"])

    # -- after the decision --------------------------------------------------------------------------------------

    def _skip(self, value, state, sigma):
        self._record(SKIP, sigma)
        space, following = self.predictor.space, self.sigmas[self.step + 1]
        if self.correct and following > 0:
            self.gap = self.gap.add(space, value, sigma, self.sampler.effect(self._evaluation, sigma, following))
        return self._land(decode(space, value, state, sigma))

    def _real(self, x, sigma_tensor, extra, state, sigma):
        self._record(REAL, sigma)
        denoised = self.model(x, sigma_tensor, **extra)
        if sigma <= 0:
            return denoised  # nothing follows that could use it
        answer = denoised.to(state.dtype)
        # the difference is 0, or nan where the answer is not finite: a third of the passes of isfinite
        self.pending = {"bad": torch.count_nonzero((answer - answer).flatten(1), dim=1) / answer[0].numel()}
        value = encode(self.predictor.space, answer, state, sigma)
        kappa = self.predictor.back_test(value, answer, sigma)
        if kappa is not None:
            self.pending["kappa"] = kappa
        delta = self._close_gap(value, sigma)
        if delta is not None:
            value = value + follow(self.predictor.space, delta, sigma, self.predictor.alpha)
        self.predictor.remember(value, answer, state, sigma)
        self._watch(answer, value, sigma)
        return self._land(answer, delta).to(x.dtype)

    def _close_gap(self, value, sigma):
        """How far the state is off after a gap. None without one, at the last step, and for a second evaluation
        that was rejected at its step's end or beside the last REAL one."""
        gap, self.gap = self.gap, Gap()
        if gap.used is None or not 0 < self.sigmas[self.step + 1] < sigma or not self.predictor.history.below(sigma):
            return None
        return gap.delta(self.predictor.history.entries[-1], value, sigma)

    def _land(self, answer, delta=None):
        """The answer to give: the one before on its way into the state, and ``delta`` from here on."""
        answer = self.landing.onto(answer, self._evaluation)
        if delta is not None:
            sigma, following = self.report.records[-1].sigma, self.sigmas[self.step + 1]
            self.landing = Landing(delta, self._evaluation, self.sampler.landing(self._evaluation, sigma, following))
            answer = self.landing.onto(answer, self._evaluation)
        self.landing = self.landing.after(self._evaluation)
        return answer

    @property
    def _evaluation(self):
        """The one that was recorded last, counted from 0."""
        return len(self.report.records) - 1

    def _watch(self, answer, value, sigma):
        """Keep the first REAL evaluation for the noise watch, until the first step is over."""
        if sigma < self.watch.end:
            self.watch.stop()
        elif len(self.report.records) == 1 and self.config.space == "auto":
            self.watch.start(answer, value, sigma)

    def _record(self, kind, sigma):
        reason = f"held: {self.refused}" if self.refused else self.decision.reason
        self.report.records.append(Record(self.step, sigma, kind, reason, self.decision.estimate))


def _read(figures):
    """Tensors to lists of floats in one device-to-host transfer; names are kept."""
    flat = torch.cat([figure.flatten().float() for figure in figures.values()]).tolist()
    lists, start = {}, 0
    for name, figure in figures.items():
        lists[name] = flat[start : start + figure.numel()]
        start += figure.numel()
    return lists

"""One denoiser call: predict, look, decide, then skip or call the model. The only mutable state of a run lives here.

A sampler sees a callable ``model(x, sigma, **extra) -> denoised`` and nothing else; skipping needs no help from it.
"""

import torch

from .clock import MATCH, Clock, check_schedule
from .correct import Gap, land
from .extrapolate import newest, usable_order
from .history import Entry, History
from .norms import dot, norm, rms, weighted_sum
from .plan import bend, is_flow
from .policy import Decision, Never, Situation
from .report import REAL, SKIP, Record, Report
from .space import decode, encode
from .stabilize import gradient_estimate, learn_ratio
from .trend import learn_trend
from .validate import rejection

STOCHASTIC_ABOVE = 0.4  # share of a step's displacement that no deterministic sampler adds to Euler's (see _is_noisy)


class SkippingDenoiser:
    """Wraps ``model`` for one run over ``sigmas``; use it where the sampler would use the model, then ``finish()``.

    model: ``(x [B, ...], sigma [B] or 0-d, **extra) -> denoised [B, ...]``.
    sigmas: the schedule, ``steps + 1`` values, strictly decreasing, read once.
    config: a ``Config``.
    report: the ``Report``, filled as the run goes.

    Raises ValueError for a bad schedule or a config that does not fit it, for x that changes shape or dtype or requires
    grad; FloatingPointError when the model's output is not finite (one evaluation late, or in ``finish``: the check
    travels with the next evaluation's only device-to-host transfer).
    """

    def __init__(self, model, sigmas, config):
        self.model, self.config = model, config
        self.sigmas = check_schedule(sigmas.tolist() if hasattr(sigmas, "tolist") else sigmas)
        config.policy.check(len(self.sigmas) - 1)
        self.report = Report(config.mode, len(self.sigmas) - 1)
        self.clock = Clock(self.sigmas)
        self._first_end = self.sigmas[1] * (1 - MATCH)
        self.history = History(capacity=max(config.order, 3 if config.gate or "learning" in config.stabilizer else 2))
        self.space = "epsilon" if config.space == "auto" else config.space
        self.gap = Gap()
        self.alpha = self.ratio = self.last_epsilon = self.origin = None
        self.step, self.decision, self.real_steps, self.skips_in_row = None, None, [], 0
        self.pending, self.kappas, self.like = {}, {}, None

    @torch.no_grad()
    def __call__(self, x, sigma, **extra):
        """``denoised`` at ``(x, sigma)``, shape and dtype of x: the model's, or a prediction."""
        if isinstance(self.config.policy, Never):
            return self._pass_through(x, sigma, extra)
        self._check(x)
        level = sigma.flatten()[0].to(x.device, torch.promote_types(x.dtype, torch.float32))
        state = x.to(level.dtype)
        prediction = self._predict(state, level)
        now = self._look(state, level, prediction)
        self._learn_figures(now)
        self._decide(now)
        if self.decision.skip:
            return self._skip(prediction, state, now["sigma"][0]).to(x.dtype)
        del prediction  # not kept alive beside the model
        return self._real(x, sigma, extra, state, now["sigma"][0])

    def finish(self):
        """The run's ``Report``; drops every tensor. Raises FloatingPointError for a non-finite last output."""
        last, self.pending = self.pending, {}
        self.history, self.gap = History(0), Gap()
        self.alpha = self.ratio = self.last_epsilon = self.origin = None
        if last:
            self._learn_figures(_read(last))
        return self.report

    # -- before the decision -------------------------------------------------------------------------------------

    def _pass_through(self, x, sigma, extra):
        level = float(sigma.flatten()[0])
        denoised = self.model(x, sigma, **extra)
        self.report.records.append(Record(self.clock.locate(level), level, REAL, "off"))
        return denoised

    def _check(self, x):
        if x.requires_grad:
            raise ValueError("x requires grad; expected a latent to sample from (call x.detach())")
        if not x.is_floating_point() or x.ndim < 2 or not x.numel():
            raise ValueError(f"x is {x.dtype} {tuple(x.shape)}; expected a non-empty floating-point batch [B, ...]")
        if self.like is None:
            self.like = (x.shape, x.dtype)
        elif self.like != (x.shape, x.dtype):
            was, now = (f"{dtype} {tuple(shape)}" for shape, dtype in (self.like, (x.shape, x.dtype)))
            raise ValueError(f"x changed from {was} to {now} within a run; expected one shape and dtype")

    def _extrapolate(self, level):
        """The polynomial through the newest REAL values at ``level``, and the newest one; None with fewer than 2."""
        order = usable_order(self.config.order, len(self.history))
        if order is None:
            return None
        entries, weights = newest(self.history.entries, order, self.config.nodes, level)
        return weighted_sum([entry.value for entry in entries], weights), entries[-1].value

    def _predict(self, state, level):
        """The value a SKIP would use, stabilized; None while the history is too short."""
        known = self._extrapolate(level)
        if known is None:
            return None
        value, last = known
        stabilizer = self.config.stabilizer
        if stabilizer == "trend" and self.alpha is not None:
            value = torch.lerp(last, value, self.alpha)
        if "learning" in stabilizer and self.ratio is not None:
            value = value / self.ratio
        if "gradient" in stabilizer:
            epsilon = encode("epsilon", decode(self.space, value, state, level), state, level)
            epsilon = gradient_estimate(epsilon, self.last_epsilon, self.config.gamma)
            value = encode(self.space, decode("epsilon", epsilon, state, level), state, level)
        return value

    def _look(self, state, level, prediction):
        """The evaluation's one device-to-host transfer: sigma, figures of the prediction, what was pending."""
        figures = {"sigma": level, **self.pending}
        if prediction is not None:
            last = self.history.entries[-1].value
            figures |= {"norm": norm(prediction), "last": norm(last), "product": dot(prediction, last)}
        if self.origin is not None:
            denoised, epsilon, sigma = self.origin
            expected = denoised + level * epsilon  # Euler's x at this sigma, from the first REAL evaluation
            figures["noise"] = rms(state - expected) / (abs(level - sigma) * rms(epsilon)).clamp_min(1e-12)
        if self.config.gate and len(self.history) >= 3:
            figures |= self._gate_figures(state, level)
        self.pending = {}
        return _read(figures)

    def _gate_figures(self, state, level):
        """What the paper's gate needs of the h3 and h2 predictions, per sample (see ``_gate``)."""
        h3, h2 = (self._denoised_of_order(order, state, level) for order in (3, 2))
        return {"xx": dot(state, state), "xh": dot(state, h3), "hh": dot(h3, h3), "apart": norm(h3 - h2)}

    def _denoised_of_order(self, order, state, level):
        entries, weights = newest(self.history.entries, order, self.config.nodes, level)
        return decode(self.space, weighted_sum([entry.value for entry in entries], weights), state, level)

    # -- the decision --------------------------------------------------------------------------------------------

    def _learn_figures(self, now):
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
        # within the first step: dpmpp_2s_ancestral is at its end twice, without and then with noise
        if "noise" in now and self._first_end <= now["sigma"][0] < self.origin[2]:
            if max(now["noise"]) > STOCHASTIC_ABOVE:
                self._assume_noisy()

    def _assume_noisy(self):
        """An ancestral or SDE sampler: epsilon holds fresh noise, so extrapolate ``denoised`` from here on."""
        denoised, _, sigma = self.origin
        self.report.notes.append("sampler adds noise: predicting denoised")
        self.space, self.origin = "denoised", None
        self.history.entries = [Entry(sigma, denoised)]

    def _decide(self, now):
        """Ask the policy once a step; every evaluation of a step is of one kind."""
        step = self.clock.locate(now["sigma"][0])
        if step != self.step:
            self.step = step
            self.decision = self.config.policy.decide(self._situation(now))
            if not self.decision.skip:
                self.real_steps.append(step)
            self.skips_in_row = self.skips_in_row + 1 if self.decision.skip else 0
        if self.decision.skip:
            fault = "history below 2" if "norm" not in now else rejection(now["norm"], now["last"], now["product"])
            if fault:
                self.decision = Decision(False, f"rejected: {fault}")
                self.real_steps.append(step)
                self.skips_in_row = 0

    def _situation(self, now):
        return Situation(
            step=self.step, sigmas=self.sigmas, real_steps=tuple(self.real_steps), skips_in_row=self.skips_in_row,
            gate=self._gate(now), kappas=dict(self.kappas),
        )

    def _gate(self, now):
        """``rms(x_h3 - x_h2) / max(rms(x_h3), 1e-6)``, both advanced one step by Euler's map; worst sample."""
        if "apart" not in now:
            return None
        ratio = self.sigmas[self.step + 1] / self.sigmas[self.step]
        size = (self.like[0].numel() / self.like[0][0]) ** 0.5
        gates = []
        for xx, xh, hh, apart in zip(now["xx"], now["xh"], now["hh"], now["apart"], strict=True):
            x_h3 = max(ratio**2 * xx + 2 * ratio * (1 - ratio) * xh + (1 - ratio) ** 2 * hh, 0.0) ** 0.5
            gates.append((1 - ratio) * apart / max(x_h3, 1e-6 * size))
        return max(gates)

    # -- after the decision --------------------------------------------------------------------------------------

    def _skip(self, value, state, sigma):
        self._record(SKIP, sigma)
        following = self.sigmas[self.step + 1]
        if self.config.correct and following > 0:
            self.gap = self.gap.add(self.space, value, sigma, following)
        return decode(self.space, value, state, sigma)

    def _real(self, x, sigma_tensor, extra, state, sigma):
        self._record(REAL, sigma)
        denoised = self.model(x, sigma_tensor, **extra)
        if sigma <= 0:
            return denoised  # nothing follows that could use it
        answer = denoised.to(state.dtype)
        self.pending = {"bad": (~torch.isfinite(answer)).flatten(1).sum(dim=1) / answer[0].numel()}
        value = encode(self.space, answer, state, sigma)
        self._back_test(value, answer, sigma)
        following = self.sigmas[self.step + 1]
        # a rejected second evaluation may lie at the step's end or beside the last REAL one: nothing to interpolate
        if self.gap.used is not None and 0 < following < sigma < self.history.entries[-1].sigma:
            delta = self.gap.delta(self.history.entries[-1], value, sigma)
            del value
            self.gap = Gap()
            value = encode(self.space, answer, state + delta, sigma)  # history remembers the corrected state
            denoised = land(answer, delta, sigma, following).to(x.dtype)
        self.gap = Gap()
        self.history.append(sigma, value)
        if "gradient" in self.config.stabilizer:
            self.last_epsilon = encode("epsilon", answer, state, sigma)
        opening = len(self.real_steps) == 1 and self.origin is None
        if opening and self.config.space == "auto" and self.space == "epsilon":
            self.origin = (answer, value, sigma)
        elif sigma < self._first_end:
            self.origin = None
        return denoised

    def _back_test(self, value, denoised, sigma):
        """What would have been predicted here: learn the stabilizers from the miss, and how curved the model is."""
        known = self._extrapolate(sigma)
        if known is None or self.history.entries[-1].sigma <= sigma:
            return
        predicted, last = known
        if "learning" in self.config.stabilizer and len(self.history) >= 3:
            self.ratio = learn_ratio(self.ratio, predicted, value, self.config.beta)
        change, trend = value - last, predicted.sub_(last)
        if self.config.stabilizer == "trend":
            self.alpha = learn_trend(self.alpha, change, trend)
        before, after = self.history.entries[-2].sigma, self.history.entries[-1].sigma
        bent = rms(change.sub_(trend)) / (abs(sigma - after) * abs(sigma - before)) / rms(denoised).clamp_min(1e-12)
        if self.space != "epsilon":
            bent = bent / sigma
        self.pending["kappa"] = bent / bend(after, is_flow(self.sigmas))

    def _record(self, kind, sigma):
        self.report.records.append(Record(self.step, sigma, kind, self.decision.reason, self.decision.estimate))


def _read(figures):
    """Tensors to lists of floats in one device-to-host transfer; names are kept."""
    flat = torch.cat([figure.flatten().float() for figure in figures.values()]).tolist()
    lists, start = {}, 0
    for name, figure in figures.items():
        lists[name] = flat[start:start + figure.numel()]
        start += figure.numel()
    return lists

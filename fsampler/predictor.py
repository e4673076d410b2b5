"""What the model would say next: the history, the polynomial through it, and what its misses have taught."""

from .extrapolate import newest, usable_order
from .history import Entry, History
from .noise import innovation, noise_in
from .norms import dot, norm, rms, weighted_sum
from .plan import STIFF, bend, drift
from .space import decode, encode
from .stabilize import gradient_estimate, learn_ratio
from .trend import learn_trend, within_reach


class Predictor:
    """Predicts values of one space (``space.py``) from REAL ones and learns from every REAL value it could predict.

    All tensors have the shape of x; learned figures are per sample. Part of a ``SkippingDenoiser``'s state.
    """

    def __init__(self, config, flow):
        self.config, self.flow = config, flow
        self.space = "epsilon" if config.space == "auto" else config.space
        self.history = History(capacity=max(config.order, 3 if config.gate or "learning" in config.stabilizer else 2))
        self.noisy = False  # the sampler adds noise
        self.alpha = self.stiff = self.ratio = self.last_epsilon = self.noise = None

    def predict(self, x, sigma, before=None):
        """The value a SKIP at ``(x, sigma)`` would use, stabilized; None while the history is too short.

        ``before`` is the sigma of the REAL step before the last one: in samplers of two evaluations a step that is
        further back than the older of the two values that make the trend, where it reaches to by default.
        """
        if len(self.history) < 2:
            return None
        stabilizer, (older, last) = self.config.stabilizer, self.history.entries[-2:]
        reached = within_reach(sigma, last.sigma, before or older.sigma) if stabilizer == "trend" else sigma
        value = self._extrapolate(reached, self.alpha)
        if self.noisy:
            value.add_(innovation(x, sigma, last.value, self.noise, self.flow))
        if "learning" in stabilizer and self.ratio is not None:
            value = value / self.ratio
        if "gradient" in stabilizer:
            epsilon = encode("epsilon", decode(self.space, value, x, sigma), x, sigma)
            epsilon = gradient_estimate(epsilon, self.last_epsilon, self.config.gamma)
            value = encode(self.space, decode("epsilon", epsilon, x, sigma), x, sigma)
        return value

    def figures(self, prediction):
        """What the validators need of a prediction: norms and product with the last REAL value, per sample."""
        last = self.history.entries[-1].value
        return {"norm": norm(prediction), "last": norm(last), "product": dot(prediction, last)}

    def denoised_of_order(self, order, x, sigma):
        """The bare prediction of a given order as ``denoised``; None while the history is too short for it."""
        if len(self.history) < order:
            return None
        entries, weights = newest(self.history.entries, order, self.config.nodes, sigma)
        return decode(self.space, weighted_sum([entry.value for entry in entries], weights), x, sigma)

    def back_test(self, value, denoised, sigma):
        """Learn from the miss at a REAL evaluation. Returns the kappa seen (``plan.py``), ``[B, 1, ..., 1]``, or None.

        In sigma, curvature is the second divided difference of epsilon over rms(denoised): the miss of the straight
        line over the distances to its two nodes. Kappa is that over ``plan.bend``. Where the sampler adds noise it is
        the relative move of ``denoised`` over ``plan.drift``. The first one says which samples are stiff.
        """
        if not self.history.entries or not self.history.below(sigma):
            return None
        *_, last = self.history.entries
        size, change, predicted = rms(denoised).clamp_min(1e-12), value - last.value, self._extrapolate(sigma)
        kappa = rms(change) / size / drift(sigma, last.sigma, self.flow) if self.noisy else None
        if predicted is not None:
            if "learning" in self.config.stabilizer and len(self.history) >= 3:
                self.ratio = learn_ratio(self.ratio, predicted, value, self.config.beta)
            trend = predicted.sub_(last.value)
            if self.config.stabilizer == "trend":
                self.alpha = learn_trend(self.alpha, change, trend, self.stiff)
            if not self.noisy:
                kappa = self._curvature(rms(change.sub_(trend)) / size, sigma)
        if self.stiff is None and kappa is not None:
            self.stiff = kappa >= STIFF
        return kappa

    def remember(self, value, denoised, x, sigma):
        """Take a REAL evaluation into the history."""
        self.history.append(sigma, value)
        if self.noisy:
            self.noise = noise_in(x, denoised, sigma, self.flow)
        if "gradient" in self.config.stabilizer:
            self.last_epsilon = encode("epsilon", denoised, x, sigma)

    def forget(self):
        """Begin again: nothing known so far holds for what comes."""
        self.history.entries = []
        self.alpha = self.stiff = self.ratio = self.last_epsilon = self.noise = None

    def expect_noise(self, denoised, epsilon, sigma):
        """The sampler adds noise, which epsilon would hold: go on with ``denoised``, from one REAL evaluation."""
        self.noisy, self.space, self.history.entries = True, "denoised", [Entry(sigma, denoised)]
        self.noise = noise_in(denoised + sigma * epsilon, denoised, sigma, self.flow)

    def _curvature(self, miss, sigma):
        """Kappa of the relative miss of a straight line at ``sigma``."""
        older, newer = (entry.sigma for entry in self.history.entries[-2:])
        bent = miss / ((newer - sigma) * (older - sigma))
        return (bent if self.space == "epsilon" else bent / sigma) / bend(newer, self.flow)

    def _extrapolate(self, sigma, alpha=None):
        """The polynomial through the newest REAL values at ``sigma``, or ``alpha`` of the way there from the newest;
        None with fewer than 2."""
        order = usable_order(self.config.order, len(self.history))
        if order is None:
            return None
        entries, weights = newest(self.history.entries, order, self.config.nodes, sigma)
        if alpha is not None:
            weights = [alpha * weight for weight in weights]  # the newest value takes the rest
        return weighted_sum([entry.value for entry in entries], weights)

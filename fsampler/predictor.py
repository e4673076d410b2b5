"""What the model would say next: the history, the polynomial through it, and what its misses have taught."""

from .extrapolate import newest, usable_order
from .history import Entry, History
from .norms import dot, norm, rms, weighted_sum
from .plan import STIFF, bend
from .space import decode, encode
from .stabilize import gradient_estimate, learn_ratio
from .trend import learn_trend


class Predictor:
    """Predicts values of one space (``space.py``) from REAL ones and learns from every REAL value it could predict.

    All tensors have the shape of x; learned figures are per sample. Part of a ``SkippingDenoiser``'s state.
    """

    def __init__(self, config, flow):
        self.config, self.flow = config, flow
        self.space = "epsilon" if config.space == "auto" else config.space
        self.history = History(capacity=max(config.order, 3 if config.gate or "learning" in config.stabilizer else 2))
        self.alpha = self.stiff = self.ratio = self.last_epsilon = None

    def predict(self, x, sigma):
        """The value a SKIP at ``(x, sigma)`` would use, stabilized; None while the history is too short."""
        value = self._extrapolate(sigma, self.alpha)
        if value is None:
            return None
        stabilizer = self.config.stabilizer
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
        """Learn from the miss at a REAL evaluation. Returns the curvature kappa seen, ``[B, 1, ..., 1]``, or None.

        Curvature in sigma is the second divided difference of epsilon over rms(denoised): the miss of the straight line
        over the distances to its two nodes. Kappa is that over ``plan.bend``; the first one says which samples are
        stiff.
        """
        predicted = self._extrapolate(sigma)
        if predicted is None or not self.history.below(sigma):
            return None
        last = self.history.entries[-1].value
        if "learning" in self.config.stabilizer and len(self.history) >= 3:
            self.ratio = learn_ratio(self.ratio, predicted, value, self.config.beta)
        change, trend = value - last, predicted.sub_(last)
        if self.config.stabilizer == "trend":
            self.alpha = learn_trend(self.alpha, change, trend, self.stiff)
        older, newer = self.history.entries[-2].sigma, self.history.entries[-1].sigma
        bent = rms(change.sub_(trend)) / ((newer - sigma) * (older - sigma)) / rms(denoised).clamp_min(1e-12)
        kappa = (bent if self.space == "epsilon" else bent / sigma) / bend(newer, self.flow)
        self.stiff = kappa >= STIFF if self.stiff is None else self.stiff
        return kappa

    def remember(self, value, denoised, x, sigma):
        """Take a REAL evaluation into the history."""
        self.history.append(sigma, value)
        if "gradient" in self.config.stabilizer:
            self.last_epsilon = encode("epsilon", denoised, x, sigma)

    def forget(self):
        """Begin again: nothing known so far holds for what comes."""
        self.history.entries = []
        self.alpha = self.stiff = self.ratio = self.last_epsilon = None

    def restart(self, space, sigma, value):
        """Go on in another space, from one REAL value of it."""
        self.space, self.history.entries = space, [Entry(sigma, value)]

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

"""Does the sampler add noise of its own? Seen from where it stands after its first step, so any sampler can be asked.

A deterministic sampler's state differs from Euler's by second-order terms; an ancestral or SDE one by fresh noise of
the order of the step itself.
"""

from .history import MATCH
from .norms import rms

THRESHOLD = 0.75  # of the step's own displacement; two-stage solvers at guidance 5 reach 0.52, ancestral ones pass 2


class NoiseWatch:
    """Compares the state during the first step with Euler's from the first REAL evaluation, until that step is over."""

    def __init__(self, sigmas):
        self.end = sigmas[1] * (1 - MATCH)
        self.origin = None

    def start(self, denoised, epsilon, sigma):
        """The first REAL evaluation."""
        self.origin = (denoised, epsilon, sigma)

    def stop(self):
        """Forget it; the question is settled."""
        self.origin = None

    def figures(self, x, sigma):
        """Distance to Euler's state at ``sigma`` over the displacement, per sample; nothing before ``start``."""
        if self.origin is None:
            return {}
        denoised, epsilon, begin = self.origin
        expected = denoised + sigma * epsilon
        return {"noise": rms(x - expected) / (abs(sigma - begin) * rms(epsilon)).clamp_min(1e-12)}

    def noisy(self, distances, sigma):
        """The verdict on ``figures`` at ``sigma``: within the first step, since dpmpp_2s_ancestral is at its end twice,
        without and then with noise."""
        return self.origin is not None and self.end <= sigma < self.origin[2] and max(distances) > THRESHOLD

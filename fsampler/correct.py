"""Correction after a gap: at the next REAL step the skipped values can be interpolated, which is an order better.

``delta`` is how far the state is off at that step; ``land`` hands the sampler a ``denoised`` that takes a one-step
method where the corrected state would have gone. No model call is spent. Two-point interpolation beat three and four.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Gap:
    """The SKIP evaluations j since the last REAL one, as three sums over them: of ``w``, ``w sigma`` and ``w value``.

    ``w_j`` is what an error of value j does to the state, carried on at fixed ``denoised``: ``(sigma_{j+1} - sigma_j) /
    sigma_{j+1}`` for epsilon, ``-1 / sigma_j`` times that for denoised and residual. The interpolation is linear in
    sigma, so these sums are enough and a gap of any length costs one latent of memory.
    """

    weight: float = 0.0
    moment: float = 0.0
    used: torch.Tensor | None = None

    def add(self, space, value, sigma, sigma_next):
        """The gap with one more SKIP that used ``value`` (shape of x) at ``sigma``, before ``sigma_next`` > 0."""
        weight = (sigma_next - sigma) / sigma_next
        if space != "epsilon":
            weight = -weight / sigma
        used = weight * value if self.used is None else self.used.add(value, alpha=weight)
        return Gap(self.weight + weight, self.moment + weight * sigma, used)

    def delta(self, before, value, sigma):
        """Interpolated minus used, summed (design 3.2): add it to x at the REAL evaluation that ends the gap.

        before: the REAL ``Entry`` before the gap; value, sigma: the REAL evaluation after it, in the same space.
        """
        # sum of w_j times j's place in the gap: 0 at the REAL step before it, 1 at the one after
        late = (self.moment - before.sigma * self.weight) / (sigma - before.sigma)
        return self.used.sub(value, alpha=late).sub_(before.value, alpha=self.weight - late).mul_(-sigma)


def land(denoised, delta, sigma, sigma_next):
    """``denoised`` changed so that Euler's step lands where it would from ``x + delta``; unchanged at the last step."""
    ratio = sigma_next / sigma
    return torch.add(denoised, delta, alpha=ratio / (1 - ratio))

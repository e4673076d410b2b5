"""Where in the schedule an evaluation belongs: its step, also in samplers that evaluate several times a step.

Sigma alone does not tell: heun's second evaluation shares its sigma with the next step's first. But a sampler that
does so evaluates the same sigma twice in a row, and it shows that before the first step that may be skipped.
"""

import bisect
import math

import torch

from .history import MATCH, coincide


def check_schedule(sigmas):
    """The schedule, a tensor or a list, as floats. Raises ValueError unless it has 2 sigmas or more, finite, >= 0,
    strictly decreasing."""
    sigmas = sigmas.tolist() if hasattr(sigmas, "tolist") else sigmas
    if any(isinstance(s, (list, tuple)) for s in sigmas):
        raise ValueError(f"schedule has more than one dimension ({len(sigmas)} rows); expected a flat list of sigmas")
    values = [float(s) for s in sigmas]
    if len(values) < 2:
        raise ValueError(f"schedule has {len(values)} sigmas; expected at least 2")
    for i, value in enumerate(values):
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"sigma {value} at index {i}; expected finite values >= 0")
        if i and value >= values[i - 1]:
            raise ValueError(f"sigma {value} at index {i} after {values[i - 1]}; expected strictly decreasing values")
    return tuple(values)


def unround(levels, schedule):
    """Sigmas ``[n]`` as float32 (or wider); those that half precision has rounded become the schedule's own again.

    Samplers multiply the schedule by ones of the latent's dtype, so half-precision latents make such sigmas.
    ``schedule`` is on their device: copied there at every evaluation, it would make the host wait each time.
    """
    rounding = torch.finfo(levels.dtype).eps
    exact = levels.to(torch.promote_types(levels.dtype, torch.float32))
    if rounding < MATCH:
        return exact
    nearest = schedule[(schedule - exact[:, None]).abs().argmin(dim=1)]
    return torch.where((nearest - exact).abs() <= rounding * exact, nearest, exact)


class Clock:
    """Follows the sigmas a sampler asks for and says which step each belongs to."""

    def __init__(self, sigmas):
        self.sigmas = sigmas
        self.shares_ends = False  # steps end with an evaluation at the next step's sigma (heun and its kin)
        self._last = None
        self._reached = 0

    def locate(self, sigma):
        """The 0-based step of an evaluation at ``sigma``, one after the last sigma given."""
        step = self._nearest(sigma)
        on_node = coincide(sigma, self.sigmas[step])
        repeated = self._last is not None and coincide(sigma, self._last)
        self._last = sigma
        if on_node and step > 0 and repeated:
            self.shares_ends = True
        elif on_node and step > 0 and self.shares_ends:
            step -= 1
        # never back: a sampler that looks ahead and returns (heunpp2) is in the furthest step it has asked for
        self._reached = max(self._reached, min(step, len(self.sigmas) - 2))
        return self._reached

    def _nearest(self, sigma):
        """The last step whose sigma is not below the given one; a sigma above the schedule belongs to step 0."""
        descending = [-s for s in self.sigmas]
        return max(bisect.bisect_right(descending, -sigma * (1 - MATCH)) - 1, 0)

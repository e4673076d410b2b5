"""The noise of a sampler as a path over sigma: a run of other steps adds the same over the same stretch.

A step of the reverse SDE from VE sigma s to t keeps the share ``phi(t) / phi(s)`` of the state and adds noise of
variance ``t^2 - (s phi(t) / phi(s))^2``. That is ``phi(t)`` times the move of a Brownian motion whose clock shows
``(sigma / phi(sigma))^2``, so two steps add what one step over both adds. ``phi`` is ``sigma^2`` for ancestral and
DPM++ SDE samplers; for ER-SDE it is the noise scaler of its solver (arXiv 2309.06169).
"""

import math
from collections.abc import Callable, Sequence

import torch
from comfyui_fsampler.fsampler.schedule import coincide
from torch import Tensor

NO_SIGNAL = 1e-6  # the signal level of flow time 1, whose VE sigma would be infinite
Clock = Callable[[float], float]  # of a VE sigma; it rises as sigma falls


def ancestral_clock(sigma: float) -> float:
    return sigma**-2


def er_sde_clock(sigma: float) -> float:
    return (math.exp(sigma**0.3) + 10) ** -2


class NoisePath:
    """``noise(sigma, sigma_next) -> [B, ...]``: the path's move between the two, at variance 1.

    shape: of an image. seeds: one for each image. sigmas: of the full run, which lay the path out first; whatever lies
    between them is bridged when it is asked for, so the full run's noise is the same beside any other.
    """

    def __init__(
        self, shape: Sequence[int], seeds: Sequence[int], clock: Clock, flow: bool, sigmas: Sequence[float]
    ) -> None:
        self.shape, self.clock, self.flow = tuple(shape), clock, flow
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.points: list[tuple[float, float, Tensor]] = []  # sigma, the clock there, the path there; sigma falls
        for sigma in sigmas:
            if sigma > 0:
                self._at(sigma)

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        (before, start), (after, end) = self._at(float(sigma)), self._at(float(sigma_next))
        return (end - start) / math.sqrt(after - before)

    def _at(self, sigma: float) -> tuple[float, Tensor]:
        """The clock and the path at a sigma."""
        known = next((point for point in self.points if coincide(point[0], sigma)), None)
        if known is None:
            level = sigma / max(1 - sigma, NO_SIGNAL) if self.flow else sigma
            known = sigma, *self._drawn(self.clock(level))
            self.points = sorted([*self.points, known], key=lambda point: -point[0])
        return known[1:]

    def _drawn(self, time: float) -> tuple[float, Tensor]:
        """A new point, given those there are: beyond them a step of Brownian motion, between two of them a bridge."""
        fresh = torch.stack([torch.randn(self.shape, generator=generator) for generator in self.generators])
        earlier = [(at, value) for _, at, value in self.points if at < time]
        later = [(at, value) for _, at, value in self.points if at > time]
        start, value = earlier[-1] if earlier else (0.0, torch.zeros_like(fresh))
        if not later:
            return time, value + math.sqrt(time - start) * fresh
        end, following = later[0]
        share = (time - start) / (end - start)
        return time, torch.lerp(value, following, share) + math.sqrt((time - start) * (1 - share)) * fresh

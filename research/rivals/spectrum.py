"""Spectrum on outputs: a ridge fit of Chebyshev polynomials in the step number (CVPR 2026, arXiv 2603.01623).

The paper fits features inside the transformer; two programs that people run fit the model's answers instead. With
``tau = 2 i / length - 1`` at step i and T the Chebyshev polynomials up to degree m, the fit to the last K REAL answers

    ``c = (X^T X + lambda I)^-1 X^T v``,  ``X[k, j] = T_j(tau_k)``

is read at the present step and blended with the newest trend: ``w T(tau) c + (1 - w) (v_0 + trend (v_0 - v_1))``.

===========  =================================  =============================================
             ComfyUI-Spectrum-sdxl              stable-diffusion.cpp, ``--cache-mode spectrum``
===========  =================================  =============================================
fits         the network's raw answer           denoised
settings     w .6, m 4, lambda .1, trend 1      w .4, m 3, lambda 1, trend .5
length, K    the run's steps, 8                 50 whatever the run, 6
opens with   5 REAL steps                       4
window       3, growing by .75 at every step    2, growing by .5 at every REAL step
REAL from    80 % of the steps on               90 %
===========  =================================  =============================================

After the opening a step is REAL where the number of steps skipped just before it, plus one, divides by the window's
whole part. For a given number of calls the opening is longer or shorter, and the window wider where they are few.

Different from both: the network's raw answer is taken to be epsilon, which it is not on v-prediction models.
"""

import functools
import math
from dataclasses import dataclass

import torch

from .steps import fitted, step_of


@dataclass(frozen=True)
class Settings:
    """One program's settings; ``length`` None is the run's. ``closing``: the share of the steps after which all are
    REAL. grows_always: the window grows at skipped steps as well."""

    fit: float
    degree: int
    ridge: float
    trend: float
    length: int | None
    memory: int
    window: float
    growth: float
    closing: float
    grows_always: bool


NODE = Settings(0.6, 4, 0.1, 1.0, None, 8, 3.0, 0.75, 0.8, True)
CPP = Settings(0.4, 3, 1.0, 0.5, 50, 6, 2.0, 0.5, 0.9, False)


def chebyshev(taus, degree):
    """``[len(taus), degree + 1]``: the polynomials of degree 0 and up at each of some points, float64."""
    taus = torch.as_tensor(taus, dtype=torch.float64)
    rows = [torch.ones_like(taus), taus]
    for _ in range(2, degree + 1):
        rows.append(2 * taus * rows[-1] - rows[-2])
    return torch.stack(rows[: degree + 1], dim=1)


def ridge_weights(nodes, at, degree, ridge):
    """How much each node's value counts in the ridge fit read at a point: as many floats as nodes."""
    x, there = chebyshev(nodes, degree), chebyshev([at], degree)[0]
    normal = x.T @ x + ridge * torch.eye(degree + 1, dtype=torch.float64)
    return (x @ torch.linalg.solve(normal, there)).tolist()


class Ridge:
    """The blend of fit and trend, over a schedule's steps."""

    trend_gain = None

    def __init__(self, settings, sigmas):
        self.settings, self.sigmas = settings, sigmas
        self.capacity = settings.memory

    def value(self, history, query):
        chosen, length = self.settings, self.settings.length or len(self.sigmas) - 1
        seen = [entry.sigma for entry in history.entries]
        *nodes, at = (2 * step_of(self.sigmas, sigma) / length - 1 for sigma in (*seen, float(query.sigma)))
        weights = [chosen.fit * weight for weight in ridge_weights(nodes, at, chosen.degree, chosen.ridge)]
        weights[-1] += (1 - chosen.fit) * (1 + chosen.trend)
        weights[-2] -= (1 - chosen.fit) * chosen.trend
        return sum(weight * entry.value for weight, entry in zip(weights, history.entries, strict=True))

    def learn(self, history, seen):
        """The history is all that is fitted."""


def windowed(steps, opening, settings, window):
    """REAL steps of a growing window, after an opening."""
    real, skipped = [], 0
    for step in range(steps):
        inside = opening <= step < int(settings.closing * steps)
        skips = inside and (skipped + 1) % math.floor(window) != 0
        if not skips:
            real.append(step)
        skipped = skipped + 1 if skips else 0
        if step >= opening and (settings.grows_always or not skips):
            window += settings.growth
    return tuple(real)


def steps(settings, count, calls):
    """REAL steps of the window's rule that make so many calls of ``count`` steps; wider windows where they are few."""
    wider = range(int(settings.window), count + 1)
    return fitted((functools.partial(windowed, settings=settings, window=w) for w in wider), count, calls)

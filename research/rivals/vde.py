"""VDE: the part of the velocity along the state, and the size of the rest (CVPR 2026, arXiv 2605.23381).

With ``n = |x|``, the velocity is split into ``v = a x + b n u``: ``a = <v, x> / n^2``, ``b = |v - a x| / n``, and the
unit vector ``u`` of what is left. A skipped step takes a and b from the straight line in time through the last two REAL
steps, u from the last one, and x as it is now.

Steps: REAL up to a step (6 of 50 on FLUX.1-dev), from there every third, and the last.

Different from the authors' code: their norms span the batch, these are each image's; their time is the flow model's
timestep, this is sigma, which on flow models is the same up to a factor. On VE models, for which the method was not
made, sigma is the VE one.
"""

import functools

import torch
from comfyui_fsampler.fsampler.measure import dot, norm

from .steps import fitted, periodic

INTERVAL = 3


def split(v, x):
    """``(a, b, u)`` of a velocity at a state, ``[B, ...]`` each; a and b are ``[B, 1, ..., 1]``."""
    size = norm(x)
    a = dot(v, x) / size**2
    rest = v - a * x
    b = norm(rest)
    return a, b / size, rest / b.clamp_min(torch.finfo(b.dtype).tiny)


class DirectionAndSize:
    """Keeps the direction across the state, and follows both sizes in sigma."""

    capacity = 2
    trend_gain = None

    def __init__(self):
        self.parts = []  # of the last two REAL steps: sigma, a, b, u

    def value(self, history, query):
        (before, a_before, b_before, _), (last, a, b, u) = self.parts
        share = (query.sigma - before) / (last - before)
        along, across = torch.lerp(a_before, a, share), torch.lerp(b_before, b, share)
        return along * query.state + across * norm(query.state) * u

    def learn(self, history, seen):
        self.parts = [*self.parts, (seen.sigma, *split(seen.value, seen.state))][-2:]


def steps(count, calls):
    """REAL steps of VDE's rule that make so many calls of ``count`` steps; longer intervals where they are few."""
    longer = range(INTERVAL, count + 1)
    return fitted((functools.partial(periodic, interval=i, closing=1) for i in longer), count, calls)

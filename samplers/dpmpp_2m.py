"""DPM-Solver++ (2M) and its SDE form."""

import math

from .adams import exponential_adams
from .ancestral import Noise, sde_keep
from .common import solve


def _moments(span):
    """`denoised` is taken at the middle of the step: the second moment is half the first."""
    mass = -math.expm1(-span)
    return mass, mass / 2


def sample_dpmpp_2m(
    model,
    x,
    sigmas,
    extra_args=None,
    callback=None,
    disable=None,
    *,
    eta=0.0,
    s_noise=1.0,
    noise_sampler=None,
    flow=False,
):
    """Second order, one model call a step: Euler with denoised + h / (2 h_last) (denoised - denoised_last).

    DPM-Solver++ (arXiv 2211.01095), Algorithm 2; eta > 0 gives SDE-DPM-Solver++ (2M) of the same paper.
    """
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=2)

"""RES multistep: exponential Adams-Bashforth of order 2 and 3, variable step, and their SDE form."""

from .adams import exponential_adams
from .ancestral import Noise, sde_keep
from .common import solve
from .phi import phi_1, phi_2, phi_3


def _moments(span):
    """The exact ones: the k-th is span k! phi_{k+1}(-span)."""
    return span * phi_1(-span), span * phi_2(-span), 2 * span * phi_3(-span)


def sample_res_2m(
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
    """Second order, one model call a step: the multistep scheme of RES (arXiv 2308.02157)."""
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=2)


def sample_res_3m(
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
    """Third order, one model call a step, started by orders 1 and 2.

    Exponential Adams methods of Hochbruck & Ostermann, Exponential integrators (Acta Numerica 2010), on the linear part
    of the RES paper (arXiv 2308.02157).
    """
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=3)

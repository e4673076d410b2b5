"""RES (2S): the refined two-stage exponential solver, ancestral when eta > 0."""

from .ancestral import Noise
from .common import solve
from .phi import phi_1, phi_2
from .two_stage import two_stage


def sample_res_2s(
    model,
    x,
    sigmas,
    extra_args=None,
    callback=None,
    disable=None,
    *,
    c2=0.5,
    eta=0.0,
    s_noise=1.0,
    noise_sampler=None,
    flow=False,
):
    """Second order with the stiff order conditions met, two model calls a step (one on a step to sigma 0).

    b2 = phi_2(-h) / c2, b1 = phi_1(-h) - b2: RES (arXiv 2308.02157), Algorithm 1, after Hochbruck & Ostermann, Explicit
    exponential Runge-Kutta methods for semilinear parabolic problems (SIAM J. Numer. Anal. 2005).
    """
    noise = Noise(eta, s_noise, noise_sampler, flow)
    stages = two_stage(c2, lambda h: phi_2(-h) / (c2 * phi_1(-h)))
    return solve(stages, model, x, sigmas, extra_args, callback, noise)

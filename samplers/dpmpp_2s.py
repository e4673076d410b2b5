"""DPM-Solver++ (2S), ancestral when eta > 0."""

from .ancestral import Noise
from .common import solve
from .two_stage import two_stage


def sample_dpmpp_2s(
    model,
    x,
    sigmas,
    extra_args=None,
    callback=None,
    disable=None,
    *,
    r=0.5,
    eta=0.0,
    s_noise=1.0,
    noise_sampler=None,
    flow=False,
):
    """Second order, two model calls a step (one on a step to sigma 0): weight 1 / (2 r) on the stage at fraction r.

    DPM-Solver++ (arXiv 2211.01095), Algorithm 1.
    """
    noise = Noise(eta, s_noise, noise_sampler, flow)
    return solve(two_stage(r, lambda _h: 1 / (2 * r)), model, x, sigmas, extra_args, callback, noise)

"""DPM-Solver++ (2M) and its SDE form."""

import math

from torch import Tensor

from .adams import exponential_adams
from .ancestral import Noise, NoiseSampler, sde_keep
from .common import Callback, ExtraArgs, Model, solve


def _moments(span: float) -> tuple[float, float]:
    """`denoised` is taken at the middle of the step: the second moment is half the first."""
    mass = -math.expm1(-span)
    return mass, mass / 2


def sample_dpmpp_2m(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    flow: bool = False,
) -> Tensor:
    """Order 2, one model call a step: Euler with denoised + h / (2 h_last) (denoised - denoised_last).

    h and h_last are the lengths of this step and the one before in lambda = -log(sigma). DPM-Solver++
    (arXiv 2211.01095), Algorithm 2; eta > 0 gives its SDE-DPM-Solver++ (2M). Parameters and errors: `common.Sampler`.

    >>> sample_dpmpp_2m(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=2)

"""Euler, which is DDIM."""

from collections import deque

from torch import Tensor

from .ancestral import Noise, NoiseSampler
from .common import Callback, Evaluate, ExtraArgs, Model, Node, euler_step, solve


def _advance(history: deque[Node], target: float, _sigma_next: float, _evaluate: Evaluate) -> Tensor:
    sigma, x, denoised = history[0]
    return euler_step(x, denoised, sigma, target)


def sample_euler(
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
    """Order 1, one model call a step: x_next = r x + (1 - r) denoised, r = sigma_next / sigma.

    Karras et al. (arXiv 2206.00364), Algorithm 1 without Heun's correction; DDIM (arXiv 2010.02502), Eq. 12, with the
    sigma_t of Eq. 16 when eta > 0 (Euler ancestral in k-diffusion). Parameters and errors: `common.Sampler`.

    >>> sample_euler(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    return solve(_advance, model, x, sigmas, extra_args, callback, Noise(eta, s_noise, noise_sampler, flow))

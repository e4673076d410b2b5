"""Euler, which is DDIM."""

from .ancestral import Noise
from .common import euler_step, solve


def _advance(history, target, _sigma_next, _evaluate):
    sigma, x, denoised = history[0]
    return euler_step(x, denoised, sigma, target)


def sample_euler(
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
    """First order: x_next = r x + (1 - r) denoised, r = sigma_next / sigma.

    Karras et al. (arXiv 2206.00364), Algorithm 1 without Heun's correction; DDIM (arXiv 2010.02502), Eq. 12, with the
    sigma_t of Eq. 16 when eta > 0 (Euler ancestral in k-diffusion).
    """
    return solve(_advance, model, x, sigmas, extra_args, callback, Noise(eta, s_noise, noise_sampler, flow))

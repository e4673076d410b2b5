"""What several test modules share: schedules, toy models, and solvers the pack does not have."""

import torch
from comfyui_fsampler.fsampler.query import Query
from gaussian import Gaussian


def problem(flow=False, dtype=torch.float32):
    """The exact Gaussian model for latents whose last axis has 3 entries."""
    mean, std = torch.tensor([0.3, -0.7, 1.1], dtype=dtype), torch.tensor([0.4, 0.8, 1.3], dtype=dtype)
    return Gaussian(mean, std, flow)


def schedule(steps, flow=False, dtype=torch.float32):
    """Shifted flow times, or Karras sigmas from 14.6 to 0.03; ``steps`` + 1 values, the last one 0."""
    if flow:
        t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
        return (3 * t / (1 + 2 * t)).to(dtype)
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    sigmas = (14.6 ** (1 / 7) + ramp * (0.03 ** (1 / 7) - 14.6 ** (1 / 7))) ** 7
    return torch.cat([sigmas, torch.zeros(1, dtype=torch.float64)]).to(dtype)


def noise(shape=(2, 3), flow=False, seed=0, dtype=torch.float32):
    """The x a run starts from."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (x if flow else 14.6 * x).to(dtype)


def query(x, sigma):
    """An evaluation that asks for ``x`` at ``sigma``."""
    level = torch.as_tensor(sigma, dtype=x.dtype)
    return Query(x, level, {}, x, level)


def remember(forecaster, sigma, value, x=None, denoised=None):
    """A REAL evaluation that begins its step; the model's answer and x are of no account unless given."""
    denoised = torch.ones_like(value) if denoised is None else denoised
    forecaster.remember(denoised if x is None else x, sigma, denoised, value, sigma)


def predicted(forecaster, x, sigma):
    """The value that a SKIP would use, or None."""
    forecast = forecaster.forecast(query(x, sigma))
    return None if forecast is None else forecast.value


class Counted:
    """A model that remembers the sigma and x of each of its calls."""

    def __init__(self, model):
        self.model, self.sigmas, self.xs = model, [], []

    def __call__(self, x, sigma, **extra):
        self.sigmas.append(float(sigma.flatten()[0]))
        self.xs.append(x)
        return self.model(x, sigma, **extra)


def expand(sigma, x):
    return sigma.to(x).expand(x.shape[0])


def heun(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Its second evaluation shares its sigma with the next step's first."""
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        d = (x - model(x, expand(sigma, x))) / sigma
        ahead = x + d * (following - sigma)
        if following > 0:
            d = (d + (ahead - model(ahead, expand(following, x))) / following) / 2
        x = x + d * (following - sigma)
    return x


def heunpp2(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Looks two steps ahead and comes back (ComfyUI's heunpp2, weights simplified)."""
    for i in range(len(sigmas) - 1):
        states, slopes = x, []
        for sigma, following in zip(sigmas[i : i + 3], [*sigmas[i + 1 : i + 3], None], strict=False):
            if sigma == 0:
                break
            slopes.append((states - model(states, expand(sigma, x))) / sigma)
            if following is not None:
                states = states + slopes[-1] * (following - sigma)
        x = x + sum(slopes) / len(slopes) * (sigmas[i + 1] - sigmas[i])
    return x


def leaping(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Euler that leaves steps out (as dpm_fast and dpm_adaptive may)."""
    kept = torch.cat([sigmas[:1], sigmas[3:7:3], sigmas[8:-1:2], sigmas[-1:]])
    for sigma, following in zip(kept[:-1], kept[1:], strict=True):
        denoised = model(x, expand(sigma, x))
        x = x + (x - denoised) / sigma * (following - sigma)
    return x


def skips(report):
    """Indices of the SKIP steps."""
    return [step for step, letter in enumerate(report.sequence) if letter == "S"]

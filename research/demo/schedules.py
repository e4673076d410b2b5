"""Noise schedules: which sigmas a run visits, from high to low, ending in 0.

A prediction type fixes the sigmas a model knows (flow: shifted time; eps and v: the scaled-linear beta table of Stable
Diffusion), as a ``Sampling``; a schedule picks steps from it. The rules are those users know from ComfyUI.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.stats import beta as beta_distribution

PREDICTIONS = ("flow", "eps", "v")
FLOW_SHIFT = 3.0
FLUX2_TOKENS = 4096  # of a picture of 1024 x 1024


class Sampling(NamedTuple):
    """What a model knows of noise: ``table`` are its sigmas, ascending, float64 ``[1000]``; ``sigma`` continues them to
    timesteps between, from ``high``, that of the highest sigma, down to ``low``."""

    table: torch.Tensor
    sigma: Callable[[float], float]
    high: float
    low: float


@functools.cache
def flow_sampling(shift=FLOW_SHIFT):
    """Shifted time, Esser et al. 2024, arXiv 2403.03206, eq. 23; timesteps are a thousand times the time.

    The lowest timestep is a thousand times the lowest *sigma*, as in ComfyUI: with a shift that is not the timestep
    of that sigma, and ``normal`` and ``sgm_uniform`` end a little earlier.
    """
    table = _shifted(torch.arange(1, 1001, dtype=torch.float64) / 1000, shift)
    return Sampling(table, lambda timestep: _shifted(timestep / 1000, shift), 1000.0, 1000 * float(table[0]))


@functools.cache
def beta_sampling():
    """Rombach et al. 2022, arXiv 2112.10752: linear in sqrt(beta); between table entries even in log sigma."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
    alphas = torch.cumprod(1 - betas, dim=0)
    return tabled(((1 - alphas) / alphas).sqrt())


def tabled(table):
    """The ``Sampling`` of a table alone; a timestep is a place in it."""
    logs = table.log()

    def sigma(timestep):
        below = min(int(timestep), len(table) - 2)
        return math.exp(torch.lerp(logs[below], logs[below + 1], timestep - below))

    return Sampling(table, sigma, float(len(table) - 1), 0.0)


def _shifted(t, shift):
    return shift * t / (1 + (shift - 1) * t)


def sampling_of(prediction, shift=FLOW_SHIFT):
    """The ``Sampling`` of a prediction type; ``shift`` is of flow time alone. Raises ValueError for an unknown one."""
    if prediction == "flow":
        return flow_sampling(shift)
    if prediction in ("eps", "v"):
        return beta_sampling()
    raise ValueError(f"unknown prediction {prediction!r}; expected one of {', '.join(PREDICTIONS)}")


def sigma_table(prediction, shift=FLOW_SHIFT):
    """The model's 1000 sigmas, ascending: float64 ``[1000]``. Raises ValueError for an unknown prediction."""
    return sampling_of(prediction, shift).table


def simple(sampling, steps):
    """Every ``1000 / steps``-th entry of the table."""
    table = sampling.table
    return [float(table[-1 - int(i * len(table) / steps)]) for i in range(steps)]


def normal(sampling, steps):
    """Evenly in the timestep, from the highest to the lowest."""
    return [sampling.sigma(timestep) for timestep in _evenly(sampling.high, sampling.low, steps)]


def sgm_uniform(sampling, steps):
    """Evenly in the timestep, the lowest left out."""
    return [sampling.sigma(timestep) for timestep in _evenly(sampling.high, sampling.low, steps + 1)[:-1]]


def ddim_uniform(sampling, steps):
    """Every ``1000 // steps``-th entry of the table, from the second upward: as many steps as that makes, and where the
    count does not divide the table, the run starts below the highest sigma."""
    return [float(sigma) for sigma in sampling.table[1 :: max(len(sampling.table) // steps, 1)].flip(0)]


def karras(sampling, steps, rho=7.0):
    """Karras et al. 2022, arXiv 2206.00364, eq. 5."""
    low, high = (float(sampling.table[i]) ** (1 / rho) for i in (0, -1))
    return [root**rho for root in _evenly(high, low, steps)]


def exponential(sampling, steps):
    """Evenly in log sigma."""
    return [math.exp(log) for log in _evenly(*(math.log(sampling.table[i]) for i in (-1, 0)), steps)]


def beta(sampling, steps, a=0.6, b=0.6):
    """Lee et al. 2024, arXiv 2407.12173: timesteps at quantiles of a beta distribution; coinciding ones taken once."""
    quantiles = beta_distribution.ppf([1 - i / steps for i in range(steps)], a, b)
    indices = dict.fromkeys(round(float(q) * (len(sampling.table) - 1)) for q in quantiles)
    return [float(sampling.table[i]) for i in indices]


def kl_optimal(sampling, steps):
    """Evenly in the arctangent of sigma: Sabour et al. 2024 (Align Your Steps), arXiv 2404.14507."""
    return [math.tan(angle) for angle in _evenly(*(math.atan(sampling.table[i]) for i in (-1, 0)), steps)]


def linear_quadratic(sampling, steps, threshold=0.025):
    """Half of the steps evenly down from the highest sigma by a share ``threshold`` of it, the rest along a parabola to
    0 that goes on at the same slope: Polyak et al. 2024 (Movie Gen), arXiv 2410.13720."""
    highest, linear = float(sampling.table[-1]), steps // 2
    if not linear:
        return [highest]
    slope, rest = threshold / linear, steps - linear
    bend = (1 - threshold - slope * rest) / rest**2
    return [highest * (1 - slope * i - bend * max(i - linear, 0) ** 2) for i in range(steps)]


def flux2(_sampling, steps, tokens=FLUX2_TOKENS):
    """The schedule of ComfyUI's Flux2Scheduler, on flow models: time even, shifted by e^mu. mu is linear in the number
    of tokens, for 10 and for 200 steps, and linear in the steps between; above 4300 tokens it is that for 200."""
    few, many = 8.73809524e-05 * tokens + 1.89833333, 0.00016927 * tokens + 0.45666666
    mu = many if tokens > 4300 else many + (few - many) * (200 - steps) / 190
    return [float(_shifted(1 - i / steps, math.exp(mu))) for i in range(steps)]


def _evenly(first, last, count):
    """``count`` numbers from the first to the last; for one, the first alone."""
    return [first + i / max(count - 1, 1) * (last - first) for i in range(count)]


SCHEDULES = {
    "simple": simple,
    "karras": karras,
    "beta": beta,
    "normal": normal,
    "sgm_uniform": sgm_uniform,
    "ddim_uniform": ddim_uniform,
    "exponential": exponential,
    "kl_optimal": kl_optimal,
    "linear_quadratic": linear_quadratic,
    "flux2": flux2,
}
FLOW_ONLY = {"flux2"}


def sigmas_for(schedule, prediction, steps, shift=FLOW_SHIFT):
    """The schedule as a float32 tensor ``[steps + 1]`` ending in 0 (``ddim_uniform`` may have more steps). Raises
    ValueError on unknown names, on steps < 1, and for a schedule of flow models alone with another prediction."""
    if schedule in FLOW_ONLY and prediction != "flow":
        raise ValueError(f"schedule {schedule!r} with prediction {prediction!r}; expected flow")
    return sigmas_of(schedule, sampling_of(prediction, shift), steps)


def sigmas_of(schedule, sampling, steps):
    """``sigmas_for`` of any ``Sampling``."""
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}; expected one of {', '.join(SCHEDULES)}")
    if not 1 <= steps <= 1000:
        raise ValueError(f"steps is {steps}; expected 1 to 1000")
    return torch.tensor([*SCHEDULES[schedule](sampling, steps), 0.0])

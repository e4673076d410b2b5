"""Noise schedules: which sigmas a run visits, from high to low, ending in 0.

A prediction type fixes the table of sigmas the model knows (flow: shifted time; eps and v: the scaled-linear beta
table of Stable Diffusion); a schedule picks steps from that table. The rules are those users know from ComfyUI.
"""

import torch
from scipy.stats import beta as beta_distribution

PREDICTIONS = ("flow", "eps", "v")
FLOW_SHIFT = 3.0


def sigma_table(prediction):
    """The model's 1000 sigmas, ascending: float64 ``[1000]``. Raises ValueError for an unknown prediction."""
    if prediction == "flow":  # Esser et al. 2024, arXiv 2403.03206, eq. 23
        t = torch.arange(1, 1001, dtype=torch.float64) / 1000
        return FLOW_SHIFT * t / (1 + (FLOW_SHIFT - 1) * t)
    if prediction in ("eps", "v"):  # Rombach et al. 2022, arXiv 2112.10752: linear in sqrt(beta)
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
        alphas = torch.cumprod(1 - betas, dim=0)
        return ((1 - alphas) / alphas).sqrt()
    raise ValueError(f"unknown prediction {prediction!r}; expected one of {', '.join(PREDICTIONS)}")


def simple(table, steps):
    """Every ``1000 / steps``-th entry of the table."""
    return [float(table[-1 - int(i * len(table) / steps)]) for i in range(steps)]


def karras(table, steps, rho=7.0):
    """Karras et al. 2022, arXiv 2206.00364, eq. 5."""
    low, high = float(table[0]) ** (1 / rho), float(table[-1]) ** (1 / rho)
    return [(high + i / max(steps - 1, 1) * (low - high)) ** rho for i in range(steps)]


def beta(table, steps, a=0.6, b=0.6):
    """Lee et al. 2024, arXiv 2407.12173: timesteps at quantiles of a beta distribution; coinciding ones taken once."""
    quantiles = beta_distribution.ppf([1 - i / steps for i in range(steps)], a, b)
    indices = dict.fromkeys(round(float(q) * (len(table) - 1)) for q in quantiles)
    return [float(table[i]) for i in indices]


SCHEDULES = {"simple": simple, "karras": karras, "beta": beta}


def sigmas_for(schedule, prediction, steps):
    """The schedule as a float32 tensor ``[steps + 1]`` ending in 0. Raises ValueError on unknown names or steps < 1."""
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}; expected one of {', '.join(SCHEDULES)}")
    if not 1 <= steps <= 1000:
        raise ValueError(f"steps is {steps}; expected 1 to 1000")
    return torch.tensor([*SCHEDULES[schedule](sigma_table(prediction), steps), 0.0])

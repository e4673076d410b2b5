"""Ancestral and SDE steps: go deterministically below sigma_next, then add fresh noise up to it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NoiseSampler = Callable[[Tensor, Tensor], Tensor]  # of sigma and sigma_next, both 0-d: noise like x, [B, ...]
Keep = Callable[[float, float], float]  # of rho and eta: the share of the old noise that is kept


def ddim_keep(rho: float, eta: float) -> float:
    """Share of the old noise kept when eta scales the standard deviation of the fresh noise: DDIM (arXiv 2010.02502),
    Eq. 16. rho is e^-h, h the step in half-log-SNR. eta above 1 ends at "no old noise", as in k-diffusion."""
    return math.sqrt(max(0.0, 1 - eta**2 * (1 - rho**2)))


def sde_keep(rho: float, eta: float) -> float:
    """Share of the old noise kept after integrating the reverse SDE with diffusion scaled by eta: e^(-eta h).

    DPM-Solver++ (arXiv 2211.01095), its SDE solvers; SA-Solver (arXiv 2309.05019) with tau^2 = eta. Equals `ddim_keep`
    at eta 0 and 1.
    """
    return float(rho**eta)


def split(sigma: float, sigma_next: float, eta: float, flow: bool, keep: Keep) -> tuple[float, float, float]:
    """Return (down, scale, up): solve the ODE to sigma `down`, then `x_next = scale * x + up * noise`.

    With x = alpha x0 + sigma n (alpha = 1 for VE, 1 - sigma on flow models) the marginal at sigma_next stays
    alpha_next x0 + sigma_next n: `down` is the level whose sigma / alpha equals the kept noise over alpha_next, `scale`
    brings the signal to alpha_next, `up` supplies the missing variance. All three are finite at flow sigma = 1.

    >>> split(2.0, 1.0, 1.0, False, ddim_keep)  # Euler ancestral of k-diffusion: sigma_down and sigma_up
    (0.5, 1.0, 0.8660254037844386)
    """
    if eta == 0:
        return sigma_next, 1.0, 0.0
    alpha, alpha_next = (1 - sigma, 1 - sigma_next) if flow else (1.0, 1.0)
    kept = keep(min(1.0, sigma_next * alpha / (sigma * alpha_next)), eta)
    ratio = kept * sigma_next / alpha_next
    alpha_down = 1 / (1 + ratio) if flow else 1.0
    return ratio * alpha_down, alpha_next / alpha_down, sigma_next * math.sqrt(1 - kept**2)


@dataclass(frozen=True)
class Noise:
    """The fresh noise that a solver adds after a step; by default none, and the solver solves the ODE.

    eta: 0 is the ODE, 1 the full reverse process; between them `keep` says how much of the old noise stays. s_noise
    multiplies the fresh noise. sampler(sigma, sigma_next) returns noise like x and receives entries of `sigmas`; the
    default is `torch.randn_like`, whose only state is torch's RNG. flow: x = (1 - sigma) x0 + sigma n instead of
    x0 + sigma n. Raises ValueError on a negative or non-finite eta or s_noise.
    """

    eta: float = 0.0
    s_noise: float = 1.0
    sampler: NoiseSampler | None = None
    flow: bool = False
    keep: Keep = ddim_keep

    def __post_init__(self) -> None:
        for name in ("eta", "s_noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; expected a finite value >= 0")

    def split(self, sigma: float, sigma_next: float) -> tuple[float, float, float]:
        """`split` with these settings."""
        return split(sigma, sigma_next, self.eta, self.flow, self.keep)

    def add(self, x: Tensor, scale: float, up: float, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """`scale * x + up * s_noise * noise`, `[B, ...]`; asks for noise only when some is needed."""
        if up == 0:
            return x
        fresh = torch.randn_like(x) if self.sampler is None else self.sampler(sigma, sigma_next).to(x)
        return scale * x + up * self.s_noise * fresh

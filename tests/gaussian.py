"""The exact test problem: Gaussian data, whose denoiser, marginals and ODE solution are known in closed form."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """Data N(mean, std^2) per dimension; x = alpha x0 + sigma n with alpha = 1 - sigma on flow models, else 1.

    mean and std broadcast against one sample of x. An instance is a model: `problem(x, sigma) -> denoised`.
    """

    mean: Tensor
    std: Tensor
    flow: bool = False

    def marginal(self, sigma: float | Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of x at sigma."""
        alpha = 1 - sigma if self.flow else 1.0
        return alpha * self.mean, torch.sqrt((alpha * self.std) ** 2 + sigma**2)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x0 | x], the exact denoiser; sigma has shape [B]."""
        sigma = sigma.reshape(-1, *[1] * (x.ndim - 1))
        alpha = 1 - sigma if self.flow else 1.0
        mean, std = self.marginal(sigma)
        return self.mean + alpha * self.std**2 / std**2 * (x - mean)

    def exact(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        """The ODE carries (x - mean) / std of the marginal along unchanged."""
        (mean, std), (mean_next, std_next) = self.marginal(sigma), self.marginal(sigma_next)
        return mean_next + (x - mean) / std * std_next

"""RES multistep: exponential Adams-Bashforth of order 2 and 3, variable step, and their SDE form."""

from torch import Tensor

from .adams import exponential_adams
from .ancestral import Noise, NoiseSampler, sde_keep
from .common import Callback, ExtraArgs, Model, solve
from .phi import phi_1, phi_2, phi_3


def _moments(span: float) -> tuple[float, float, float]:
    """The exact integrals: the k-th is span k! phi_{k+1}(-span)."""
    return span * phi_1(-span), span * phi_2(-span), 2 * span * phi_3(-span)


def sample_res_2m(
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
    """Order 2, one model call a step: the multistep scheme of RES (arXiv 2308.02157).

    Parameters and errors: `common.Sampler`.

    >>> sample_res_2m(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=2)


def sample_res_3m(
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
    """Order 3, one model call a step; the first step is of order 1, the second of order 2.

    Exponential Adams methods of Hochbruck & Ostermann, Exponential integrators (Acta Numerica 2010), on the linear part
    of the RES paper (arXiv 2308.02157). Parameters and errors: `common.Sampler`.

    >>> sample_res_3m(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    noise = Noise(eta, s_noise, noise_sampler, flow, sde_keep)
    return solve(exponential_adams(_moments), model, x, sigmas, extra_args, callback, noise, memory=3)

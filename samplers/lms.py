"""LMS: Adams-Bashforth in sigma; AB2 is its order-2 case."""

from collections import deque

from torch import Tensor

from .adams import adams_weights
from .common import Callback, Evaluate, ExtraArgs, Model, Node, solve

MAX_ORDER = 4


def _advance(history: deque[Node], target: float, _sigma_next: float, _evaluate: Evaluate) -> Tensor:
    sigma, x, _ = history[0]
    nodes = [(node.sigma - sigma) / (target - sigma) for node in history]
    for weight, node in zip(adams_weights(nodes, [1 / (k + 1) for k in range(len(nodes))]), history, strict=True):
        x = x + (target - sigma) * weight * ((node.x - node.denoised) / node.sigma)
    return x


def sample_lms(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    *,
    order: int = MAX_ORDER,
) -> Tensor:
    """Integrate the polynomial in sigma through the last `order` values of epsilon = (x - denoised) / sigma.

    Order 1 to 4 (ValueError otherwise), one model call a step. Hairer, Norsett & Wanner, Solving ODEs I, section III.5,
    on the ODE of Karras et al. (arXiv 2206.00364), Eq. 1. The first steps have fewer values to use and a lower order;
    the error that they make, h^2 once, stays unless the schedule starts with small steps. Other parameters and errors:
    `common.Sampler`.

    >>> sample_lms(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]), order=2)
    tensor([[0.1000, 0.1000]])
    """
    if order not in range(1, MAX_ORDER + 1):
        raise ValueError(f"order {order}; expected an integer from 1 to {MAX_ORDER}")
    return solve(_advance, model, x, sigmas, extra_args, callback, memory=order)


def sample_ab2(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: ExtraArgs = None,
    callback: Callback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Two-step Adams-Bashforth: `sample_lms` of order 2. Parameters and errors: `common.Sampler`.

    >>> sample_ab2(lambda x, sigma: 0 * x, torch.ones(1, 2), torch.tensor([10.0, 5.0, 1.0]))
    tensor([[0.1000, 0.1000]])
    """
    return sample_lms(model, x, sigmas, extra_args, callback, disable, order=2)

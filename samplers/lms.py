"""LMS: Adams-Bashforth in sigma; AB2 is its order-2 case."""

from .adams import adams_weights
from .common import solve

MAX_ORDER = 4


def _advance(history, target, _sigma_next, _evaluate):
    sigma, x, _ = history[0]
    nodes = [(node.sigma - sigma) / (target - sigma) for node in history]
    for weight, node in zip(adams_weights(nodes, [1 / (k + 1) for k in range(len(nodes))]), history, strict=True):
        x = x + (target - sigma) * weight * ((node.x - node.denoised) / node.sigma)
    return x


def sample_lms(model, x, sigmas, extra_args=None, callback=None, disable=None, *, order=MAX_ORDER):
    """Integrate the polynomial in sigma through the last `order` values of epsilon = (x - denoised) / sigma.

    Hairer, Norsett & Wanner, Solving ODEs I, section III.5, on the ODE of Karras et al. (arXiv 2206.00364), Eq. 1. The
    first steps use the few nodes there are: their error, h^2 once, stays unless the schedule starts with small steps.
    Raises ValueError unless order is 1, 2, 3 or 4.
    """
    if order not in range(1, MAX_ORDER + 1):
        raise ValueError(f"order {order}; expected an integer from 1 to {MAX_ORDER}")
    return solve(_advance, model, x, sigmas, extra_args, callback, memory=order)


def sample_ab2(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Two-step Adams-Bashforth: `sample_lms` of order 2."""
    return sample_lms(model, x, sigmas, extra_args, callback, disable, order=2)

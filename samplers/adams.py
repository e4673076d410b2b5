"""Adams-Bashforth quadrature on uneven nodes, and its exponential form for the diffusion ODE."""

import math
from collections import deque
from collections.abc import Callable, Sequence

from torch import Tensor

from .common import Advance, Evaluate, Node


def adams_weights(nodes: list[float], moments: Sequence[float]) -> list[float]:
    """Weight of each node such that sum_j w_j p(nodes[j]) integrates every polynomial p of degree < len(nodes) exactly.

    moments[k] is the integral over the step of t^k times the method's kernel; there are at least as many as nodes.
    Expands the Lagrange basis in powers of t: Hairer, Norsett & Wanner, Solving ODEs I, section III.5 (variable step
    size).

    >>> adams_weights([0.0, -1.0], [1.0, 1 / 2])  # kernel 1 over [0, 1]: the classical 3/2 and -1/2
    [1.5, -0.5]
    """
    weights = []
    for j, node in enumerate(nodes):
        basis = [1.0]  # coefficients, lowest power first
        for other in nodes[:j] + nodes[j + 1 :]:
            shifted, kept = [0.0, *basis], [*basis, 0.0]
            basis = [(s - other * k) / (node - other) for s, k in zip(shifted, kept, strict=True)]
        weights.append(math.fsum(c * m for c, m in zip(basis, moments, strict=False)))
    return weights


def exponential_adams(moments: Callable[[float], Sequence[float]]) -> Advance:
    """A multistep solver: `denoised` follows the polynomial in lambda = -log(sigma) through its last values.

    t runs over the step from 0 to 1; moments(span) gives the integrals of span e^(-span (1 - t)) t^k dt, exact or
    approximate, with span = log(sigma / target). With eta = 0 that is the step itself; an SDE step has the longer span
    (1 + eta) h but sees `denoised` over the plain h, as in SA-Solver's predictor (arXiv 2309.05019).
    """

    def advance(history: deque[Node], target: float, sigma_next: float, _evaluate: Evaluate) -> Tensor:
        sigma, x, _ = history[0]
        step = math.log(sigma / sigma_next)
        nodes = [math.log(sigma / node.sigma) / step for node in history]
        x = x * (target / sigma)
        for weight, node in zip(adams_weights(nodes, moments(math.log(sigma / target))), history, strict=True):
            x = x + weight * node.denoised
        return x

    return advance

"""The two-stage single-step solver that DPM-Solver++ (2S) and RES (2S) share; they differ in one weight."""

import math
from collections import deque
from collections.abc import Callable

from torch import Tensor

from .common import Advance, Evaluate, Node, euler_step


def two_stage(c: float, weight: Callable[[float], float]) -> Advance:
    """Euler to the fraction c of the step in lambda, then Euler with denoised + weight(h) (denoised_c - denoised).

    h is the length of the step in lambda = -log(sigma). As an exponential Runge-Kutta method (Hochbruck & Ostermann,
    Acta Numerica 2010): b2 = weight phi_1(-h), b1 = phi_1(-h) - b2. Raises ValueError unless 0 < c <= 1.
    """
    if not 0 < c <= 1:
        raise ValueError(f"stage position {c}; expected a value in (0, 1]")

    def advance(history: deque[Node], target: float, _sigma_next: float, evaluate: Evaluate) -> Tensor:
        sigma, x, denoised = history[0]
        h = math.log(sigma / target)
        middle = sigma * math.exp(-c * h)
        denoised_c = evaluate(euler_step(x, denoised, sigma, middle), middle)
        return euler_step(x, denoised + weight(h) * (denoised_c - denoised), sigma, target)

    return advance

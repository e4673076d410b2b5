"""The phi functions of exponential integrators, for float arguments."""

import math

SERIES_TERMS = 18  # 1 / 18! < 1e-15: enough for |h| < 1


def phi(order: int, h: float) -> float:
    """phi_k(h) = integral over [0, 1] of e^((1-t) h) t^(k-1) / (k-1)! dt = sum_j h^j / (j + k)!.

    Hochbruck & Ostermann, Exponential integrators (Acta Numerica 2010), section 2; RES (arXiv 2308.02157), Lemma 1.

    >>> phi(2, 0.0)  # 1 / 2!
    0.5
    """
    if abs(h) < 1:  # the recursion below would cancel
        total = 0.0
        for j in reversed(range(SERIES_TERMS)):
            total = total * h + 1 / math.factorial(j + order)
        return total
    value = math.expm1(h) / h
    for k in range(1, order):
        value = (value - 1 / math.factorial(k)) / h
    return value


def phi_1(h: float) -> float:
    """phi_1(h) = (e^h - 1) / h."""
    return phi(1, h)


def phi_2(h: float) -> float:
    """phi_2(h) = (phi_1(h) - 1) / h."""
    return phi(2, h)


def phi_3(h: float) -> float:
    """phi_3(h) = (phi_2(h) - 1/2) / h."""
    return phi(3, h)

"""The error that a gap leaves in the final state, modelled per unit of the run's curvature.

Two measured regularities carry it (guidance 2 and 5, VE and flow, three schedules). The model's curve bends evenly in
half-log-SNR lambda: its second derivative in sigma is a constant kappa times ``(d lambda / d sigma)^2``, within a
factor of a few over a run, where the curvature in sigma itself spans four decades. And an error of the state weighs as
it would on the VE path ``x0 + sigma noise``: a flow state is that times ``1 - t``. Weighing early errors more was
tried: docs/measurements.md, "Where errors weigh more".
"""

import math
from collections.abc import Sequence

from .response import Points
from .schedule import coincide, lambda_slope_squared, signal_level, ve_sigma

HIGH_CURVATURE = 0.35  # kappa of a strongly curved run or sample (demo, means: .1 at CFG 1, .2 at CFG 2, .7 to 1 at 5)
UNCORRECTED = 3.0  # weight of a gap up to an open end, which is never corrected
NOISY_EXPONENT = 0.75  # of sigma, in ``denoised_change``


def denoised_change(sigma: float, last: float, flow: bool) -> float:
    """How far ``denoised`` moves from the REAL step at ``last`` down to ``sigma`` where the sampler adds noise.

    ``sigma^.75 log(last / sigma)``, VE sigmas, per unit of kappa. On the demo's networks the move per unit of log sigma
    rises with sigma up to about 2 and then stays; weighed more than that, early gaps are avoided, which keeps the
    picture. Other exponents: docs/measurements.md, "Samplers that add noise".
    """
    ve, ve_last = ve_sigma(sigma, flow), ve_sigma(last, flow)
    return math.pow(ve, NOISY_EXPONENT) * math.log(ve_last / ve)


def points_at_starts(sigmas: Sequence[float]) -> Points:
    """The points of a sampler that makes one evaluation a step, at its start: of each step, ``((sigma, 1.0),)``.

    >>> points_at_starts([1.0, 0.5, 0.0])
    (((1.0, 1.0),), ((0.5, 1.0),))
    """
    return tuple(((sigma, 1.0),) for sigma in sigmas[:-1])


def noisy_gap_error(sigmas: Sequence[float], points: Points, last: int, end: int, flow: bool) -> float:
    """As ``gap_error``, where the sampler adds noise.

    ``sum_j (1 - (sigma_{j+1} / sigma_j)^2) sum_k share_k denoised_change_k``, VE sigmas: an ancestral step forgets that
    much of its state. There is no correction, and no curvature to see.
    """
    total, (seen, _) = 0.0, points[last][-1]
    for j in range(last + 1, end):
        kept = ve_sigma(sigmas[j + 1], flow) / ve_sigma(sigmas[j], flow)
        total += (1 - kept**2) * sum(share * denoised_change(sigma, seen, flow) for sigma, share in points[j])
    return total


def gap_error(sigmas: Sequence[float], points: Points, before: int, last: int, end: int, flow: bool) -> float:
    """Error of the VE state at step ``end``, per unit of kappa, when the steps between ``last`` and it are skipped.

    ``sum_j (sigma_j - sigma_{j+1}) (sigma_b / sigma_{j+1}) sum_k share_k lambda'(sigma_k)^2 |sigma_k - sigma_a|
    (|sigma_b - sigma_k| + |sigma_k - sigma_h|)``: what correction leaves, plus what the extrapolation did to the state
    meanwhile. k are the points of step j; a and h the two newest REAL ones up to step ``last`` (``before`` is the REAL
    step before that); b the first point of step ``end``. A gap up to the open end of a run is never corrected and
    weighs more.

    A sampler of two evaluations a step has seen the next step's sigma or what is near it, so its gaps leave less.
    Ignoring inner evaluations costs 2 to 5 of 39 calls.

    >>> sigmas = (8.0, 6.0, 4.0, 2.0, 1.0, 0.0)
    >>> points = points_at_starts(sigmas)
    >>> [gap_error(sigmas, points, 0, 1, end, flow=False) for end in (2, 3)]  # nothing skipped; step 2 skipped
    [0.0, 1.5]
    """
    seen = [sigma for step in (before, last) for sigma, _ in points[step]]
    newest = seen[-1]
    older = next((sigma for sigma in reversed(seen) if not coincide(sigma, newest)), seen[0])
    total = 0.0
    for j in range(last + 1, end):
        missed = 0.0
        for sigma, share in points[j]:
            spread = abs(sigmas[end] - sigma) + abs(sigma - older)
            missed += share * lambda_slope_squared(sigma, flow) * abs(sigma - newest) * spread
        total += (sigmas[j] / sigmas[j + 1] - 1) * missed
    weight = UNCORRECTED if end == len(sigmas) - 1 else 1.0
    return weight * total * sigmas[end] / signal_level(sigmas[end], flow)

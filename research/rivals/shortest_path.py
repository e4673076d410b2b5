"""The cheapest REAL steps for a number of calls, by dynamic programming over costs of gaps.

DPCache (CVPR 2026, arXiv 2602.22654) prices a gap by the two REAL steps before it and the one that ends it,
``C[before, last, end]``; where the prediction rests on the last alone, ``before`` makes no difference. MeanCache
(ICLR 2026, arXiv 2601.19961) raises the costs to a power, so that no single gap becomes long.
"""

import math

import torch


def cheapest_path(costs, calls):
    """``calls`` steps from 0 and 1 to the last one, the sum of whose gaps' costs is least: a tuple, ascending.

    costs ``[steps, steps, steps]``: of the gap from ``last`` to ``end``, after ``before``. Only entries with
    before < last < end are looked at. Raises ValueError for calls below 3 or above the steps.
    """
    steps = len(costs)
    if not 3 <= calls <= steps:
        raise ValueError(f"{calls} calls of {steps} steps; expected 3 to {steps}")
    order = torch.arange(steps)
    rises = (order[:, None, None] < order[:, None]) & (order[:, None] < order)
    costs = costs.double().where(rises, math.inf)
    best = torch.full((steps, steps), math.inf, dtype=torch.float64)  # [last, end] of the paths so far
    best[0, 1] = 0.0
    came_from = []
    for _ in range(calls - 2):
        best, before = (best[:, :, None] + costs).min(dim=0)
        came_from.append(before)
    last, end = int(best[:, -1].argmin()), steps - 1
    path = [end, last]
    for before in reversed(came_from):
        last, end = int(before[last, end]), last
        path.append(last)
    return tuple(reversed(path))

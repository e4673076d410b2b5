"""DPCache's plan, on the model's answers: the cheapest path over gap errors of one recorded run.

CVPR 2026, arXiv 2602.22654. Outputs are predicted to first order in the step number from the last two REAL ones,

    ``v_i = v_last + (i - last) / (last - before) (v_last - v_before)``,

and a gap costs what that is off at the steps skipped, summed: ``C[before, last, end]``. Without the second term it is a
plan for holding.

Different from the paper: it predicts features of the transformer's blocks, which a sampler does not see; each step's
error counts by how far sigma moves in it, since that is what it adds to the state. The authors' code is not published.
"""

import torch

from .shortest_path import cheapest_path
from .steps import step_of


class FirstOrder:
    """The straight line in the step number through the last two REAL values."""

    capacity = 2
    trend_gain = None

    def __init__(self, sigmas):
        self.sigmas = sigmas

    def value(self, history, query):
        before, last = history.entries[-2:]
        at = [step_of(self.sigmas, sigma) for sigma in (before.sigma, last.sigma, float(query.sigma))]
        return torch.lerp(before.value, last.value, (at[2] - at[0]) / (at[1] - at[0]))

    def learn(self, history, seen):
        """Nothing is learned."""


def gap_costs(recording, order):
    """``[steps, steps, steps]`` float64: by before, last and end, the mean over images of a gap's summed errors.

    order: 0 holds, 1 is ``FirstOrder``. Sizes come from the inner products of all answers, which hold all there is to
    know of sums of them.
    """
    values = recording.values.flatten(2).transpose(0, 1).double()  # [B, steps, elements]
    inner = values @ values.transpose(1, 2)
    square = inner.diagonal(dim1=1, dim2=2)
    at = torch.arange(recording.steps, dtype=torch.float64)
    before, last, here = at[:, None, None], at[None, :, None], at[None, None, :]
    share = order * (here - last) / (last - before).clamp_min(1)
    error = (
        (1 + share) ** 2 * square[:, None, :, None]
        + share**2 * square[:, :, None, None]
        + square[:, None, None, :]
        - 2 * share * (1 + share) * inner[:, :, :, None]
        - 2 * (1 + share) * inner[:, None, :, :]
        + 2 * share * inner[:, :, None, :]
    )
    moved = error.clamp_min(0).sqrt().mean(0) * recording.lengths.abs() * (here > last)
    return moved.cumsum(2) - moved  # of the steps before the end


def steps(recording, order, calls):
    """The REAL steps that it makes."""
    return cheapest_path(gap_costs(recording, order), calls)

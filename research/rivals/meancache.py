"""MeanCache: the velocity corrected by the slope that its mean over past steps shows (ICLR 2026, arXiv 2601.19961).

Over the last K steps, predicted ones included, the state says the mean velocity ``u = (x_i - x_start) / (s_i -
s_start)``. Set against the velocity at their start it gives a slope, and each skipped step goes on along it:

    ``J = (v_start - u) / (s_i - s_start)``,  ``v_i = v_{i-1} - J (s_{i+1} - s_i)``

K = 1 is holding. Where the velocity is straight in sigma, up to half of its slope is followed.

Steps, and a K for each gap: the shortest path over what every gap costs on a recorded run, raised to a power that
suppresses peaks.

Different from the authors' code: that holds only lists of steps and K, for a few models and numbers of calls. So the
costs are made here, as the paper describes them: the mean distance, over elements, by which a gap alone puts the state
off. The power is 2. Steps 0 and 1 are REAL.
"""

from typing import NamedTuple

import torch

from .shortest_path import cheapest_path
from .steps import step_of

LONGEST = 6  # steps: the authors' largest K
POWER = 2


class Point(NamedTuple):
    """A step of a run: sigma, state, and the velocity that was used, ``[B, ...]`` both."""

    sigma: float
    state: torch.Tensor
    value: torch.Tensor


def next_value(path, length, state, sigma, sigma_next):
    """The velocity from a state at ``sigma`` to ``sigma_next``; ``path`` are the ``Point``s before, ``length`` is K."""
    start = path[-min(length, len(path))]
    passed = sigma - start.sigma
    slope = (start.value - (state - start.state) / passed) / passed
    return path[-1].value - slope * (sigma_next - sigma)


class MeanVelocity:
    """Follows the slope. lengths: K by skipped step; at others it does not matter."""

    capacity = 2
    trend_gain = None

    def __init__(self, sigmas, lengths):
        self.sigmas, self.lengths, self.path = sigmas, lengths, []

    def value(self, history, query):
        step = step_of(self.sigmas, float(query.sigma))
        here, there = self.sigmas[step], self.sigmas[step + 1]
        predicted = next_value(self.path, self.lengths.get(step, 1), query.state, here, there)
        self._add(Point(here, query.state, predicted))
        return predicted

    def learn(self, history, seen):
        self._add(Point(self.sigmas[step_of(self.sigmas, seen.sigma)], seen.state, seen.value))

    def _add(self, point):
        """The newest point of the path; what was predicted gives way to a REAL value at the same sigma."""
        self.path = [*(known for known in self.path if known.sigma != point.sigma), point][-LONGEST:]


def gap_costs(recording):
    """``(costs, lengths)`` by last REAL step and end, ``[steps, steps]``: of the best K, and that K."""
    steps, sigmas = recording.steps, recording.sigmas
    costs = torch.zeros(steps, steps, dtype=torch.float64)
    lengths = torch.ones(steps, steps, dtype=torch.int64)
    for last in range(1, steps):
        for length in range(1, LONGEST + 1):
            path, off = [_point(recording, step) for step in range(max(last - LONGEST + 1, 0), last + 1)], 0.0
            for step in range(last + 1, steps - 1):
                point = _point(recording, step)
                state = point.state + off
                value = next_value(path, length, state, sigmas[step], sigmas[step + 1])
                path = [*path, Point(sigmas[step], state, value)][-LONGEST:]
                off = off + (value - point.value) * (sigmas[step + 1] - sigmas[step])
                cost = float(off.abs().mean())
                if length == 1 or cost < costs[last, step + 1]:
                    costs[last, step + 1], lengths[last, step + 1] = cost, length
    return costs, lengths


def _point(recording, step):
    return Point(recording.sigmas[step], recording.states[step], recording.values[step])


def steps(costs, calls):
    """The REAL steps of the peak-suppressed shortest path."""
    return cheapest_path((costs**POWER).expand(len(costs), -1, -1), calls)


def by_step(lengths, real):
    """K of each skipped step, of the gap that it belongs to."""
    gaps = zip(real, real[1:], strict=False)
    return {step: int(lengths[last, end]) for last, end in gaps for step in range(last + 1, end)}

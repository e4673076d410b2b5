"""ZEUS: the straight line in the step number, in turns with reuse (arXiv 2604.01552).

The first step of a gap takes ``2 v_0 - v_1`` of the two newest REAL values, whatever lies between them; the second
reuses ``v_0``, the third extrapolates again from the REAL values, and so on: nothing is extrapolated from a prediction.

Steps: REAL in the first fifth of a run and the last tenth (up to 10 and from 45 of 50), and every third between.

Different from the authors' code: from step 24 of 50 on that code skips up to five steps in a row, with a Lagrange
polynomial of three or four nodes. The paper's title is "Only Second-Order Predictor", and so is this.
"""

import functools

from .steps import fitted, periodic

INTERVAL, CLOSING = 3, 0.1


class LineInTurns:
    """``2 v_0 - v_1`` at odd steps of a gap, ``v_0`` at even ones."""

    capacity = 2
    trend_gain = None

    def __init__(self):
        self.gap = 0  # evaluations since the last REAL one

    def value(self, history, query):
        before, last = (entry.value for entry in history.entries[-2:])
        self.gap += 1
        return 2 * last - before if self.gap % 2 else last.clone()

    def learn(self, history, seen):
        self.gap = 0


def steps(count, calls):
    """REAL steps of ZEUS's rule that make so many calls of ``count`` steps; longer intervals where they are few."""
    closing, longer = max(round(CLOSING * count), 1), range(INTERVAL, count + 1)
    rules = (functools.partial(periodic, interval=i, closing=closing, phase=i - 1) for i in longer)
    return fitted(rules, count, calls)

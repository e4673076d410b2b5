"""Who wins: ours at N calls against each rival's best at no more than N calls."""

import math
from typing import NamedTuple

from .rivals import AUTO, FEWER, HIGH, LOW, OURS, RIVALS

METRICS = ("ssim", "psnr")
WON, TIED, LOST = "won", "tied", "lost"


class Duel(NamedTuple):
    """One comparison; ``margin`` is ours less theirs, ``setting`` and ``rival_calls`` are what the rival did best."""

    cell: tuple
    calls: float
    metric: str
    rival: str
    ours: float
    theirs: float
    setting: str
    rival_calls: float
    outcome: str

    @property
    def margin(self):
        return self.ours - self.theirs


def best(rows, rival, calls, metric):
    """The rival's row with the highest metric among those with at most that many calls, or None."""
    within = [row for row in rows if row["rival"] == rival and row["calls"] <= calls + 1e-6]
    return max(within, key=lambda row: row[metric], default=None)


def compared(rows, low=LOW, high=HIGH):
    """Ours at a number of calls, from a cell's rows, within two shares of the full run's; both ends belong to it."""
    ours = (row for row in rows if row["rival"] == OURS)
    return sorted((row for row in ours if low <= share(row) <= high), key=lambda row: row["calls"])


def share(row):
    """Calls over the full run's, rounded so that 7 of 20 is .35."""
    return round(row["calls"] / row["full_calls"], 6)


def on_equal_terms(rows):
    """A cell's rows without ours at numbers of calls that its rivals were not given, if fewer steps were run at all."""
    given = {row["calls"] for row in rows if row["rival"] == FEWER}
    return [row for row in rows if row["rival"] != OURS or not given or row["calls"] in given]


def duels(rows):
    """Every ``Duel`` of ``{cell: rows}``. A rival ahead by no more than the standard error of ours has tied."""
    found = []
    for cell, every in rows.items():
        for row in compared(on_equal_terms(every)):
            for rival in RIVALS:
                for metric in METRICS:
                    theirs = best(every, rival, row["calls"], metric)
                    if theirs is not None:
                        ahead = theirs[metric] - row[metric]
                        outcome = WON if ahead <= 0 else TIED if ahead <= row[f"{metric}_se"] + 1e-9 else LOST
                        found.append(
                            Duel(
                                cell,
                                row["calls"],
                                metric,
                                rival,
                                row[metric],
                                theirs[metric],
                                theirs["setting"],
                                theirs["calls"],
                                outcome,
                            )
                        )
    return found


def share_needed(rows, ssim):
    """Percent of the full run's calls at which ours first reaches an SSIM; infinite where it does not below the full
    run; None for a cell without rows of ours."""
    ours = [row for row in rows if row["rival"] == OURS]
    reached = [round(100 * share(row), 4) for row in ours if row["ssim"] >= ssim]  # 100 * .55 is above 55
    return None if not ours else min(reached, default=math.inf)


def inexact(rows):
    """Rows of ``calls:N`` that made another number of calls than a full run of N steps would have."""
    ours = [row for row in rows if row["rival"] == OURS]
    return [row for row in ours if row["calls"] != expected_calls(row)]


def expected_calls(row):
    """Evaluations of ``calls:N``: N steps, as many evaluations each as the full run makes, one less in the last."""
    steps, made = row["steps"], int(row["setting"].removeprefix("calls:"))
    twice = row["full_calls"] > steps
    return 2 * made - 1 if twice else made


def presets(rows):
    """Rows of the presets."""
    return [row for row in rows if row["rival"] == AUTO]

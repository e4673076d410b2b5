"""Which gaps are worth taking: the error a gap leaves, and the cheapest way to spend calls.

Two measured regularities carry it (guidance 2 and 5, VE and flow, three schedules). The model's curve bends evenly in
half-log-SNR lambda: its second derivative in sigma is a constant ``kappa`` times ``(d lambda / d sigma)^2``, within a
factor of a few over a run, where the curvature in sigma itself spans four decades. And an error of the state weighs as
it would on the VE path ``x0 + sigma noise``: a flow state is that times ``1 - t``. Weighing early errors more, by
powers of ``1 + sigma``, gained nothing that a longer opening does not, and lost accuracy on the analytic model.
"""

import functools
import math

import torch

from .history import coincide
from .policy import ends_open

STIFF = 0.35  # kappa of a stiff run or sample (demo, means: .1 at CFG 1, .2 at CFG 2, .7 to 1 at CFG 5)
SMALLEST_SIGNAL = 5e-3
UNCORRECTED = 3.0  # weight of a gap up to an open end; 1 and 8 were worse at equal calls, 1 also cost ``auto`` 10 dB


def is_flow(sigmas):
    """A guess for callers that do not know: schedules that stay within [0, 1] are read as flow time. A VE run that
    starts there (img2img) is then planned with more calls near its start than it needs."""
    return sigmas[0] <= 1


def signal(sigma, flow):
    """Weight of the signal in the state: 1 on VE, ``1 - t`` on flow, kept off 0. A tensor stays on its device."""
    if not flow:
        return 1.0
    weight = 1 - sigma
    return weight.clamp_min(SMALLEST_SIGNAL) if torch.is_tensor(weight) else max(weight, SMALLEST_SIGNAL)


def bend(sigma, flow):
    """``(d lambda / d sigma)^2``: ``sigma^-2`` on VE schedules, ``(sigma (1 - sigma))^-2`` on flow ones."""
    return (sigma * signal(sigma, flow)) ** -2


def ve_sigma(sigma, flow):
    """The VE sigma of the same signal-to-noise ratio: ``t / (1 - t)`` on flow."""
    return sigma / signal(sigma, flow)


def drift(sigma, last, flow):
    """How far ``denoised`` moves from the REAL step at ``last`` to ``sigma`` where the sampler adds noise, per unit of
    kappa: the distance in log VE sigma, weighed by ``sigma^.75``, VE.

    On the demo's networks the move per unit of log sigma rises with sigma up to about 2 and then stays; weighed more
    than that, early gaps are avoided, which keeps the picture: at 9, 12 and 15 of 20 calls of Euler ancestral and the
    SDE form of DPM++ 2M, the powers .5, .75 and 1 give .81, .83, .83 mean SSIM on the U-Net, .75, .74, .74 on the
    transformer; of DPM++ 2S ancestral .90, .90, .87; on the mixture .95, .96, .96.
    """
    ve, ve_last = ve_sigma(sigma, flow), ve_sigma(last, flow)
    return ve**0.75 * math.log(ve_last / ve)


def at_starts(sigmas):
    """The evaluations of a sampler that makes one a step: of each step, ``(sigma, share of the step's effect)``."""
    return tuple(((sigma, 1.0),) for sigma in sigmas[:-1])


def noisy_gap_error(sigmas, evaluations, last, end, flow):
    """As ``gap_error`` where the sampler adds noise: ``sum_j (1 - (sigma_{j+1} / sigma_j)^2) sum_k share_k drift_k``,
    VE sigmas.

    An ancestral step forgets that much of its state; there is no correction, and no curvature to see.
    """
    total, (seen, _) = 0.0, evaluations[last][-1]
    for j in range(last + 1, end):
        kept = ve_sigma(sigmas[j + 1], flow) / ve_sigma(sigmas[j], flow)
        total += (1 - kept**2) * sum(share * drift(sigma, seen, flow) for sigma, share in evaluations[j])
    return total


def gap_error(sigmas, evaluations, before, last, end, flow):
    """Error of the VE state at step ``end``, per unit of kappa, when the steps between ``last`` and it are skipped.

    ``sum_j (sigma_j - sigma_{j+1}) (sigma_b / sigma_{j+1}) sum_k share_k bend_k |sigma_k - sigma_a| (|sigma_b -
    sigma_k| + |sigma_k - sigma_h|)`` (design 3.4): what correction leaves, plus what the extrapolation did to the state
    meanwhile. k are the evaluations of step j, a and h the two newest REAL ones up to step ``last`` (``before`` is the
    REAL step before that), b the first of step ``end``. A gap up to the open end of a run is never corrected and weighs
    more.

    A sampler of two evaluations a step has seen the next step's sigma or what is near it, so its gaps leave less. With
    a gap told by its steps alone, the presets made 2 to 5 of 39 evaluations more, at .02 to .5 of their tolerance.
    """
    seen = [sigma for step in (before, last) for sigma, _ in evaluations[step]]
    newest = seen[-1]
    older = next((sigma for sigma in reversed(seen) if not coincide(sigma, newest)), seen[0])
    total = 0.0
    for j in range(last + 1, end):
        left = 0.0
        for sigma, share in evaluations[j]:
            spread = abs(sigmas[end] - sigma) + abs(sigma - older)
            left += share * bend(sigma, flow) * abs(sigma - newest) * spread
        total += (sigmas[j] / sigmas[j + 1] - 1) * left
    weight = UNCORRECTED if end == len(sigmas) - 1 else 1.0
    return weight * total * sigmas[end] / signal(sigmas[end], flow)


class Planner:
    """Shortest paths over gaps: the least sum of squared gap errors for every number of REAL steps still to come.

    A path ends with the last step, made REAL. In a run with an open end it ends one further, where the next sampler
    begins with a REAL call of its own. Where the model changes no gap passes: that step and the one after it are REAL.
    """

    def __init__(self, sigmas, evaluations, flow, noisy, changes, protect_first, protect_last, longest_gap):
        self.sigmas, self.evaluations = sigmas, evaluations or at_starts(sigmas)
        self.flow, self.noisy, steps = flow, noisy, len(sigmas) - 1
        self.final = steps if ends_open(sigmas) else steps - 1
        self.first = min(max(protect_first, 2), steps)
        closing = 1 if ends_open(sigmas) else max(protect_last, 1)
        self.windows = self.final - closing  # no gap may reach past this step
        self.reach = longest_gap + 1
        self.forced = sorted({step for change in changes for step in (change, change + 1) if step < steps})
        self._rest = {}
        for last in range(self.final, self.first - 2, -1):
            for before in range(max(last - self.reach, 0), last):
                self._rest[before, last] = self._solve(before, last)

    def ends(self, last):
        """Steps that may follow ``last`` as the next REAL one."""
        forced = next((step for step in self.forced if step > last), self.final)
        return range(last + 1, max(last + 1, min(last + self.reach, self.windows + 1, forced)) + 1)

    def cost(self, before, last, end):
        if self.noisy:
            return noisy_gap_error(self.sigmas, self.evaluations, last, end, self.flow) ** 2
        return gap_error(self.sigmas, self.evaluations, before, last, end, self.flow) ** 2

    def _solve(self, before, last):
        """Least cost from REAL steps ``before``, ``last`` to the end, by calls still to come: float64 ``[steps]``."""
        if last == self.final:
            rest = torch.full((self.final + 1,), math.inf, dtype=torch.float64)
            rest[0] = 0.0
            return rest
        ways = torch.stack([self._rest[last, end] + self.cost(before, last, end) for end in self.ends(last)])
        return torch.cat([ways.new_tensor([math.inf]), ways.amin(dim=0)[:-1]])

    def rest(self, before, last):
        """As ``_solve``, for any two REAL steps (a gap longer than planned has its own first cost only)."""
        known = self._rest.get((before, last))
        return self._solve(before, last) if known is None else known

    def next_real(self, before, last, calls):
        """The next REAL step of the cheapest path with ``calls`` more REAL steps."""

        def total(end):
            return self.cost(before, last, end) + float(self._rest[last, end][calls - 1])

        return min(self.ends(last), key=total)


def planner(situation, protect_first, protect_last, longest_gap):
    """The ``Planner`` of a run, kept for its next step and for the next run of the same schedule."""
    run = situation.sigmas, situation.evaluations, situation.flow, situation.noisy, situation.changes
    return _planner(*run, protect_first, protect_last, longest_gap)


_planner = functools.lru_cache(maxsize=8)(Planner)

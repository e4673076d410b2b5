"""The error that a gap leaves in the final state, modelled per unit of the run's curvature.

Two measured regularities carry it (guidance 2 and 5, VE and flow, three schedules). The model's curve bends evenly in
half-log-SNR lambda: its second derivative in sigma is a constant kappa times ``(d lambda / d sigma)^2``, within a
factor of a few over a run, where the curvature in sigma itself spans four decades. And an error of the state weighs as
it would on the VE path ``x0 + sigma noise``: a flow state is that times ``1 - t``. Weighing early errors more was
tried: docs/measurements.md, "Where errors weigh more".

Toward pure noise both grow without bound, where the answers no longer move; so both level off there
(``schedule.decided_level``). To place a given number of calls, far out: early errors change the picture. But an
estimate must not read a tiny curvature off an answer that hardly moved, so it levels off sooner: docs/measurements.md,
"Estimates near pure noise" and "Where nothing moves yet".
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .response import Points
from .schedule import STILL, UNDECIDED, coincide, decided_level, ends_open, lambda_slope_squared, ve_sigma

HIGH_CURVATURE = 0.35  # kappa of a strongly curved run or sample (demo, means: .1 at CFG 1, .2 at CFG 2, .7 to 1 at 5)
AMPLIFIED = 0.5  # of a share above 1: what counts of it where calls are placed
UNCORRECTED = 3.0  # weight of a gap up to an open end, which is never corrected
NOISY_EXPONENT = 0.75  # of sigma, in ``denoised_change``


def denoised_change(sigma: float, last: float, flow: bool) -> float:
    """How far ``denoised`` moves from the REAL step at ``last`` down to ``sigma`` where the sampler adds noise.

    ``sigma^.75 log(last / sigma)``, VE sigmas, per unit of kappa. On the demo's networks the move per unit of log sigma
    rises with sigma up to about 2 and then stays; weighed more than that, early gaps are avoided, which keeps the
    picture. Other exponents: docs/measurements.md, "Samplers that add noise".
    """
    return _noisy_slope(sigma, flow) * (_log_ve(last, flow) - _log_ve(sigma, flow))


def _noisy_slope(sigma: float, flow: bool) -> float:
    return math.pow(ve_sigma(sigma, flow), NOISY_EXPONENT)


def _log_ve(sigma: float, flow: bool) -> float:
    return math.log(ve_sigma(sigma, flow))


def points_at_starts(sigmas: Sequence[float]) -> Points:
    """The points of a sampler that makes one evaluation a step, at its start: of each step, ``((sigma, 1.0),)``.

    >>> points_at_starts([1.0, 0.5, 0.0])
    (((1.0, 1.0),), ((0.5, 1.0),))
    """
    return tuple(((sigma, 1.0),) for sigma in sigmas[:-1])


def _older(points: Sequence[tuple[float, float]]) -> float:
    """The newest sigma that is not the same as the newest but for rounding."""
    newest, _ = points[-1]
    return next((sigma for sigma, _ in reversed(points) if not coincide(sigma, newest)), points[0][0])


def _fall(points: Points) -> bool:
    """Whether the sampler never returns to a sigma that it had left."""
    sigmas = [sigma for step in points for sigma, _ in step]
    return all(later <= sigma or coincide(later, sigma) for sigma, later in zip(sigmas, sigmas[1:], strict=False))


class GapErrors:
    """The errors of a run's gaps, per unit of kappa: of the state at step b when the steps between a and b are skipped.

    On the ODE, at b in VE terms: ``(sigma_h - sigma_b) sum_j (sigma_j - sigma_{j+1}) (sigma_b / sigma_{j+1}) sum_k
    share_k lambda'(sigma_k)^2 |sigma_k - sigma_a|``. j are the skipped steps, k the points of step j; a and h the two
    newest REAL points up to step a; b the start of step b. ``sigma_h - sigma_b`` is ``sigma_h - sigma_k``, what the
    extrapolation did to the state meanwhile, and ``sigma_k - sigma_b``, what correction leaves. A gap up to the open
    end of a run is never corrected and weighs more.

    Where the sampler adds noise: ``sum_j (1 - (sigma_{j+1} / sigma_j)^2) sum_k share_k denoised_change_k``, VE sigmas:
    an ancestral step forgets that much of its state. There is no correction, and no curvature to see.

    A share above 1 is an answer that a multistep sampler amplifies. An estimate counts all of it, and half of it counts
    where a number of calls is placed: docs/measurements.md, "What a sampler makes of an error".

    A sampler of two evaluations a step has seen the next step's sigma or what is near it, so its gaps leave less.
    Ignoring inner evaluations costs 2 to 5 of 39 calls. Points that rise (a sampler that looks ahead and returns) say
    nothing of a gap; one evaluation a step, at its start, stands for them.

    sigmas: the whole schedule. points: the sampler's (``response.Response``), or None. noisy: it adds noise. estimate:
    the size of the errors counts, not only where a number of calls is placed best.

    >>> errors = GapErrors((8.0, 6.0, 4.0, 2.0, 1.0, 0.0), None, flow=False, noisy=False)
    >>> errors.squared(torch.tensor([[0]]), torch.tensor([1]), torch.tensor([[2, 3]]), 2)  # step 2 skipped or not
    tensor([[[0.0000, 2.2277]]], dtype=torch.float64)
    """

    def __init__(
        self, sigmas: Sequence[float], points: Points | None, flow: bool, noisy: bool, estimate: bool = False
    ) -> None:
        self.sigmas, self.flow, self.noisy, self.estimate = sigmas, flow, noisy, estimate
        self._above = UNDECIDED if estimate else STILL
        points = points if points and _fall(points) else points_at_starts(sigmas)
        gapped = points[: len(sigmas) - 1 if ends_open(sigmas) else len(sigmas) - 2]  # the last step is in no gap
        self._newest = _floats(step[-1][0] for step in gapped)
        self._sees_two = torch.tensor([not coincide(step[0][0], step[-1][0]) for step in gapped], dtype=torch.bool)
        self._older = _floats(_older(before + last) for before, last in zip(((), *gapped), gapped, strict=False))
        self._level, self._scale = _floats(sigmas), _floats(map(self._scale_of, range(len(sigmas))))
        most = max(map(len, gapped), default=1)
        self._places, self._weights = torch.zeros(2, len(gapped), most, dtype=torch.float64)
        for j, step in enumerate(gapped):
            self._places[j, : len(step)] = _floats(self._place_of(sigma) for sigma, _ in step)
            self._weights[j, : len(step)] = _floats(self._weight_of(j, sigma, share) for sigma, share in step)
        self._newest_place = _floats(map(self._place_of, self._newest.tolist()))
        self._levelled = [1.0 if noisy else self._levelled_at(sigma) for sigma in self._newest.tolist()]

    def curvature(self, seen: float, last: int) -> float:
        """The kappa that a back-test showed (``Situation.curvatures``) as these errors count it.

        last: the newest REAL step before the back-test.
        """
        return seen * self._levelled[last]

    def squared(self, before: Tensor, last: Tensor, end: Tensor, furthest: int) -> Tensor:
        """The squared errors of the gaps between the REAL steps ``last [n]`` and ``end [n, E]``: float64 ``[n, B, E]``.

        ``before [n, B]``: the REAL step before ``last``. Where the sampler adds noise it has no effect, and B is 1.
        furthest: the most that an ``end`` is after its ``last``.
        """
        missed = self._missed(last, furthest).gather(1, end - last[:, None] - 1)[:, None]
        if self.noisy:
            return missed.square_()
        spread = self._older_of(before, last[:, None])[:, :, None] - self._level[end][:, None]
        return spread.mul_(missed.mul_(self._scale[end][:, None])).square_()

    def _missed(self, last: Tensor, furthest: int) -> Tensor:
        """The sum over j of a gap's formula, for gaps that end 1, 2, ... ``furthest`` steps after ``last [n]``."""
        skipped = (last[:, None] + torch.arange(1, furthest)).clamp_max(len(self._weights) - 1)
        moved = (self._newest_place[last][:, None, None] - self._places[skipped]).abs_()
        missed = moved.mul_(self._weights[skipped]).sum(dim=2).cumsum(dim=1)
        return torch.cat([missed.new_zeros(len(last), 1), missed], dim=1)

    def _older_of(self, before: Tensor, last: Tensor) -> Tensor:
        """sigma_h: of step ``last`` alone where it saw two; else of the REAL step before it, unless that looked so far
        ahead."""
        return torch.where(self._sees_two[last] | (before == last - 1), self._older[last], self._newest[before])

    def _weight_of(self, step: int, sigma: float, share: float) -> float:
        here, following = self.sigmas[step], self.sigmas[step + 1]
        if not self.estimate:
            share = max(AMPLIFIED * share, min(share, 1.0))
        if self.noisy:
            kept = ve_sigma(following, self.flow) / ve_sigma(here, self.flow)
            return (1 - kept**2) * share * _noisy_slope(sigma, self.flow)
        return (here / following - 1) * share * lambda_slope_squared(sigma, self.flow, self._above)

    def _levelled_at(self, sigma: float) -> float:
        """The kappa that these errors count, over the one by the bare law."""
        bare, ours = (lambda_slope_squared(sigma, self.flow, above) for above in (None, self._above))
        return bare / ours

    def _place_of(self, sigma: float) -> float:
        """What a move is measured in: sigma, or its logarithm in VE terms."""
        return _log_ve(sigma, self.flow) if self.noisy else sigma

    def _scale_of(self, end: int) -> float:
        weight = UNCORRECTED if end == len(self.sigmas) - 1 else 1.0
        return weight * self.sigmas[end] / decided_level(self.sigmas[end], self.flow, self._above)


def _floats(values: Iterable[float]) -> Tensor:
    return torch.tensor([*values], dtype=torch.float64)

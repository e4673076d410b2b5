"""The two policies that plan: a tolerance for the error (``auto`` and the presets), a number of calls (``calls:N``)."""

import math
from dataclasses import dataclass

from .plan import STIFF, planner
from .policy import Decision, ends_open

OPENING = 4  # REAL steps before the first skip: two back-tests, and early errors change the picture most
LAST_RESERVE = 0.25  # of the squared tolerance
# of the summed gap errors, what the final latent of nine images in ten keeps; noisy: the sampler adds noise
FINAL_SHARE = {"ve": 0.35, "flow": 0.7, "noisy": 1.5}


@dataclass(frozen=True)
class ErrorControl:
    """Modes ``auto`` and the presets: the fewest calls that keep the final latent's estimated error in ``tolerance``.

    The error is relative, rms over rms(denoised), of the worst sample. Kappa is a maximum over the back-tests so far
    that halves with every REAL step; the plan is made anew as it changes. A past gap stays on the bill at the curvature
    that the back-test across it showed; a bill that ran over leaves the rest of the run a reserve of its own.
    """

    tolerance: float
    protect_first: int
    protect_last: int
    longest_gap: int

    def decide(self, situation):
        if not situation.kappas or len(situation.real_steps) < max(self.protect_first, 3):
            return Decision(False, "warm-up")
        plan = planner(situation, self.protect_first, self.protect_last, self.longest_gap)
        if situation.step > plan.windows:
            return Decision(False, "protected last")
        real, kappa, spent = situation.real_steps, 0.0, 0.0
        for before, last, end in zip(real, real[1:], real[2:], strict=False):
            seen = situation.kappas.get(end, kappa)
            kappa = max(seen, kappa / 2)
            spent += seen**2 * plan.cost(before, last, end)
        rest = kappa**2 * plan.rest(*real[-2:])
        share = FINAL_SHARE["noisy" if situation.noisy else "flow" if situation.flow else "ve"]
        allowed = (self.tolerance / share) ** 2
        left = max(allowed - spent, LAST_RESERVE * allowed)
        calls = next((n for n, cost in enumerate(rest.tolist()) if cost <= left), plan.final - real[-1])
        estimate = share * (spent + float(rest[calls])) ** 0.5
        within = estimate <= self.tolerance
        skip = situation.step < plan.next_real(*real[-2:], calls)
        reason = "" if within or not skip else ", the rest within its reserve"
        reason = f"estimate {estimate:.4f} {'<=' if within else '>'} {self.tolerance:g}{reason}"
        return Decision(skip, reason, estimate)

    def check(self, steps):
        pass


@dataclass(frozen=True)
class Budget:
    """Modes ``calls:N`` and ``calls:P%``: exactly that many REAL steps, at the least sum of squared gap errors.

    ``protect_first`` None opens the run with a third of the calls, or half of them where the first back-test shows a
    stiff run: 3 to 4 REAL steps. Measured at 9 of 20 calls, Euler on flow and karras: a 4th REAL step costs .001-.018
    SSIM and 1.3-2.4 dB at CFG 2; its lack up to .04 SSIM at CFG 5. With 5 of 8 calls, 2 REAL steps instead of 3 lose up
    to .54 SSIM at CFG 5 and gain up to .02 at CFG 1. The mean of a batch decides: the worst image of a large one is
    stiff at any guidance.
    """

    calls: int | None
    share: float | None
    protect_first: int | None
    protect_last: int
    longest_gap: int

    def decide(self, situation):
        calls, real = self.real_steps(situation.steps), situation.real_steps
        opening, open_end = self._opening(calls, situation), ends_open(situation.sigmas)
        closing = 0 if open_end else max(self.protect_last, 1)
        if len(real) < opening or calls == situation.steps:
            return Decision(False, "warm-up" if len(real) < opening else "planned")
        left, way = calls - len(real), situation.steps - 1 - real[-1]
        if left <= 0:
            return Decision(situation.step < situation.steps - closing, "planned", firm=True)
        fixed = opening + closing - 1  # REAL steps that end no gap
        needed = math.ceil((situation.steps - fixed) / (calls - fixed))
        longest = situation.steps if situation.changes else max(self.longest_gap, needed)
        plan = planner(situation, opening, self.protect_last, longest)
        ahead = min(left, way) + open_end  # the call at an open end is the next sampler's
        return Decision(situation.step < plan.next_real(*real[-2:], ahead), "planned", firm=True)

    def check(self, steps):
        least = min(self._least, steps)
        if self.calls is not None and not least <= self.calls <= steps:
            raise ValueError(
                f"calls:{self.calls} in a run of {steps} steps; expected {least} (the protected steps) to {steps}"
            )

    def real_steps(self, steps):
        """REAL steps of a run; a percentage is rounded, and never below the protected steps."""
        wanted = self.calls if self.calls is not None else round(self.share * steps)
        return min(steps, max(wanted, self._least))

    @property
    def _least(self):
        return max(self.protect_first or 0, 2) + max(self.protect_last, 1)

    def _opening(self, calls, situation):
        """REAL steps before the first planned one; ``stiffness`` is None before the first back-test."""
        if self.protect_first is not None:
            return max(self.protect_first, 2)
        stiff = situation.noisy or (situation.stiffness is not None and situation.stiffness >= STIFF)
        return max(min(OPENING, calls // 2 if stiff else calls // 3), min(calls - 1, 3))

"""The schedule of a run: its check, sigmas that coincide, the signal level, and the steps that are never skipped."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from torch import Tensor

MATCH = 1e-4  # relative distance at which two sigmas count as one: samplers compute them in float32
SMALLEST_SIGNAL = 5e-3  # the signal level of a flow state is kept off 0, where the formulas divide by it
UNDECIDED = 8.0  # VE sigma above which a state says so little of the picture that its answers hardly bend
STILL = 60.0  # VE sigma above which they do not move


def coincide(a: float, b: float) -> bool:
    """Whether two sigmas are the same but for rounding.

    >>> coincide(1.0, 1.00005), coincide(1.0, 1.001)
    (True, False)
    """
    return math.isclose(a, b, rel_tol=MATCH)


def check_schedule(sigmas: Tensor | Sequence[float]) -> tuple[float, ...]:
    """The schedule as floats.

    Raises ValueError unless it has 2 sigmas or more, all finite, none negative, each below the one before.

    >>> check_schedule([1.0, 0.5, 0.0])
    (1.0, 0.5, 0.0)
    """
    given = sigmas.tolist() if isinstance(sigmas, Tensor) else list(sigmas)
    if any(isinstance(sigma, (list, tuple)) for sigma in given):
        raise ValueError(f"schedule has more than one dimension ({len(given)} rows); expected a flat list of sigmas")
    values = [float(sigma) for sigma in given]
    if len(values) < 2:
        raise ValueError(f"schedule has {len(values)} sigmas; expected at least 2")
    i = first_fault(values)
    if i is None:
        return tuple(values)
    if not math.isfinite(values[i]) or values[i] < 0:
        raise ValueError(f"sigma {values[i]} at index {i}; expected finite values >= 0")
    raise ValueError(f"sigma {values[i]} at index {i} after {values[i - 1]}; expected strictly decreasing values")


def first_fault(sigmas: Sequence[float]) -> int | None:
    """The index of the first sigma that is not finite, negative, or not below the one before; None without one."""
    for i, sigma in enumerate(sigmas):
        if not (math.isfinite(sigma) and sigma >= 0) or (i and sigma >= sigmas[i - 1]):
            return i
    return None


def first_close(sigmas: Sequence[float]) -> int | None:
    """The first step whose sigma and the next step's coincide, so that evaluations do not tell the two apart; or None.

    >>> first_close([1.0, 0.5, 0.49999, 0.2, 0.0])
    1
    """
    pairs = zip(sigmas, sigmas[1:], strict=False)
    return next((i for i, (sigma, following) in enumerate(pairs) if coincide(sigma, following)), None)


def without_padding(sigmas: Sequence[float]) -> Sequence[float]:
    """The schedule inside zeros that some samplers put around it as flags for one another: all before it, and all
    behind it but the one it ends at. The sigmas as they are where what is inside is no schedule (``check_schedule``).

    >>> without_padding([0.0, 1.0, 0.5, 0.0, 0.0]), without_padding([0.0, 1.0, 0.5])
    ([1.0, 0.5, 0.0], [1.0, 0.5])
    >>> without_padding([0.0, 0.5, 1.0])  # rises
    [0.0, 0.5, 1.0]
    """
    first = next((i for i, sigma in enumerate(sigmas) if sigma != 0), 0)
    last = next((i for i in reversed(range(len(sigmas))) if sigmas[i] != 0), 0)
    inside = sigmas[first : last + 2]
    return inside if len(inside) > 1 and first_fault(inside) is None else sigmas


def is_flow(sigmas: Sequence[float]) -> bool:
    """A guess for callers that do not know: a schedule that stays within [0, 1] is read as flow time.

    A VE run that starts there (img2img) is then planned with more calls near its start than it needs.
    """
    return sigmas[0] <= 1


def ends_open(sigmas: Sequence[float]) -> bool:
    """Whether the run hands a noisy latent on: its last sigma is above 0, and its end is not the picture's."""
    return sigmas[-1] > 0


@overload
def signal_level(sigma: float, flow: bool) -> float: ...
@overload
def signal_level(sigma: Tensor, flow: bool) -> Tensor | float: ...
def signal_level(sigma: float | Tensor, flow: bool) -> float | Tensor:
    """Weight of the clean image in the state: 1 on VE, ``1 - t`` (at least .005) on flow. A tensor stays on its device.

    >>> signal_level(0.25, flow=True), signal_level(7.0, flow=False)
    (0.75, 1.0)
    """
    if not flow:
        return 1.0
    if isinstance(sigma, Tensor):
        return (1 - sigma).clamp_min(SMALLEST_SIGNAL)
    return max(1 - sigma, SMALLEST_SIGNAL)


def ve_sigma(sigma: float, flow: bool) -> float:
    """The VE sigma of the same signal-to-noise ratio: ``t / (1 - t)`` on flow."""
    return sigma / signal_level(sigma, flow)


def decided_level(sigma: float, flow: bool, above: float) -> float:
    """``signal_level``, but level where next to nothing of the picture is decided: ``sqrt(signal^2 + (sigma /
    above)^2)``. A VE sigma of its own, ``sigma / decided_level``, never exceeds ``above``.

    >>> decided_level(1.0, True, above=8.0), round(decided_level(8.0, False, above=8.0), 3)
    (0.125, 1.414)
    """
    return math.hypot(1 - sigma if flow else 1.0, sigma / above)


def lambda_slope_squared(sigma: float, flow: bool, above: float | None = None) -> float:
    """``(d lambda / d sigma)^2`` of the half-log-SNR lambda: ``sigma^-2`` on VE, ``(t (1 - t))^-2`` on flow.

    above: with ``decided_level`` in place of the signal level, so that it stays level toward pure noise.
    """
    level = signal_level(sigma, flow) if above is None else decided_level(sigma, flow, above)
    return (sigma * level) ** -2


def still_steps(sigmas: Sequence[float], flow: bool) -> int:
    """How many steps of a falling schedule end while the answers do not move yet.

    >>> still_steps([1.0, 0.999, 0.99, 0.9, 0.0], flow=True)  # VE sigmas 200 (as large as they get), 99 and 9
    2
    """
    return sum(1 for _ in itertools.takewhile(lambda sigma: ve_sigma(sigma, flow) > STILL, sigmas[1:-1]))


@dataclass(frozen=True)
class Windows:
    """The steps of a run that are never skipped: ``first`` at its start, ``last`` at its end.

    Where the run ends open there is nothing to protect at the end: the next sampler begins with a REAL call.
    """

    steps: int
    open_end: bool
    first: int
    last: int

    @classmethod
    def of(cls, sigmas: Sequence[float], first: int, last: int) -> "Windows":
        return cls(len(sigmas) - 1, ends_open(sigmas), first, last)

    @property
    def closing(self) -> int:
        """The first step of the end window; ``steps``, which is no step any more, where the end is open."""
        return self.steps if self.open_end else self.steps - self.last

    @property
    def final(self) -> int:
        """Where a plan ends: the last step, or beyond it the next sampler's first call."""
        return self.steps if self.open_end else self.steps - 1

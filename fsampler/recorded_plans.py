"""Plans from a recording: where ``calls:N`` would call the model in the recorded runs, and how to predict the rest.

The steps are those that ``calls:N`` takes when it is run again on the recording. The coefficients of each SKIP are the
least squares over the recorded images: of the change since the newest REAL answer, on the change before that and on
what guidance did. Steps chosen by what their gaps cost in the recording are better on some networks and much worse on
others: docs/measurements.md, "Recorded plans".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .config import Config
from .denoiser import SkippingDenoiser
from .guidance import ATTRIBUTE
from .plan_text import Coefficients, Plan
from .recording import Recording
from .schedule import signal_level

GUIDANCE_USED = 0.6  # of a fitted guidance coefficient: an excess costs more than what is missing
FEWEST = 3  # calls of a plan
MOST_COUNTS = 20  # numbers of calls in an outlook: each takes a run of ``calls:N`` on the recording
STAYS = 0.1  # of the squared error before a correction: the answer that corrects was asked for at a wrong state
WORTH_IT = 0.5  # dB; a plan that promises less is as good as none
TINY = 1e-12


@dataclass(frozen=True)
class Expectation:
    """What the recorded runs let expect of a number of calls: relative errors of the final latent (0.1: a tenth of its
    rms), of ``calls:N`` and of the plan."""

    calls: int
    unplanned: float
    planned: float

    @property
    def gain(self) -> float:
        """Of the plan over ``calls:N``, in dB."""
        return 20 * math.log10(max(self.unplanned, TINY) / max(self.planned, TINY))

    def __str__(self) -> str:
        """What to do."""
        errors = f"expected error {self.planned:.2g} by the plan, {self.unplanned:.2g} by calls:{self.calls}"
        if self.gain < WORTH_IT:
            return f"{errors}: calls:{self.calls} is as good"
        return errors


def planned(recording: Recording, calls: int) -> Plan:
    """The plan for a number of calls, from 3 to the recording's steps. Raises ValueError for another one.

    >>> recording.steps  # doctest: +SKIP
    20
    >>> str(planned(recording, 8))[:25]  # doctest: +SKIP
    'plan:RRRRSSSRSSSSRSSSRSSR'
    """
    sequence, _ = _replay(recording, calls)
    return Plan(sequence, recording.sigmas, tuple(_coefficients(recording, sequence)), recording.setting)


def expected(recording: Recording, calls: int) -> Expectation:
    """What to expect of that number of calls. Raises ValueError as ``planned``."""
    sequence, used = _replay(recording, calls)
    fitted = predictions(recording, sequence, _coefficients(recording, sequence))
    return Expectation(calls, _error(recording, sequence, used), _error(recording, sequence, fitted))


def outlook(recording: Recording, most: int = MOST_COUNTS) -> list[Expectation]:
    """What to expect of every number of calls from 3 to one below the steps, or of ``most`` of them, evenly spread."""
    counts: Sequence[int] = range(FEWEST, recording.steps)
    if len(counts) > most:
        counts = [counts[i * len(counts) // most] for i in range(most)]
    return [expected(recording, calls) for calls in counts]


def predictions(recording: Recording, sequence: str, coefficients: Sequence[Coefficients]) -> list[Tensor]:
    """The epsilon that a plan uses at each step of the recorded runs, ``[B, n]`` as ``Recording.vectors``."""
    epsilon, _, guidance = recording.vectors
    used, skips = [*epsilon], [step for step, kind in enumerate(sequence) if kind == "S"]
    for step, (trend, along) in zip(skips, coefficients, strict=True):
        older, newest = _before(sequence, step)
        used[step] = epsilon[newest] + trend * (epsilon[newest] - epsilon[older]) + along * guidance[newest]
    return used


def _before(sequence: str, step: int) -> tuple[int, int]:
    """The two newest REAL steps before one."""
    newest = sequence.rindex("R", 0, step)
    return sequence.rindex("R", 0, newest), newest


def _coefficients(recording: Recording, sequence: str) -> list[Coefficients]:
    """Of each S, in order: the least squares over the images, each weighed by its answer's size."""
    epsilon, _, guidance = recording.vectors
    found = []
    for step, kind in enumerate(sequence):
        if kind == "R":
            continue
        older, newest = _before(sequence, step)
        size = epsilon[step].norm(dim=1, keepdim=True)
        known = torch.stack([epsilon[newest] - epsilon[older], guidance[newest]], dim=-1) / size[..., None]
        wanted = (epsilon[step] - epsilon[newest]) / size
        fit = torch.linalg.lstsq(known.flatten(0, 1), wanted.flatten()[:, None], driver="gelsd")
        trend, along = fit.solution.flatten().tolist()
        found.append(Coefficients(trend, GUIDANCE_USED * along))
    return found


class _Recorded:
    """The model of a recording: at each step it answers as it did."""

    def __init__(self, denoised: Tensor, differences: Tensor | None) -> None:
        self._denoised, self._differences = denoised, differences
        self.step = 0

    def __call__(self, _x: Tensor, _sigma: Tensor) -> Tensor:
        setattr(self, ATTRIBUTE, None if self._differences is None else self._differences[self.step].clone())
        return self._denoised[self.step]


def _replay(recording: Recording, calls: int) -> tuple[str, list[Tensor]]:
    """The steps that ``calls:N`` takes on the recording, a letter each, and the epsilon used at each, ``[B, n]``."""
    if not FEWEST <= calls <= recording.steps:
        raise ValueError(f"{calls} calls of a run of {recording.steps} steps; expected {FEWEST} to {recording.steps}")
    epsilon, denoised, guidance = recording.vectors
    levels = torch.tensor(recording.sigmas[:-1], dtype=torch.float64)[:, None, None]
    model = _Recorded(denoised, levels * guidance if recording.guided else None)
    config = Config.parse(f"calls:{calls}", correct=False)
    run = SkippingDenoiser(model, recording.sigmas, config, flow=recording.flow, response=recording.response)
    used = []
    for step, (x, level) in enumerate(zip(denoised + levels * epsilon, levels, strict=True)):
        model.step = step
        used.append((x - run(x, level[0])) / level)
    return run.finish().sequence, used


def _error(recording: Recording, sequence: str, used: Sequence[Tensor]) -> float:
    """The square root of the summed squares of what each gap leaves, and of a part of what it was off before that was
    corrected, relative to the last answer; the images' mean."""
    denoised = recording.vectors[1]
    real = [step for step, kind in enumerate(sequence) if kind == "R"]
    squares = torch.zeros(recording.images, dtype=torch.float64)
    for last, end in itertools.pairwise(real):
        if end > last + 1:
            level = signal_level(recording.sigmas[end], recording.flow)
            for rest, share in zip(gap_errors(recording, used, last, end), (STAYS, 1.0), strict=True):
                squares += share * (rest / level).square().sum(dim=1)
    return float((squares / denoised[-1].square().sum(dim=1)).mean().sqrt())


def gap_errors(recording: Recording, used: Sequence[Tensor], last: int, end: int) -> tuple[Tensor, Tensor]:
    """How far the state is off at the end of the gap between two REAL steps, and once that is corrected, ``[B, n]``.

    used: the epsilon of each step; REAL ones as recorded. Exact for Euler where denoised is the same whatever x is.

    With the error ``u_j - e_j`` of each SKIP the state at the end is off by ``d = sum_j w_j sigma_{j+1} (u_j - e_j)``.
    ``correction.OpenGap`` takes ``sigma_end sum_j w_j (E_j - u_j)`` for what is missing, with ``E_j`` between the REAL
    answers at ``s_j``; the one at the end is that of the state as it is, where denoised is taken to be the same.
    """
    sigmas, effect, epsilon = recording.sigmas, recording.response.effect, recording.vectors[0]
    off, correction, share = torch.zeros_like(epsilon[0]), torch.zeros_like(epsilon[0]), 0.0
    for step in range(last + 1, end):
        weight = -sigmas[step] * effect(step, sigmas[step], sigmas[step + 1])
        place = (sigmas[step] - sigmas[last]) / (sigmas[end] - sigmas[last])
        between = torch.lerp(epsilon[last], epsilon[end], place)
        off += weight * sigmas[step + 1] * (used[step] - epsilon[step])
        correction += weight * sigmas[end] * (between - used[step])
        share += weight * place
    return off, off if sigmas[end + 1] == 0 else off + correction + share * off  # the last step corrects nothing

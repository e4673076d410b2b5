"""Who takes part: every rival as a predictor and a choice of REAL steps, at its own steps and at ours."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ...rivals import dpcache, meancache, spectrum, vde, zeus
from ...rivals.hold import Hold
from ...rivals.recording import Recording

OURS, FULL, FEWER, PFDIFF, SEARCHED = "ours", "full run", "fewer steps", "PFDiff-1", "hold, searched steps (hindsight)"
EULER = "euler"  # what PFDiff-1 takes the place of
SOLVED = (FULL, OURS, FEWER, PFDIFF)  # also compared with the exact solution, which PFDiff-1 aims at


class Known:
    """What is known before a run: the recording of another, and the costs that follow from it."""

    def __init__(self, recording: Recording):
        self.recording = recording

    @functools.cached_property
    def mean_velocity(self):
        """MeanCache's costs and lengths."""
        return meancache.gap_costs(self.recording)

    def planned(self, order, calls):
        """The steps of DPCache's plan for an order of prediction."""
        return dpcache.steps(self.recording, order, calls)


class Rival(NamedTuple):
    """predictor ``(known, real steps) -> a run's predictor maker``; None is ours, correction and all.

    steps ``(known, calls) -> real steps``; None takes those of ours. space: what the predictor's values are.
    """

    predictor: Callable[[Known, tuple[int, ...]], Callable[[], Any]] | None
    steps: Callable[[Known, int], tuple[int, ...]] | None = None
    space: str = "epsilon"


def _always(predictor):
    """The same predictor, whatever is known."""
    return lambda known, real: predictor


def _on_schedule(predictor):
    """A predictor that is told the schedule."""
    return lambda known, real: functools.partial(predictor, known.recording.sigmas)


def _by_rule(rule):
    """Steps by their number alone."""
    return lambda known, calls: rule(known.recording.steps, calls)


def _mean_velocity(known, real):
    lengths = meancache.by_step(known.mean_velocity[1], real)
    return functools.partial(meancache.MeanVelocity, known.recording.sigmas, lengths)


def _spectrum(settings):
    return lambda known, real: functools.partial(spectrum.Ridge, settings, known.recording.sigmas)


def _both(name, predictor, own, space="epsilon"):
    """A rival at its own steps and at ours."""
    return {f"{name}, its steps": Rival(predictor, own, space), f"{name}, our steps": Rival(predictor, None, space)}


HOLD, LINE = _always(Hold), _on_schedule(dpcache.FirstOrder)
RIVALS = {
    "hold, our steps": Rival(HOLD),
    "hold, planned on a recorded run": Rival(HOLD, lambda known, calls: known.planned(0, calls)),
    **_both("DPCache", LINE, lambda known, calls: known.planned(1, calls)),
    **_both("MeanCache", _mean_velocity, lambda known, calls: meancache.steps(known.mean_velocity[0], calls)),
    **_both("VDE", _always(vde.DirectionAndSize), _by_rule(vde.steps)),
    **_both("ZEUS", _always(zeus.LineInTurns), _by_rule(zeus.steps)),
    **_both("Spectrum (node)", _spectrum(spectrum.NODE), _by_rule(functools.partial(spectrum.steps, spectrum.NODE))),
    **_both(
        "Spectrum (sd.cpp)",
        _spectrum(spectrum.CPP),
        _by_rule(functools.partial(spectrum.steps, spectrum.CPP)),
        "denoised",
    ),
    "ours, DPCache's steps": Rival(None, lambda known, calls: known.planned(1, calls)),
    "ours, MeanCache's steps": Rival(None, lambda known, calls: meancache.steps(known.mean_velocity[0], calls)),
}


def taking_part(sampler, searched):
    """The names of all that can be run with a sampler; ``searched``: the search as well."""
    return [FEWER, *RIVALS, *([PFDIFF] if sampler == EULER else []), *([SEARCHED] if searched else [])]

"""A run that skips nothing: mode ``off``, and samplers and schedules in which skipping cannot be right."""

import torch

from .clock import Clock, check_schedule, unround
from .report import REAL, Record, Report


class FullRun:
    """Passes every call through untouched and counts it; has ``SkippingDenoiser``'s interface.

    sigmas: any schedule, one that rises included; read when the run is over.
    mode: what the user asked for. reason: why no step may be skipped, for the report; without one it is mode ``off``.
    Keeps no tensor but each evaluation's sigma, and makes no device-to-host transfer before ``finish``.
    """

    def __init__(self, model, sigmas, mode, reason=None):
        self.model, self.sigmas, self.reason = model, torch.as_tensor(sigmas).clone(), reason
        self.report = Report(mode, len(self.sigmas) - 1, notes=[f"runs in full: {reason}"] if reason else [])
        self.levels = []

    def __call__(self, x, sigma, **extra):
        self.levels.append(sigma.flatten()[0].clone())
        return self.model(x, sigma, **extra)

    def forget(self):
        """Nothing is remembered."""

    def finish(self):
        """The run's ``Report``."""
        levels = unround(torch.stack(self.levels).cpu(), self.sigmas.cpu().float()).tolist() if self.levels else []
        self.levels = []
        for step, level in zip(self._steps(levels), levels, strict=True):
            self.report.records.append(Record(step, level, REAL, "in full" if self.reason else "off"))
        return self.report

    def _steps(self, levels):
        """The step of each evaluation; on a schedule that does not fall, the one with the nearest sigma."""
        schedule = self.sigmas.tolist()
        try:
            clock = Clock(check_schedule(schedule))
        except ValueError:
            return [min(range(len(schedule) - 1), key=lambda i: abs(schedule[i] - level)) for level in levels]
        return [clock.locate(level) for level in levels]

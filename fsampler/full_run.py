"""A run, or the rest of one, that skips nothing."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .location import steps_of
from .notes import Note
from .query import Model, unround
from .report import REAL, Record, Report, in_calls
from .schedule import check_schedule
from .timing import Stopwatch


class FullRun:
    """A run that skips nothing: mode ``off``, and samplers and schedules in which skipping cannot be right.

    Passes every call through untouched and counts it; has ``SkippingDenoiser``'s interface.

    sigmas: any schedule, one that rises included; read when the run is over.
    mode: what the user asked for. reason: why no step may be skipped, for the report; without one it is mode ``off``.

    Keeps no tensor but each evaluation's sigma, and makes no device-to-host transfer before ``finish``.
    """

    def __init__(self, model: Model, sigmas: Tensor | Sequence[float], mode: str, reason: Note | None = None) -> None:
        self.model, self.sigmas, self.reason = model, torch.as_tensor(sigmas).clone(), reason
        self.report = Report(mode, len(self.sigmas) - 1, notes=[reason.in_full("runs")] if reason else [])
        self.asked: list[Tensor] = []
        self.stopwatch = Stopwatch()

    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        self.stopwatch.start()
        self.asked.append(sigma.flatten()[0].clone())
        return self.model(x, sigma, **extra)

    def forget(self) -> None:
        """Nothing is remembered."""

    def in_full(self, reason: Note) -> None:
        """It is."""

    def progress(self) -> str:
        """How far the run is, for the user: the calls made. Of which step they are is not looked at on the way."""
        return f"{in_calls(len(self.asked))}, in full"

    def finish(self) -> Report:
        """The run's ``Report``."""
        asked, self.asked = self.asked, []
        levels = unround(torch.stack(asked).cpu(), self.sigmas.cpu().float()).tolist() if asked else []
        for step, level in zip(self._steps(levels), levels, strict=True):
            self.report.records.append(Record(step, level, REAL, "in full" if self.reason else "off"))
        self.report.seconds = self.stopwatch.total()  # the sigmas were waited for, and so was every call before them
        self.report.speedup = None if self.report.seconds is None else 1.0
        return self.report

    def _steps(self, levels: Sequence[float]) -> list[int]:
        """The step of each evaluation; on a schedule that does not fall, the one with the nearest sigma."""
        schedule = self.sigmas.tolist()
        try:
            return steps_of(check_schedule(schedule), levels)
        except ValueError:
            return [min(range(len(schedule) - 1), key=lambda i: abs(schedule[i] - level)) for level in levels]

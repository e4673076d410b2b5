"""What a run did, step by step: REAL or SKIP, why, at which sigma, with which error estimate. Only ever written to."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .location import Place
from .notes import Note
from .policies import Decision

if TYPE_CHECKING:
    from PIL.Image import Image

REAL, SKIP = "REAL", "SKIP"
OPENING_AND_END = {"warm-up", "protected first", "protected last"}  # reasons of steps that no mode skips
_FIGURES = re.compile(r"(\s+([<>]=?|-?(\d\S*|nan|inf)))+$")  # those a reason ends in


@dataclass(frozen=True)
class Record:
    """One evaluation the sampler asked for. A step has one record, or several in a multi-evaluation sampler."""

    step: int
    sigma: float
    kind: str  # REAL or SKIP
    reason: str
    estimate: float | None = None


@dataclass
class Report:
    """The records of one run and what follows from them; ``notes`` are remarks for the user."""

    mode: str
    steps: int
    records: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, place: Place, decision: Decision) -> None:
        """One more evaluation."""
        kind = SKIP if decision.skip else REAL
        self.records.append(Record(place.step, place.sigma, kind, decision.reason, decision.estimate))

    @property
    def evaluations(self) -> int:
        """Model evaluations the bare sampler would have made so far."""
        return len(self.records)

    @property
    def calls(self) -> int:
        """NFE: REAL model evaluations."""
        return sum(record.kind == REAL for record in self.records)

    @property
    def idle(self) -> Note | None:
        """Why no step was skipped in a run that might have skipped some; None where one was, or a note says it."""
        reasons = {record.reason for record in self.records}
        said = "in full" in reasons or any(note.code == "short-run" for note in self.notes)
        if self.calls < self.evaluations or not reasons or said or "planned" in reasons:  # planned: all were asked for
            return None
        if reasons <= OPENING_AND_END:
            return Note("too-few-steps", f"too few steps ({self.steps}) to skip one: every call was made")
        return Note("nothing-skipped", "every call was made: no step could be skipped within what the mode allows")

    @property
    def sequence(self) -> str:
        """One letter a step, R or S, in order."""
        return "".join(record.kind[0] for record in self.first_records())

    @property
    def estimate(self) -> float | None:
        """The largest error estimate any SKIP was made at, or None."""
        return max((r.estimate for r in self.records if r.kind == SKIP and r.estimate is not None), default=None)

    def first_records(self) -> list[Record]:
        """Each step's first record."""
        return list({record.step: record for record in reversed(self.records)}.values())[::-1]

    def reasons(self) -> dict[str, int]:
        """How often each reason was given, figures removed: ``{"REAL anchor": 4, ...}``."""
        return dict(Counter(f"{r.kind} {_FIGURES.sub('', r.reason)}" for r in self.records))

    def line(self) -> str:
        """``FSampler fast: 9/20 calls (55 % skipped), estimate 0.006``."""
        total = self.evaluations
        share = round(100 * (total - self.calls) / total) if total else 0
        estimate = "" if self.estimate is None else f", estimate {self.estimate:.2g}"
        notes = "".join(f"; {note}" for note in self.notes)
        return f"FSampler {self.mode}: {self.calls}/{total} calls ({share} % skipped){estimate}{notes}"

    def table(self) -> str:
        """A fixed-width table, one row an evaluation."""
        rows = [f"{'step':>4}  {'sigma':>10}  kind  {'estimate':>9}  reason"]
        for r in self.records:
            estimate = "" if r.estimate is None else f"{r.estimate:.5f}"
            rows.append(f"{r.step:>4}  {r.sigma:>10.5f}  {r.kind}  {estimate:>9}  {r.reason}")
        return "\n".join([*rows, self.line()])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "mode": self.mode,
            "steps": self.steps,
            "calls": self.calls,
            "evaluations": self.evaluations,
            "sequence": self.sequence,
            "estimate": self.estimate,
            "reasons": self.reasons(),
            "notes": [asdict(note) for note in self.notes],
            "records": [asdict(record) for record in self.records],
        }

    def to_json(self) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def chart(self) -> Image:
        """The per-step chart as a PIL image; see ``chart.draw``. Needs Pillow."""
        from .chart import draw

        return draw([self])

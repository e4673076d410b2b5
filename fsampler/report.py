"""What a run did, step by step: REAL or SKIP, why, at which sigma, with which error estimate. Only ever written to."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .location import Place
from .modes import shortened
from .notes import Note
from .part_report import Part, parts_of, worst
from .policies import Decision
from .recording import Recording

if TYPE_CHECKING:
    from PIL.Image import Image

REAL, SKIP = "REAL", "SKIP"
LONGEST_MODE = 60  # characters of a mode text that the line says: a list of steps has no end
_FIGURES = re.compile(r":?(\s+(of|[<>]=?|-?(\d\S*|nan|inf)))+$")  # those a reason ends in


WORTH_SAYING = 0.1  # seconds saved or lost


def in_calls(number: int) -> str:
    """``1 call``, ``7 calls``."""
    return f"{number} call" if number == 1 else f"{number} calls"


@dataclass(frozen=True)
class Record:
    """One evaluation the sampler asked for. A step has one record, or several in a multi-evaluation sampler."""

    step: int
    sigma: float
    kind: str  # REAL or SKIP
    reason: str
    estimate: float | None = None
    by_part: tuple[float, ...] = ()  # of a pack, the estimate of each part

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data, by_part = asdict(self), [*self.by_part]
        del data["by_part"]
        return data | ({"by_part": by_part} if by_part else {})


@dataclass
class Report:
    """The records of one run and what follows from them.

    notes: remarks for the user. seconds: from the first evaluation to the end of the run. speedup: how many times as
    long the run would have taken in full, by the times of the calls it made (``timing``). None until the run is over,
    and where nothing was measured. recording: mode record's; not in the JSON. parts: those of a packed latent, known
    once the run is over; none where the latent is one, and then not in the JSON.
    """

    mode: str
    steps: int
    records: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seconds: float | None = field(default=None, compare=False)  # two runs alike are equal
    speedup: float | None = field(default=None, compare=False)
    recording: Recording | None = field(default=None, compare=False, repr=False)
    parts: list[Part] = field(default_factory=list)

    def add(self, place: Place, decision: Decision) -> None:
        """One more evaluation."""
        kind = SKIP if decision.skip else REAL
        self.records.append(Record(place.step, place.sigma, kind, decision.reason, decision.estimate, decision.by_part))

    def add_parts(self, sizes: Sequence[int], curvatures: Sequence[Mapping[int, float]]) -> None:
        """The run is over; of each part, its size and the curvatures seen."""
        made = [record.by_part for record in self.records if record.kind == SKIP and record.by_part]
        self.parts = parts_of(sizes, made, curvatures)

    @property
    def evaluations(self) -> int:
        """Model evaluations the bare sampler would have made so far."""
        return len(self.records)

    @property
    def calls(self) -> int:
        """NFE: REAL model evaluations."""
        return sum(record.kind == REAL for record in self.records)

    @property
    def saved(self) -> float:
        """Seconds that the skipped calls would have taken; 0 where nothing was measured."""
        return 0.0 if self.seconds is None or self.speedup is None else self.seconds * (self.speedup - 1)

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
        """``FSampler fast: 9/20 calls (55 % skipped), 1.8x, about 9 s saved, estimate 0.006``; notes follow."""
        total, said = self.evaluations, [*map(str, self.notes)]
        if total:
            share = round(100 * (total - self.calls) / total)
            estimate = "" if self.estimate is None else f", estimate {self.estimate:.2g}"
            said = [f"{self.calls}/{total} calls ({share} % skipped){self._gain()}{estimate}", worst(self.parts), *said]
        return f"FSampler {shortened(self.mode, LONGEST_MODE)}: {'; '.join(filter(None, said)) or 'no calls'}"

    def progress(self) -> str:
        """How far the run is: ``step 12 of 20, 7 calls``."""
        step = self.records[-1].step + 1 if self.records else 0
        return f"step {step} of {self.steps}, {in_calls(self.calls)}"

    def outcome(self) -> str:
        """What came of it, for the node: ``11 of 20 calls, 1.8x, about 9 s saved``; notes follow, a line each."""
        said = [f"{self.calls} of {in_calls(self.evaluations)}{self._gain()}"] if self.records else []
        return "\n".join(filter(None, [*said, worst(self.parts), *map(str, self.notes)]))

    def _gain(self) -> str:
        """The factor and the seconds saved, where they are worth a word."""
        if self.speedup is None or abs(self.saved) < WORTH_SAYING:
            return ""
        seconds = f"{abs(self.saved):.0f}" if abs(self.saved) >= 10 else f"{abs(self.saved):.2g}"
        return f", {self.speedup:.1f}x, about {seconds} s {'saved' if self.saved > 0 else 'lost'}"

    def table(self) -> str:
        """A fixed-width table, one row an evaluation; of a pack, with the estimate of each part."""
        wide = max(9, 8 * len(self.parts) - 1)
        rows = [f"{'step':>4}  {'sigma':>10}  kind  {'estimate':>{wide}}  reason"]
        for r in self.records:
            estimates = [figure for figure in r.by_part or (r.estimate,) if figure is not None]
            told = " ".join(f"{figure:.5f}" for figure in estimates)
            rows.append(f"{r.step:>4}  {r.sigma:>10.5f}  {r.kind}  {told:>{wide}}  {r.reason}")
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
            "seconds": self.seconds,
            "speedup": self.speedup,
            "reasons": self.reasons(),
            "notes": [asdict(note) for note in self.notes],
            "records": [record.to_dict() for record in self.records],
            **({"parts": [part.to_dict() for part in self.parts]} if self.parts else {}),
        }

    def to_json(self) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def chart(self) -> Image:
        """The per-step chart as a PIL image; see ``chart.draw``. Needs Pillow."""
        from .chart import draw

        return draw([self])

"""A plan as text: which steps call the model, and how the others are predicted; a mode that travels in a workflow.

``plan:RRSRS...@SIGMAS@COEFFICIENTS@SETTING``: a letter a step; the sigmas that it was recorded over; for each SKIP
``trend:guidance``; and in what it was recorded, as ``name=value``. Numbers are separated by commas.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .schedule import MATCH, first_fault

PREFIX = "plan:"
PARTS = 4  # of a text, with an @ between them
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?"
_UNSPOKEN = re.compile(r"[^a-z0-9_.+-]+")


class Coefficients(NamedTuple):
    """How one SKIP is predicted from the newest REAL answer: plus ``trend`` times its change since the REAL answer
    before it, plus ``guidance`` times what guidance did to it (``u - c`` as epsilon)."""

    trend: float
    guidance: float


@dataclass(frozen=True)
class Plan:
    """Which steps are REAL, and the coefficients of each that is not.

    sequence: a letter a step, R or S; the first two and the last are R. sigmas: of the run that it was made from,
    ``steps + 1``. coefficients: of each S, in order. setting: in what it was recorded (``Recording.setting``).
    """

    sequence: str
    sigmas: tuple[float, ...]
    coefficients: tuple[Coefficients, ...]
    setting: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return self.sequence.count("R")

    @property
    def name(self) -> str:
        """The text without what was recorded."""
        return PREFIX + self.sequence

    def fits(self, sigmas: Sequence[float]) -> bool:
        """Whether a schedule is the plan's, but for rounding."""
        return len(sigmas) == len(self.sigmas) and all(
            math.isclose(a, b, rel_tol=MATCH, abs_tol=1e-9) for a, b in zip(sigmas, self.sigmas, strict=True)
        )

    def recorded_elsewhere(self, setting: Mapping[str, str]) -> str | None:
        """How a run's setting differs from the plan's, as a sentence; None where it does not."""
        here = {name: spoken(value) for name, value in setting.items()}
        there = {name: spoken(value) for name, value in self.setting.items()}
        odd = [name for name in sorted(there) if name in here and here[name] != there[name]]
        if not odd:
            return None
        was, is_ = (", ".join(f"{name} {said[name]}" for name in odd) for said in (there, here))
        return f"the plan was recorded with {was}; this run has {is_}"

    def __str__(self) -> str:
        numbers = ",".join(f"{trend:.3g}:{guidance:.3g}" for trend, guidance in self.coefficients)
        said = [(spoken(name), spoken(value)) for name, value in sorted(self.setting.items())]
        setting = ",".join(f"{name}={value}" for name, value in said if name and value)  # another alphabet leaves none
        return "@".join([self.name, ",".join(f"{sigma:.6g}" for sigma in self.sigmas), numbers, setting])


def spoken(text: str) -> str:
    """A name or value as a plan's text may hold it: lower case, with ``-`` for whatever else it has.

    >>> spoken("DPM++ 2M @ 64x64")
    'dpm++-2m-64x64'
    """
    return _UNSPOKEN.sub("-", text.lower()).strip("-")


def parse(text: str) -> tuple[str, Plan | None]:
    """The sequence that a text gives, and the plan; None where the sequence is all there is.

    Raises ``PlanTextError`` with the position of what is wrong and what was expected there.

    >>> sequence, plan = parse("plan:RRSR@4,3,2,1,0@.5:0@cfg=5")
    >>> sequence, plan.coefficients, str(plan)
    ('RRSR', (Coefficients(trend=0.5, guidance=0.0),), 'plan:RRSR@4,3,2,1,0@0.5:0@cfg=5')
    """
    starts, parts = [0], text.split("@")
    for part in parts:
        starts.append(starts[-1] + len(part) + 1)
    sequence = _sequence(parts[0])
    if len(parts) == 1:
        return sequence, None
    if len(parts) != PARTS:
        raise PlanTextError(len(parts[0]), "@SIGMAS@COEFFICIENTS@SETTING, or the steps alone")
    sigmas = tuple(value for (value,) in _numbers(parts[1], starts[1], 1, len(sequence) + 1, "sigmas"))
    if first_fault(sigmas) is not None:
        raise PlanTextError(starts[1], "falling sigmas")
    skips = sequence.count("S")
    coefficients = tuple(Coefficients(*two) for two in _numbers(parts[2], starts[2], 2, skips, "pairs TREND:GUIDANCE"))
    return sequence, Plan(sequence, sigmas, coefficients, _setting(parts[3], starts[3]))


class PlanTextError(ValueError):
    """A text that is no plan: ``position`` of what is wrong in it, and what was ``expected`` there."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"at position {position}, expected {expected}")
        self.position, self.expected = position, expected


def _sequence(text: str) -> str:
    letters = text[len(PREFIX) :].upper()
    odd = re.search("[^RS]", letters)
    if odd or len(letters) < 3:
        raise PlanTextError(len(PREFIX) + (odd.start() if odd else 0), "a letter a step, R or S, at least 3")
    for place in (0, 1, len(letters) - 1):
        if letters[place] != "R":
            raise PlanTextError(len(PREFIX) + place, "R: the first two steps and the last are never skipped")
    return letters


def _numbers(text: str, start: int, each: int, count: int, what: str) -> Iterable[tuple[float, ...]]:
    """``count`` groups of ``each`` numbers, with commas between groups and colons inside."""
    groups = text.split(",") if text else []
    if len(groups) != count:
        raise PlanTextError(start, f"{count} {what}, found {len(groups)}")
    for group in groups:
        numbers = group.split(":")
        if len(numbers) != each or not all(re.fullmatch(_NUMBER, number) for number in numbers):
            raise PlanTextError(start, f"{count} {what}")
        yield tuple(map(float, numbers))
        start += len(group) + 1


def _setting(text: str, start: int) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")] if text else []
    if not all(name and equals and value for name, equals, value in pairs):
        raise PlanTextError(start, "NAME=VALUE, separated by commas, or nothing")
    return {name: value for name, _, value in pairs}

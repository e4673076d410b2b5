"""The mode language: one string says who may skip. Parsed once, strictly.

To add a mode, add a row to ``FORMS``: what it looks like in error messages, which texts are its own, and a parser that
returns a ``Mode`` or refuses with the position of what is wrong.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

from .history import MAX_ORDER, MIN_ORDER
from .options import OURS, PAPER, Options
from .paper import AdaptiveGate, Cadence, ExplicitSteps
from .plan_text import PREFIX, Plan, PlanTextError
from .plan_text import parse as parse_plan
from .planned import Planned, Unrecorded
from .policies import Budget, ErrorControl, Guarded, Never, Policy, Record

# A preset is an `auto` tolerance named for what the user gets (docs/measurements.md, "What a preset costs and keeps").
PRESETS = {"quality": 0.04, "balanced": 0.08, "fast": 0.14, "turbo": 0.28}
DEFAULT_MODE = "balanced"
DEFAULT_TOLERANCE = PRESETS[DEFAULT_MODE]
PAPER_MODES = ("h2/s2", "h2/s3", "h2/s4", "h2/s5", "h3/s3", "h3/s4", "h3/s5", "h4/s4", "h4/s5", "adaptive")

LONGEST = 10_000  # characters of a mode text: room for the list of all steps of a long run
QUOTED = 40  # characters of it that a message says again

Kind = TypeVar("Kind", bound=Budget)
Refuse = Callable[[int, str], NoReturn]  # the position of what is wrong, and what was expected there


@dataclass(frozen=True)
class Mode:
    """What a mode text says: the options it implies, its predictor's order, and how its policy follows from them.

    plan: the plan that it gives, or None.
    """

    defaults: Options
    order: int
    policy: Callable[[Options], Policy]
    plan: Plan | None = None


@dataclass(frozen=True)
class Form:
    """A row of the mode language: how it is written, which texts belong to it, and their parser."""

    syntax: str
    owns: Callable[[str], bool]
    parse: Callable[[str, Refuse], Mode]


def parse_mode(mode: str) -> Mode:
    """What a mode text says, in its plain form (``plain_mode``).

    Raises ValueError with the text, the position of what is wrong and what was expected there, or a mode that it
    resembles.

    >>> parse_mode("h3/s4").order
    3
    """
    if len(mode) > LONGEST:
        raise ValueError(f"the mode is a text of {len(mode)} characters; expected {LONGEST} at most")
    text = plain_mode(mode)

    def refuse(position: int, expected: str) -> NoReturn:
        where = f" at position {position}" if position else ""
        raise ValueError(f"unknown mode {shortened(text, QUOTED)!r}{where}; expected {expected}")

    form = next((form for form in FORMS if form.owns(text)), None)
    if form is not None:
        return form.parse(text, refuse)
    meant = difflib.get_close_matches(text[:QUOTED], NAMES, n=1)
    if meant:
        raise ValueError(f"unknown mode {shortened(text, QUOTED)!r}; did you mean {meant[0]}?")
    refuse(0, f"one of {VALID_FORMS}")


def plain_mode(mode: str) -> str:
    """The text in the one way in which the grammar writes it: lower case, no blanks at its ends and around : and /.

    >>> plain_mode(" Calls: 12 "), plain_mode("h2 / s3"), plain_mode("50 %"), plain_mode(".1")
    ('calls:12', 'h2/s3', 'calls:50%', 'auto:.1')
    """
    text = re.sub(r"\s*([:/])\s*", r"\1", mode.strip().lower())
    if re.fullmatch(r"[0-9]+\s*%", text):
        return "calls:" + "".join(text.split())
    return f"auto:{text}" if re.fullmatch(r"[0-9]*\.[0-9]+", text) else text


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis where it has more than ``longest`` characters.

    >>> shortened("h2, 3, 4", 8), shortened("h2, 3, 4, 5", 8)
    ('h2, 3, 4', 'h2, 3...')
    """
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _off(_text: str, _refuse: Refuse) -> Mode:
    return Mode(PAPER, 2, lambda options: Never())


def _record(_text: str, _refuse: Refuse) -> Mode:
    return Mode(PAPER, 2, lambda options: Record())


def _adaptive(_text: str, _refuse: Refuse) -> Mode:
    def policy(options: Options) -> Policy:
        first, cap = options.opening, options.max_consecutive_skips
        return Guarded(AdaptiveGate(first, options.anchor_interval), first, options.protect_last, cap)

    return Mode(PAPER, 3, policy)


def _within(tolerance: float) -> Mode:
    def policy(options: Options) -> Policy:
        return ErrorControl(tolerance, options.opening, options.protect_last, options.max_consecutive_skips)

    return Mode(OURS, 2, policy)


def _preset(text: str, _refuse: Refuse) -> Mode:
    return _within(PRESETS[text])


def _auto(text: str, refuse: Refuse) -> Mode:
    if text == "auto":
        return _within(DEFAULT_TOLERANCE)
    tolerance = text[5:]
    if (
        text[:5] != "auto:"
        or not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", tolerance)
        or not 0 < float(tolerance) < 1
    ):
        refuse(5, "a tolerance above 0 and below 1, such as auto:0.1")
    return _within(float(tolerance))


def _calls(text: str, refuse: Refuse) -> Mode:
    match = re.fullmatch(r"calls:([0-9]{1,9})(%?)", text)
    if not match or int(match[1]) < 1 or (match[2] and int(match[1]) > 100):
        refuse(6, "a number of calls or a percentage of the steps, such as calls:12 or calls:50%")
    number = int(match[1])
    calls, share = (None, number / 100) if match[2] else (number, None)
    return Mode(replace(OURS, protect_first=None), 2, lambda options: _budget(Budget, calls, share, options))


def _budget(kind: type[Kind], calls: int | None, share: float | None, options: Options) -> Kind:
    return kind(calls, share, options.protect_first, options.protect_last, options.max_consecutive_skips)


def _plan(text: str, refuse: Refuse) -> Mode:
    try:
        sequence, plan = parse_plan(text)
    except PlanTextError as error:
        refuse(error.position, error.expected)

    def policy(options: Options) -> Policy:
        for name in ("order", "space", "nodes", "stabilizer"):
            if getattr(options, name) != getattr(OURS, name):
                raise ValueError(f"{name} is {getattr(options, name)!r} beside a plan, which has its own predictions")
        calls = sequence.count("R")
        if plan is None:
            return _budget(Unrecorded, calls, None, options)
        return Planned(plan, _budget(Budget, calls, None, options))

    return Mode(replace(OURS, protect_first=None), 2, policy, plan)


def _cadence(text: str, refuse: Refuse) -> Mode:
    match = re.fullmatch(r"h([0-9]{1,9})/s([0-9]{1,9})", text)
    if not match:
        wrong = re.match(r"h([0-9]+(/(s[0-9]*)?)?)?", text)
        refuse(wrong.end() if wrong else 0, "hN/sK, such as h2/s3")
    if not MIN_ORDER <= int(match[1]) <= MAX_ORDER:
        refuse(1, "an order N from 2 to 4, such as h2/s3")
    if not 1 <= int(match[2]) <= 99:
        refuse(match.start(2), "K from 1 to 99 calls, such as h2/s3")
    order, real_calls = int(match[1]), int(match[2])

    def policy(options: Options) -> Policy:
        first = options.opening
        return Guarded(Cadence(options.order or order, real_calls, first), first, options.protect_last)

    return Mode(PAPER, order, policy)


def _steps(text: str, refuse: Refuse) -> Mode:
    """``h2, 3, 4, 7`` or ``3 6 8``: separated by commas, blanks or both; the first token may name the predictor."""
    order, indices = 2, set()
    tokens = list(re.finditer(r"[^\s,]+", text))
    for i, token in enumerate(tokens):
        if i == 0 and len(tokens) > 1 and re.fullmatch(r"h[2-4]", token[0]):
            order = int(token[0][1])
        elif re.fullmatch(r"[0-9]{1,4}", token[0]):
            indices.add(int(token[0]))
        else:
            refuse(token.start(), "a step number; the steps to skip are written as h2, 3, 4, 7")
    if len(tokens) == 1:  # as likely meant for a number of calls
        refuse(0, f"calls:{text} for that many calls, or h2, {text} to skip step {text}")
    return Mode(PAPER, order, lambda options: ExplicitSteps(tuple(sorted(indices))))


FORMS = (
    Form("off", lambda text: text == "off", _off),
    Form("record", lambda text: text == "record", _record),
    Form(
        "plan:RRSR... (a text that FSampler Record or fsampler record has made)",
        lambda text: text.startswith(PREFIX),
        _plan,
    ),
    Form(
        "hN/sK (N 2-4, K 1-99; h2/s3)",
        lambda text: "/" in text and not text.startswith(("auto:", "calls:", PREFIX)),
        _cadence,
    ),
    Form(
        "hN, i, j, ... (steps from 0; h2, 3, 4, 7)",
        lambda text: re.match(r"(h[2-4][\s,]+)?[0-9]", text) is not None,
        _steps,
    ),
    Form("adaptive", lambda text: text == "adaptive", _adaptive),
    Form("auto | auto:TOLERANCE (auto:0.1)", lambda text: text.startswith("auto"), _auto),
    Form("calls:N (calls:12) | calls:P% (calls:50%)", lambda text: text.startswith("calls"), _calls),
    Form(" | ".join(PRESETS), lambda text: text in PRESETS, _preset),
)
VALID_FORMS = " | ".join(form.syntax for form in FORMS)
NAMES = (*PRESETS, "off", "record", "auto", "adaptive", *PAPER_MODES)  # what a misspelt name is compared with

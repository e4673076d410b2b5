"""The mode language: one string says who may skip. Parsed once, strictly.

To add a mode, add a row to ``FORMS``: what it looks like in error messages, which texts are its own, and a parser that
returns a ``Mode`` or refuses with the position of what is wrong.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from .history import MAX_ORDER, MIN_ORDER
from .options import OURS, PAPER, Options
from .paper import AdaptiveGate, Cadence, ExplicitSteps
from .policies import Budget, ErrorControl, Guarded, Never, Policy

# A preset is an `auto` tolerance named for what the user gets (README, "What a preset costs and keeps").
PRESETS = {"quality": 0.04, "balanced": 0.08, "fast": 0.14, "turbo": 0.28}
DEFAULT_MODE = "balanced"
DEFAULT_TOLERANCE = PRESETS[DEFAULT_MODE]
PAPER_MODES = ("h2/s2", "h2/s3", "h2/s4", "h2/s5", "h3/s3", "h3/s4", "h3/s5", "h4/s4", "h4/s5", "adaptive")

Refuse = Callable[[int, str], NoReturn]  # the position of what is wrong, and what was expected there


@dataclass(frozen=True)
class Mode:
    """What a mode text says: the options it implies, its predictor's order, and how its policy follows from them."""

    defaults: Options
    order: int
    policy: Callable[[Options], Policy]


@dataclass(frozen=True)
class Form:
    """A row of the mode language: how it is written, which texts belong to it, and their parser."""

    syntax: str
    owns: Callable[[str], bool]
    parse: Callable[[str, Refuse], Mode]


def parse_mode(mode: str) -> Mode:
    """What a mode text says. Raises ValueError with the text, the position of what is wrong, and the valid forms.

    >>> parse_mode("h3/s4").order
    3
    """
    text = mode.strip().lower()

    def refuse(position: int, expected: str) -> NoReturn:
        shift = len(mode) - len(mode.lstrip())
        raise ValueError(
            f"unknown mode {mode!r}: at position {shift + position}, expected {expected}; valid forms: {VALID_FORMS}"
        )

    form = next((form for form in FORMS if form.owns(text)), LISTED)  # what no form owns is refused as a list of steps
    return form.parse(text, refuse)


def _off(_text: str, _refuse: Refuse) -> Mode:
    return Mode(PAPER, 2, lambda options: Never())


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
    _, colon, tolerance = text.partition(":")
    if not colon:
        return _within(DEFAULT_TOLERANCE)
    if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", tolerance) or not 0 < float(tolerance) < 1:
        refuse(5, "a tolerance above 0 and below 1")
    return _within(float(tolerance))


def _calls(text: str, refuse: Refuse) -> Mode:
    match = re.fullmatch(r"calls:([0-9]+)(%?)", text)
    if not match or int(match[1]) < 1 or (match[2] and int(match[1]) > 100):
        refuse(6, "a number of calls from 1, or a percentage from 1% to 100%")
    number = int(match[1])
    calls, share = (None, number / 100) if match[2] else (number, None)

    def policy(options: Options) -> Policy:
        return Budget(calls, share, options.protect_first, options.protect_last, options.max_consecutive_skips)

    return Mode(replace(OURS, protect_first=None), 2, policy)


def _cadence(text: str, refuse: Refuse) -> Mode:
    match = re.fullmatch(r"h([0-9]+)/s([0-9]+)", text)
    if not match:
        wrong = re.match(r"h([0-9]+(/(s[0-9]*)?)?)?", text)
        refuse(wrong.end() if wrong else 0, "hN/sK")
    if not MIN_ORDER <= int(match[1]) <= MAX_ORDER:
        refuse(1, "an order N from 2 to 4")
    if not 1 <= int(match[2]) <= 99:
        refuse(match.start(2), "K from 1 to 99 calls")
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
            refuse(token.start(), "a mode's name or a list of step numbers")
    if not indices:
        refuse(0, "a mode's name or a list of step numbers")
    return Mode(PAPER, order, lambda options: ExplicitSteps(tuple(sorted(indices))))


LISTED = Form(
    "hN, i, j, ... (steps from 0; h2, 3, 4, 7)",
    lambda text: re.match(r"(h[2-4][\s,])?[0-9]", text) is not None,
    _steps,
)
FORMS = (
    Form("off", lambda text: text == "off", _off),
    Form(
        "hN/sK (N 2-4, K 1-99; h2/s3)", lambda text: "/" in text and not text.startswith(("auto:", "calls:")), _cadence
    ),
    LISTED,
    Form("adaptive", lambda text: text == "adaptive", _adaptive),
    Form("auto | auto:TOLERANCE (auto:0.1)", lambda text: text == "auto" or text.startswith("auto:"), _auto),
    Form("calls:N (calls:12) | calls:P% (calls:50%)", lambda text: text.startswith("calls:"), _calls),
    Form(" | ".join(PRESETS), lambda text: text in PRESETS, _preset),
)
VALID_FORMS = " | ".join(form.syntax for form in FORMS)

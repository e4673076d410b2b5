"""One string and a few options, parsed once and strictly into a frozen ``Config``."""

import re
from dataclasses import dataclass

from .control import OPENING, Budget, ErrorControl
from .extrapolate import MAX_ORDER, MIN_ORDER
from .policy import AtIndices, Cadence, Guarded, Never, PaperGate, Policy
from .space import SPACES

# A preset is an `auto` tolerance named for what the user gets (README, "What a preset costs and keeps").
PRESETS = {"quality": 0.04, "balanced": 0.08, "fast": 0.14, "turbo": 0.28}
DEFAULT_MODE = "balanced"
DEFAULT_TOLERANCE = PRESETS[DEFAULT_MODE]
PAPER_MODES = ("h2/s2", "h2/s3", "h2/s4", "h2/s5", "h3/s3", "h3/s4", "h3/s5", "h4/s4", "h4/s5", "adaptive")

VALID_FORMS = (
    "off | hN/sK (N 2-4, K 1-99; h2/s3) | hN, i, j, ... (steps from 0; h2, 3, 4, 7) | adaptive | auto | "
    "auto:TOLERANCE (auto:0.1) | calls:N (calls:12) | calls:P% (calls:50%) | " + " | ".join(PRESETS)
)
STABILIZERS = ("none", "trend", "learning", "gradient", "learning+gradient")


@dataclass(frozen=True)
class Config:
    """What one run does; build it with ``Config.parse``. Every field is resolved: nothing means "default" any more.

    mode: the text as given, lower case, blanks trimmed.
    policy: who decides (``policy.py``, ``control.py``), its guards included.
    order: values that take part in a prediction: 2 (line), 3 (parabola), 4 (cubic).
    space: "auto" (epsilon; denoised once the sampler is seen to add noise), "epsilon", "residual" or "denoised".
    nodes: what the polynomial runs over: "sigma" or the paper's "index".
    stabilizer: "trend" (ours), the paper's "learning", "gradient", "learning+gradient", or "none".
    beta, gamma: memory of the learning stabilizer, [0, 1]; strength of the gradient one, [1, 5].
    correct: correct the state after a gap.
    gate: compare the h3 and h2 predictions at every step (mode ``adaptive``).
    """

    mode: str
    policy: Policy
    order: int
    space: str
    nodes: str
    stabilizer: str
    beta: float
    gamma: float
    correct: bool
    gate: bool = False

    @staticmethod
    def parse(mode=DEFAULT_MODE, **options):
        """The ``Config`` of a mode text and options, each of which replaces the mode's own default when not None.

        Options: order, space, nodes, protect_first, protect_last, anchor_interval, max_consecutive_skips, stabilizer,
        beta, gamma, correct. Raises ValueError naming the text, the position and the valid forms, or the option, its
        value and its range; TypeError for an option that does not exist.
        """
        if not isinstance(mode, str):
            raise ValueError(f"mode is {mode!r}; expected a text: {VALID_FORMS}")
        text = mode.strip().lower()
        kind, values = _parse_mode(mode, text)
        defaults = {"auto": _OURS, "calls": _OURS | {"protect_first": None}}.get(kind, _PAPER)
        chosen = defaults | {name: value for name, value in options.items() if value is not None}
        unknown = sorted(set(options) - set(_OURS))
        if unknown:
            raise TypeError(f"unknown option {unknown[0]!r}; expected one of {', '.join(_OURS)}")
        for name, value in chosen.items():
            _check_option(name, value)
        order = chosen["order"] or values.get("order", 2)
        return Config(
            mode=text,
            policy=_policy(kind, values, order, chosen),
            order=3 if kind == "adaptive" and chosen["order"] is None else order,
            gate=kind == "adaptive",
            **{name: chosen[name] for name in ("space", "nodes", "stabilizer", "beta", "gamma", "correct")},
        )


_PAPER = dict(
    order=None,
    space="residual",
    nodes="index",
    protect_first=2,
    protect_last=1,
    anchor_interval=4,
    max_consecutive_skips=2,
    stabilizer="none",
    beta=0.9985,
    gamma=2.0,
    correct=False,
)
_OURS = _PAPER | dict(
    space="auto",
    nodes="sigma",
    protect_first=OPENING,
    anchor_interval=0,
    max_consecutive_skips=5,
    stabilizer="trend",
    correct=True,
)
_CHOICES = {
    "space": ("auto", *SPACES),
    "nodes": ("sigma", "index"),
    "stabilizer": STABILIZERS,
    "correct": (True, False),
}
_RANGES = {
    "order": (MIN_ORDER, MAX_ORDER),
    "protect_first": (0, 100),
    "protect_last": (0, 100),
    "anchor_interval": (0, 100),
    "max_consecutive_skips": (1, 100),
    "beta": (0.0, 1.0),
    "gamma": (1.0, 5.0),
}


def _check_option(name, value):
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(str, _CHOICES[name]))}")
        return
    if value is None:
        return
    low, high = _RANGES[name]
    whole = isinstance(low, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{name} is {value!r}; expected {kind} from {low} to {high}")


def _policy(kind, values, order, chosen):
    first, last = chosen["protect_first"], chosen["protect_last"]
    cap = chosen["max_consecutive_skips"]
    if kind == "off":
        return Never()
    if kind == "indices":
        return AtIndices(values["indices"])
    if kind == "cadence":
        return Guarded(Cadence(order, values["real_calls"], first), first, last)
    if kind == "adaptive":
        return Guarded(PaperGate(first, chosen["anchor_interval"]), first, last, cap)
    if kind == "auto":
        return ErrorControl(values["tolerance"], first, last, cap)
    return Budget(values["calls"], values["share"], first, last, cap)


def _parse_mode(mode, text):
    """The kind of mode and its numbers; ``mode`` is the text as given, for the error."""

    def refuse(position, expected):
        shift = len(mode) - len(mode.lstrip())
        raise ValueError(
            f"unknown mode {mode!r}: at position {shift + position}, expected {expected}; valid forms: {VALID_FORMS}"
        )

    if text in PRESETS:
        return "auto", {"tolerance": PRESETS[text]}
    if text in ("off", "adaptive"):
        return text, {}
    if text == "auto":
        return "auto", {"tolerance": DEFAULT_TOLERANCE}
    head, colon, rest = text.partition(":")
    if colon and head == "auto":
        if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", rest) or not 0 < float(rest) < 1:
            refuse(5, "a tolerance above 0 and below 1")
        return "auto", {"tolerance": float(rest)}
    if colon and head == "calls":
        match = re.fullmatch(r"([0-9]+)(%?)", rest)
        if not match or int(match[1]) < 1 or (match[2] and int(match[1]) > 100):
            refuse(6, "a number of calls from 1, or a percentage from 1% to 100%")
        number, percent = int(match[1]), bool(match[2])
        return "calls", {"calls": None if percent else number, "share": number / 100 if percent else None}
    if "/" in text:
        match = re.fullmatch(r"h([0-9]+)/s([0-9]+)", text)
        if not match:
            wrong = re.match(r"h([0-9]+(/(s[0-9]*)?)?)?", text)
            refuse(wrong.end() if wrong else 0, "hN/sK")
        if not MIN_ORDER <= int(match[1]) <= MAX_ORDER:
            refuse(1, "an order N from 2 to 4")
        if not 1 <= int(match[2]) <= 99:
            refuse(match.start(2), "K from 1 to 99 calls")
        return "cadence", {"order": int(match[1]), "real_calls": int(match[2])}
    return _parse_indices(text, refuse)


def _parse_indices(text, refuse):
    """``h2, 3, 4, 7`` or ``3 6 8``: separated by commas, blanks or both; the first token may name the predictor."""
    order, indices = 2, []
    tokens = list(re.finditer(r"[^\s,]+", text))
    for i, token in enumerate(tokens):
        if i == 0 and len(tokens) > 1 and re.fullmatch(r"h[2-4]", token[0]):
            order = int(token[0][1])
        elif re.fullmatch(r"[0-9]{1,4}", token[0]):
            indices.append(int(token[0]))
        else:
            refuse(token.start(), "a mode's name or a list of step numbers")
    if not indices:
        refuse(0, "a mode's name or a list of step numbers")
    return "indices", {"order": order, "indices": tuple(sorted(set(indices)))}

"""Every tuning constant of the engine, and what half and double its value do: ``docs/constants.md``.

    python -m fsampler_research.benchmarks.constants --out docs/constants.md

A constant stays next to the formula that uses it; here it is listed with its unit and one sentence, and varied over the
runs that it can concern. ``NOT_TUNING`` names the numbers of the engine that are left out, each with a reason;
tests/test_constants.py fails for a number that is in neither. Without ``--out`` the page is printed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import functools
import hashlib
import importlib
import json
import math
import pathlib
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from comfyui_fsampler import fsampler as engine
from comfyui_fsampler.fsampler import PRESETS, sample
from comfyui_fsampler.fsampler.paper import AdaptiveGate
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import Bar
from torch import Tensor

from ..demo.mixture import mixture
from ..demo.problem import Denoiser, load_network, start
from ..demo.schedules import sigmas_for
from .cells import EXACT, Cell, compare
from .markdown import rows

STEPS, SEED = 20, 0
CUT = 14  # steps that a run with an open end makes; the rest of the picture is made in full
WORTH = 0.1  # dB from which on a change of a constant counts as better


# ---- the runs


class Case(NamedTuple):
    """One run: a mode on a cell of one network. eta: the sampler's noise. open_end: stop after ``CUT`` steps."""

    network: str
    cell: Cell
    mode: str
    eta: float = 0.0
    options: tuple[tuple[str, object], ...] = ()
    open_end: bool = False

    @property
    def kind(self) -> str:
        """Who chooses the number of calls."""
        return "calls:N" if self.mode.startswith("calls:") else "auto" if self.mode in PRESETS else "paper's"


EULER = ("flow", "simple", "euler"), ("eps", "karras", "euler")
COLUMNS = (*EULER, ("eps", "simple", "dpmpp_2m"))
SMALL = (*EULER[:1], COLUMNS[2])
NEAR_NOISE = ("flow", "linear_quadratic", "euler"), ("flow", "flux2", "dpmpp_2m")  # they begin with many steps there
BOTH = ("unet", "mixture")
STABILIZED = (("stabilizer", "learning+gradient"),)


def cases(networks, columns, modes, cfgs=(2.0, 5.0), **rest) -> tuple[Case, ...]:
    """Every combination, as ``Case``s."""
    cells = [Cell(*column, cfg, STEPS) for column in columns for cfg in cfgs]
    return tuple(Case(network, cell, mode, **rest) for network in networks for cell in cells for mode in modes)


def _solvers(columns, sampler):
    return [(prediction, schedule, sampler) for prediction, schedule, _ in columns]


def _noisy(mode: str) -> tuple[Case, ...]:
    """Two samplers with noise; the second at CFG 5 on the mixture only, for time."""
    second = _solvers(EULER, "dpmpp_2m")
    return (
        *cases(BOTH, EULER, [mode], eta=1.0),
        *cases(["unet"], second, [mode], (2.0,), eta=1.0),
        *cases(["mixture"], second, [mode], eta=1.0),
    )


# What a constant can concern, by name; ``ABOUT`` says it in the page.
GROUPS: dict[str, tuple[Case, ...]] = {
    "calls": (
        *cases(["unet"], COLUMNS, ["calls:9", "calls:12"]),
        *cases(["mixture"], COLUMNS, ["calls:7", "calls:9", "calls:12"]),
    ),
    "calls near noise": cases(BOTH, NEAR_NOISE, ["calls:9", "calls:12"]),
    "auto flow": (*cases(["unet"], COLUMNS[:1], ["balanced"]), *cases(["mixture"], COLUMNS[:1], ["balanced", "fast"])),
    "auto VE": (*cases(["unet"], COLUMNS[1:], ["balanced"]), *cases(["mixture"], COLUMNS[1:], ["balanced", "fast"])),
    **{preset: cases(BOTH, COLUMNS, [preset]) for preset in PRESETS},
    "noisy calls": _noisy("calls:12"),
    "noisy auto": _noisy("balanced"),
    "noisy unprobed": cases(BOTH, EULER, ["calls:12"], (5.0,), eta=1.0, options=(("correct", False),)),
    "two stages": cases(BOTH, _solvers(EULER, "dpmpp_2s"), ["calls:12"], (5.0,)),
    "open end": cases(BOTH, EULER, ["calls:7", "balanced"], open_end=True),
    "cadence": cases(BOTH, SMALL, ["h2/s2"]),
    "adaptive": cases(BOTH, SMALL, ["adaptive"]),
    "stabilized": cases(BOTH, SMALL, ["h3/s3", "adaptive"], options=STABILIZED),
}
AUTO = ("auto flow", "auto VE")
OURS = ("calls", *AUTO)
PLAIN, STABLE = ("cadence", "adaptive"), ("stabilized",)


# ---- the constants


class Constant(NamedTuple):
    """One number of the engine.

    name: ``module.NAME``, of an entry ``module.NAME[key]`` or ``module.NAME.field``. groups: the runs it can concern.
    tried: what stands for half and double where these make no sense.
    """

    name: str
    unit: str
    meaning: str
    groups: tuple[str, ...]
    tried: tuple[float, float] | None = None

    @property
    def value(self) -> Any:
        """Today's."""
        return read(self.name)

    def values(self) -> tuple[Any, Any]:
        """What is tried: half and double; a half of a whole number is rounded down."""
        value = self.value
        return self.tried or ((value // 2 if isinstance(value, int) else value / 2), value * 2)

    def cases(self) -> list[Case]:
        return list(dict.fromkeys(case for group in self.groups for case in GROUPS[group]))


OWN = (
    Constant(
        "policies.OPENING",
        "steps",
        "REAL steps before the first skip: all of them in the auto modes, at most so many with `calls:N`.",
        OURS,
    ),
    Constant(
        "policies.COLLAPSED",
        "share",
        "Where the newest kappa is below this share of those before, the next gap of `calls:N` weighs less.",
        ("calls",),
    ),
    Constant(
        "policies.LEAST_WEIGHT",
        "of the squared error",
        "The least that such a gap weighs.",
        ("calls",),
    ),
    Constant(
        "policies.RESERVE",
        "share of the squared tolerance",
        "What the rest of an auto run keeps, however much of its tolerance is spent.",
        AUTO,
    ),
    Constant(
        'policies.FINAL_SHARE["ve"]',
        "final error over summed gap errors",
        "Turns the estimate of the auto modes into the final latent's error: VE schedules.",
        ("auto VE",),
    ),
    Constant(
        'policies.FINAL_SHARE["flow"]',
        "final error over summed gap errors",
        "The same for flow schedules.",
        ("auto flow",),
    ),
    Constant(
        'policies.FINAL_SHARE["noisy"]',
        "final error over summed gap errors",
        "The same for samplers that add noise.",
        ("noisy auto",),
    ),
    *(
        Constant(
            f'modes.PRESETS["{preset}"]',
            "relative error of the final latent",
            f"The tolerance of mode `{preset}`.",
            (preset,),
        )
        for preset in PRESETS
    ),
    Constant("options.OURS.protect_last", "steps", "Steps at the end that are never skipped; 0 counts as 1.", OURS),
    Constant("options.OURS.max_consecutive_skips", "steps", "The longest gap.", OURS),
    Constant(
        "predictors.GAIN_RANGE[0]",
        "share of the predicted change",
        "The least share that a back-test may say came true.",
        OURS,
        (-0.25, 0.25),
    ),
    Constant(
        "predictors.GAIN_RANGE[1]",
        "share of the predicted change",
        "The largest share that a back-test may say came true.",
        OURS,
    ),
    Constant(
        "predictors.GAIN_MEMORY",
        "share",
        "How much of its old value the trend's gain keeps at a back-test; 1 keeps the first one for good.",
        OURS,
    ),
    Constant(
        "guidance.USED",
        "share",
        "How much of the learned strength of the guidance term a prediction uses.",
        OURS,
    ),
    Constant(
        "guidance.FULL_TREND",
        "share of the change",
        "What of the newest change lay along the trend from which the guidance term leaves the trend alone.",
        OURS,
    ),
    Constant(
        "guidance.MEMORY",
        "share",
        "How much the guidance term's least squares keep of what they knew at a back-test.",
        OURS,
    ),
    Constant(
        "guidance.LARGEST",
        "epsilon a unit of half-log-SNR, over the guidance",
        "The largest strength that the guidance term may have.",
        OURS,
    ),
    Constant(
        "correction.NEUTRAL_GAIN",
        "trend gain",
        "The trend's gain at which `denoised` is taken to stay where it was as the state is corrected.",
        OURS,
    ),
    Constant(
        "gap_error.HIGH_CURVATURE",
        "kappa",
        "From this first curvature on a run counts as strongly curved: its gain falls at once, and it opens longer.",
        OURS,
    ),
    Constant(
        "schedule.UNDECIDED",
        "VE sigma",
        "Above it the law of the auto modes' estimates levels off.",
        AUTO,
    ),
    Constant(
        "schedule.STILL",
        "VE sigma",
        "Above it the law by which `calls:N` places calls levels off, and steps that end above it are no opening.",
        ("calls near noise", "calls"),
    ),
    Constant(
        "gap_error.AMPLIFIED",
        "share",
        "What counts, where `calls:N` places calls, of a share above 1: an answer that the sampler amplifies.",
        ("calls",),
    ),
    Constant(
        "gap_error.UNCORRECTED",
        "factor",
        "How much more a gap up to an open end weighs in a plan, since it is never corrected.",
        ("open end",),
    ),
    Constant(
        "gap_error.NOISY_EXPONENT",
        "exponent of sigma",
        "How much more early gaps weigh in the plan of a sampler that adds noise.",
        ("noisy calls", "noisy auto"),
    ),
    Constant(
        "noise.THRESHOLD",
        "of the step's own displacement",
        "From this distance to Euler's state on a sampler that was not probed counts as one that adds noise.",
        ("two stages", "noisy unprobed"),
    ),
    Constant(
        "noise.GAIN",
        "share of the fresh noise",
        "How much of the fresh noise a prediction takes up.",
        ("noisy calls", "noisy auto"),
    ),
)
PAPER = (
    Constant("options.PAPER.protect_first", "steps", "Steps at the start that are never skipped.", PLAIN),
    Constant("options.PAPER.protect_last", "steps", "Steps at the end that are never skipped.", PLAIN),
    Constant("options.PAPER.anchor_interval", "steps", "Mode `adaptive`: a REAL step every so many.", ("adaptive",)),
    Constant("options.PAPER.max_consecutive_skips", "steps", "Mode `adaptive`: the longest gap.", ("adaptive",)),
    Constant(
        "options.PAPER.beta",
        "share",
        "Memory of the learning stabilizer; at 1, the end of its range, it learns nothing.",
        STABLE,
        (0.49925, 1.0),
    ),
    Constant("options.PAPER.gamma", "factor", "Strength of the gradient stabilizer; 1 switches it off.", STABLE),
    Constant(
        "paper.GATE_THRESHOLD",
        "relative distance",
        "Mode `adaptive`: skip while the h3 and h2 predictions agree to this.",
        ("adaptive", "stabilized"),
    ),
    Constant("paper.GRADIENT_CLAMP", "share", "The gradient stabilizer's term is at most this of epsilon.", STABLE),
    Constant("paper.RATIO_RANGE[0]", "ratio", "The least ratio that the learning stabilizer divides by.", STABLE),
    Constant("paper.RATIO_RANGE[1]", "ratio", "The largest ratio that it divides by.", STABLE),
    Constant("paper.GATE_FLOOR", "rms", "The least size of a state that the gate divides by.", ("adaptive",)),
    Constant("paper.SMALLEST_NORM", "norm", "Validator: a prediction below this is refused.", (*PLAIN, *STABLE, *OURS)),
    Constant(
        "paper.SMALLEST_RATIO",
        "of the last REAL value's norm",
        "Validator: a prediction below this is refused.",
        (*PLAIN, *STABLE, *OURS),
    ),
    Constant(
        "paper.LARGEST_RATIO",
        "of the last REAL value's norm",
        "Validator: a prediction above this is refused.",
        (*PLAIN, *STABLE, *OURS),
    ),
    Constant(
        "paper.SMALLEST_COSINE",
        "cosine",
        "Validator: a prediction that points further away from the last REAL value is refused; the figure is ours.",
        (*PLAIN, *STABLE, *OURS, "noisy calls"),
    ),
)
TOLERANCES = (
    Constant(
        "schedule.MATCH",
        "relative distance",
        "Two sigmas nearer than this count as one.",
        (*OURS, "two stages", "noisy calls", "cadence"),
    ),
    Constant(
        "schedule.SMALLEST_SIGNAL",
        "signal level",
        "The signal level of a flow state is kept above this, since formulas divide by it.",
        (*OURS, "noisy calls"),
    ),
    Constant(
        "response.MAX_STAGES",
        "evaluations a step",
        "A sampler that asks more often is not probed.",
        (*OURS, "two stages"),
    ),
    Constant(
        "response.MEMORY",
        "answers",
        "A deferred correction ends after so many negligible terms in a row.",
        (*OURS, "two stages"),
    ),
    Constant(
        "response.NEGLIGIBLE",
        "of the first term",
        "Terms of a deferred correction below this count as negligible.",
        (*OURS, "two stages"),
    ),
    Constant(
        "response.CLOSE",
        "relative distance",
        "How exactly a probed sampler must be linear, and its square how little an answer may weigh.",
        (*OURS, "two stages"),
    ),
    Constant("forecast.TINY", "rms", "The least rms of `denoised` that a curvature is divided by.", OURS),
    Constant(
        "noise.TINY", "squared norm", "The least squared norm of noise that a projection divides by.", ("noisy calls",)
    ),
)
CONSTANTS = (*OWN, *PAPER, *TOLERANCES)

# Numbers that tune nothing, and why; a name stands for all its entries.
NOT_TUNING = {
    "chart.INK": "a colour of the chart",
    "chart.FAINT": "a colour of the chart",
    "chart.PAPER": "a colour of the chart",
    "chart.REAL_COLOUR": "a colour of the chart",
    "chart.SKIP_COLOUR": "a colour of the chart",
    "chart.ESTIMATE_COLOUR": "a colour of the chart",
    "chart.THICK": "a size in the chart",
    "chart.THIN": "a size in the chart",
    "chart.LANE": "a size in the chart",
    "chart.NORMAL": "a size in the chart",
    "chart.SMALL": "a size in the chart",
    "chart.APART": "a size in the chart",
    "chart.HEAD": "a size in the chart",
    "chart.BAR": "a size in the chart",
    "chart.LEFT": "a size in the chart",
    "chart.TOP": "a size in the chart",
    "candidates.WORK": "a bound on the cost of planning; it changes no plan of a run of 79 steps or fewer",
    "candidates.FEWEST_LAYERS": "a bound on the memory of planning; it changes no plan of a run of 79 steps or fewer",
    "candidates.PER_GAP": "a bound on how coarse a plan of a long run may be",
    "gain.FEW_STEPS": "decides what is said, not what is done",
    "gain.LITTLE": "decides what is said, not what is done",
    "guidance.COLLINEAR": "keeps rounding from deciding where trend and guidance are the same",
    "guidance.TINY": "keeps 0 from being divided by 0",
    "history.MIN_ORDER": "a limit of the mode language: a line needs two values",
    "history.MAX_ORDER": "a limit of the mode language: the paper's h4",
    "modes.DEFAULT_TOLERANCE": 'modes.PRESETS["balanced"] by another name',
    "modes.LONGEST": "a bound on what is read",
    "modes.QUOTED": "decides what is said, not what is done",
    "options.RANGES": "what a user may give, not what we start from",
    "options.OURS.protect_first": "policies.OPENING by another name; both are varied together",
    "options.OURS.anchor_interval": "no mode of ours reads it",
    "options.OURS.beta": "the paper's, options.PAPER.beta; read only with its stabilizer",
    "options.OURS.gamma": "the paper's, options.PAPER.gamma; read only with its stabilizer",
    "plan_chart.WIDTH": "a size in the chart",
    "plan_chart.HEIGHT": "a size in the chart",
    "plan_chart.LEFT": "a size in the chart",
    "plan_chart.RIGHT": "a size in the chart",
    "plan_chart.TOP": "a size in the chart",
    "plan_chart.BOTTOM": "a size in the chart",
    "plan_chart.GRID": "a colour of the chart",
    "plan_chart.DECADES": "the scale of the chart",
    "plan_text.PARTS": "a part of the mode language",
    "recorded_plans.FEWEST": "a limit: a plan has an opening of two calls, and the last one",
    "recorded_plans.MOST_COUNTS": "decides what is said, not what is done",
    "recorded_plans.GUIDANCE_USED": 'of plans alone: docs/measurements.md, "Recorded plans", has its trial',
    "recorded_plans.STAYS": "decides what is said, not what is done",
    "recorded_plans.TINY": "keeps 0 from being divided by 0",
    "recorded_plans.WORTH_IT": "decides what is said, not what is done",
    "recorder.TRACED": "how exact a recording is, at the cost of memory; latents of the demo are recorded whole",
    "recording.MOST_IMAGES": 'how many images a recording keeps; docs/measurements.md, "Recorded plans"',
    "recording.MOST_STEPS": "a bound on the size of a recording",
    "location.LOOKED_AT": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "location.MOST_RETURN": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "query.FEWEST_TRACED": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "query.TINY": "keeps 0 from being divided by 0",
    "query.TRACED": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "query.UNRELATED": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "query.UNRELATED_AT_FIRST": "a rule for what is an anomaly: it decides whether a run skips, not how well",
    "report.LONGEST_MODE": "decides what is said, not what is done",
    "report.WORTH_SAYING": "decides what is said, not what is done",
    "response.CONTROL_ROWS": "the number of control rows that a probe has; another number is another program",
}
# Figures that stand in a formula without a name; listed in the page, not varied.
UNNAMED = {
    "policies.ErrorControl": "kappa halves with every REAL step; at least 3 REAL steps come first",
    "policies.Budget": "a run opens with a third of its calls, with half of them where it is strongly curved, and with "
    "3 at least; with 2 at least where its first steps end above schedule.STILL",
    "planner.Planner": "a plan begins after 2 REAL steps at the earliest; a run keeps its 2 newest plans",
    "noise.FirstAnswer": "Euler's displacement is divided by as 1e-12 at least",
}


# ---- varying one


def _parts(name: str) -> tuple[Any, str, Any]:
    """The module, the NAME in it, and the key or field, or None."""
    match = re.fullmatch(r"(\w+)\.([A-Z_]+)(?:\[(.+)\]|\.(\w+))?", name)
    if match is None:
        raise ValueError(f"{name!r} names no constant; expected module.NAME, with [key] or .field for an entry")
    module = importlib.import_module(f"{engine.__name__}.{match[1]}")
    return module, match[2], ast.literal_eval(match[3]) if match[3] else match[4]


def read(name: str) -> Any:
    """Today's value of a constant or an entry."""
    module, constant, key = _parts(name)
    owner = getattr(module, constant)
    return owner if key is None else getattr(owner, key) if dataclasses.is_dataclass(owner) else owner[key]


def _with_entry(owner: Any, key: Any, value: Any) -> Any:
    """A copy of a tuple, dict or dataclass with one entry changed; the value itself without a key."""
    if key is None:
        return value
    if dataclasses.is_dataclass(owner) and not isinstance(owner, type):
        return dataclasses.replace(owner, **{key: value})
    if isinstance(owner, dict):
        return {**owner, key: value}
    return tuple(value if i == key else old for i, old in enumerate(owner))


TOGETHER = {"policies.OPENING": ("options.OURS.protect_first",)}  # bound when the module was loaded
DEFAULTS: dict[str, Callable[..., Any]] = {"paper.GATE_THRESHOLD": AdaptiveGate.__init__}  # bound as an argument's


@contextlib.contextmanager
def changed(name: str, value: Any) -> Iterator[None]:
    """The engine with another value of a constant, wherever its modules have bound it; then as before."""
    with contextlib.ExitStack() as undo:
        for each in (name, *TOGETHER.get(name, ())):
            _change(each, value, undo)
        yield


def _change(name: str, value: Any, undo: contextlib.ExitStack) -> None:
    home, constant, key = _parts(name)
    owner = getattr(home, constant)
    new = _with_entry(owner, key, value)
    loaded = [module for path, module in sys.modules.items() if f"{path}.".startswith(f"{engine.__name__}.")]
    for module in loaded:
        if vars(module).get(constant) is owner:
            undo.callback(setattr, module, constant, owner)
            setattr(module, constant, new)
    if name in DEFAULTS:
        function = DEFAULTS[name]
        before = function.__defaults__ or ()
        undo.callback(setattr, function, "__defaults__", before)
        function.__defaults__ = tuple(new if default is owner else default for default in before)


# ---- measuring


class Remembering:
    """A network that need not compute again what it has answered while ``recording``: runs begin alike."""

    def __init__(self, network: Callable[..., Tensor]) -> None:
        self.network, self.recording = network, False
        self.answers: dict[bytes, Tensor] = {}
        self.computed = 0

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        key = b"".join(hashlib.blake2b(part.contiguous().numpy().tobytes()).digest() for part in (x, t, labels))
        if key in self.answers:
            return self.answers[key].clone()
        self.computed += 1
        answer = self.network(x, t, labels)
        if self.recording:
            self.answers[key] = answer.clone()
        return answer


class Effect(NamedTuple):
    """What another value did in one run: dB and calls over today's, and whether not a bit is different."""

    kind: str
    network: str
    db: float
    calls: int
    same: bool


class Lab:
    """Makes runs; full runs and those of today's values once. count: images a run."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.networks = {"unet": Remembering(load_network()), "mixture": Remembering(mixture())}
        self.full = functools.cache(self._full)
        self.today = functools.cache(self._today)

    def run(self, case: Case, mode: str) -> tuple[Tensor, int]:
        """The final latent and the calls of the part that skips."""
        cell = case.cell
        sigmas = sigmas_for(cell.schedule, cell.prediction, cell.steps)
        labels, x = start(self.count, SEED, cell.prediction, float(sigmas[0]))
        model = Denoiser(self.networks[case.network], labels, cell.prediction, cell.cfg)
        own: dict[str, Any] = {"eta": case.eta, "flow": cell.prediction == "flow"} if case.eta else {}
        solver = functools.partial(sample, SOLVERS[cell.sampler], model, solver_options=own)
        torch.manual_seed(SEED)
        x, report = solver(x, sigmas[: CUT + 1] if case.open_end else sigmas, mode, **dict(case.options))
        return solver(x, sigmas[CUT:], "off")[0] if case.open_end else x, report.calls

    def effect(self, case: Case, name: str, value: Any) -> Effect:
        """Another value of a constant in one run."""
        today, psnr, calls = self.today(case)
        with changed(name, value):
            latent, now = self.run(case, case.mode)
        same = torch.equal(latent, today)
        db = 0.0 if same else compare(latent, self.full(self._reference(case)), now).psnr - psnr
        return Effect(case.kind, case.network, db, now - calls, same)

    @staticmethod
    def _reference(case: Case) -> Case:
        """What the full run depends on."""
        return Case(case.network, case.cell, "off", case.eta, (), case.open_end)

    def _full(self, case: Case) -> Tensor:
        with self._recording(case):
            return self.run(case, "off")[0]

    def _today(self, case: Case) -> tuple[Tensor, float, int]:
        full = self.full(self._reference(case))
        with self._recording(case):
            latent, calls = self.run(case, case.mode)
        return latent, compare(latent, full, calls).psnr, calls

    @contextlib.contextmanager
    def _recording(self, case: Case) -> Iterator[None]:
        network = self.networks[case.network]
        network.recording = True
        try:
            yield
        finally:
            network.recording = False


# ---- the page

Figures = dict[str, dict[str, list[Effect]]]  # by constant and value tried


def plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def measure(
    constants: Sequence[Constant], count: int, keep: Callable[[Figures], None], known: Figures | None = None
) -> Figures:
    """The effects of half and double; ``keep`` is called after each constant, what is ``known`` is not measured."""
    figures = dict(known or {})
    left = [constant for constant in constants if not _measured(constant, figures.get(constant.name, {}))]
    if not left:
        return figures
    lab = Lab(count)
    with Bar("runs", sum(2 * len(constant.cases()) for constant in left)) as bar:
        for constant in left:
            bar.set_description(constant.name)
            found: dict[str, list[Effect]] = {}
            for value in constant.values():
                effects = found.setdefault(plain(value), [])
                for case in constant.cases():
                    effects.append(lab.effect(case, constant.name, value))
                    bar.update()
            figures[constant.name] = found
            keep(figures)
    return figures


def _measured(constant: Constant, found: dict[str, list[Effect]]) -> bool:
    """Whether these are the figures that are wanted of a constant."""
    wanted = [plain(value) for value in constant.values()]
    return [*found] == wanted and all(len(effects) == len(constant.cases()) for effects in found.values())


class Mean(NamedTuple):
    """Over the runs of one kind on one network: dB, its standard error, calls, and whether not a bit is different."""

    kind: str
    network: str
    db: float
    error: float
    calls: float
    same: bool

    @property
    def better(self) -> bool:
        """By more than ``WORTH`` dB, with no more calls."""
        return self.db > WORTH and self.calls <= 0

    def said(self) -> str:
        if self.same:
            return f"{NAMES[self.network]} unchanged"
        text = f"{self.db:+.2f} ± {self.error:.2f} dB"
        if self.kind != "calls:N":
            text += f" {self.calls:+.2f} calls"
        return f"{NAMES[self.network]} **{text}**" if self.better else f"{NAMES[self.network]} {text}"


NAMES = {"unet": "U-Net", "mixture": "mixture"}


def means(effects: Sequence[Effect]) -> list[Mean]:
    """Of each kind of run and each network."""
    found = []
    for kind, network in dict.fromkeys((effect.kind, effect.network) for effect in effects):
        those = [effect for effect in effects if (effect.kind, effect.network) == (kind, network)]
        db = [effect.db for effect in those]
        error = statistics.stdev(db) / math.sqrt(len(db)) if len(db) > 1 else 0.0
        calls = statistics.mean(effect.calls for effect in those)
        same = all(effect.same for effect in those)
        found.append(Mean(kind, network, statistics.mean(db), error, calls, same))
    return found


def said(effects: Sequence[Effect]) -> str:
    """One entry of the table."""
    if all(effect.same for effect in effects):
        return "not a bit changes"
    parts: dict[str, list[str]] = {}
    for mean in means(effects):
        parts.setdefault(mean.kind, []).append(mean.said())
    return "<br>".join(f"{kind}: {', '.join(texts)}" for kind, texts in parts.items())


def table(constants: Sequence[Constant], figures: Figures, unreached: str = "not reached in these cells") -> str:
    """Markdown, a row a constant. unreached: what is said where neither half nor double changes a bit."""
    body = []
    for constant in constants:
        found = figures[constant.name]
        idle = all(effect.same for effects in found.values() for effect in effects)
        results = [f"{value}<br>{unreached if idle else said(effects)}" for value, effects in found.items()]
        measured = ", ".join(constant.groups)
        body.append([f"`{constant.name}`", plain(constant.value), constant.unit, constant.meaning, measured, *results])
    return rows(["constant", "value", "unit", "what it does", "measured in", "at half", "at double"], body)


ABOUT = {
    "calls": "`calls:9`, `calls:12`, and `calls:7` on the mixture",
    "calls near noise": "`calls:9` and `calls:12`, flow euler linear_quadratic and flow dpmpp_2m flux2",
    "auto flow": "`balanced`, and `fast` on the mixture: flow euler simple",
    "auto VE": "the same: eps euler karras, eps dpmpp_2m simple",
    **{preset: f"mode `{preset}`" for preset in PRESETS},
    "noisy calls": "`calls:12`, euler and dpmpp_2m at eta 1, flow simple and eps karras (dpmpp_2m at CFG 5 on the "
    "mixture only)",
    "noisy auto": "the same with `balanced`",
    "noisy unprobed": "`calls:12` without correction, euler at eta 1, flow simple and eps karras, CFG 5",
    "two stages": "`calls:12`, dpmpp_2s, flow simple and eps karras, CFG 5",
    "open end": f"`calls:7` and `balanced` over the first {CUT} of {STEPS} steps, the rest in full; euler, flow simple "
    "and eps karras",
    "cadence": "`h2/s2`, flow euler simple and eps dpmpp_2m simple",
    "adaptive": "`adaptive`, the same cells",
    "stabilized": "`h3/s3` and `adaptive` with the stabilizer learning+gradient, the same cells",
}


GUARD = "a guard: not reached in these cells"


def page(figures: Figures, count: int) -> str:
    """docs/constants.md."""
    better = [
        f"`{constant.name}` at {value} ({mean.kind}: {mean.said()})".replace("**", "")
        for constant in CONSTANTS
        for value, effects in figures[constant.name].items()
        for mean in means(effects)
        if mean.better
    ]
    groups = rows(["name", "runs"], [[name, text] for name, text in ABOUT.items()])
    listed = rows(["name", "why"], [[f"`{name}`", why] for name, why in NOT_TUNING.items()])
    unnamed = rows(["where", "what"], [[f"`{name}`", what] for name, what in UNNAMED.items()])
    return f"""# The tuning constants

Every constant of the engine that could have another value, and what half and double of it do. Made by

`python -m fsampler_research.benchmarks.constants --count {count} --out docs/constants.md`

({count} images a run, {STEPS} steps, under half an hour of one CPU core.)

A constant stands next to the formula that uses it; its name here is `module.NAME` in `fsampler/`. Each was changed
alone, in the runs that it can concern:

{groups}
All are on the U-Net and on the analytic mixture, at CFG 2 and 5, and on the three cells flow euler simple, eps euler
karras and eps dpmpp_2m simple unless said otherwise. The mixture is so smooth that most of its runs are 40 to 90 dB
from the full run; a change there is larger in dB than it is in the picture.

- **at half, at double**: the value tried, and the mean change in PSNR against the full run. **Positive is better than
  today's value.** ± is the standard error over the runs: a change of less than twice that may be chance.
- A run that is equal to its full run counts as {EXACT:g} dB, so a few such runs make a large mean and a large ±.
- Modes that choose their calls themselves (auto, the paper's) show the mean change in calls as well. More dB with more
  calls is a trade, not a gain: the rows of `modes.PRESETS` say what a call is worth.
- **Bold**: better in the mean than today's value by more than {WORTH:g} dB with no more calls.
- A half of a whole number is rounded down. Where half or double make no sense, other values were tried.

Bold in these tables, which hold a few cells only and decide nothing by themselves:

{chr(10).join(f"- {text}" for text in better) if better else "- nothing"}

## Ours

{table(OWN, figures)}
## The paper's

Source: the FSampler paper, arXiv 2511.09180, section 3, unless the row says that a figure is ours.

{table(PAPER, figures, GUARD)}
## Tolerances of equality, and guards

{table(TOLERANCES, figures, GUARD)}
## Figures without a name

They stand in one formula each and were not varied.

{unnamed}
## Numbers that tune nothing

{listed}"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3, help="images a run")
    parser.add_argument("--out", type=pathlib.Path, help="write the page there; it is printed otherwise")
    parser.add_argument("--json", type=pathlib.Path, help="keep the figures here; what is there is not measured again")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    known: Figures = {}
    if args.json and args.json.exists():
        kept = json.loads(args.json.read_text())
        if kept["count"] == args.count:
            known = {
                name: {value: [Effect(*effect) for effect in effects] for value, effects in found.items()}
                for name, found in kept["figures"].items()
            }

    def keep(figures: Figures) -> None:
        if args.json:
            args.json.write_text(json.dumps({"count": args.count, "figures": figures}))

    text = page(measure(CONSTANTS, args.count, keep, known), args.count)
    if args.out:
        args.out.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()

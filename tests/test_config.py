"""The grammar of modes and options: everything valid is understood, everything else refused with its place."""

import dataclasses
import math

import pytest
from comfyui_fsampler.fsampler import DEFAULT_MODE, PAPER_MODES, PRESETS, VALID_FORMS, Config
from comfyui_fsampler.fsampler.options import GivenOptions, Options
from comfyui_fsampler.fsampler.paper import AdaptiveGate, Cadence, ExplicitSteps
from comfyui_fsampler.fsampler.policies import Budget, ErrorControl, Guarded, Never


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("k", [1, 2, 5, 99])
def test_cadence(order, k):
    config = Config.parse(f"h{order}/s{k}")
    assert config.policy == Guarded(Cadence(order, k, 2), 2, 1)
    assert config.order == order and config.mode == f"h{order}/s{k}"


@pytest.mark.parametrize(
    "text, order, indices",
    [
        ("h2, 3, 4, 7", 2, (3, 4, 7)),
        ("3 6 8", 2, (3, 6, 8)),
        ("h4,9", 4, (9,)),
        ("h3 5 2,2", 3, (2, 5)),
        ("h2 5", 2, (5,)),
        (" H3 ,7 ", 3, (7,)),
        ("3,,4", 2, (3, 4)),
        ("0, 9999", 2, (0, 9999)),
    ],
)
def test_indices(text, order, indices):
    config = Config.parse(text)
    assert config.policy == ExplicitSteps(indices) and config.order == order


def test_the_other_modes():
    assert Config.parse("off").policy == Never()
    assert Config.parse("adaptive").policy == Guarded(AdaptiveGate(2, 4), 2, 1, 2)
    assert Config.parse("auto").policy == ErrorControl(PRESETS["balanced"], 4, 1, 5)
    for text, tolerance in (("0.004", 0.004), (".5", 0.5), ("1e-3", 0.001), ("2.5e-2", 0.025)):
        assert Config.parse(f"auto:{text}").policy == ErrorControl(tolerance, 4, 1, 5)
    assert Config.parse("calls:12").policy == Budget(12, None, None, 1, 5)
    assert Config.parse("calls:50%").policy == Budget(None, 0.5, None, 1, 5)
    assert Config.parse("calls:100%").policy == Budget(None, 1.0, None, 1, 5)
    assert Config.parse(" AUTO:0.01 ").mode == "auto:0.01"


def test_presets_are_tolerances_in_order_and_balanced_is_the_default():
    assert list(PRESETS) == ["quality", "balanced", "fast", "turbo"]
    assert list(PRESETS.values()) == sorted(PRESETS.values())
    for name, tolerance in PRESETS.items():
        assert Config.parse(name).policy == Config.parse(f"auto:{tolerance}").policy
        assert Config.parse(name).mode == name
    assert Config.parse() == Config.parse("balanced") and DEFAULT_MODE == "balanced"


def test_the_papers_modes_are_the_nine_and_adaptive():
    nine = {f"h{n}/s{k}" for n, ks in ((2, (2, 3, 4, 5)), (3, (3, 4, 5)), (4, (4, 5))) for k in ks}
    assert set(PAPER_MODES) == nine | {"adaptive"} and len(PAPER_MODES) == 10


@pytest.mark.parametrize("mode", [*PAPER_MODES, "3, 4"])
def test_the_papers_modes_have_the_papers_settings(mode):
    config = Config.parse(mode)
    assert (config.space, config.nodes, config.options.stabilizer, config.correct) == (
        "residual",
        "index",
        "none",
        False,
    )
    assert (config.options.beta, config.options.gamma, config.policy.needs_gate) == (0.9985, 2.0, mode == "adaptive")
    if mode == "adaptive":
        assert config.order == 3


@pytest.mark.parametrize("mode", ["auto", "auto:0.1", "calls:9", "calls:9%", *PRESETS])
def test_ours_have_ours(mode):
    config = Config.parse(mode)
    assert (config.order, config.space, config.nodes, config.options.stabilizer, config.correct) == (
        2,
        "auto",
        "sigma",
        "trend",
        True,
    )


CADENCE, ORDER, REAL = (
    "hN/sK, such as h2/s3",
    "an order N from 2 to 4, such as h2/s3",
    "K from 1 to 99 calls, such as h2/s3",
)
CALLS = "a number of calls or a percentage of the steps, such as calls:12 or calls:50%"
TOLERANCE = "a tolerance above 0 and below 1, such as auto:0.1"
STEP = "a step number; the steps to skip are written as h2, 3, 4, 7"
ANY = f"one of {VALID_FORMS}"
BAD_MODES = [
    ("h2/x3", 3, CADENCE),
    ("h2/", 3, CADENCE),
    ("h/s2", 1, CADENCE),
    ("h2s3/", 2, CADENCE),
    ("/", 0, CADENCE),
    ("x2/s2", 0, CADENCE),
    ("h2/s2x", 5, CADENCE),
    ("  h2/s2x", 5, CADENCE),
    ("h2/s-1", 4, CADENCE),
    ("h1/s2", 1, ORDER),
    ("h5/s2", 1, ORDER),
    ("h22/s2", 1, ORDER),
    ("h2/s0", 4, REAL),
    ("h2/s100", 4, REAL),
    ("auto:", 5, TOLERANCE),
    ("auto:0", 5, TOLERANCE),
    ("auto:1", 5, TOLERANCE),
    ("auto:-0.1", 5, TOLERANCE),
    ("auto:nan", 5, TOLERANCE),
    ("auto:inf", 5, TOLERANCE),
    ("auto:1e-999", 5, TOLERANCE),
    (" auto:x", 5, TOLERANCE),
    ("auto:0.0.4", 5, TOLERANCE),
    ("auto 0.1", 5, TOLERANCE),
    ("calls:", 6, CALLS),
    ("calls:0", 6, CALLS),
    ("calls:-3", 6, CALLS),
    ("calls:0%", 6, CALLS),
    ("calls:101%", 6, CALLS),
    ("calls:12.5", 6, CALLS),
    ("calls:%", 6, CALLS),
    ("calls:5%%", 6, CALLS),
    ("calls:" + "9" * 5000, 6, CALLS),
    ("\tcalls:x", 6, CALLS),
    ("calls 12", 6, CALLS),
    ("", 0, ANY),
    ("   ", 0, ANY),
    (",", 0, ANY),
    ("sometimes", 0, ANY),
    ("3, 4, h2", 6, STEP),
    ("h2, 3, -4", 7, STEP),
    ("3, 4.5", 3, STEP),
    (" 3 12345", 2, STEP),
    ("-3", 0, ANY),
    ("12", 0, "calls:12 for that many calls, or h2, 12 to skip step 12"),
    (" 0 ", 0, "calls:0 for that many calls, or h2, 0 to skip step 0"),
]


@pytest.mark.parametrize("text, position, expected", BAD_MODES)
def test_anything_else_is_refused_with_its_position_and_what_was_expected(text, position, expected):
    with pytest.raises(ValueError) as caught:
        Config.parse(text)
    plain = text.strip().lower()
    quoted = plain if len(plain) <= 40 else plain[:37] + "..."
    where = f" at position {position}" if position else ""
    assert str(caught.value) == f"unknown mode {quoted!r}{where}; expected {expected}"


@pytest.mark.parametrize(
    "text, meant",
    [
        ("fsat", "fast"),
        ("Ballanced", "balanced"),
        ("turbo mode", "turbo"),
        ("qualty", "quality"),
        ("adaptiv", "adaptive"),
        ("of", "off"),
        ("h2s3", "h2/s3"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_is_meant(text, meant):
    with pytest.raises(ValueError) as caught:
        Config.parse(text)
    assert str(caught.value) == f"unknown mode {text.lower()!r}; did you mean {meant}?"


@pytest.mark.parametrize(
    "text, plain",
    [
        ("50%", "calls:50%"),
        (" 50 % ", "calls:50%"),
        ("0.1", "auto:0.1"),
        (".05", "auto:.05"),
        ("calls: 12", "calls:12"),
        ("CALLS :12", "calls:12"),
        ("calls : 60%", "calls:60%"),
        ("auto: 0.1", "auto:0.1"),
        ("h2 / s3", "h2/s3"),
        ("H3/ s4 ", "h3/s4"),
        (" Fast", "fast"),
    ],
)
def test_what_plainly_means_a_mode_is_read_as_that(text, plain):
    assert Config.parse(text) == Config.parse(plain)
    assert Config.parse(text).mode == plain


@pytest.mark.parametrize("text", ["x" * 10**6, "2 " * 500_000, "h2, " + "3, " * 4000])
def test_a_text_without_end_is_refused_in_few_words(text):
    with pytest.raises(ValueError, match=f"^the mode is a text of {len(text)} characters; expected 10000 at most$"):
        Config.parse(text)


def test_the_valid_forms_name_every_kind_of_mode():
    for form in (
        "off",
        "hN/sK",
        "hN, i, j, ...",
        "adaptive",
        "auto",
        "auto:TOLERANCE",
        "calls:N",
        "calls:P%",
        *PRESETS,
    ):
        assert form in VALID_FORMS


@pytest.mark.parametrize("mode", [None, 3, 0.5, b"auto", ["auto"]])
def test_a_mode_that_is_no_text_is_refused(mode):
    with pytest.raises(ValueError) as caught:
        Config.parse(mode)
    assert str(caught.value) == f"mode is {mode!r}; expected a text: {VALID_FORMS}"
    with pytest.raises(ValueError) as caught:
        Config.parse([mode] * 10**6)
    assert len(str(caught.value)) < 1000


RANGES = {
    "order": (2, 4),
    "protect_first": (0, 100),
    "protect_last": (0, 100),
    "anchor_interval": (0, 100),
    "max_consecutive_skips": (1, 100),
    "beta": (0.0, 1.0),
    "gamma": (1.0, 5.0),
}
CHOICES = {
    "space": ("auto", "epsilon", "residual", "denoised"),
    "nodes": ("sigma", "index"),
    "correct": (True, False),
    "stabilizer": ("none", "trend", "learning", "gradient", "learning+gradient"),
}


@pytest.mark.parametrize("mode", ["h2/s2", "auto", "adaptive", "calls:9", "3, 4", "off"])
@pytest.mark.parametrize("name", RANGES)
def test_numeric_options_have_a_range(mode, name):
    low, high = RANGES[name]
    whole = isinstance(low, int)
    for value in (low, high):
        Config.parse(mode, **{name: value})
    bad = [low - 1, high + 1, True, "2", math.nan, [2]] + ([low + 0.5] if whole else [])
    for value in bad:
        with pytest.raises(ValueError) as caught:
            Config.parse(mode, **{name: value})
        kind = "a whole number" if whole else "a number"
        assert str(caught.value) == f"{name} is {value!r}; expected {kind} from {low} to {high}"


@pytest.mark.parametrize("mode", ["h2/s2", "auto"])
@pytest.mark.parametrize("name", CHOICES)
def test_the_other_options_have_choices(mode, name):
    for value in CHOICES[name]:
        assert getattr(Config.parse(mode, **{name: value}).options, name) == value
    for value in ("magic", "", 7, ["auto"]):
        with pytest.raises(ValueError) as caught:
            Config.parse(mode, **{name: value})
        assert str(caught.value) == f"{name} is {value!r}; expected one of {', '.join(map(str, CHOICES[name]))}"


@pytest.mark.parametrize("mode", ["h3/s4", "adaptive", "auto:0.01", "calls:9", "h4, 7"])
def test_none_means_the_modes_own_default(mode):
    assert Config.parse(mode, **dict.fromkeys([*RANGES, *CHOICES])) == Config.parse(mode)


def test_options_reach_what_they_are_for():
    policy = Config.parse("h2/s2", protect_first=5, protect_last=4, order=3).policy
    assert policy == Guarded(Cadence(3, 2, 5), 5, 4)
    policy = Config.parse(
        "adaptive", protect_first=5, protect_last=4, anchor_interval=7, max_consecutive_skips=3
    ).policy
    assert policy == Guarded(AdaptiveGate(5, 7), 5, 4, 3)
    options = dict(protect_first=5, protect_last=4, max_consecutive_skips=3)
    assert Config.parse("auto:0.1", **options).policy == ErrorControl(0.1, 5, 4, 3)
    assert Config.parse("calls:9", **options).policy == Budget(9, None, 5, 4, 3)
    assert Config.parse("adaptive", order=2).order == 2 and Config.parse("h2, 5", order=4).order == 4


@pytest.mark.parametrize("value", [1, None])
def test_an_unknown_option_is_a_type_error(value):
    with pytest.raises(TypeError) as caught:
        Config.parse("auto", skip_everything=value)
    names = {*RANGES, *CHOICES, "policy", "predictor"}
    assert str(caught.value).startswith("unknown option 'skip_everything'; expected one of ")
    assert set(str(caught.value).split("one of ")[1].split(", ")) == names


def test_every_option_has_a_type_and_a_choice_or_a_range():
    assert {*RANGES, *CHOICES} == set(Options.__dataclass_fields__)
    assert set(GivenOptions.__annotations__) == {*Options.__dataclass_fields__, "policy", "predictor"}


def test_a_config_is_frozen_and_hashable():
    config = Config.parse("auto")
    for field in dataclasses.fields(config):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, None)
    assert hash(config) == hash(Config.parse("auto")) and config != Config.parse("auto", correct=False)

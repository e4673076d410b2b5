"""What a user can set: bad text is refused with the engine's words, every option arrives, core's inputs are core's."""

import pytest
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS
from comfyui_fsampler.fsampler import PRESETS, Config
from comfyui_fsampler.fsampler.options import RANGES
from comfyui_fsampler.nodes.mode import MODES, config_of
from comfyui_fsampler.nodes.settings import AS_MODE

import nodes

WITH_MODE = ["FSamplerModel", "FSamplerKSampler", "FSamplerKSamplerAdvanced", "FSamplerSampler", "FSamplerSolver"]
OPTIONS = OURS["FSamplerSettings"].INPUT_TYPES()["required"]


@pytest.mark.parametrize("name", WITH_MODE)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("h2/x3", "unknown mode 'h2/x3' at position 3; expected hN/sK"),
        ("calls:0", "a number of calls or a percentage"),
        ("auto:2", "a tolerance above 0 and below 1"),
        ("12", "calls:12 for that many calls"),
        ("fsat", "did you mean fast?"),
        ("sometimes", "expected one of off"),
    ],
)
def test_a_bad_mode_text(name, text, told):
    for given in ({"custom_mode": text}, {"mode": text}, {"mode": "fast", "custom_mode": text}):
        refused = OURS[name].VALIDATE_INPUTS(**given)
        assert isinstance(refused, str) and told in refused
    assert OURS[name].VALIDATE_INPUTS(mode=text, custom_mode="fast") is True  # not looked at by the run either


@pytest.mark.parametrize("name", WITH_MODE)
@pytest.mark.parametrize("value", [[1], 5, {"a": 1}, True, "x" * 10**6])
def test_what_is_no_mode_text_is_refused_in_few_words(name, value):
    for given in ({"custom_mode": value}, {"mode": value}):
        refused = OURS[name].VALIDATE_INPUTS(**given)
        assert isinstance(refused, str) and "expected" in refused and len(refused) < 200


@pytest.mark.parametrize("name", WITH_MODE)
def test_settings_and_reports_are_connections(name):
    assert "expected a connection" in OURS[name].VALIDATE_INPUTS(mode="fast", settings="x")
    for name in ("FSamplerReport", "FSamplerRecord"):
        assert "expected a connection" in OURS[name].VALIDATE_INPUTS(report="x")
        assert OURS[name].VALIDATE_INPUTS() is True


@pytest.mark.parametrize("name", WITH_MODE)
def test_a_text_may_be_connected_to_mode_and_nothing_else_of_another_type(name):
    first = next(iter(OURS[name].INPUT_TYPES()["required"]))
    right = {"model": "MODEL", "sampler": "SAMPLER", "solver": "COMBO"}[first]
    for kinds in ({"mode": "STRING"}, {"mode": "COMBO"}, {"mode": "STRING", "settings": "FSAMPLER_SETTINGS"}):
        assert OURS[name].VALIDATE_INPUTS(input_types=kinds) is True
    if right != "COMBO":
        assert OURS[name].VALIDATE_INPUTS(input_types={first: right}) is True
    for kinds in ({"mode": "IMAGE"}, {first: "IMAGE"}, {"settings": "STRING"}, {"custom_mode": "MODEL"}):
        assert "mismatch" in OURS[name].VALIDATE_INPUTS(input_types=kinds), kinds


SETTINGS = OURS["FSamplerSettings"]


@pytest.mark.parametrize(
    "name, value", [("max_consecutive_skips", 0), ("gamma", 0.5), ("gamma", 6.0), ("beta", -0.5), ("beta", 1.5)]
)
def test_a_settings_value_that_a_run_refuses_is_refused_when_queued(name, value):
    refused = SETTINGS.VALIDATE_INPUTS(**{name: value})
    assert refused.startswith(f"{name} is {value}; expected") and refused.endswith("or -1: as the mode says")
    with pytest.raises(ValueError):
        config_of("balanced", settings={name: value})


@pytest.mark.parametrize("name", ["max_consecutive_skips", "gamma", "beta"])
def test_a_settings_value_that_a_run_takes_is_taken(name):
    for value in (-1, *RANGES[name]):
        assert SETTINGS.VALIDATE_INPUTS(**{name: value}) is True


def test_presets_are_offered_in_the_order_of_their_scale():
    assert MODES[: len(PRESETS) + 1] == [*PRESETS, "off"]
    assert list(PRESETS.values()) == sorted(PRESETS.values())


def test_our_nodes_are_where_core_has_its_samplers():
    assert {node.CATEGORY for node in OURS.values()} == {f"{nodes.KSampler.CATEGORY}/FSampler"}


@pytest.mark.parametrize("word", ["accelerate", "speed up", "fewer steps", "performance"])
def test_search_finds_the_nodes_that_skip(word):
    for name in WITH_MODE:
        assert word in OURS[name].SEARCH_ALIASES, name


@pytest.mark.parametrize("name", WITH_MODE)
@pytest.mark.parametrize("text", ["", "  ", None, "h2/s3", "calls:50%", "h2, 3, 4", " Balanced "])
def test_good_custom_mode(name, text):
    assert OURS[name].VALIDATE_INPUTS(custom_mode=text) is True


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_the_list(mode):
    assert config_of(mode) == Config.parse(mode)


@pytest.mark.parametrize(
    ("ours", "core"),
    [
        ("FSamplerKSampler", nodes.KSampler),
        ("FSamplerKSamplerAdvanced", nodes.KSamplerAdvanced),
    ],
)
def test_cores_inputs_in_cores_order(ours, core):
    """A core node's saved values fit ours: the same names, kinds and defaults, and ours after them."""
    theirs, mine = core.INPUT_TYPES()["required"], OURS[ours].INPUT_TYPES()
    assert list(mine["required"])[: len(theirs)] == list(theirs)
    assert all(mine["required"][name] == kind for name, kind in theirs.items())
    assert list(mine["required"])[len(theirs) :] == ["mode"] and list(mine["optional"]) == ["custom_mode", "settings"]
    assert core.RETURN_TYPES == OURS[ours].RETURN_TYPES[:1]


def values(name):
    """Every value of a choice, the ends of a range."""
    kind, options = OPTIONS[name]
    return kind[1:] if isinstance(kind, list) else [max(options["min"], 0) or 1, options["max"]]


def collected(**given):
    start = {name: options["default"] for name, (_, options) in OPTIONS.items()}
    return OURS["FSamplerSettings"]().collect(**(start | given))[0]


def test_settings_as_they_start_change_nothing():
    assert collected() == {}
    assert all(options["default"] in (AS_MODE, -1) for _, options in OPTIONS.values())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in OPTIONS for value in values(name)], ids=lambda part: str(part)
)
def test_every_option_reaches_the_config(name, value):
    """Through the node, as what Config.parse makes of it; and it is there, where the run looks for it."""
    meant = {"order": lambda: int(value), "correct": lambda: value == "on"}.get(name, lambda: value)()
    mode = "adaptive" if name == "anchor_interval" else "balanced"
    config = config_of(mode, settings=collected(**{name: value}))
    assert config == Config.parse(mode, **{name: meant})
    holders = [config, config.policy, getattr(config.policy, "inner", None)]
    holders += (
        [config.options] if name in ("stabilizer", "beta", "gamma") else []
    )  # what makes the predictor reads them
    names = {"max_consecutive_skips": "longest_gap"}
    assert meant in [getattr(holder, names.get(name, name), None) for holder in holders]

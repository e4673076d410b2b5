"""What a user can set: bad text is refused with the engine's words, every option arrives, core's inputs are core's."""

import pytest
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.nodes.mode import MODES, config_of
from comfyui_fsampler.nodes.settings import AS_MODE

import nodes

WITH_MODE = ["FSamplerModel", "FSamplerKSampler", "FSamplerKSamplerAdvanced", "FSamplerSampler", "FSamplerSolver"]
OPTIONS = OURS["FSamplerSettings"].INPUT_TYPES()["required"]


@pytest.mark.parametrize("name", WITH_MODE)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("h2/x3", "unknown mode 'h2/x3': at position 3, expected hN/sK"),
        ("calls:0", "a number of calls from 1"),
        ("auto:2", "a tolerance above 0 and below 1"),
        ("sometimes", "valid forms"),
    ],
)
def test_bad_custom_mode(name, text, told):
    refused = OURS[name].VALIDATE_INPUTS(custom_mode=text)
    assert isinstance(refused, str) and told in refused


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

"""Every number of the engine is in docs/constants.md or named as no tuning constant; changing one really changes runs,
and only while it is changed."""

import ast
import dataclasses
import importlib
import json
import re
from pathlib import Path

import comfyui_fsampler.fsampler as engine
import pytest
import torch
from comfyui_fsampler.fsampler import Config, sample
from comfyui_fsampler.fsampler.paper import AdaptiveGate
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.benchmarks import constants
from fsampler_research.benchmarks.cells import Cell, compare
from fsampler_research.benchmarks.constants import CONSTANTS, NOT_TUNING, Case, Constant, Effect, changed, plain, read
from fsampler_research.demo.mixture import mixture
from toys import noise, problem, schedule

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "constants.md"
BY_NAME = {constant.name: constant for constant in CONSTANTS}


def module(name):
    return importlib.import_module(f"{engine.__name__}.{name}")


def numbers(name, value):
    """The names of the numbers in a value: its own, or those of its entries and fields."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from numbers(f"{name}[{json.dumps(key)}]", entry)
    elif isinstance(value, (tuple, list)):
        for i, entry in enumerate(value):
            yield from numbers(f"{name}[{i}]", entry)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from numbers(f"{name}.{field.name}", getattr(value, field.name))


def assigned(file):
    """The uppercase names that a module binds at its top."""
    for node in ast.parse(file.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            for name in getattr(target, "elts", [target]):
                if isinstance(name, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name.id):
                    yield name.id


def engine_numbers():
    for file in sorted((ROOT / "fsampler").glob("*.py")):
        if file.stem != "__init__":
            for name in assigned(file):
                yield from numbers(f"{file.stem}.{name}", getattr(module(file.stem), name))


def owner(name):
    return re.match(r"\w+\.\w+", name)[0]


# ---- the list


def test_every_number_of_the_engine_is_listed_or_named_as_no_tuning_constant():
    found = set(engine_numbers())
    assert {"paper.LARGEST_RATIO", "options.PAPER.beta", 'policies.FINAL_SHARE["ve"]', "chart.INK[0]"} <= found
    assert not [name for name in found if not {name, owner(name)} & {*BY_NAME, *NOT_TUNING}]


def test_only_numbers_of_the_engine_are_listed_each_once():
    found = set(engine_numbers())
    assert len(BY_NAME) == len(CONSTANTS) and {*BY_NAME} <= found
    assert {*NOT_TUNING} <= found | {owner(name) for name in found}
    assert not {*NOT_TUNING} & {*BY_NAME} and not {*NOT_TUNING} & {owner(name) for name in BY_NAME}


def test_what_is_tried_is_another_value_on_either_side():
    for constant in CONSTANTS:
        low, high = sorted(constant.values())
        assert low < constant.value < high, constant.name


def test_the_page_lists_each_constant_with_its_value_of_today():
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    listed = {cells[0].strip("`"): cells for cells in lines if len(cells) == 7}
    assert {*listed} == {*BY_NAME}
    for name, cells in listed.items():
        constant = BY_NAME[name]
        assert cells[1:5] == [plain(constant.value), constant.unit, constant.meaning, ", ".join(constant.groups)], name
        assert [cell.split("<br>")[0] for cell in cells[5:]] == [*map(plain, constant.values())], name
    assert {cells[0].strip("`") for cells in lines if len(cells) == 2} == {*NOT_TUNING, *constants.UNNAMED}


# ---- changing one


def noisy():
    torch.manual_seed(0)
    return sample(SOLVERS["euler"], problem(), noise(), schedule(20), "calls:12", solver_options={"eta": 1.0})[0]


def test_a_changed_constant_changes_a_run_and_is_restored_after_it():
    before = noisy()
    with changed("noise.GAIN", 0.1):
        assert not torch.equal(noisy(), before)
    assert torch.equal(noisy(), before)


# By constant, what the engine makes of it in every place that binds it.
PLACES = {
    "schedule.MATCH": lambda: [module(name).MATCH for name in ("schedule", "history", "noise", "query")],
    "gap_error.HIGH_CURVATURE": lambda: [module(name).HIGH_CURVATURE for name in ("gap_error", "forecast", "policies")],
    "paper.GATE_THRESHOLD": lambda: [AdaptiveGate(2, 4).threshold, Config.parse("adaptive").policy.inner.threshold],
    'modes.PRESETS["fast"]': lambda: [Config.parse("fast").policy.tolerance, engine.PRESETS["fast"]],
    "policies.OPENING": lambda: [Config.parse("balanced").policy.protect_first, module("policies").OPENING],
    "options.PAPER.gamma": lambda: [Config.parse("h2/s2").options.gamma],
    "options.OURS.max_consecutive_skips": lambda: [
        Config.parse("auto").policy.longest_gap,
        Config.parse("calls:9").policy.longest_gap,
    ],
    "predictors.GAIN_RANGE[1]": lambda: [module("predictors").GAIN_RANGE[1]],
}


@pytest.mark.parametrize("name", PLACES)
def test_a_constant_changes_wherever_it_is_bound_and_comes_back(name):
    today, (new, _) = PLACES[name](), BY_NAME[name].values()
    with changed(name, new):
        assert {*PLACES[name]()} == {new}
    assert PLACES[name]() == today and new not in today


def everything():
    return {name: read(name) for name in BY_NAME}


@pytest.mark.parametrize("name", BY_NAME)
def test_no_other_constant_changes_and_an_error_restores_too(name):
    before, new = everything(), BY_NAME[name].values()[1]
    with pytest.raises(ZeroDivisionError), changed(name, new):
        assert everything() == {**before, name: new}
        raise ZeroDivisionError
    assert everything() == before


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'noise' names no constant; expected module.NAME"):
        read("noise")


# ---- measuring


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(constants, "load_network", mixture)
    return constants.Lab(1)


NOISY = Case("mixture", Cell("flow", "simple", "euler", 2.0, 20), "calls:12", eta=1.0)


def test_the_effect_of_a_constant_in_a_run(lab):
    effect = lab.effect(NOISY, "noise.GAIN", 0.1)
    assert (effect.kind, effect.network, effect.calls, effect.same) == ("calls:N", "mixture", 0, False)
    with changed("noise.GAIN", 0.1):
        latent, calls = lab.run(NOISY, "calls:12")
    _, psnr, before = lab.today(NOISY)
    full = lab.run(NOISY, "off")[0]
    assert effect.db == pytest.approx(compare(latent, full, calls).psnr - psnr) and before == calls == 12
    assert lab.effect(NOISY, "noise.GAIN", 0.2) == Effect("calls:N", "mixture", 0.0, 0, True)


def test_a_run_that_stays_as_it_was_computes_nothing_again(lab):
    lab.today(NOISY)
    network = lab.networks["mixture"]
    computed = network.computed
    assert lab.effect(NOISY, "paper.SMALLEST_NORM", 5e-9).same and network.computed == computed
    assert not lab.effect(NOISY, "noise.GAIN", 0.1).same and computed < network.computed < computed + 12


def test_an_open_end_is_compared_as_the_picture_it_leads_to(lab):
    case = Case("mixture", Cell("eps", "karras", "euler", 2.0, 20), "calls:7", open_end=True)
    latent, calls = lab.run(case, "calls:7")
    full, all_calls = lab.run(case, "off")
    assert (calls, all_calls) == (7, constants.CUT)
    whole = lab.run(case._replace(open_end=False), "off")[0]
    assert torch.equal(full, whole) and 0 < float((latent - whole).norm() / whole.norm()) < 0.1
    assert not lab.effect(case, "gap_error.UNCORRECTED", 0.5).same


def test_what_is_known_is_not_measured_again_unless_other_values_are_tried(monkeypatch):
    monkeypatch.setattr(constants, "load_network", mixture)
    monkeypatch.setitem(constants.GROUPS, "tiny", (NOISY,))
    constant, kept = Constant("noise.GAIN", "", "", ("tiny",)), []
    figures = constants.measure([constant], 1, kept.append)
    assert kept == [figures] and [*figures["noise.GAIN"]] == ["0.1", "0.4"]
    assert constants.measure([constant], 1, pytest.fail, figures) == figures
    other = constant._replace(tried=(0.1, 0.3))
    assert [*constants.measure([other], 1, kept.append, figures)["noise.GAIN"]] == ["0.1", "0.3"]


# ---- the table


def test_what_the_table_says_of_figures():
    still = [Effect("calls:N", "unet", 0.0, 0, True)] * 2
    better = [Effect("calls:N", "unet", 0.1, 0, False), Effect("calls:N", "unet", 0.3, 0, False)]
    dearer = [Effect("auto", "mixture", 2.0, 1, False)]
    assert constants.said(still) == "not a bit changes"
    assert constants.said(better) == "calls:N: U-Net **+0.20 ± 0.10 dB**"
    assert constants.said([*better, *dearer]).endswith("<br>auto: mixture +2.00 ± 0.00 dB +1.00 calls")
    assert constants.said([*better, still[0]._replace(network="mixture")]).endswith("dB**, mixture unchanged")
    assert [mean.better for mean in constants.means([*better, *dearer, *still])] == [False, False]
    constant = BY_NAME["noise.GAIN"]
    row = constants.table([constant], {constant.name: {"0.1": better, "0.4": still}}).splitlines()[-1]
    assert row.endswith("| 0.1<br>calls:N: U-Net **+0.20 ± 0.10 dB** | 0.4<br>not a bit changes |")
    idle = constants.table([constant], {constant.name: {"0.1": still, "0.4": still}}, constants.GUARD)
    assert idle.count("a guard: not reached in these cells") == 2


def test_the_page_names_what_is_better_today():
    still, better = [Effect("auto", "unet", 0.0, 0, True)], [Effect("auto", "unet", 0.25, 0, False)]
    figures = {name: {plain(value): still for value in constant.values()} for name, constant in BY_NAME.items()}
    assert "- nothing\n" in constants.page(figures, 3)
    figures["policies.RESERVE"]["0.5"] = better
    text = constants.page(figures, 3)
    assert "- `policies.RESERVE` at 0.5 (auto: U-Net +0.25 ± 0.00 dB +0.00 calls)\n" in text
    assert "--count 3 --out docs/constants.md`" in text

"""``fsampler doctor``: what it finds here, on a server that is a stand-in, and in files; text and JSON say the same."""

import ast
import contextlib
import copy
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_fsampler import __version__
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.convert import api, convert
from comfyui_fsampler.tools.convert.known import MODE_AT
from comfyui_fsampler.tools.doctor import prompt as prompts
from comfyui_fsampler.tools.doctor import there
from comfyui_fsampler.tools.doctor import workflow as workflows
from comfyui_fsampler.tools.doctor.samplers import BY_NAME, why_in_full
from stub_server import Stub
from test_convert import LATENT, MODEL, guided, guider, ksampler, loader, node, workflow
from test_convert_files import JUNK, places

ROOT = Path(__file__).resolve().parents[1]
BALANCED = ["balanced", ""]
MODULE = "custom_nodes.fsampler"


def doctor(capsys, *given):
    """What ``--json`` says; the text must name the same nodes."""
    assert cli.main(["doctor", *map(str, given), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert cli.main(["doctor", *map(str, given)]) == 0
    text = capsys.readouterr().out
    assert all(one["node"] in text for one in (found["file"] or {"nodes": []})["nodes"])
    return found, text


def in_file(capsys, tmp_path, form):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(form))
    return doctor(capsys, path)[0]["file"]["nodes"]


def ours(number, model, values=BALANCED, **more):
    return node(number, "FSamplerModel", {"model": (MODEL, model)}, (MODEL, "R"), widgets_values=values, **more)


# -- files -------------------------------------------------------------------------------------------------------------

EULER = [7, "fixed", 20, 8.0, "euler", "normal", 1.0]
ADAPTIVE = [7, "fixed", 20, 8.0, "dpm_adaptive", "normal", 1.0]
PP = node(4, "KSamplerSelect", {}, ("SAMPLER",), widgets_values=["euler_cfg_pp"])

# What is in a workflow; whether the last node that samples will skip, in which mode, and a part of the reason.
CASES = {
    "plain": (workflow(loader(), ksampler(2, (1, 0))), False, None, "fsampler convert puts it there"),
    "ours": (workflow(loader(), ours(2, (1, 0)), ksampler(3, (2, 0))), True, "balanced", None),
    "custom mode": (
        workflow(loader(), ours(2, (1, 0), ["balanced", " calls:50% "]), ksampler(3, (2, 0))),
        True,
        "calls:50%",
        None,
    ),
    "off": (workflow(loader(), ours(2, (1, 0), ["off", ""]), ksampler(3, (2, 0))), False, "off", "mode off"),
    "no mode": (workflow(loader(), ours(2, (1, 0), ["h2/x3", ""]), ksampler(3, (2, 0))), False, "h2/x3", "h2/x3"),
    "bypassed before": (
        workflow(loader(), ours(2, (1, 0), mode=4), ksampler(3, (2, 0))),
        False,
        None,
        "FSamplerModel 2 before it is bypassed",
    ),
    "one bypassed, another not": (
        workflow(loader(), ours(2, (1, 0), ["fast", ""]), ours(3, (2, 0), mode=4), ksampler(4, (3, 0))),
        True,
        "fast",
        None,
    ),
    "muted itself": (workflow(loader(), ours(2, (1, 0)), ksampler(3, (2, 0), mode=2)), False, "balanced", "is muted"),
    "not connected": (workflow(loader(), guider(2, None)), False, None, "nothing is connected to its input 'model'"),
    "a sampler that sizes its steps": (
        workflow(loader(), ours(2, (1, 0)), ksampler(3, (2, 0), widgets_values=ADAPTIVE)),
        False,
        "balanced",
        "dpm_adaptive: it sizes",
    ),
    "a guider whose SAMPLER is CFG++": (
        workflow(loader(), ours(2, (1, 0)), guider(3, (2, 0)), PP, guided(5, (3, 0), (4, 0))),
        False,
        "balanced",
        "euler_cfg_pp: it reads",
    ),
    "another cache": (
        workflow(
            loader(), ours(2, (1, 0)), node(3, "TeaCache", {"model": (MODEL, (2, 0))}, (MODEL,)), ksampler(4, (3, 0))
        ),
        False,
        "balanced",
        "TeaCache 3 skips on this model already",
    ),
    "another cache, bypassed": (
        workflow(
            loader(),
            node(2, "TeaCache", {"model": (MODEL, (1, 0))}, (MODEL,), mode=4),
            ours(3, (2, 0)),
            ksampler(4, (3, 0)),
        ),
        True,
        "balanced",
        None,
    ),
    "its own loop": (
        workflow(node(1, "WanVideoSampler", {"model": ("WANVIDEOMODEL", None)}, (LATENT,))),
        False,
        None,
        "its own cache: set it there",
    ),
    "a pipe": (
        workflow(
            loader(),
            node(2, "ToBasicPipe", {"model": (MODEL, (1, 0))}, ("BASIC_PIPE",)),
            node(3, "ImpactKSamplerBasicPipe", {"basic_pipe": ("BASIC_PIPE", (2, 0))}, (LATENT,)),
        ),
        False,
        None,
        "before the node that makes that",
    ),
    "our KSampler": (
        workflow(loader(), ksampler(2, (1, 0), "FSamplerKSampler", widgets_values=[*EULER, "turbo", ""])),
        True,
        "turbo",
        None,
    ),
    "a mode that is connected": (
        workflow(
            loader(),
            node(2, "PrimitiveNode", {}, ("STRING",)),
            node(3, "FSamplerModel", {"model": (MODEL, (1, 0)), "mode": ("COMBO", (2, 0))}, (MODEL, "R")),
            ksampler(4, (3, 0)),
        ),
        True,
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_which_nodes_of_a_workflow_will_skip(name, tmp_path, capsys):
    form, skips, mode, why = CASES[name]
    found = in_file(capsys, tmp_path, form)[-1]
    assert (found["skips"], (found["mode"] if skips else mode)) == (skips, mode)
    assert why is None and found["why"] is None or why in found["why"]


def prompt(*ours, sampler="euler", **more):
    """A prompt whose node 9 samples behind the nodes of ours that are given, one after another."""
    form = {"1": {"class_type": "Loader", "inputs": {}}}
    for number, (kind, values) in enumerate(ours, 2):
        form[str(number)] = {"class_type": kind, "inputs": {"model": [str(number - 1), 0]} | values}
    last = [str(len(ours) + 1), 0]
    return form | {"9": {"class_type": "KSampler", "inputs": {"model": last, "sampler_name": sampler} | more}}


MODE = {"mode": "fast", "custom_mode": ""}
PROMPTS = {
    "plain": (prompt(), False, None, "no FSampler before it"),
    "ours": (prompt(("FSamplerModel", MODE)), True, "fast", None),
    "custom mode": (prompt(("FSamplerModel", {"mode": "fast", "custom_mode": "h2/s3"})), True, "h2/s3", None),
    "off": (prompt(("FSamplerModel", {"mode": "off"})), False, "off", "mode off"),
    "connected": (prompt(("FSamplerModel", {"mode": ["1", 1]})), True, None, None),
    "in full": (prompt(("FSamplerModel", MODE), sampler="res_multistep_cfg_pp"), False, "fast", "res_multistep_cfg_pp"),
    "cache": (prompt(("FSamplerModel", MODE), ("EasyCache", {})), False, "fast", "EasyCache 3 skips"),
    "cache before": (prompt(("LazyCache", {}), ("FSamplerModel", MODE)), False, "fast", "LazyCache 2 skips"),
    "not connected": (prompt(model=3), False, None, "nothing is connected"),
    "unknown": ({"9": {"class_type": "MySampler", "inputs": {"a": ["9", 0]}}}, False, None, "known by name"),
    "its own loop": ({"9": {"class_type": "WanVideoSampler", "inputs": {}}}, False, None, "its own cache"),
    "a guider": (
        {
            "1": {"class_type": "FSamplerModel", "inputs": MODE},
            "3": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["9", 0], "sampler": ["4", 0]}},
            "4": {"class_type": "LyingSigma", "inputs": {"sampler": ["5", 0]}},
            "5": {"class_type": "SamplerDPMAdaptative", "inputs": {}},
            "9": {"class_type": "BasicGuider", "inputs": {"model": ["1", 0]}},
        },
        False,
        "fast",
        "SamplerDPMAdaptative: it sizes",
    ),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_which_nodes_of_a_prompt_will_skip(name, tmp_path, capsys):
    form, skips, mode, why = PROMPTS[name]
    found = in_file(capsys, tmp_path, form)[-1]
    assert "9" in found["node"] and (found["skips"], found["mode"]) == (skips, mode)
    assert why is None and found["why"] is None or why in found["why"]


def test_two_models_are_two_lines(tmp_path, capsys):
    inputs = {"model_high_noise": ["1", 0], "model_low_noise": ["2", 0]}
    form = {
        "1": {"class_type": "FSamplerModel", "inputs": MODE | {"model": ["2", 0]}},
        "2": {"class_type": "Loader", "inputs": {}},
        "3": {"class_type": "WanMoeKSampler", "inputs": inputs},
    }
    found = in_file(capsys, tmp_path, form)
    assert [(one["input"], one["skips"]) for one in found] == [("model_high_noise", True), ("model_low_noise", False)]


def test_a_node_of_ours_is_not_said_to_skip_by_another(capsys):
    _, text = doctor(capsys, ROOT / "example_workflows/qwen_image.json")
    (line,) = (line for line in text.splitlines() if "will" in line and "KSampler" in line)
    assert line.endswith(" will: mode balanced")
    _, text = doctor(capsys, ROOT / "example_workflows/flux_dev.json")
    assert "will: mode balanced, by FSamplerModel" in text


@pytest.mark.parametrize("path", sorted((ROOT / "example_workflows").glob("*.json")), ids=lambda path: path.stem)
def test_the_example_workflows_skip_as_they_say(path, capsys):
    """Where our nodes keep their mode is known by its place; these files were saved by ComfyUI's page."""
    nodes = {one["id"]: one for one in json.loads(path.read_text())["nodes"]}
    found = doctor(capsys, path)[0]["file"]["nodes"]
    assert found and any(one["skips"] for one in found)
    for one in found:
        assert one["mode"] in ("off", "fast", "turbo", "balanced")
        assert any(one["mode"] in by["widgets_values"] for by in nodes.values() if by["type"] in MODE_AT)
    in_api_form = doctor(capsys, path.parent / "api" / path.name)[0]["file"]["nodes"]
    assert [(one["skips"], one["mode"]) for one in in_api_form] == [(one["skips"], one["mode"]) for one in found]


@pytest.mark.parametrize("form", ["workflow", "prompt"])
def test_what_convert_put_in_will_skip(form, tmp_path, capsys):
    if form == "workflow":
        data = workflow(loader(), ksampler(2, (1, 0)), guider(3, (1, 0)))
        convert.convert(data, BALANCED, "model", update=False)
    else:
        data = prompt()
        api.convert(data, BALANCED, "model", update=False)
    found = in_file(capsys, tmp_path, data)
    assert found and all(one["skips"] and one["mode"] == "balanced" for one in found)


@pytest.mark.parametrize(
    "base", [CASES["a guider whose SAMPLER is CFG++"][0], PROMPTS["a guider"][0]], ids=["workflow", "prompt"]
)
def test_junk_at_any_place_of_a_file_is_a_value_error_or_left_alone(base):
    sampling = workflows.sampling if "nodes" in base else prompts.sampling
    for way in list(places(base))[1:]:
        for junk in JUNK:
            spoilt = copy.deepcopy(base)
            inside = spoilt
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = junk
            with contextlib.suppress(ValueError):
                json.dumps([dataclasses.asdict(one) for one in sampling(spoilt)])


# -- samplers that run in full -----------------------------------------------------------------------------------------


def test_the_samplers_in_full_are_those_that_ran_in_full():
    (*_, path) = sorted((ROOT / "tests/comfy/results").glob("*-samplers.json"))
    rows = json.loads(path.read_text())
    in_full = {row["sampler"] for row in rows if any(note.startswith("runs in full") for note in row["notes"])}
    assert in_full and {row["sampler"] for row in rows if why_in_full(row["sampler"])} == in_full


def test_the_samplers_that_the_nodes_refuse_are_known_here():
    tree = ast.parse((ROOT / "nodes/refusals.py").read_text())
    (table,) = (one.value for one in tree.body if isinstance(one, ast.Assign) and one.targets[0].id == "REFUSED")
    assert {key.value for key in table.keys} <= set(BY_NAME)


# -- here --------------------------------------------------------------------------------------------------------------


def test_what_is_installed_here(capsys):
    import torch

    found, text = doctor(capsys)
    assert found["server"] is None and found["file"] is None
    assert found["here"]["fsampler"] == __version__ and found["here"]["missing"] == []
    assert found["here"]["torch"] == torch.__version__ and torch.__version__ in text
    assert "none asked" in text


def test_without_torch_it_says_so_and_reads_files_all_the_same(tmp_path):
    (tmp_path / "comfyui_fsampler").symlink_to(ROOT)
    file = tmp_path / "a.json"
    file.write_text(json.dumps(prompt(("FSamplerModel", MODE))))
    program = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'pydantic', 'numpy', 'tqdm', 'certifi', 'PIL']); "
        "from comfyui_fsampler.tools.cli import main; sys.exit(main(['doctor', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "torch is missing" in done.stdout and "numpy, pillow, pydantic" in done.stdout
    assert "KSampler 9 will: mode fast" in done.stdout


# -- a server ----------------------------------------------------------------------------------------------------------

NAMES = ["euler", "dpm_adaptive", "heun", "euler_cfg_pp"]
OLD_LIST, NEW_LIST = [NAMES, {"default": "euler"}], ["COMBO", {"options": NAMES}]


def saying(value, status=200):
    return lambda *_: (status, json.dumps(value).encode())


def classes(offer=OLD_LIST, **more):
    """What /object_info says of a ComfyUI with this pack."""
    found = {kind: {"python_module": MODULE} for kind in there.NODES}
    core = {"python_module": "nodes", "input": {"required": {"sampler_name": offer}}}
    others = {"EasyCache": "comfy_extras.nodes_easycache", "PreviewAny": "comfy_extras.nodes_preview_any"}
    found |= {kind: {"python_module": module} for kind, module in others.items()}
    return found | {"KSampler": core} | more


def server(version=__version__, nodes=None, **odd):
    stats = {
        "system": {"comfyui_version": "0.3.64", "python_version": "3.12.3 (main, ...)", "pytorch_version": "2.9.0"},
        "devices": [{"name": "cuda:0 A Card : native", "vram_total": 1}],
    }
    known = {"system_stats": saying(stats), "object_info": saying(classes() if nodes is None else nodes)}
    return Stub(**known | {"extensions": saying({"version": version})} | odd)


@pytest.mark.parametrize("offer", [OLD_LIST, NEW_LIST])
def test_what_is_on_a_server(offer, capsys):
    with server(nodes=classes(offer)) as one:
        found, text = doctor(capsys, "--server", one.name)
    there = found["server"]
    assert there["comfyui"] == "0.3.64" and there["python"] == "3.12.3" and there["torch"] == "2.9.0"
    assert there["devices"] == ["cuda:0 A Card : native"] and there["faults"] == []
    assert there["pack"] == {"folder": "fsampler", "version": __version__, "faults": []}
    assert there["samplers"] == 4
    assert [one["sampler"] for one in there["in_full"]] == ["dpm_adaptive", "euler_cfg_pp"]
    assert there["caches"] == [{"node": "EasyCache", "method": "EasyCache"}]
    for said in ("ComfyUI 0.3.64", f"version {__version__}", "dpm_adaptive: it sizes", "EasyCache (EasyCache)"):
        assert said in text


def test_another_version_of_the_pack_is_named(capsys):
    with server("0.0.9") as one:
        found, text = doctor(capsys, "--server", one.address)
    assert found["server"]["pack"]["version"] == "0.0.9"
    assert f"this command is {__version__}" in text and "version 0.0.9" in text


def test_what_is_wrong_with_a_pack_is_named(capsys):
    nodes = classes(FSampler={"python_module": "custom_nodes.ComfyUI-FSampler"})
    del nodes["FSamplerRecord"]
    with server(nodes=nodes, extensions=saying("404: Not Found", 404)) as one:
        found, text = doctor(capsys, "--server", one.address)
    assert found["server"]["pack"]["version"] is None
    for said in (
        "does not say its version",
        "lacks the node FSamplerRecord",
        "FSampler there is of custom_nodes.",
    ):
        assert said in text


def test_a_server_without_the_pack_or_too_old(capsys):
    stats = {"system": {"comfyui_version": "0.3.10"}}
    with server(nodes={"KSampler": {}}, system_stats=saying(stats)) as one:
        found, text = doctor(capsys, "--server", one.address)
    assert found["server"]["pack"] is None
    assert "expected ComfyUI 0.3.64 or newer" in text and "this pack is not there" in text


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"system_stats": b"<html>"}, "something else than JSON"),
        ({"system_stats": saying({}, 401)}, "answers 401: wants a token"),
        ({"object_info": b'{"KSampler": 3}'}, "a wrong KSampler"),
        ({"object_info": b"[" * 10_000}, "something else than JSON"),
    ],
)
def test_a_server_that_answers_nonsense_is_one_line(odd, said, capsys):
    with server(**odd) as one:
        assert cli.main(["doctor", "--server", one.address]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and said in shown.err and one.name in shown.err


@pytest.mark.parametrize(
    "sampler_name", [None, 3, [], [3], ["COMBO"], ["COMBO", 3], ["COMBO", {}], [["euler", 3, None]], [{"a": 1}]]
)
def test_a_list_of_samplers_that_is_none_hides_nothing_else(sampler_name, capsys):
    with server(nodes=classes(sampler_name)) as one:
        assert doctor(capsys, "--server", one.address)[0]["server"]["pack"]["version"] == __version__


def test_what_a_server_says_cannot_steer_the_terminal(capsys):
    stats = {"system": {"comfyui_version": "0.9.9\x1b[2J" + "x" * 5000}, "devices": [{"name": "\x1b]0;a\x07"}]}
    with server(system_stats=saying(stats)) as one:
        _, text = doctor(capsys, "--server", one.address)
    assert "\x1b" not in text and "\x07" not in text and max(map(len, text.splitlines())) < 1000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["/nowhere.json"], "cannot read '/nowhere.json'"),
        ([__file__], "is not JSON"),
        (["--server", "ftp://a"], "expected one like"),
        (["--server", "127.0.0.1:1"], "127.0.0.1:1 refuses or drops the connection"),
        (["a", "b"], "unrecognized arguments: b"),
    ],
)
def test_bad_input_is_one_line(given, said, capsys):
    for more in ([], ["--json"]):
        assert cli.main(["doctor", *given, *more]) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and shown.err.count("\n") == 1 and said in shown.err


def test_the_page_serves_the_version_that_the_pack_has():
    assert json.loads((ROOT / "web/version.json").read_text()) == {"version": __version__}

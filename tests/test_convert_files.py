"""``fsampler convert`` as a command: files in every form, prompts (API format), PNGs, and all that can go wrong."""

import contextlib
import copy
import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from comfyui_fsampler.fsampler import DEFAULT_MODE
from comfyui_fsampler.tools import cli
from comfyui_fsampler.tools.convert import api, convert, packs
from comfyui_fsampler.tools.convert.read import parse
from comfyui_fsampler.tools.convert.widgets import widget_values
from PIL import Image
from PIL.PngImagePlugin import PngInfo

BALANCED, FAST = ["balanced", ""], ["fast", ""]
STYLES = ("model", "ksampler")


def workflow():
    """A loader and a KSampler, in UI format."""
    return {
        "last_node_id": 2,
        "last_link_id": 1,
        "nodes": [
            {
                "id": 1,
                "type": "Loader",
                "pos": [0, 0],
                "size": [200, 100],
                "inputs": [],
                "outputs": [
                    {"name": "MODEL", "type": "MODEL", "links": [1]},
                ],
            },
            {
                "id": 2,
                "type": "KSampler",
                "pos": [900, 0],
                "size": [300, 400],
                "title": "渲染 it",
                "inputs": [
                    {"name": "model", "type": "MODEL", "link": 1},
                ],
                "outputs": [{"name": "LATENT", "type": "LATENT", "links": None}],
                "widgets_values": [1, "fixed", 20, 1e-7, "euler", "normal", 1.0],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "MODEL"]],
        "version": 0.4,
    }


def prompt(**more):
    """Two samplers, one behind a guider, in API format; ids as a subgraph gives them."""
    return {
        "4": {"class_type": "Loader", "inputs": {"name": "模型.safetensors"}},
        "7:3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0], "n": 9}, "_meta": {"title": "K"}},
        "9": {"class_type": "LoraLoaderModelOnly", "inputs": {"model": ["4", 0], "strength": 1.0}},
        "10": {"class_type": "CFGGuider", "inputs": {"model": ["9", 0], "cfg": 1.0}},
        "11": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["10", 0], "sampler": ["12", 0]}},
        "12": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    } | more


def command(*arguments):
    return cli.main(["convert", *map(str, arguments)])


def save(path, data, **form):
    path.write_text(json.dumps(data, **form), encoding="utf-8")
    return path


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


# -- prompts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_a_prompt_converts_once_and_reverts_exactly(style):
    form = prompt()
    outcome = api.convert(form, BALANCED, style, update=False)
    assert len(outcome.changed) == 2 and not outcome.untouched
    assert not api.convert(form, FAST, style, update=False).changed
    guider_model = form[form["10"]["inputs"]["model"][0]]
    assert (guider_model["class_type"], guider_model["inputs"]) == (
        "FSamplerModel",
        {"model": ["9", 0], "mode": "balanced", "custom_mode": ""},
    )
    if style == "model":
        first = form[form["7:3"]["inputs"]["model"][0]]
        assert (first["class_type"], first["inputs"]["model"]) == ("FSamplerModel", ["4", 0])
        assert set(form) == {*prompt(), "13", "14"}
    else:
        sampler = form["7:3"]
        assert sampler["class_type"] == "FSamplerKSampler"
        assert sampler["inputs"] == prompt()["7:3"]["inputs"] | {"mode": "balanced", "custom_mode": ""}
    assert len(api.convert(form, FAST, style, update=True).changed) == 2
    assert guider_model["inputs"]["mode"] == "fast"
    api.revert(form)
    assert json.dumps(form) == json.dumps(prompt())


def test_revert_of_a_prompt_bridges_what_was_connected_since():
    form = prompt()
    api.convert(form, BALANCED, "model", update=False)
    form["20"] = {"class_type": "KSampler", "inputs": {"model": ["13", 0]}}
    form["21"] = {"class_type": "FSamplerReport", "inputs": {"report": ["13", 1]}}
    api.revert(form)
    assert form == prompt() | {
        "20": {"class_type": "KSampler", "inputs": {"model": ["4", 0]}},
        "21": {"class_type": "FSamplerReport", "inputs": {}},
    }


@pytest.mark.parametrize(
    ("number", "node", "why"),
    [
        ("20", {"class_type": "KSampler", "inputs": {"steps": 3}}, "nothing is connected to its input 'model'"),
        (
            "20",
            {"class_type": "KSampler", "inputs": {"model": ["404", 0]}},
            "nothing is connected to its input 'model'",
        ),
        ("20", {"class_type": "WanVideoSampler", "inputs": {"model": ["4", 0]}}, "its own cache: set it there"),
        ("20", {"class_type": "FaceDetailerPipe", "inputs": {"detailer_pipe": ["4", 0]}}, "input 'detailer_pipe'; put"),
        ("20", {"class_type": "MySampler", "inputs": {"model": ["4", 0]}}, "known by name"),
        ("20", {"class_type": "MyGuider", "inputs": {"model": ["4", 0]}}, "known by name"),
    ],
)
def test_a_sampler_of_a_prompt_that_cannot_be_placed_is_named(number, node, why):
    form = {number: copy.deepcopy(node), **prompt()}
    (line,) = api.convert(form, BALANCED, "model", update=False).untouched
    assert why in line and f"{node['class_type']} {number}" in line
    assert form[number] == node


@pytest.mark.parametrize("kind", packs.SAMPLERS)
def test_every_model_of_a_sampler_that_is_known_by_name(kind):
    form = {
        "1": {"class_type": "Loader", "inputs": {}},
        "2": {"class_type": kind, "inputs": {name: ["1", 0] for name in packs.SAMPLERS[kind]}},
    }
    before = copy.deepcopy(form)
    assert len(api.convert(form, BALANCED, "model", update=False).changed) == len(packs.SAMPLERS[kind])
    for name in packs.SAMPLERS[kind]:
        source = form[form["2"]["inputs"][name][0]]
        assert source["class_type"] == "FSamplerModel" and source["inputs"]["model"] == ["1", 0]
    api.revert(form)
    assert form == before


def test_samplers_of_two_models_get_both():
    assert packs.SAMPLERS["WanMoeKSampler"] == ["model_high_noise", "model_low_noise"]
    assert packs.SAMPLERS["DualModelGuider"] == ["model"]


def test_every_entry_about_a_pack_has_a_source():
    entries = json.loads(Path(packs.__file__).with_name("packs.json").read_text())
    kinds = ("samplers", "carried", "carriers", "own_loop", "caches")
    named = [kind for entry in entries for key in kinds for kind in entry.get(key, ())]
    assert len(named) == len(set(named))
    for entry in entries:
        assert entry["pack"] and len(entry["source"]) > 20
        assert set(entry) <= {"pack", "source", "words", *kinds} and ("words" in entry) == ("own_loop" in entry)


@pytest.mark.parametrize("style", STYLES)
def test_a_sampler_of_a_prompt_that_skips_already_is_left_alone(style):
    form = {
        "1": {"class_type": "FSamplerModel", "inputs": {"model": ["4", 0], "mode": "off"}},
        "2": {"class_type": "LoraLoaderModelOnly", "inputs": {"model": ["1", 0]}},
        "3": {"class_type": "KSampler", "inputs": {"model": ["2", 0]}},
        "4": {"class_type": "Loader", "inputs": {}},
        "5": {"class_type": "BasicGuider", "inputs": {"model": ["4", 0]}},
        "6": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["5", 0], "sampler": ["7", 0]}},
        "7": {"class_type": "FSamplerSampler", "inputs": {"mode": "fast"}},
        "8": {"class_type": "FSamplerKSampler", "inputs": {"model": ["4", 0], "mode": "off"}},
        "9": {"class_type": "CFGGuider", "inputs": {"model": ["4", 0]}},
        "10": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["9", 0], "sampler": ["11", 0]}},
        "11": {"class_type": "FSamplerSolver", "inputs": {"mode": "fast"}},
        "12": {"class_type": "ToBasicPipe", "inputs": {"model": ["2", 0]}},
        "13": {"class_type": "ImpactKSamplerBasicPipe", "inputs": {"basic_pipe": ["12", 0]}},
        "14": {"class_type": "BasicPipeToDetailerPipe", "inputs": {"basic_pipe": ["12", 0]}},
        "15": {"class_type": "FaceDetailerPipe", "inputs": {"detailer_pipe": ["14", 0]}},
    }
    before = copy.deepcopy(form)
    outcome = api.convert(form, FAST, style, update=True)
    assert form == before
    assert len(outcome.already) == 6 and not outcome.changed and not outcome.untouched


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("make", [workflow, prompt, lambda: {"prompt": prompt(), "client_id": "me"}])
@pytest.mark.parametrize("form", [{}, {"indent": 2}, {"indent": 4, "ensure_ascii": False}])
def test_there_and_back(make, style, form, tmp_path, capsys):
    path = save(tmp_path / "mein Bild – 猫.json", make(), **form)
    assert command(path, "--style", style) == 0
    said = capsys.readouterr().out.splitlines()
    converted = tmp_path / "mein Bild – 猫.fsampler.json"
    assert said[-1] == f"written: {converted}" and len(said) == (2 if make is workflow else 3)
    assert all("mode balanced" in line for line in said[:-1])
    assert load(path) == make() != load(converted)
    assert command(converted, "--revert") == 0
    assert load(tmp_path / "mein Bild – 猫.original.json") == make()
    text = (tmp_path / "mein Bild – 猫.original.json").read_text(encoding="utf-8")
    assert text == json.dumps(make(), ensure_ascii=False, indent=form.get("indent")) + "\n"
    assert sorted(os.listdir(tmp_path)) == sorted(
        f"mein Bild – 猫.{end}" for end in ("json", "fsampler.json", "original.json")
    )


def test_in_place_and_another_mode(tmp_path, capsys):
    path = save(tmp_path / "a.json", workflow())
    assert command(path, "-o", path) == 0
    once = path.read_bytes()
    assert command(path, "-o", path) == 0
    assert path.read_bytes() == once
    assert f"nothing to change in {str(path)!r}" in capsys.readouterr().out
    assert command(path, "--mode", "Calls:50%", "-o", path) == 0
    assert load(path)["nodes"][-1]["widgets_values"] == ["balanced", "calls:50%"]
    assert command(path, "--mode", "h2/s3", "-o", path) == 0
    assert load(path)["nodes"][-1]["widgets_values"] == ["h2/s3", ""]
    assert command(path, "--revert", "-o", path) == 0
    assert load(path) == workflow()


def test_stdout_holds_the_workflow_alone(tmp_path, capsys):
    path = save(tmp_path / "a.json", workflow())
    assert command(path, "-o", "-") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["nodes"][-1]["type"] == "FSamplerModel"
    assert captured.err.startswith("FSamplerModel 3 between Loader 1 and KSampler 2 '渲染 it', mode balanced")
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_terminal_without_unicode(tmp_path):
    path = save(tmp_path / "a.json", workflow())
    again = [sys.executable, "-m", "comfyui_fsampler.tools.cli"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for out in ("-", tmp_path / "b.json"):
        done = subprocess.run([*again, "convert", path, "-o", out], env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert b"\\u6e32" in done.stdout + done.stderr
        if out == "-":
            assert json.loads(done.stdout)["nodes"][1]["title"] == "渲染 it"
    assert load(tmp_path / "b.json")["nodes"][1]["title"] == "渲染 it"


def test_a_name_cannot_steer_the_terminal(tmp_path, capsys):
    form = workflow()
    form["nodes"][0]["type"] = "Lo\x1b[2Jader\n"
    assert command(save(tmp_path / "a.json", form)) == 0
    captured = capsys.readouterr().out
    assert "Lo\\x1b[2Jader\\n 1" in captured and "\x1b" not in captured and captured.count("\n") == 2


def test_the_command_is_at_hand_without_torch():
    code = "import sys, comfyui_fsampler.tools.convert.command; assert not {'torch', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_mode_is_the_engines():
    assert widget_values(None) == [DEFAULT_MODE, ""]


def test_numbers_and_texts_come_through(tmp_path):
    odd = {
        "big": 2**70,
        "small": 1e-300,
        "text": "\u2028 \ud83d half a pair",
        "seed": 18446744073709551615,
        "nan": None,
    }
    path = save(tmp_path / "a.json", workflow() | {"extra": odd})
    assert command(path) == 0
    assert load(tmp_path / "a.fsampler.json")["extra"] == odd


# -- pictures ----------------------------------------------------------------------------------------------------------


def picture(path, zipped=False, **texts):
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text, zip=zipped)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_workflow_out_of_a_picture(ascii, zipped, tmp_path):
    texts = {
        name: json.dumps(data, ensure_ascii=ascii) for name, data in (("prompt", prompt()), ("workflow", workflow()))
    }
    both = picture(tmp_path / "both.png", zipped, **texts)
    before = both.read_bytes()
    assert command(both) == 0
    assert "nodes" in load(tmp_path / "both.fsampler.json")
    assert both.read_bytes() == before
    assert command(tmp_path / "both.fsampler.json", "--revert") == 0
    assert load(tmp_path / "both.original.json") == workflow()
    one = picture(tmp_path / "one.png", zipped, prompt=texts["prompt"])
    assert command(one) == 0
    assert "FSamplerModel" in {node["class_type"] for node in load(tmp_path / "one.fsampler.json").values()}


# -- what can go wrong -------------------------------------------------------------------------------------------------


def fails_with(arguments, named, capsys):
    assert command(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fsampler: error: ") and captured.err.count("\n") == 1
    for part in named:
        assert part in captured.err


def deep():
    return b'{"nodes": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


BAD = {
    "empty": (b"", "is not JSON"),
    "cut off": (json.dumps(workflow()).encode()[:300], "is not JSON"),
    "malformed": (b'{"nodes": [}', "line 1 column 12"),
    "a list": (b"[1, 2]", "neither a workflow"),
    "a number": (b"7", "neither a workflow"),
    "something else": (b'{"a": {"b": 1}}', "neither a workflow"),
    "not text": (b"\xff\xfe\x00\xd8\x00\x00", "not text"),
    "binary": (b"\x80\x81", "not text"),
    "nested": (deep(), "nested"),
    "nodes that are none": (b'{"nodes": [1]}', "the node '1'"),
    "a node without a type": (b'{"nodes": [{"id": 1}]}', "expected an object with id, type"),
    "odd slots": (b'{"nodes": [{"id": 1, "type": "K", "inputs": [3]}]}', "expected an object with id, type"),
    "odd links": (b'{"nodes": [], "links": [[1, 2]]}', "the link '[1, 2]'"),
    "links as an object": (b'{"nodes": [], "links": {}}', "expected a list"),
    "odd subgraphs": (b'{"nodes": [], "links": [], "definitions": {"subgraphs": [3]}}', "a subgraph is '3'"),
    "no sampler": (b'{"nodes": [{"id": 1, "type": "Note"}], "links": []}', "no sampler in"),
    "no nodes": (b'{"nodes": [], "links": []}', "no sampler in"),
    "no sampler in a prompt": (b'{"1": {"class_type": "LoadImage", "inputs": {}}}', "no sampler in"),
    "an unconnected sampler": (b'{"1": {"class_type": "KSampler", "inputs": {}}}', "KSampler 1: nothing is connected"),
    "a cut picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "cut off at byte"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_names_it(name, tmp_path, capsys):
    path, (data, named) = tmp_path / "it is bad.json", BAD[name]
    path.write_bytes(data)
    fails_with(
        [path],
        [named, repr(str(path)) if "node" not in name and "odd" not in name and "as an" not in name else ""],
        capsys,
    )
    assert os.listdir(tmp_path) == ["it is bad.json"]


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    fails_with([tmp_path / "absent.json"], ["absent.json", "No such file", "expected"], capsys)
    fails_with([tmp_path], ["directory", "expected"], capsys)


def test_a_picture_without_a_workflow(tmp_path, capsys):
    fails_with(
        [picture(tmp_path / "a.png", parameters="steps: 20")], ["a.png", "without a workflow", "expected"], capsys
    )
    fails_with([picture(tmp_path / "b.png", workflow="{")], ["the workflow in", "b.png", "is not JSON"], capsys)


def test_a_wrong_mode_is_the_engines_message(tmp_path, capsys):
    path = save(tmp_path / "a.json", workflow())
    fails_with([path, "--mode", "h2/x3"], ["'h2/x3'", "expected hN/sK"], capsys)
    fails_with([path, "--style", "guider"], ["'guider'", "model"], capsys)
    fails_with([path, "--revert", "--mode", "fast"], ["--mode fast", "--revert"], capsys)
    assert os.listdir(tmp_path) == ["a.json"]


def test_revert_of_a_file_without_our_marks(tmp_path, capsys):
    for make in (workflow, prompt):
        fails_with([save(tmp_path / "a.json", make()), "--revert"], ["a.json", "holds nothing"], capsys)


def test_nothing_is_overwritten_unless_asked(tmp_path, capsys):
    path, out = save(tmp_path / "a.json", workflow()), tmp_path / "a.fsampler.json"
    out.write_text("mine")
    fails_with([path], ["a.fsampler.json", "exists", "-o"], capsys)
    assert out.read_text() == "mine"
    out.chmod(0o640)
    assert command(path, "-o", out) == 0
    assert load(out)["nodes"][-1]["type"] == "FSamplerModel"
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


def test_a_link_is_written_through(tmp_path):
    path, out = save(tmp_path / "a.json", workflow()), tmp_path / "link.json"
    (tmp_path / "target.json").write_text("old")
    out.symlink_to("target.json")
    assert command(path, "-o", out) == 0
    assert out.is_symlink() and "FSamplerModel" in (tmp_path / "target.json").read_text()


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    path = save(tmp_path / "a.json", workflow())
    for out, why in (
        (tmp_path / "no" / "b.json", "No such file"),
        (tmp_path, "not a file"),
        ("/dev/null", "not a file"),
        (tmp_path / "a.json" / "b.json", "Not a directory"),
    ):
        fails_with([path, "-o", out], [str(out), why, "expected"], capsys)
    assert os.listdir(tmp_path) == ["a.json"] and not os.path.isfile("/dev/null")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place(tmp_path, capsys):
    path = save(tmp_path / "a.json", workflow())
    tmp_path.chmod(0o500)
    fails_with([path], ["Permission denied"], capsys)


@pytest.mark.parametrize("when", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_everything_as_it_was(when, tmp_path, capsys, monkeypatch):
    path, out = save(tmp_path / "a.json", workflow()), tmp_path / "b.json"
    out.write_text("mine")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full_open(*arguments, real=open, **named):
        return Full(real(*arguments, **named)) if "x+b" in arguments else real(*arguments, **named)

    if when == "write":
        monkeypatch.setattr("builtins.open", full_open)
    else:
        monkeypatch.setattr(os, when, full)
    fails_with([path, "-o", out], [str(out), "No space left"], capsys)
    monkeypatch.undo()
    assert out.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]


class Full:
    """A file on a full disk: takes half, then fails."""

    def __init__(self, file):
        self.file = file

    def close(self):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_ten_megabytes(tmp_path):
    form = workflow()
    for number in range(3, 36_000):
        form["nodes"].append(
            form["nodes"][0]
            | {
                "id": number,
                "pos": [number % 170 * 250, number // 170 * 150],
                "outputs": [],
                "widgets_values": ["x" * 150],
            }
        )
    path = save(tmp_path / "a.json", form)
    assert path.stat().st_size > 9e6
    assert command(path) == 0
    assert command(tmp_path / "a.fsampler.json", "--revert") == 0
    assert load(tmp_path / "a.original.json") == form


JUNK = (None, -100, "x", [], {}, [[]], [None], {"a": 1}, True, float("inf"), 10**400)


def places(value, path=()):
    """Every place in a JSON value, as a way of keys."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("make", [workflow, prompt])
@pytest.mark.parametrize("converted", [False, True])
def test_junk_at_any_place_is_a_value_error_or_left_alone(make, style, converted):
    """Every value of a workflow, and of a converted one, replaced by every kind of junk: nothing else goes wrong."""
    base = make() | ({"groups": [{"bounding": [880, -20, 340, 420]}], "definitions": {}} if make is workflow else {})
    form = convert if make is workflow else api
    if converted:
        form.convert(base, BALANCED, style, update=False)
    for way in list(places(base))[1:]:
        for junk in JUNK:
            spoilt = copy.deepcopy(base)
            inside = spoilt
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = junk
            data = json.dumps(spoilt).encode()
            for reverting in (False, True):
                with contextlib.suppress(ValueError):
                    file = parse(data, "junk")
                    form = convert if file.is_ui else api
                    if reverting:
                        form.revert(file.graph)
                    else:
                        form.convert(file.graph, FAST, style, update=True)

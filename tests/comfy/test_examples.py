"""The example workflows in a running ComfyUI: accepted but for the missing model files, and run on the demo model."""

import io
import json
import sys

import pytest
import requests
from PIL import Image
from server import ROOT, Refused

sys.path.append(str(ROOT / "tests/workflows"))

from classes import LOADERS, unknown  # noqa: E402
from examples import FOLDER, NAMES, NEEDS, OLDEST, build  # noqa: E402
from on_demo import on_demo_model  # noqa: E402


@pytest.fixture(scope="session")
def object_info(server):
    return server.get("object_info")


@pytest.fixture(scope="session")
def version(server):
    return server.get("system_stats")["system"]["comfyui_version"]


@pytest.fixture(scope="session")
def example_picture(server):
    """The picture that ComfyUI brings in its own input folder, in that of the server under test."""
    Image.new("RGB", (96, 64), "teal").save(server.folder / "input/example.png")


def skip_if_older(form, name, version, object_info):
    """Skip where this ComfyUI lacks something and is older than the example needs."""
    if (lacks := list(unknown(form, object_info))) and not at_least(version, NEEDS.get(name, OLDEST)):
        pytest.skip(f"ComfyUI {version} has no {', '.join(lacks)}")


def at_least(version, other):
    return [int(part) for part in version.split(".")] >= [int(part) for part in other.split(".")]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def form(name, version, object_info, example_picture):
    form = json.loads((FOLDER / f"api/{name}.json").read_text(encoding="utf-8"))
    skip_if_older(form, name, version, object_info)
    return form


def test_every_node_and_input_exists(form, object_info):
    assert not list(unknown(form, object_info))


def test_only_model_files_are_missing(form, client):
    with pytest.raises(Refused) as refused:
        client.queue(form)
    for node in refused.value.node_errors.values():
        assert node["class_type"] in LOADERS
        assert {error["type"] for error in node["errors"]} == {"value_not_in_list"}
        assert all(".safetensors' not in" in error["details"] for error in node["errors"])


def test_it_runs_on_the_demo_model(name, client, server):
    form = json.loads((FOLDER / f"api/{name}.json").read_text(encoding="utf-8"))
    run = client.success(on_demo_model(form))
    of_kind = {}
    for node, outputs in run.history["outputs"].items():
        of_kind.setdefault(form[node]["class_type"], []).append(outputs)
    for outputs in of_kind["FSamplerReport"]:
        calls, asked = outputs["text"][0].split(" calls")[0].split(": ")[1].split("/")
        assert 0 < int(calls) < int(asked)
    for outputs in of_kind.get("SaveImage", ()):
        picture = Image.open(io.BytesIO(server.image(outputs["images"][0])))
        assert picture.size == (64, 64)
        assert any(low + 40 < high for low, high in picture.convert("RGB").getextrema())
    for outputs in of_kind.get("SaveVideo", ()):
        assert len(server.image(outputs["images"][0])) > 1000
    assert "SaveImage" in of_kind or "SaveVideo" in of_kind


def test_the_template_browser_has_them_and_their_thumbnails(server):
    assert sorted(server.get("workflow_templates")["fsampler"]) == NAMES
    for name in NAMES:
        for file in (f"{name}.json", f"{name}.jpg"):
            answer = requests.get(server.url(f"api/workflow_templates/fsampler/{file}"), timeout=60)
            assert answer.ok and answer.content == (FOLDER / file).read_bytes()


def test_the_files_are_what_their_description_says(version, object_info):
    if version != OLDEST:
        pytest.skip(f"the files are written with ComfyUI {OLDEST}")
    for path, text in build(object_info).items():
        assert (FOLDER / path).read_text(encoding="utf-8") == text, f"{path}: python tests/workflows/examples.py URL"

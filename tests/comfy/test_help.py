"""Help pages and translations: there for every node and every input, true to the nodes, served and named by ComfyUI."""

import json
import re
import sys

import pytest
import requests
from comfyui_fsampler.fsampler import PRESETS, Config
from server import ROOT

sys.path.append(str(ROOT / "tests/workflows"))

from english import FILE, texts, written  # noqa: E402

DOCS = ROOT / "web/docs"
OLDEST = "0.3.64"  # the English texts are written with this version's nodes
SPECIAL = "{}@|"  # they mean something to the translation library


@pytest.fixture(scope="session")
def object_info(server):
    return server.get("object_info")


@pytest.fixture(scope="session")
def nodes(object_info):
    """The translatable texts of our nodes."""
    return texts(object_info)


@pytest.fixture
def chinese():
    return json.loads((ROOT / "locales/zh/nodeDefs.json").read_text(encoding="utf-8"))


def page(kind):
    return (DOCS / f"{kind}.md").read_text(encoding="utf-8")


def shape(node):
    """Which texts there are; the tooltips of core's inputs are core's, and a translation may add them."""
    return set(node), set(node["inputs"]), set(node["outputs"])


def leaves(value):
    return [text for one in value.values() for text in leaves(one)] if isinstance(value, dict) else [value]


def test_every_node_has_a_page_and_a_picture_and_no_other_has(nodes):
    assert {path.stem for path in DOCS.glob("*.md")} == set(nodes)
    assert {path.stem for path in (DOCS / "images").iterdir()} == set(nodes)


def test_a_page_has_the_nodes_title_its_picture_and_all_inputs_and_outputs(nodes):
    for kind, node in nodes.items():
        text = page(kind)
        assert text.startswith(f"# {node['display_name']}\n")
        assert f"](images/{kind}.png)" in text
        named = set(re.findall(r"`(\w+)`", text))
        shown = {name for name in node["inputs"] if name != "control_after_generate"}
        assert shown | {output["name"] for output in node["outputs"].values()} <= named, kind


def section(kind, heading):
    return page(kind).partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip()


def test_pages_with_modes_say_the_same_of_them(nodes):
    skipping = [kind for kind, node in nodes.items() if "custom_mode" in node["inputs"]]
    modes, limits = ({section(kind, heading) for kind in skipping} for heading in ("Which mode", "Limits"))
    assert len(modes) == len(limits) == 1 and all(limits)
    (text,) = modes
    assert "({}, {}, {} and {})".format(*PRESETS.values()) in text
    for cell in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE):
        for mode in re.findall("`(.+?)`", cell):
            Config.parse(mode)


def test_every_page_is_there_in_chinese(nodes, chinese, server):
    """It names what the English one does: the title, the picture, every input and output, and every mode."""
    assert {path.parent.name for path in DOCS.glob("*/zh.md")} == set(nodes)
    for kind, node in nodes.items():
        text = (DOCS / kind / "zh.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {chinese[kind]['display_name']}\n") and f"](images/{kind}.png)" in text
        shown = {name for name in node["inputs"] if name != "control_after_generate"}
        assert shown | {output["name"] for output in node["outputs"].values()} <= set(re.findall(r"`(\w+)`", text)), (
            kind
        )
        modes, said = (re.findall(r"^\| (`.+?) \|", of, re.MULTILINE) for of in (section(kind, "Which mode"), text))
        named = {mode for cell in modes for mode in re.findall("`(.+?)`", cell)}
        assert named <= {mode for cell in said for mode in re.findall("`(.+?)`", cell)}, kind
        answer = requests.get(server.url(f"extensions/fsampler/docs/{kind}/zh.md"), timeout=60)
        assert answer.ok and answer.content.decode() == text


def test_the_settings_page_has_the_engines_defaults():
    rows = [line.strip("| ").split(" | ") for line in section("FSamplerSettings", "What the mode says").splitlines()]
    said = {name.strip("`"): [cell.strip("`") for cell in cells] for name, *cells in rows}
    ours, paper = Config.parse("auto"), Config.parse("h2/s2")
    for name in ("space", "nodes", "stabilizer", "beta", "gamma"):
        assert said[name] == [str(getattr(config.options, name)).removesuffix(".0") for config in (ours, paper)]
    for name in ("protect_first", "protect_last"):
        assert [int(cell[0]) for cell in said[name]] == [getattr(config.policy, name) for config in (ours, paper)]
    assert int(said["anchor_interval"][1]) == Config.parse("adaptive").policy.inner.anchor_interval
    caps = ours.policy.longest_gap, Config.parse("adaptive").policy.max_consecutive_skips
    assert said["max_consecutive_skips"] == [str(cap) for cap in caps]
    assert said["correct"] == ["on" if config.correct else "off" for config in (ours, paper)]


def test_pages_and_pictures_are_served(nodes, server):
    for kind in nodes:
        for path in (f"{kind}.md", f"images/{kind}.png"):
            answer = requests.get(server.url(f"extensions/fsampler/docs/{path}"), timeout=60)
            assert answer.ok and answer.content == (DOCS / path).read_bytes()


def test_english_is_what_the_nodes_say(server, object_info):
    if server.get("system_stats")["system"]["comfyui_version"] != OLDEST:
        pytest.skip(f"the texts are written with ComfyUI {OLDEST}")
    assert FILE.read_text(encoding="utf-8") == written(object_info), "python tests/workflows/english.py URL"


def test_chinese_has_every_text_and_no_other(nodes, chinese):
    assert list(chinese) == list(nodes)
    for kind, node in nodes.items():
        assert shape(chinese[kind]) == shape(node)
        for part in ("inputs", "outputs"):
            for name, entry in node[part].items():
                assert set(entry) <= set(chinese[kind][part][name]), (kind, name)
        said = [chinese[kind]["description"], *(one.get("tooltip", "一") for one in chinese[kind]["inputs"].values())]
        assert all(re.search("[\u4e00-\u9fff]", text) for text in said)


def test_no_text_has_a_character_of_the_translation_library(nodes, chinese):
    for text in leaves(nodes) + leaves(chinese):
        assert not set(text) & set(SPECIAL), text


def test_comfyui_hands_out_both_languages(server, nodes):
    offered = server.get("i18n")
    for language in ("en", "zh"):
        stored = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text(encoding="utf-8"))
        assert {kind: offered[language]["nodeDefs"][kind] for kind in nodes} == stored

"""The example workflows as files: what ComfyUI opens, its thumbnail, and the same graph for the API."""

import itertools
import json
import math
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parent / "workflows"))

import cards  # noqa: E402
import classes  # noqa: E402

FOLDER = Path(__file__).parents[1] / "example_workflows"
PAGE = FOLDER.parent / "docs/models.md"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
CONTROL = ("fixed", "randomize", "increment", "decrement")
TITLE = 30  # pixels of a node's title, which lies above its position


def ui(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def api(name):
    return json.loads((FOLDER / "api" / f"{name}.json").read_text(encoding="utf-8"))


def box(node):
    """Left, top, right and bottom, the title included."""
    x, y = node["pos"]
    return x, y - TITLE, x + node["size"][0], y + node["size"][1]


def apart(first, second):
    return first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]


def values(node):
    """Widget values by name, read from the positional list as the browser does it."""
    given = iter(node["widgets_values"])
    found = {}
    for one in node["inputs"]:
        if "widget" in one:
            found[one["name"]] = next(given)
            if one["name"] in ("seed", "noise_seed") or node["type"] == "PrimitiveInt":
                assert next(given) in CONTROL
    assert not list(given)
    return found


def curve(start, end, before=None, after=None):
    """Points of a link as the page draws it: a Bezier curve whose handles are a quarter of its length.

    A reroute's handle is at most 80 pixels, in the mean direction of the way to it and from it: ``before`` is the point
    before a start that is a reroute, ``after`` the point after an end that is one. A socket's handle is level.
    """
    length = math.dist(start, end) / 4

    def handle(one, other, around):
        if around is None:
            return length, 0
        angles = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in around]
        angle = sum(angles) / 2
        return min(80, length) * math.cos(angle), min(80, length) * math.sin(angle)

    out = handle(start, end, before and ((before, start), (start, end)))
    back = handle(end, start, after and ((start, end), (end, after)))
    p = start, (start[0] + out[0], start[1] + out[1]), (end[0] - back[0], end[1] - back[1]), end
    for i in range(101):
        t = i / 100
        weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
        yield tuple(sum(w * q[axis] for w, q in zip(weights, p, strict=True)) for axis in (0, 1))


def way(graph, link):
    """The points of a link: the output's socket, its reroutes, the input's socket."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    number, source, slot, target, entry, _ = link
    first, last = nodes[source], nodes[target]
    one = last["inputs"][entry]
    if "widget" in one:
        sockets = sum("widget" not in other for other in last["inputs"])
        down = 20 * max(sockets, len(last["outputs"])) + 24 * (entry - sockets) + 12
    else:
        down = 20 * (entry + 0.7)
    start = first["pos"][0] + first["size"][0], first["pos"][1] + 20 * (slot + 0.7)
    reroutes = {reroute["id"]: reroute for reroute in graph["extra"].get("reroutes", ())}
    parents = {one["id"]: one["parentId"] for one in graph["extra"].get("linkExtensions", ())}
    between, turn = [], parents.get(number)
    while turn:
        assert number in reroutes[turn]["linkIds"]
        between.insert(0, tuple(reroutes[turn]["pos"]))
        turn = reroutes[turn].get("parentId")
    return [start, *between, (last["pos"][0], last["pos"][1] + down)]


def test_what_there_is():
    assert NAMES == [
        "anima",
        "compare_full_and_fast",
        "draft_then_final",
        "flux2_dev",
        "flux2_klein_base",
        "flux_dev",
        "hunyuan_video_15",
        "minimax_h3_i2v",
        "minimax_h3_r2v",
        "qwen_image",
        "qwen_image_2512",
        "qwen_image_edit_2511",
        "sdxl_base",
        "wan22_i2v",
        "wan22_t2v",
        "z_image_base",
    ]
    assert {path.stem for path in (FOLDER / "api").iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEach:
    def test_ids_are_unique_and_counted(self, name):
        graph = ui(name)
        nodes, links = [node["id"] for node in graph["nodes"]], [link[0] for link in graph["links"]]
        assert len(set(nodes)) == len(nodes) and max(nodes) == graph["last_node_id"]
        assert len(set(links)) == len(links) and max(links) == graph["last_link_id"]

    def test_both_ends_know_every_link(self, name):
        graph = ui(name)
        nodes = {node["id"]: node for node in graph["nodes"]}
        for number, source, slot, target, entry, type_ in graph["links"]:
            output, one = nodes[source]["outputs"][slot], nodes[target]["inputs"][entry]
            assert number in output["links"] and one["link"] == number
            assert output["type"] == one["type"] == type_
        known = {link[0] for link in graph["links"]}
        for node in graph["nodes"]:
            assert {one["link"] for one in node["inputs"]} - {None} <= known
            assert {link for output in node["outputs"] for link in output["links"] or ()} <= known

    def test_nodes_run_in_their_order(self, name):
        graph = ui(name)
        order = {node["id"]: node["order"] for node in graph["nodes"]}
        assert all(order[source] < order[target] for _, source, _, target, _, _ in graph["links"])

    def test_nothing_overlaps(self, name):
        graph = ui(name)
        boxes = [box(node) for node in graph["nodes"]]
        assert all(apart(first, second) for i, first in enumerate(boxes) for second in boxes[:i])
        groups = [(x, y, x + wide, y + high) for x, y, wide, high in (group["bounding"] for group in graph["groups"])]
        assert all(apart(first, second) for i, first in enumerate(groups) for second in groups[:i])
        for left, top, right, bottom in boxes:
            inside = [g for g in groups if g[0] <= left and g[1] <= top and right <= g[2] and bottom <= g[3]]
            assert len(inside) == 1

    def test_no_link_runs_behind_a_node(self, name):
        graph = ui(name)
        boxes = {node["id"]: box(node) for node in graph["nodes"]}
        for link in graph["links"]:
            points = way(graph, link)
            for i, (start, end) in enumerate(itertools.pairwise(points)):
                before = points[i - 1] if i else None
                after = points[i + 2] if i + 2 < len(points) else None
                for x, y in curve(start, end, before, after):
                    for number, (left, top, right, bottom) in boxes.items():
                        assert not (left < x < right and top < y < bottom), f"{link} runs behind {number}"

    def test_wires_below_the_nodes_keep_apart(self, name):
        lanes = {}
        for reroute in ui(name)["extra"].get("reroutes", ()):
            x, y = reroute["pos"]
            lanes.setdefault(reroute.get("parentId", reroute["id"]), []).append((x, y))
        spans = [(min(points)[0], max(points)[0], points[0][1]) for points in lanes.values()]
        for one, other in itertools.combinations(spans, 2):
            assert one[1] <= other[0] or other[1] <= one[0] or abs(one[2] - other[2]) >= 18

    def test_it_says_what_it_is_and_what_to_expect(self, name):
        first = ui(name)["nodes"][0]
        assert first["type"] == "MarkdownNote" and first["widgets_values"][0].startswith("# ")
        assert ui(name)["groups"][0]["title"] == first["widgets_values"][0].splitlines()[0][2:]

    def test_a_group_is_wider_than_its_title(self, name):
        for group in ui(name)["groups"]:
            assert len(group["title"]) * 0.6 * group["font_size"] < group["bounding"][2]

    def test_the_api_form_says_the_same(self, name):
        graph, form = ui(name), api(name)
        nodes = {str(node["id"]): node for node in graph["nodes"] if node["type"] != "MarkdownNote"}
        links = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
        assert set(nodes) == set(form)
        for number, node in nodes.items():
            linked = {one["name"]: links[one["link"]] for one in node["inputs"] if one["link"] is not None}
            assert form[number]["class_type"] == node["type"]
            assert form[number]["inputs"] == values(node) | linked
            assert form[number]["_meta"]["title"] == node.get("title", form[number]["_meta"]["title"])

    def test_the_newest_comfyui_knows_its_classes_inputs_and_choices(self, name):
        form = {number: node for number, node in api(name).items() if not node["class_type"].startswith("FSampler")}
        assert not list(classes.unknown(form, classes.NEWEST))
        assert not list(classes.missing(form, classes.NEWEST))

    def test_the_page_of_models_has_a_row_that_says_how_it_samples(self, name):
        (row,) = (
            line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"`{name}`" in line and line[0] == "|"
        )
        assert f"| {', '.join(cards.facts(api(name)))}" in row

    def test_it_reports_and_the_report_waits_for_the_run(self, name):
        reports = [node for node in api(name).values() if node["class_type"] == "FSamplerReport"]
        assert reports and all({"report", "latent"} <= node["inputs"].keys() for node in reports)

    def test_the_files_to_fetch_are_the_files_it_loads(self, name):
        graph = ui(name)
        notes = " ".join(node["widgets_values"][0] for node in graph["nodes"] if node["type"] == "MarkdownNote")
        loaded = {
            value
            for node in graph["nodes"]
            if node["type"] != "MarkdownNote"
            for value in values(node).values()
            if str(value).endswith(".safetensors")
        }
        offered = [model for node in graph["nodes"] for model in node["properties"].get("models", ())]
        assert loaded and {model["name"] for model in offered} == loaded
        for model in offered:
            assert f"models/{model['directory']}: [{model['name']}]({model['url']})" in notes

    def test_its_thumbnail_is_small(self, name):
        path = FOLDER / f"{name}.jpg"
        assert path.stat().st_size < 100_000
        with Image.open(path) as picture:
            assert picture.format == "JPEG"
            assert 400 <= picture.width <= 600 and 400 <= picture.height <= 600

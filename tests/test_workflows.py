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
from levels import END, START, instance, levels, promoted, subgraph, values  # noqa: E402

FOLDER = Path(__file__).parents[1] / "example_workflows"
PAGE = FOLDER.parent / "docs/models.md"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
TITLE = 30  # pixels of a node's title, which lies above its position
CLEAR = 8  # pixels that a link keeps from the sides of nodes, more than half of its width
SHOWN = {"FSamplerModel": 110, "FSamplerKSampler": 355, "FSamplerKSamplerAdvanced": 355}  # what "Nodes 2.0" adds
PROMPTS = ("prompt", "negative prompt")
CHANGED = ("text", "prompt", "width", "height", "length", "steps", "cfg", "guidance")
OUTSIDE = ("MarkdownNote", "LoadImage", "RandomNoise", "PrimitiveInt", "SaveImage", "SaveVideo")


def ui(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def api(name):
    return json.loads((FOLDER / "api" / f"{name}.json").read_text(encoding="utf-8"))


def sources(level):
    """Where the links of a level come from, by their ids."""
    return {number: (source, slot) for number, source, slot, *_ in level["links"]}


def box(node):
    """Left, top, right and bottom, the title included."""
    x, y = node["pos"]
    return x, y - TITLE, x + node["size"][0], y + node["size"][1]


def boxes(graph):
    """Those of the nodes and the borders of a level by their ids; a border's links start and end within its margin."""
    found = {node["id"]: box(node) for node in graph["nodes"]}
    for number, (x, y, wide, high) in graph["borders"].items():
        found[number] = (x, y, x + wide - 20, y + high) if number == START else (x + 20, y, x + wide, y + high)
    return found


def apart(first, second):
    return first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]


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
    if source == START:
        start = tuple(graph["inputs"][slot]["pos"])
    else:
        first = nodes[source]
        start = first["pos"][0] + first["size"][0], first["pos"][1] + 20 * (slot + 0.7)
    end = tuple(graph["outputs"][entry]["pos"]) if target == END else socket(nodes[target], entry)
    reroutes, between, turn = graph["reroutes"], [], graph["ends"].get(number)
    while turn:
        assert number in reroutes[turn]["linkIds"]
        between.insert(0, tuple(reroutes[turn]["pos"]))
        turn = reroutes[turn].get("parentId")
    return [start, *between, end]


def socket(node, entry):
    """Where the input of that number is."""
    if "widget" in node["inputs"][entry]:
        sockets = sum("widget" not in other for other in node["inputs"])
        down = 20 * max(sockets, len(node["outputs"])) + 24 * (entry - sockets) + 12
    else:
        down = 20 * (entry + 0.7)
    return node["pos"][0], node["pos"][1] + down


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
        graph, both = ui(name), list(levels(ui(name)))
        for of, key, last in (
            (lambda level: [node["id"] for node in level["nodes"]], "lastNodeId", graph["last_node_id"]),
            (lambda level: [link[0] for link in level["links"]], "lastLinkId", graph["last_link_id"]),
            (lambda level: list(level["reroutes"]), "lastRerouteId", None),
        ):
            ids = [number for level in both for number in of(level)]
            assert len(set(ids)) == len(ids)
            assert max(ids) == subgraph(graph)["state"][key] == (last or max(ids))

    def test_both_ends_know_every_link(self, name):
        for graph in levels(ui(name)):
            nodes = {node["id"]: node for node in graph["nodes"]}
            known = {link[0]: tuple(link[1:]) for link in graph["links"]}
            starts, ends = set(), set()
            for node in nodes.values():
                for slot, one in enumerate(node["outputs"]):
                    starts |= {(number, node["id"], slot, one["type"]) for number in one["links"] or ()}
                for slot, one in enumerate(node["inputs"]):
                    ends |= {(one["link"], node["id"], slot, one["type"])} if one["link"] is not None else set()
            if graph["borders"]:
                for border, slots, said in ((START, graph["inputs"], starts), (END, graph["outputs"], ends)):
                    for slot, one in enumerate(slots):
                        said |= {(number, border, slot, one["type"]) for number in one["linkIds"]}
            assert starts == {(number, source, slot, type_) for number, (source, slot, *_, type_) in known.items()}
            assert ends == {(number, target, entry, type_) for number, (*_, target, entry, type_) in known.items()}

    def test_nodes_run_in_their_order(self, name):
        for graph in levels(ui(name)):
            order = {node["id"]: node["order"] for node in graph["nodes"]} | {START: -1, END: math.inf}
            assert all(order[source] < order[target] for _, source, _, target, _, _ in graph["links"])

    def test_nothing_overlaps(self, name):
        for graph in levels(ui(name)):
            places = boxes(graph)
            assert all(apart(*pair) for pair in itertools.combinations(places.values(), 2))
            groups = [(x, y, x + wide, y + high) for x, y, wide, high in (one["bounding"] for one in graph["groups"])]
            assert all(apart(*pair) for pair in itertools.combinations(groups, 2))
            for number, (left, top, right, bottom) in places.items():
                inside = [g for g in groups if g[0] <= left and g[1] <= top and right <= g[2] and bottom <= g[3]]
                assert len(inside) == (number not in graph["borders"])
                if number in graph["borders"]:
                    assert all(apart(places[number], group) for group in groups)

    def test_no_link_runs_behind_a_node(self, name):
        for graph in levels(ui(name)):
            places = boxes(graph)
            for link in graph["links"]:
                points, ends = way(graph, link), (link[1], link[3])
                for i, (start, end) in enumerate(itertools.pairwise(points)):
                    before = points[i - 1] if i else None
                    after = points[i + 2] if i + 2 < len(points) else None
                    for x, y in curve(start, end, before, after):
                        for number, (left, top, right, bottom) in places.items():
                            clear = 0 if number in ends and i in (0, len(points) - 2) else CLEAR
                            near = left - clear < x < right + clear and top < y < bottom
                            assert not near, f"{link} runs behind {number}"

    def test_wires_below_the_nodes_keep_apart(self, name):
        for graph in levels(ui(name)):
            lanes = {}
            for reroute in graph["reroutes"].values():
                x, y = reroute["pos"]
                lanes.setdefault(reroute.get("parentId", reroute["id"]), []).append((x, y))
            spans = [(min(points)[0], max(points)[0], points[0][1]) for points in lanes.values()]
            for one, other in itertools.combinations(spans, 2):
                assert one[1] <= other[0] or other[1] <= one[0] or abs(one[2] - other[2]) >= 18

    def test_it_says_what_it_is_and_what_to_expect(self, name):
        first = ui(name)["nodes"][0]
        assert first["type"] == "MarkdownNote" and first["widgets_values"][0].startswith("# ")
        assert ui(name)["groups"][0]["title"] == first["widgets_values"][0].splitlines()[0][2:]

    def test_a_group_is_wider_than_its_title_and_the_subgraph_than_its_name(self, name):
        for graph in levels(ui(name)):
            for group in graph["groups"]:
                assert len(group["title"]) * 0.6 * group["font_size"] < group["bounding"][2]
        assert len(subgraph(ui(name))["name"]) * 0.6 * 14 + 60 < instance(ui(name))["size"][0]  # the button beside it

    def test_what_people_look_at_stands_outside_and_all_that_loads_inside_but_a_model_that_skips(self, name):
        workflow = ui(name)
        for node in subgraph(workflow)["nodes"]:
            assert node["type"] not in OUTSIDE and not node["type"].startswith("FSampler")
        outside = {node["id"]: node for node in workflow["nodes"] if node["type"].endswith(("Loader", "LoaderSimple"))}
        skipping = [node["id"] for node in workflow["nodes"] if node["type"] == "FSamplerModel"]
        assert len(outside) == len(skipping)

    def test_what_a_run_shows_on_a_node_has_room_there(self, name):
        for node in ui(name)["nodes"]:
            if node["type"] in SHOWN:
                last = len(node["inputs"]) - 1
                assert socket(node, last)[1] - node["pos"][1] + 12 + SHOWN[node["type"]] <= node["size"][1]

    def test_the_node_of_the_subgraph_has_its_inputs_and_outputs(self, name):
        inner, node = subgraph(ui(name)), instance(ui(name))
        for key in ("inputs", "outputs"):
            assert [(one["name"], one["type"]) for one in node[key]] == [
                (one["name"], one["type"]) for one in inner[key]
            ]
            assert len({one["name"] for one in inner[key]}) == len(inner[key])
            assert all(one["linkIds"] for one in inner[key])

    def test_what_people_change_is_on_the_node_of_the_subgraph(self, name):
        workflow = ui(name)
        node, shown = instance(workflow), promoted(workflow)
        assert [one["name"] for one in node["inputs"] if "widget" in one] == list(shown)
        assert all(one["link"] is None for one in node["inputs"] if "widget" in one)
        for name_outside, widgets in shown.items():
            assert len({json.dumps(value) for *_, value in widgets}) == 1
            assert name_outside in PROMPTS or {one for _, one, _ in widgets} == {name_outside}
        inside = {(one["id"], name) for one in subgraph(workflow)["nodes"] for name in values(one) if name in CHANGED}
        linked = {
            (node["id"], one["name"])
            for node in subgraph(workflow)["nodes"]
            for one in node["inputs"]
            if one["link"] is not None
        }
        assert inside <= linked and "prompt" in shown

    def test_the_api_form_says_the_same(self, name):
        graph, form = ui(name), api(name)
        top, inner = levels(graph)
        node = instance(graph)
        found, outside, within = {}, sources(top), sources(inner)

        def source(level, number):
            """The real output that a link comes from, None for a promoted widget."""
            origin, slot = level[number]
            if level is outside and origin == node["id"]:
                return source(within, inner["outputs"][slot]["linkIds"][0])
            if origin == START:
                return None if node["inputs"][slot]["link"] is None else source(outside, node["inputs"][slot]["link"])
            return [f"{node['id']}:{origin}" if level is within else str(origin), slot]

        for level, links in ((top, outside), (inner, within)):
            for one in level["nodes"]:
                if one is node or one["type"] in ("MarkdownNote", node["type"]):
                    continue
                linked = {
                    entry["name"]: there
                    for entry in one["inputs"]
                    if entry["link"] is not None and (there := source(links, entry["link"]))
                }
                number = f"{node['id']}:{one['id']}" if links is within else str(one["id"])
                found[number] = {"class_type": one["type"], "inputs": values(one) | linked}
                assert form[number]["_meta"]["title"] == one.get("title", form[number]["_meta"]["title"])
        assert {number: {key: one[key] for key in ("class_type", "inputs")} for number, one in form.items()} == found

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
        nodes = [node for node in graph["nodes"] if node["type"] not in ("MarkdownNote", subgraph(graph)["id"])]
        nodes += subgraph(graph)["nodes"]
        loaders = {}
        for node in nodes:
            files = {value for value in values(node).values() if str(value).endswith(".safetensors")}
            assert files == {model["name"] for model in node["properties"].get("models", ())}
            loaders |= dict.fromkeys(files)
        loaded = set(loaders)
        offered = [model for node in nodes for model in node["properties"].get("models", ())]
        assert loaded and {model["name"] for model in offered} == loaded
        for model in offered:
            assert f"models/{model['directory']}: [{model['name']}]({model['url']})" in notes

    def test_its_thumbnail_is_small(self, name):
        path = FOLDER / f"{name}.jpg"
        assert path.stat().st_size < 100_000
        with Image.open(path) as picture:
            assert picture.format == "JPEG"
            assert 400 <= picture.width <= 600 and 400 <= picture.height <= 600

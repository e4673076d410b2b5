"""``fsampler convert``: workflows built here, checked by code that shares nothing with the converter (``wiring.py``).

The official templates are converted by tests/comfy/test_templates.py, where a ComfyUI is at hand.
"""

import copy
import json

import pytest
from comfyui_fsampler.tools.convert import convert
from hypothesis import given, settings
from hypothesis import strategies as st
from wiring import graphs, groups_of, links, overlapping, problems

BALANCED, FAST, CALLS = ["balanced", ""], ["fast", ""], ["balanced", "calls:50%"]
STYLES = ("model", "ksampler")
VALUES = {
    "KSampler": [7, "fixed", 20, 8.0, "euler", "normal", 1.0],
    "KSamplerAdvanced": ["enable", 7, "fixed", 20, 8.0, "euler", "normal", 0, 10, "disable"],
}
MODEL, LATENT, COND = "MODEL", "LATENT", "CONDITIONING"


# -- workflows ---------------------------------------------------------------------------------------------------------


def node(number, kind, inputs=None, outputs=(), at=None, **more):
    """``inputs``: name -> (type, (node, slot) or None); an input named in a KSampler's widgets is one."""
    slots = []
    for name, (type_, source) in (inputs or {}).items():
        widget = {"widget": {"name": name}} if type_ in ("INT", "FLOAT", "COMBO") else {}
        slots.append({"name": name, "type": type_, **widget, "link": None, "source": source})
    return {
        "id": number,
        "type": kind,
        "pos": list(at or (400 * number, 100)),
        "size": [300, 200],
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": slots,
        "outputs": [{"name": type_, "type": type_, "links": None} for type_ in outputs],
        "properties": {"Node name for S&R": kind, "cnr_id": "comfy-core", "ver": "0.3.64"},
        "widgets_values": list(VALUES.get(kind, ["x"])),
    } | more


def wire(nodes, first=1, as_objects=False, borders=((), ())):
    """Make the links that the nodes' inputs ask for; -10 and -20 are the borders of a subgraph."""
    table, by_id = [], {one["id"]: one for one in nodes}

    def link(source, target, slot, type_):
        values = (first + len(table), *source, target, slot, type_)
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        table.append(dict(zip(names, values, strict=True)) if as_objects else list(values))
        if source[0] == -10:
            borders[0][source[1]]["linkIds"].append(values[0])
        else:
            output = by_id[source[0]]["outputs"][source[1]]
            output["links"] = [*(output["links"] or []), values[0]]
        return values[0]

    for one in nodes:
        for slot, taken in enumerate(one["inputs"]):
            source = taken.pop("source")
            if source:
                taken["link"] = link(source, one["id"], slot, taken["type"])
    for slot, border in enumerate(borders[1]):
        border["linkIds"] = [link(border.pop("source"), -20, slot, border["type"])]
    return table


def workflow(*nodes, subgraphs=(), groups=(), **more):
    nodes = list(nodes)
    table = wire(nodes)
    form = {
        "id": "0",
        "revision": 0,
        "last_node_id": max(n["id"] for n in nodes),
        "last_link_id": len(table),
        "nodes": nodes,
        "links": table,
        "groups": list(groups),
        "definitions": {"subgraphs": list(subgraphs)},
        "config": {},
        "extra": {"ds": {"scale": 1}},
        "version": 0.4,
    } | more
    assert not problems(form)
    return form


def subgraph(name, nodes, takes=(), gives=()):
    """``takes``: (name, type); ``gives``: (name, type, source)."""
    inputs = [{"id": f"in {n}", "name": n, "type": t, "linkIds": []} for n, t in takes]
    outputs = [{"id": f"out {n}", "name": n, "type": t, "source": s} for n, t, s in gives]
    table = wire(nodes, as_objects=True, borders=(inputs, outputs))
    state = {"lastGroupId": 0, "lastNodeId": max(n["id"] for n in nodes), "lastLinkId": len(table), "lastRerouteId": 0}
    return {
        "id": name,
        "version": 1,
        "state": state,
        "revision": 0,
        "config": {},
        "name": f"The {name}",
        "inputNode": {"id": -10, "bounding": [-200, 0, 120, 80]},
        "outputNode": {"id": -20, "bounding": [4000, 0, 120, 80]},
        "inputs": inputs,
        "outputs": outputs,
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": table,
        "extra": {},
    }


def loader(number=1, **more):
    return node(number, "CheckpointLoaderSimple", {}, (MODEL, "CLIP", "VAE"), **more)


def ksampler(number, model, kind="KSampler", latent=None, extra=None, **more):
    inputs = {
        "model": (MODEL, model),
        "positive": (COND, None),
        "negative": (COND, None),
        "latent_image": (LATENT, latent),
    }
    return node(number, kind, inputs | (extra or {}), (LATENT,), **more)


def guided(number, guider, sampler=None):
    inputs = {"guider": ("GUIDER", guider), "sampler": ("SAMPLER", sampler), "latent_image": (LATENT, None)}
    return node(number, "SamplerCustomAdvanced", inputs, (LATENT, LATENT))


def guider(number, model, kind="CFGGuider"):
    return node(number, kind, {"model": (MODEL, model), "positive": (COND, None)}, ("GUIDER",))


def plain():
    return workflow(loader(), ksampler(2, (1, 0)), node(3, "VAEDecode", {"samples": (LATENT, (2, 0))}, ("IMAGE",)))


def inner(name="sampling"):
    """A subgraph that takes a MODEL and samples with it twice, once through a patch."""
    patch = node(12, "ModelSamplingSD3", {"model": (MODEL, (-10, 0))}, (MODEL,))
    nodes = [ksampler(10, (-10, 0)), patch, ksampler(11, (12, 0), "KSamplerAdvanced", (10, 0))]
    return subgraph(name, nodes, [("model", MODEL)], [("LATENT", LATENT, (11, 0))])


def instance(number, name, model):
    return node(number, name, {"model": (MODEL, model)}, (LATENT,), widgets_values=[])


WORKFLOWS = {
    "plain": plain(),
    "several samplers on one model": workflow(
        loader(), ksampler(2, (1, 0)), ksampler(3, (1, 0), latent=(2, 0)), ksampler(4, (1, 0), "KSamplerAdvanced")
    ),
    "two stages": workflow(
        node(1, "UNETLoader", {}, (MODEL,)),
        node(2, "UNETLoader", {}, (MODEL,)),
        ksampler(3, (1, 0), "KSamplerAdvanced"),
        ksampler(4, (2, 0), "KSamplerAdvanced", (3, 0)),
    ),
    "guider": workflow(loader(), guider(2, (1, 0)), guided(3, (2, 0))),
    "custom": workflow(
        loader(), node(2, "SamplerCustom", {"model": (MODEL, (1, 0)), "sampler": ("SAMPLER", None)}, (LATENT, LATENT))
    ),
    "two models in one guider": workflow(
        loader(),
        loader(2),
        node(3, "DualModelGuider", {"model_negative": (MODEL, (2, 0)), "model": (MODEL, (1, 0))}, ("GUIDER",)),
    ),
    "two models in turn": workflow(
        loader(),
        loader(2),
        node(3, "WanMoeKSampler", {f"model_{end}_noise": (MODEL, (at, 0)) for at, end in ((1, "high"), (2, "low"))})
        | {"outputs": [{"name": LATENT, "type": LATENT, "links": None}]},
    ),
    "two models of an unknown node": workflow(
        loader(), loader(2), node(3, "Mystery", {"a": (MODEL, (1, 0)), "b": (MODEL, (2, 0))}, (LATENT,))
    ),
    "reroute": workflow(loader(), node(2, "Reroute", {"": ("*", (1, 0))}, (MODEL,)), ksampler(3, (2, 0))),
    "native reroute": plain()
    | {"extra": {"reroutes": [{"id": 1, "pos": [1, 2], "linkIds": [1]}], "linkExtensions": [{"id": 1, "parentId": 1}]}},
    "primitive": workflow(
        loader(),
        node(2, "PrimitiveNode", {}, ("INT",)),
        ksampler(3, (1, 0), extra={"seed": ("INT", (2, 0)), "steps": ("INT", None), "denoise": ("FLOAT", (2, 0))}),
    ),
    "muted": workflow(loader(mode=2), ksampler(2, (1, 0), mode=2), ksampler(3, (1, 0), mode=4)),
    "unknown nodes": workflow(
        node(1, "Best Loader (someone's)", {}, (MODEL,)), node(2, "Mystery", {"m": (MODEL, (1, 0))}, (LATENT,))
    ),
    "a patch that gives a latent too": workflow(
        loader(), node(2, "ARVideoI2V", {"model": (MODEL, (1, 0))}, (MODEL, LATENT)), ksampler(3, (2, 0), latent=(2, 1))
    ),
    "old file": workflow(loader(), ksampler(2, (1, 0), widgets_values=[7, True, 20, 8.0, "euler", "normal", 1.0])),
    "named values": workflow(loader(), ksampler(2, (1, 0), widgets_values={"seed": 7, "steps": 20})),
    "both kinds of values": workflow(loader(), ksampler(2, (1, 0), widgets_values_named={"seed": 7})),
    "positions as objects": workflow(loader(), ksampler(2, (1, 0), pos={"0": 500, "1": 60}, size={"0": 300, "1": 200})),
    "no properties": workflow(loader(), {k: v for k, v in ksampler(2, (1, 0)).items() if k != "properties"}),
    "no counters": {k: v for k, v in plain().items() if not k.startswith("last_")},
    "subgraph": workflow(loader(), instance(2, "sampling", (1, 0)), subgraphs=[inner()]),
    "subgraph used twice, top sampler": workflow(
        loader(),
        instance(2, "sampling", (1, 0)),
        instance(3, "sampling", (1, 0)),
        ksampler(4, (1, 0)),
        subgraphs=[inner()],
    ),
    "subgraph that loads": workflow(
        instance(2, "loading", None),
        ksampler(3, (2, 0)),
        subgraphs=[subgraph("loading", [loader(20)], [("model", MODEL)], [("LATENT", LATENT, (20, 0))])],
    ),
    "group": workflow(
        loader(),
        ksampler(2, (1, 0)),
        groups=[{"title": "g", "bounding": [750, 20, 400, 320]}, {"title": "h", "bounding": [0] * 4}],
    ),
    "full group": workflow(
        loader(at=(380, 100)),
        ksampler(2, (1, 0), at=(700, 100)),
        groups=[{"title": "g", "bounding": [360, 20, 660, 300]}],
    ),
}


def version_1():
    """``plain`` in the newer schema: links are objects, the counters are in ``state``."""
    form = plain()
    counters = {"lastNodeId": form.pop("last_node_id"), "lastLinkId": form.pop("last_link_id"), "lastGroupid": 0}
    return form | {"version": 1, "state": counters, "links": list(links(form).values())}


WORKFLOWS["version 1"] = version_1()


# -- every workflow ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_converts_to_a_sound_workflow_once_and_reverts_exactly(name, style):
    original, form = WORKFLOWS[name], copy.deepcopy(WORKFLOWS[name])
    outcome = convert.convert(form, BALANCED, style, update=False)
    assert outcome.changed and not outcome.untouched
    assert not problems(form)
    skipped = [
        one for _, graph in graphs(form) for node_ in graph["nodes"] if samples(node_) for one in skipping(graph, node_)
    ]
    assert skipped and all(skipped)
    assert len(outcome.changed) == len(skipped)
    for (_, now), (_, before) in zip(graphs(form), graphs(original), strict=True):
        assert [n["id"] for n in now["nodes"]][: len(before["nodes"])] == [n["id"] for n in before["nodes"]]
        for added in now["nodes"][len(before["nodes"]) :]:
            assert not overlapping(now, added)
    everywhere = [n["id"] for _, graph in graphs(form) for n in graph["nodes"]]
    assert len(everywhere) == len(set(everywhere))
    once = json.dumps(form)
    again = convert.convert(form, FAST, style, update=False)
    assert json.dumps(form) == once and not again.changed and len(again.already) == len(outcome.changed)
    convert.revert(form)
    assert json.dumps(form) == json.dumps(original)


def samples(node_):
    """Does it take a MODEL to give a LATENT or a GUIDER?"""
    gives = {slot["type"] for slot in node_["outputs"]}
    takes = {slot["type"] for slot in node_["inputs"]}
    return MODEL in takes and MODEL not in gives and bool(gives & {LATENT, "GUIDER"}) and node_["type"] not in IDS


IDS = {"sampling", "loading"}  # of subgraphs


def skipping(form, node_):
    """Is it one of ours, or does each of its models come from a FSamplerModel in its own mode? The one that is named
    "model" is enough."""
    if node_["type"].startswith("FSampler"):
        return [True]
    slots = [slot for slot in node_["inputs"] if slot["type"] == MODEL]
    sources = [
        next(n for n in form["nodes"] if n["id"] == links(form)[slot["link"]]["origin_id"])
        for slot in [slot for slot in slots if slot["name"] == "model"] or slots
    ]
    return [
        source["type"] == "FSamplerModel" and source["mode"] == node_["mode"] and source["widgets_values"] == BALANCED
        for source in sources
    ]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", WORKFLOWS)
def test_another_mode_changes_the_mode_alone_and_reverts_too(name, style):
    form, straight = copy.deepcopy(WORKFLOWS[name]), copy.deepcopy(WORKFLOWS[name])
    convert.convert(form, BALANCED, style, update=True)
    convert.convert(straight, CALLS, style, update=True)
    outcome = convert.convert(form, CALLS, style, update=True)
    assert form == straight and all("calls:50%" in line for line in outcome.changed)
    assert not convert.convert(form, CALLS, style, update=True).changed
    convert.revert(form)
    assert json.dumps(form) == json.dumps(WORKFLOWS[name])


KINDS = st.sampled_from(["loader", "patch", "ksampler", "advanced", "guider", "guided", "reroute", "other"])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_graph_stays_sound_and_comes_back(data):
    """Nodes of every kind at any place, each taking what any earlier one gives, or nothing."""
    nodes, give = [], {MODEL: [], LATENT: [], "GUIDER": []}

    def any_of(type_):
        return data.draw(st.sampled_from([None, *give[type_]]))

    for number in range(1, data.draw(st.integers(2, 12))):
        kind, at = data.draw(KINDS), [data.draw(st.integers(-9, 9)) * 100 for _ in "xy"]
        match kind:
            case "loader":
                one = loader(number, at=at)
            case "patch":
                one = node(number, "LoraLoaderModelOnly", {"model": (MODEL, any_of(MODEL))}, (MODEL,), at=at)
            case "ksampler" | "advanced":
                name = "KSampler" if kind == "ksampler" else "KSamplerAdvanced"
                one = ksampler(
                    number, any_of(MODEL), name, any_of(LATENT), at=at, mode=data.draw(st.sampled_from([0, 2, 4]))
                )
            case "guider":
                one = guider(number, any_of(MODEL))
            case "guided":
                one = guided(number, any_of("GUIDER"))
            case "reroute":
                one = node(number, "Reroute", {"": ("*", any_of(MODEL))}, (MODEL,), at=at)
            case _:
                one = node(number, "VAEDecode", {"samples": (LATENT, any_of(LATENT))}, ("IMAGE",), at=at)
        nodes.append(one)
        for slot, output in enumerate(one["outputs"]):
            give.setdefault(output["type"], []).append((number, slot))
    bounds = st.lists(st.integers(-9, 9).map(lambda n: n * 100), min_size=2, max_size=2)
    groups = [{"bounding": [*data.draw(bounds), 800, 500]} for _ in range(data.draw(st.integers(0, 2)))]
    original = workflow(*nodes, groups=groups) if nodes else plain()
    form = copy.deepcopy(original)
    style = data.draw(st.sampled_from(STYLES))
    outcome = convert.convert(form, BALANCED, style, update=False)
    assert not problems(form)
    assert all(n["type"] != "FSamplerModel" or not overlapping(form, n) for n in form["nodes"][len(nodes) :])
    once = json.dumps(form)
    assert not convert.convert(form, BALANCED, style, update=False).changed
    assert json.dumps(form) == once
    assert len(convert.revert(form).changed) == len(outcome.changed)
    assert json.dumps(form) == json.dumps(original)


# -- where nodes go ----------------------------------------------------------------------------------------------------


def added_to(name, style="model"):
    form = copy.deepcopy(WORKFLOWS[name])
    before = len(form["nodes"])
    convert.convert(form, BALANCED, style, update=False)
    return form, form["nodes"][before:]


def test_the_node_is_to_the_left_of_its_sampler_or_above_it():
    form, (added,) = added_to("plain")
    sampler = form["nodes"][1]
    assert added["pos"][0] + added["size"][0] <= sampler["pos"][0] or added["pos"][1] < sampler["pos"][1] - 100
    assert abs(added["pos"][0] - sampler["pos"][0]) + abs(added["pos"][1] - sampler["pos"][1]) < 600


def test_the_node_is_in_the_group_of_its_sampler():
    form, (added,) = added_to("group")
    assert groups_of(form, added) == groups_of(form, form["nodes"][1]) == [0]


def test_a_full_group_grows_and_shrinks_again():
    form, (added,) = added_to("full group")
    assert groups_of(form, added) == [0]
    assert form["groups"] != WORKFLOWS["full group"]["groups"]
    left, top, width, height = form["groups"][0]["bounding"]
    assert left <= 360 and top <= 20 and left + width >= 1020 and top + height >= 320
    convert.revert(form)
    assert form["groups"] == WORKFLOWS["full group"]["groups"]


def test_a_group_does_not_grow_over_a_stranger():
    """Left of the full group is a note, and behind it the nearest free place."""
    note = node(3, "Note", {}, (), at=(420, 100))
    group = {"title": "g", "bounding": [740, 20, 330, 300]}
    form = workflow(loader(at=(0, 2000)), ksampler(2, (1, 0), at=(750, 100)), note, groups=[group])
    for x, y in ((100, -400), (450, -400), (800, -400), (450, 400), (800, 400), (1100, 100), (1450, 100)):
        form["nodes"].append(node(form["last_node_id"] + 1, "Note", {}, (), at=(x, y)) | {"inputs": []})
        form["last_node_id"] += 1
    strangers = [one["id"] for one in form["nodes"][2:]]
    convert.convert(form, BALANCED, "model", update=False)
    assert groups_of(form, form["nodes"][-1]) == [0]
    assert [one["id"] for one in form["nodes"] if groups_of(form, one)] == [2, form["nodes"][-1]["id"]]
    assert len(strangers) == 8


# -- links -------------------------------------------------------------------------------------------------------------


def test_the_first_link_keeps_its_start_and_its_reroutes():
    form, (added,) = added_to("native reroute")
    assert form["nodes"][0] == WORKFLOWS["native reroute"]["nodes"][0]
    assert form["extra"] == WORKFLOWS["native reroute"]["extra"]
    assert links(form)[1] == {
        "id": 1,
        "origin_id": 1,
        "origin_slot": 0,
        "target_id": added["id"],
        "target_slot": 0,
        "type": MODEL,
    }


def test_a_subgraph_keeps_its_border_and_counts_on():
    form = copy.deepcopy(WORKFLOWS["subgraph"])
    convert.convert(form, BALANCED, "model", update=False)
    now, before = form["definitions"]["subgraphs"][0], WORKFLOWS["subgraph"]["definitions"]["subgraphs"][0]
    assert (now["inputs"], now["outputs"]) == (before["inputs"], before["outputs"])
    assert now["state"]["lastNodeId"] == form["last_node_id"] == 14
    assert all(isinstance(link, dict) for link in now["links"])
    assert form["nodes"] == WORKFLOWS["subgraph"]["nodes"]


def test_fed_widgets_stay_fed():
    form, _ = added_to("primitive", "ksampler")
    sampler, table = form["nodes"][2], links(form)
    names = [slot["name"] for slot in sampler["inputs"]]
    assert names == ["model", "positive", "negative", "latent_image", "settings", "seed", "steps", "denoise"]
    for slot in sampler["inputs"]:
        if slot["link"]:
            assert names[table[slot["link"]]["target_slot"]] == slot["name"]
    assert sampler["properties"]["Node name for S&R"] == "KSampler"  # %KSampler.seed% in file names
    assert "cnr_id" not in sampler["properties"]
    assert sampler["widgets_values"] == [*VALUES["KSampler"], *BALANCED]


def test_revert_keeps_what_was_connected_since():
    """A second sampler on our node's model, a report on ours, another value: the model goes back to the loader."""
    form = plain()
    convert.convert(form, BALANCED, "model", update=False)
    ours = form["nodes"][-1]
    late, report = ksampler(20, None), node(21, "FSamplerReport", {"report": ("FSAMPLER_REPORT", None)})
    for one in (late, report):
        for slot in one["inputs"]:
            slot.pop("source")
        form["nodes"].append(one)
    form["links"] += [[30, ours["id"], 0, 20, 0, MODEL], [31, ours["id"], 1, 21, 0, "FSAMPLER_REPORT"]]
    late["inputs"][0]["link"], report["inputs"][0]["link"] = 30, 31
    ours["outputs"][0]["links"].append(30)
    ours["outputs"][1]["links"] = [31]
    form["last_node_id"], form["last_link_id"] = 21, 31
    assert not problems(form)
    convert.revert(form)
    assert not problems(form)
    assert links(form)[30]["origin_id"] == 1 and 31 not in links(form)
    assert form["nodes"][:3] == [
        plain()["nodes"][0] | {"outputs": form["nodes"][0]["outputs"]},
        *plain()["nodes"][1:3],
    ]
    assert (form["last_node_id"], form["last_link_id"]) == (21, 31)


def test_revert_of_a_ksampler_keeps_a_changed_value_and_drops_our_report():
    form = plain()
    convert.convert(form, BALANCED, "ksampler", update=False)
    form["nodes"][1]["widgets_values"][2] = 33
    form["nodes"].append({"id": 9, "type": "FSamplerReport", "inputs": [{"name": "report", "type": "R", "link": 9}]})
    form["links"].append([9, 2, 1, 9, 0, "FSAMPLER_REPORT"])
    form["nodes"][1]["outputs"][1]["links"] = [9]
    form["last_node_id"] = form["last_link_id"] = 9
    convert.revert(form)
    assert not problems(form)
    expected = plain()["nodes"][1]
    expected["widgets_values"][2] = 33
    assert form["nodes"][1] == expected


# -- what is left alone ------------------------------------------------------------------------------------------------


SKIPPING = {
    "by a model node of the user's": workflow(
        loader(),
        node(2, "FSamplerModel", {"model": (MODEL, (1, 0))}, (MODEL, "FSAMPLER_REPORT")),
        node(3, "LoraLoaderModelOnly", {"model": (MODEL, (2, 0))}, (MODEL,)),
        ksampler(4, (3, 0)),
    ),
    "by a model node before reroutes": workflow(
        loader(),
        node(2, "FSamplerModel", {"model": (MODEL, (1, 0))}, (MODEL, "FSAMPLER_REPORT")),
        node(3, "Reroute", {"": ("*", (2, 0))}, (MODEL,)),
        ksampler(4, (3, 0)),
    ),
    "by a model node outside the subgraph": workflow(
        loader(),
        node(2, "FSamplerModel", {"model": (MODEL, (1, 0))}, (MODEL, "FSAMPLER_REPORT")),
        instance(3, "sampling", (2, 0)),
        subgraphs=[inner()],
    ),
    "by a model node inside the subgraph that loads": workflow(
        instance(2, "loading", None),
        ksampler(3, (2, 0)),
        subgraphs=[
            subgraph(
                "loading",
                [loader(20), node(21, "FSamplerModel", {"model": (MODEL, (20, 0))}, (MODEL, "FSAMPLER_REPORT"))],
                [("model", MODEL)],
                [("LATENT", LATENT, (21, 0))],
            )
        ],
    ),
    "by itself": workflow(loader(), ksampler(2, (1, 0), "FSamplerKSampler"), ksampler(3, (1, 0), "FSampler")),
    "by its SAMPLER": workflow(
        loader(),
        guider(2, (1, 0)),
        node(3, "FSamplerSampler", {"sampler": ("SAMPLER", None)}, ("SAMPLER", "R")),
        guided(4, (2, 0), (3, 0)),
    ),
    "by our own solver": workflow(
        loader(), guider(2, (1, 0)), node(3, "FSamplerSolver", {}, ("SAMPLER", "R")), guided(4, (2, 0), (3, 0))
    ),
    "by the model in its pipe": workflow(
        loader(),
        node(2, "FSamplerModel", {"model": (MODEL, (1, 0))}, (MODEL, "FSAMPLER_REPORT")),
        node(3, "ToBasicPipe", {"model": (MODEL, (2, 0))}, ("BASIC_PIPE",)),
        node(4, "BasicPipeToDetailerPipe", {"basic_pipe": ("BASIC_PIPE", (3, 0))}, ("DETAILER_PIPE",)),
        node(5, "FaceDetailerPipe", {"detailer_pipe": ("DETAILER_PIPE", (4, 0))}, ("IMAGE",)),
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", SKIPPING)
def test_what_skips_already_is_left_alone(name, style):
    form = copy.deepcopy(SKIPPING[name])
    outcome = convert.convert(form, FAST, style, update=True)
    assert form == SKIPPING[name]
    assert outcome.already and not outcome.changed and not outcome.untouched
    assert not convert.revert(form).changed


def dangling():
    form = plain()
    form["links"] = form["links"][1:]
    return form


UNPLACEABLE = {
    "nothing is connected": workflow(loader(), guider(2, None)),
    "leads nowhere": dangling(),
    "it takes no MODEL": workflow(node(1, "MySampler", {"model": ("MYMODEL", None)}, (LATENT,))),
    "its own cache: set it there": workflow(node(1, "WanVideoSampler", {"model": ("WANVIDEOMODEL", None)}, (LATENT,))),
    "put FSampler (model) before the node that makes that": workflow(
        loader(),
        node(2, "ToBasicPipe", {"model": (MODEL, (1, 0))}, ("BASIC_PIPE",)),
        node(3, "ImpactKSamplerBasicPipe", {"basic_pipe": ("BASIC_PIPE", (2, 0))}, ("BASIC_PIPE", LATENT, "VAE")),
    ),
    "takes no MODEL": workflow(node(1, "MyGuider", {}, ("GUIDER",)), guided(2, (1, 0))),
    "nothing in the file feeds": workflow(guided(2, None)),
    "group node": workflow(
        node(1, "workflow>mine", {}, (LATENT,)),
        extra={"groupNodes": {"mine": {"nodes": [{"type": "KSampler"}], "links": []}}},
    ),
}


@pytest.mark.parametrize("why", UNPLACEABLE)
def test_what_cannot_be_placed_is_named_and_left_alone(why):
    form = copy.deepcopy(UNPLACEABLE[why])
    outcome = convert.convert(form, BALANCED, "model", update=False)
    assert form == UNPLACEABLE[why]
    assert not outcome.changed
    (line,) = outcome.untouched
    assert why in line
    assert any(one["type"] in line and str(one["id"]) in line for one in form["nodes"])


@pytest.mark.parametrize(
    "kind",
    ["KSamplerSelect", "SamplerEulerAncestral", "LTXVLatentUpsampler", "AddNoise", "ModelSave", "FSamplerReport"],
)
def test_what_does_not_sample_is_not_mentioned(kind):
    gives = {"ModelSave": (), "FSamplerReport": ("STRING", "IMAGE")}.get(kind, (LATENT,))
    one = node(2, kind, {"model": (MODEL, (1, 0))} if kind in ("AddNoise", "ModelSave") else {}, gives)
    outcome = convert.convert(workflow(loader(), one), BALANCED, "model", update=False)
    assert not outcome.lines()


def test_the_seed_control_of_an_old_file_is_written_as_the_page_reads_it():
    form, _ = added_to("old file", "ksampler")
    assert form["nodes"][1]["widgets_values"] == [7, "randomize", 20, 8.0, "euler", "normal", 1.0, *BALANCED]


def test_a_ksampler_with_other_widgets_gets_a_model_node():
    form = workflow(loader(), ksampler(2, (1, 0), widgets_values=[1, 2, 3]))
    convert.convert(form, BALANCED, "ksampler", update=False)
    assert [one["type"] for one in form["nodes"]] == ["CheckpointLoaderSimple", "KSampler", "FSamplerModel"]

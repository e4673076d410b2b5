"""``fsampler convert`` on every official template that has a sampler, as files, as prompts and in the real page.

The templates are those of the ``comfyui-workflow-templates`` packages of the ComfyUI under test. In the page a sample
of them is opened; ``FSAMPLER_TEMPLATES=all`` opens all.
"""

import copy
import functools
import hashlib
import json
import os

import find
import pytest
import requests
from comfyui_fsampler.tools.convert import api, convert
from wiring import graphs, groups_of, links, overlapping, problems

BALANCED, FAST = ["balanced", ""], ["balanced", "calls:50%"]
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")
STYLES = ("model", "ksampler")
SAMPLE = 30
MINUTES = 180_000


def with_sampler():
    """The templates of this ComfyUI in which a core node samples."""
    found = {}
    for path in find.templates(find.comfyui()).values():
        workflow = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(workflow, dict) and "nodes" in workflow:
            if any(node["type"] in SAMPLERS for _, form in graphs(workflow) for node in form["nodes"]):
                found[path.stem] = workflow
    return found


TEMPLATES = with_sampler()
EVERY = len(TEMPLATES) // SAMPLE or 1
SOME = list(TEMPLATES)[:: 1 if os.environ.get("FSAMPLER_TEMPLATES") == "all" else EVERY]
if not TEMPLATES:
    pytest.skip("this ComfyUI has no comfyui_workflow_templates packages", allow_module_level=True)
needs_browser = pytest.mark.skipif(find.chromium() is None, reason=find.HOW_BROWSER)


# -- as files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_converts_and_reverts(name, style):
    original, workflow = TEMPLATES[name], copy.deepcopy(TEMPLATES[name])
    outcome = convert.convert(workflow, BALANCED, style, update=False)
    assert outcome.changed and not outcome.already
    assert problems(workflow) == problems(original)
    for (_, form), (_, before) in zip(graphs(workflow), graphs(original), strict=True):
        added = form["nodes"][len(before["nodes"]) :]
        assert all(node["type"] == "FSamplerModel" and not overlapping(form, node) for node in added)
        for node, old in zip(form["nodes"], before["nodes"], strict=False):
            check_kept(node, old)
        for node in form["nodes"]:
            if node["type"] in SAMPLERS[:3]:
                check_fed(form, node)
            assert style == "model" or node["type"] not in SAMPLERS[:2]
    once = json.dumps(workflow)
    assert not convert.convert(workflow, BALANCED, style, update=False).changed
    assert json.dumps(workflow) == once
    assert len(convert.convert(workflow, FAST, style, update=True).changed) == len(outcome.changed)
    convert.revert(workflow)
    assert json.dumps(workflow) == json.dumps(original)


def check_kept(node, old):
    """All of a node is as it was, but for the link of its model and what makes a KSampler ours."""
    replaced = node["type"] != old["type"]
    assert not replaced or node["type"] == f"FSampler{old['type']}"
    changed = {"type", "inputs", "outputs", "properties", "widgets_values", "widgets_values_named"}
    assert {key: value for key, value in node.items() if key not in (changed if replaced else {"inputs"})} == {
        key: value for key, value in old.items() if key not in (changed if replaced else {"inputs"})
    }
    slots = [slot for slot in node.get("inputs") or [] if not replaced or slot["name"] != "settings"]
    for slot, before in zip(slots, old.get("inputs") or [], strict=True):
        assert slot == before or slot | {"link": before["link"]} == before and before["type"] == "MODEL"
    if replaced:
        control = {True: "randomize", False: "fixed"}  # as the page reads very old files
        was = [control[value] if isinstance(value, bool) else value for value in old["widgets_values"]]
        assert node["widgets_values"] == [*was, *BALANCED]


def check_fed(form, node):
    """The node's model comes from a FSamplerModel, in the same groups and in the same mode."""
    link = links(form)[next(slot["link"] for slot in node["inputs"] if slot["type"] == "MODEL")]
    source = next(other for other in form["nodes"] if other["id"] == link["origin_id"])
    assert (source["type"], source["mode"]) == ("FSamplerModel", node["mode"])
    assert groups_of(form, source) == groups_of(form, node)


# -- in the page, and as the prompts that the page makes ---------------------------------------------------------------

READY = """() => !!(window.LiteGraph?.registered_node_types?.FSamplerReport && window.app?.canvas
                 && window.app.graph?._nodes?.length)"""
NODES = """() => {
    const nodes = [], seen = new Set()
    const plain = value => { try { return JSON.stringify(value) } catch { return String(value) } }
    const walk = (graph, path) => graph._nodes.forEach(node => {
        nodes.push({
            path, type: node.type, mode: node.mode, pos: [...node.pos],
            missing: !LiteGraph.registered_node_types[node.type],
            widgets: node.type == 'LoadImageOutput' ? [] // its list comes from the server at any time
                : (node.widgets ?? []).filter(w => w.serialize !== false).map(w => [w.name, plain(w.value)]),
        })
        if (node.subgraph && !seen.has(node.subgraph)) {
            seen.add(node.subgraph)
            walk(node.subgraph, path + '/' + node.subgraph.id)
        }
    })
    walk(app.graph, '')
    return nodes
}"""


@pytest.fixture(scope="module")
def page(browser, server):
    page = browser.new_page()
    page.set_default_timeout(MINUTES)
    page.goto(server.url())
    page.wait_for_function(READY)
    return page


def opened(page, workflow):
    """The nodes and the prompt that the page makes of a workflow."""
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    for node in prompt.values():
        if node["class_type"] == "LoadImageOutput":  # as in NODES; an original opened twice gives two prompts
            node["inputs"]["image"] = "what the list says"
    return page.evaluate(NODES), prompt


def refusals(server, prompt):
    """What ComfyUI has against a prompt: ``(node, error, details)``; nothing runs."""
    answer = requests.post(server.url("prompt"), json={"prompt": prompt}, timeout=60)
    if answer.status_code == 200:
        requests.post(server.url("queue"), json={"clear": True}, timeout=60)
        server.interrupt()
        return set()
    said = answer.json()
    found = {
        (node, error["type"], error["details"])
        for node, of_node in said["node_errors"].items()
        for error in of_node["errors"]
    }
    return found or {("", said["error"]["type"], said["error"]["details"])}


@needs_browser
@pytest.mark.parametrize("name", SOME)
def test_a_template_opens_as_it_was_and_is_as_valid(name, page, server):
    original = TEMPLATES[name]
    # Some graphs of a template use one id twice; newer pages then choose another, which depends on the highest one.
    ids = [node["id"] for _, form in graphs(original) for node in form["nodes"]]
    told, errors = (exactly, set) if len(ids) == len(set(ids)) else (without_ids, without_nodes)
    nodes, prompt = opened(page, original)
    against = errors(refusals(server, prompt))
    for style in STYLES:
        workflow = copy.deepcopy(original)
        convert.convert(workflow, BALANCED, style, update=False)
        nodes_now, prompt_now = opened(page, workflow)
        assert not [node for node in nodes_now if node["missing"] and node["type"].startswith("FSampler")]
        rest = [node for node in nodes_now if node["type"] != "FSamplerModel"]
        assert [as_core(node) for node in rest] == nodes
        for node in nodes_now:
            if node["type"].startswith("FSampler"):
                assert node["widgets"][-2:] == [["mode", '"balanced"'], ["custom_mode", '""']]
        assert told(without(prompt_now)) == told(prompt)
        assert errors(refusals(server, prompt_now)) == against

        saved = page.evaluate("() => app.graph.serialize()")
        assert len(convert.revert(saved).changed) == sum(node["type"].startswith("FSampler") for node in nodes_now)
        nodes_again, prompt_again = opened(page, saved)
        assert nodes_again == nodes
        assert told(prompt_again) == told(prompt)

        converted = copy.deepcopy(prompt)
        api.convert(converted, BALANCED, style, update=False)
        assert errors(refusals(server, converted)) == against
        if any(node["class_type"] in SAMPLERS for node in prompt.values()):
            assert converted != prompt
            api.revert(converted)
        assert json.dumps(converted) == json.dumps(prompt)


def exactly(prompt):
    """Class and inputs of every node."""
    return {number: (node["class_type"], node["inputs"]) for number, node in prompt.items()}


def without_ids(prompt):
    """Every node as the text of all that leads to it."""

    @functools.cache
    def text(number):
        def linked(value):
            return isinstance(value, list) and len(value) == 2 and value[0] in prompt

        inputs = prompt[number]["inputs"]
        told = {key: [text(value[0]), value[1]] if linked(value) else value for key, value in inputs.items()}
        data = json.dumps([prompt[number]["class_type"], told], sort_keys=True)
        return hashlib.sha256(data.encode()).hexdigest()

    return sorted(map(text, prompt))


def without_nodes(found):
    return sorted(error for _, *error in found)


def as_core(node):
    """A KSampler of ours as the core's."""
    if not node["type"].startswith("FSampler"):
        return node
    return node | {"type": node["type"].removeprefix("FSampler"), "widgets": node["widgets"][:-2]}


def without(prompt):
    """The prompt without FSampler: model nodes bridged, KSamplers the core's."""
    prompt = copy.deepcopy(prompt)
    ours = {number: node["inputs"]["model"] for number, node in prompt.items() if node["class_type"] == "FSamplerModel"}
    for node in prompt.values():
        if node["class_type"] in ("FSamplerKSampler", "FSamplerKSamplerAdvanced"):
            node["class_type"] = node["class_type"].removeprefix("FSampler")
            del node["inputs"]["mode"], node["inputs"]["custom_mode"]
        for key, value in node["inputs"].items():
            if isinstance(value, list) and value and value[0] in ours:
                node["inputs"][key] = ours[value[0]]
    return {number: node for number, node in prompt.items() if number not in ours}

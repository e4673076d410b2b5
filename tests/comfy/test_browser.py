"""The pack in ComfyUI's page, in a headless Chromium: workflows open as they were saved, a run shows its results.

``FSAMPLER_SCREENSHOTS=1`` writes the pictures in docs/screenshots anew.
"""

import copy
import io
import json
import os
import sys

import find
import pytest
from graphs import STEPS, compared, ksampler, ours, report, sources
from PIL import Image
from server import ROOT

sys.path.append(str(ROOT / "tests/workflows"))

from examples import NEEDS, OLDEST  # noqa: E402
from levels import instance, promoted, subgraph  # noqa: E402
from saving import save  # noqa: E402

if find.chromium() is None:
    pytest.skip(find.HOW_BROWSER, allow_module_level=True)

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
ORIGINALS = sorted((ROOT / "tests/comfy/workflows").glob("*.json"))
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
MINUTES = 180_000  # milliseconds; what has not happened by then does not happen

# The order in which the original pack's nodes saved their values.
ORIGINAL_ORDER = {
    "FSampler": "seed control_after_generate steps cfg scheduler sampler skip_mode add_noise denoise verbose",
    "FSamplerAdvanced": "seed control_after_generate steps cfg scheduler sampler protect_first_steps "
    "protect_last_steps adaptive_mode smoothing_beta skip_mode skip_indices anchor_interval max_consecutive_skips "
    "start_at_step end_at_step add_noise noise_type denoise verbose no_grad official_comfy sigma_aware "
    "extrapolate_denoised",
    "FSamplerSelect": "steps scheduler sampler denoise skip_mode skip_indices adaptive_mode smoothing_beta "
    "protect_first_steps protect_last_steps anchor_interval max_consecutive_skips add_noise noise_type verbose "
    "no_grad official_comfy sigma_aware extrapolate_denoised",
}

READY = """() => !!(window.LiteGraph?.registered_node_types?.FSamplerReport && window.app?.canvas
                 && window.app.graph?._nodes?.length)"""
SAVED_WIDGETS = """ids => (ids.reduce((node, id) => (node.subgraph ?? node).getNodeById(id), app.graph).widgets ?? [])
                          .filter(w => w.serialize !== false).map(w => [w.name, w.value])"""
EXPORTED = "() => app.graphToPrompt().then(made => made.output)"

ELEMENT = "id => app.graph.getNodeById(id).widgets.find(w => w.name == 'fsampler_text').element"


class Gui:
    """ComfyUI's page; ``errors`` are those that come from this pack."""

    def __init__(self, browser, server):
        self.errors = []
        self.page = browser.new_page(viewport={"width": 1600, "height": 1000})
        self.page.set_default_timeout(MINUTES)
        self.page.on("pageerror", lambda error: self.note(f"{error.message}\n{error.stack}"))
        self.page.on("console", lambda said: said.type == "error" and self.note(f"{said.text} {said.location['url']}"))
        self.page.on("requestfailed", lambda request: self.note(f"{request.failure} {request.url}"))
        self.page.goto(server.url())
        self.page.wait_for_function(READY)
        self.do("() => window.comfyAPI.api.api.addEventListener('b_preview', () => { window.previews += 1 })")

    def note(self, text):
        if "fsampler" in text.lower():
            self.errors.append(text)

    def do(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def wait(self, script, argument=None):
        self.page.wait_for_function(script, arg=argument)

    def open(self, workflow):
        self.do("workflow => app.loadGraphData(workflow)", workflow)
        self.wait("ids => ids.every(id => app.graph.getNodeById(id))", [node["id"] for node in workflow["nodes"]])

    def open_prompt(self, prompt):
        """An API prompt as a graph, its seeds kept from changing."""
        self.do("prompt => app.loadApiJson(prompt, 'test')", prompt)
        self.wait("ids => ids.every(id => app.graph.getNodeById(id))", list(prompt))
        self.do("""() => app.graph._nodes.forEach(node => node.widgets?.forEach(
            widget => { if (widget.name == 'control_after_generate') widget.value = 'fixed' }))""")

    def widgets(self, *path):
        """Name and value of the widgets that a workflow saves, of a node, or of one in a node that is a subgraph."""
        return {name: value for name, value in self.do(SAVED_WIDGETS, path)}

    def text(self, node):
        return self.do("id => app.graph.getNodeById(id).widgets.find(w => w.name == 'fsampler_text').value", node)

    def bars(self, node):
        """The chart of a report: a letter a step, "" where there is none."""
        bars = "id => [...(%s)(id).querySelectorAll('.bars > div')].map(bar => bar.className).join('')"
        return self.do(bars % ELEMENT, node)

    def progress(self, node):
        """What ComfyUI shows on a node of its progress."""
        name = "$$node-text-preview"
        found = "([id, name]) => app.graph.getNodeById(id).widgets.find(w => w.name == name)?.value"
        return self.do(found, [node, name])

    def run(self):
        """Queue what is open and wait until it has succeeded; the prompt's id."""
        self.do("""() => {
            window.previews = 0
            window.ended = null
            const api = window.comfyAPI.api.api
            for (const kind of ['execution_success', 'execution_error'])
                api.addEventListener(kind, event => { window.ended ??= [kind, event.detail.prompt_id] })
            return app.queuePrompt(0, 1)
        }""")
        self.wait("() => !!window.ended")
        kind, prompt_id = self.do("() => window.ended")
        assert kind == "execution_success"
        return prompt_id


@pytest.fixture(scope="module")
def page(browser, server):
    return Gui(browser, server)


@pytest.fixture
def gui(page):
    """The page; a test in which it reports an error of ours fails."""
    yield page
    errors, page.errors = page.errors, []
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def object_info(server):
    return server.get("object_info")


def saved_order(info):
    """Names of a node's widgets in the order of ``widgets_values``, from its entry in /object_info."""
    names = []
    for group in ("required", "optional"):
        for name in info["input_order"].get(group, []):
            kind, *options = info["input"][group][name]
            options = options[0] if options else {}
            if isinstance(kind, list) or kind in WIDGETS and not options.get("forceInput"):
                names.append(name)
                control = options.get("control_after_generate", name in ("seed", "noise_seed"))
                if kind == "INT" and control:  # 1.49 calls that widget by its default, if it has one
                    names.append(control if isinstance(control, str) else "control_after_generate")
    return names


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_page_loads_our_script_without_an_error(gui):
    ours = "() => app.extensions.map(e => e.name).filter(name => name.startsWith('fsampler'))"
    assert gui.do(ours) == ["fsampler.text"]


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request, gui, object_info, server):
    """The path of an example, which is open in the page."""
    path = request.param
    workflow = load(path)
    types = {node["type"] for node in workflow["nodes"] + subgraph(workflow)["nodes"]}
    newer = types - {"MarkdownNote", instance(workflow)["type"]} - object_info.keys()
    if newer and version(server) != NEEDS.get(path.stem):
        pytest.skip(f"this ComfyUI has no {', '.join(newer)}")
    gui.open(workflow)
    missing = "types => types.filter(type => !LiteGraph.registered_node_types[type])"
    assert gui.do(missing, list(types)) == []
    return path


def version(server):
    return server.get("system_stats")["system"]["comfyui_version"]


def test_an_example_opens_with_every_value_in_its_widget(example, gui, object_info):
    workflow = load(example)
    outside = instance(workflow)
    for inside, nodes in (([], workflow["nodes"]), ([outside["id"]], subgraph(workflow)["nodes"])):
        for node in nodes:
            if node["type"] not in object_info:  # notes and the like are the page's own
                continue
            order, values = saved_order(object_info[node["type"]]), node.get("widgets_values", [])
            if node["type"].startswith("FSampler"):
                assert len(order) == len(values), node["type"]
            widgets = gui.widgets(*inside, node["id"])
            assert {name: widgets[name] for name in order[: len(values)]} == dict(zip(order, values, strict=False))
    shown = {name: widgets[0][-1] for name, widgets in promoted(workflow).items()}
    assert list(gui.widgets(outside["id"]).items()) == list(shown.items())


def test_the_page_exports_an_example_as_its_api_form(example, gui, server):
    form, exported = load(example.parent / "api" / example.name), gui.do(EXPORTED)
    if version(server) == OLDEST:
        assert exported == form
    assert exported.keys() == form.keys()
    for number, node in form.items():  # newer nodes have more inputs, and other titles
        made = exported[number]
        assert made["class_type"] == node["class_type"]
        assert {name: made["inputs"].get(name) for name in node["inputs"]} == node["inputs"]
        assert not any(isinstance(made["inputs"][name], list) for name in made["inputs"].keys() - node["inputs"].keys())


def test_what_is_changed_outside_is_exported_and_saved(example, gui):
    workflow, before = load(example), gui.do(EXPORTED)
    number, shown = instance(workflow)["id"], promoted(workflow)
    changed = gui.do(
        """id => Object.fromEntries(app.graph.getNodeById(id).widgets.map(widget => {
            widget.value += typeof widget.value == 'string' ? ', changed' : 2 * widget.options.step2
            widget.callback?.(widget.value)
            return [widget.name, widget.value]
        }))""",
        number,
    )
    assert all(changed[name] != value for name, ((*_, value), *_) in shown.items())
    for name, widgets in shown.items():
        for node, inside, _ in widgets:
            before[f"{number}:{node}"]["inputs"][inside] = changed[name]
    assert gui.do(EXPORTED) == before
    saved = gui.do("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    gui.open(saved)
    assert gui.do(EXPORTED) == before
    assert gui.widgets(number) == changed


@pytest.mark.parametrize("path", ORIGINALS, ids=lambda path: path.stem)
def test_an_original_workflow_opens_with_every_value_in_its_widget_and_runs(path, gui, server):
    workflow = load(path)
    gui.open(workflow)
    originals = [node for node in workflow["nodes"] if node["type"] in ORIGINAL_ORDER]
    assert originals
    for node in originals:
        names, values = ORIGINAL_ORDER[node["type"]].split(), node["widgets_values"]
        widgets = gui.widgets(node["id"])
        assert list(widgets) == names
        assert {name: widgets[name] for name in names[: len(values)]} == dict(zip(names, values, strict=False))
    history = server.history(gui.run())
    assert any(outputs.get("images") for outputs in history["outputs"].values())


A_B = compared(ksampler(), ours("fast")) | report("fast")


def test_a_run_shows_previews_the_image_the_report_and_the_comparison(gui, server):
    gui.open_prompt(A_B | {"full": ksampler(seed=31), "fast": ours("fast", seed=31)})  # no other run's, cached
    history = server.history(gui.run())
    assert gui.do("() => window.previews") == 2 * STEPS
    gui.wait("id => app.graph.getNodeById(id).imgs?.[0]?.naturalWidth > 0", "compare")
    for node in ("report", "compare"):
        assert gui.text(node) == history["outputs"][node]["text"][0]
    assert gui.text("report").startswith("FSampler fast: ")
    assert gui.text("compare").startswith("SSIM ")
    sizes = "ids => ids.map(id => app.graph.getNodeById(id).imgs[0]).map(i => [i.naturalWidth, i.naturalHeight])"
    gui.wait("id => app.graph.getNodeById(id).imgs?.[0]?.naturalWidth > 0", "fast image")
    image, map_ = gui.do(sizes, ["fast image", "compare"])
    assert image == map_ == [64, 64]
    assert gui.bars("report") == json.loads(history["outputs"]["report"]["json"][0])["sequence"]


def test_the_text_is_read_only_and_leaves_the_picture_its_place(gui):
    gui.open_prompt(A_B)
    gui.run()
    gui.wait("id => app.graph.getNodeById(id).imgs?.[0]?.naturalWidth > 0", "compare")
    for node in ("report", "compare"):
        gui.do("id => app.canvas.centerOnNode(app.graph.getNodeById(id))", node)
        gui.wait(
            """id => {
            const widget = app.graph.getNodeById(id).widgets.find(w => w.name == 'fsampler_text')
            return widget.element.getBoundingClientRect().height > 20
        }""",
            node,
        )
        assert gui.do(f"id => ({ELEMENT})(id).querySelector('textarea').readOnly", node)
    text, picture = gui.do(
        """id => ['fsampler_text', '$$canvas-image-preview'].map(name =>
        app.graph.getNodeById(id).widgets.find(w => w.name == name)).map(w => [w.y, w.computedHeight])""",
        "compare",
    )
    assert text[0] + text[1] <= picture[0]


def test_the_chart_has_the_nodes_width_and_type_that_can_be_read(gui):
    gui.open_prompt(A_B)
    gui.run()
    gui.wait(f"id => !!({ELEMENT})(id).querySelector('.fsampler-chart')", "report")
    gui.do("() => { app.canvas.ds.scale = 1 }")
    gui.do("id => app.canvas.centerOnNode(app.graph.getNodeById(id))", "report")
    for width in (480, 900):
        gui.do(
            "([id, width]) => { const n = app.graph.getNodeById(id); n.setSize([width, n.size[1]]) }", ["report", width]
        )
        gui.do("() => app.canvas.setDirty(true, true)")
        gui.wait(
            f"([id, width]) => Math.abs(({ELEMENT})(id).querySelector('.bars').offsetWidth - width) < 60",
            ["report", width],
        )
    assert (
        gui.do(f"id => parseFloat(getComputedStyle(({ELEMENT})(id).querySelector('.steps')).fontSize)", "report") >= 10
    )


def test_the_chart_shows_the_estimates_of_all_parts(gui):
    gui.open_prompt(A_B)
    records = [
        {"step": 0, "kind": "REAL", "estimate": None},
        {"step": 1, "kind": "SKIP", "estimate": 0.8, "by_part": [0.2, 0.8]},
    ]
    output = {"text": ["x"], "json": [json.dumps({"records": records, "parts": [{"size": 90}, {"size": 9}]})]}
    gui.do("([id, output]) => app.graph.getNodeById(id).onExecuted(output)", ["report", output])
    gui.wait(f"id => !!({ELEMENT})(id).querySelector('.fsampler-chart')", "report")
    lines = f"[...({ELEMENT})(id).querySelectorAll('.bars .E')]"
    drawn = gui.do(f"id => {lines}.map(one => [one.style.bottom, getComputedStyle(one).height])", "report")
    assert drawn == [["22.5%", "1px"], ["90%", "1px"], ["90%", "3px"]]
    assert gui.do(f"id => {lines}[0].parentElement.title", "report").endswith(" 0.2 | 0.8")


def test_the_node_that_skips_shows_its_line(gui, server):
    gui.open_prompt(A_B | {"fast": ours("fast", seed=77)})
    history = server.history(gui.run())
    gui.wait("() => app.graph.getNodeById('fast').widgets.some(w => String(w.value).includes(' of 20 calls'))")
    calls = json.loads(history["outputs"]["report"]["json"][0])["calls"]
    assert gui.progress("fast").startswith(f"{calls} of 20 calls")
    saved = gui.do("() => JSON.parse(JSON.stringify(app.graph.serialize())).nodes.find(n => n.id == 'fast')")
    assert saved["widgets_values"][-2:] == ["fast", ""]  # the line is not among the values


def test_undo_copy_and_a_reopened_workflow_keep_text_and_chart(gui):
    gui.open_prompt(A_B)
    gui.run()
    gui.wait(f"id => !!({ELEMENT})(id).querySelector('.fsampler-chart')", "report")
    text, bars = gui.text("report"), gui.bars("report")
    assert text and len(bars) == 20
    workflow = gui.do("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    for _ in range(2):  # what undo does as well: the page loads an earlier state of the graph
        gui.open(workflow)
        gui.wait(f"id => !!({ELEMENT})(id).querySelector('.fsampler-chart')", "report")
        assert (gui.text("report"), gui.bars("report")) == (text, bars)
    copied = gui.do(
        """id => { const node = app.graph.getNodeById(id).clone(); app.graph.add(node)
                   node.fsamplerRestore(); return node.id }""",
        "report",
    )
    assert (gui.text(copied), gui.bars(copied)) == (text, bars)


def test_a_text_in_custom_mode_greys_mode_and_a_text_may_be_connected_to_it(gui):
    gui.open_prompt(A_B | {"fast": ours("fast", custom_mode="calls:9")})
    disabled = "() => !!app.graph.getNodeById('fast').widgets.find(w => w.name == 'mode').disabled"
    assert gui.do(disabled)
    gui.do(
        """() => { const custom = app.graph.getNodeById('fast').widgets.find(w => w.name == 'custom_mode')
                   custom.value = ''; custom.callback('') }"""
    )
    assert not gui.do(disabled)
    linked = """() => { const text = LiteGraph.createNode('PrimitiveString'), node = app.graph.getNodeById('fast')
        app.graph.add(text)
        return !!text.connect(0, node, node.inputs.findIndex(input => input.name == 'mode')) }"""
    assert gui.do(linked)


def test_a_saved_workflow_reopens_with_its_values_also_after_a_run(gui):
    """The text is not among the values: those of the other widgets keep their places."""
    changed = copy.deepcopy(A_B) | {"fast": ours("turbo", seed=123, custom_mode="calls:9", steps=11)}
    changed["compare"]["inputs"]["gain"] = 12.5
    gui.open_prompt(changed)
    gui.run()
    prompt = gui.do(EXPORTED)
    assert {name: node["inputs"] for name, node in prompt.items()} == {
        name: node["inputs"] for name, node in changed.items()
    }
    workflow = gui.do("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    saved = {node["id"]: node.get("widgets_values") or [] for node in workflow["nodes"]}
    assert saved["compare"] == [12.5]
    assert saved["report"] == []
    assert saved["fast"] == [123, "fixed", 11, 2.0, "euler", "simple", 1.0, "turbo", "calls:9"]
    for _ in range(2):
        gui.open(workflow)
        again = gui.do("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
        assert {node["id"]: node.get("widgets_values") or [] for node in again["nodes"]} == saved


def test_nodes_drawn_by_vue_show_the_text(gui):
    """The newer frontends draw nodes as DOM elements, where that is switched on."""
    name = "Comfy.VueNodes.Enabled"
    if tuple(map(int, gui.do("() => window.__COMFYUI_FRONTEND_VERSION__").split("."))) < (1, 40):
        pytest.skip("this frontend has no finished Vue nodes")
    gui.do("name => app.extensionManager.setting.set(name, true)", name)
    try:
        gui.open_prompt(A_B)
        gui.run()
        gui.wait("() => !!document.querySelector('[data-node-id] textarea[readonly]')")
        shown = "() => [...document.querySelectorAll('[data-node-id] textarea[readonly]')].map(e => e.value)"
        assert {text.split()[0] for text in gui.do(shown)} == {"FSampler", "SSIM"}
    finally:
        gui.do("name => app.extensionManager.setting.set(name, false)", name)


PLACES = {  # x, y, and width and height where they matter
    "model": (0, 0),
    "positive": (0, 120),
    "negative": (0, 220),
    "latent": (0, 320),
    "full": (310, 0, 280, 490),
    "fast": (620, 0, 340, 640),
    "full image decoded": (990, 0, 230, 46),
    "fast image decoded": (1250, 0, 230, 46),
    "full large": (990, 90, 230, 82),
    "fast large": (1250, 90, 230, 82),
    "report": (990, 220, 490, 240),
    "full image": (1510, 0, 250, 320),
    "fast image": (1510, 370, 250, 320),
    "compare": (1790, 0, 300, 330),
    "difference large": (1790, 380, 300, 82),
    "difference": (1790, 510, 300, 250),
}
TIDY = {
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasMenu": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
    "Comfy.NodeBadge.NodeIdBadgeMode": "None",
}
PLACE = """places => {
  for (const [id, [x, y, width, height]] of Object.entries(places)) {
    const node = app.graph.getNodeById(id)
    node.pos = [x, y]
    node.setSize(width ? [width, height] : node.computeSize())
  }
  app.graph.getNodeById('full').title = 'KSampler: the full run'
}"""
AREA = """ids => {
  const nodes = ids.map(id => app.graph.getNodeById(id))
  const left = Math.min(...nodes.map(n => n.pos[0])), top = Math.min(...nodes.map(n => n.pos[1])) - 30
  return [left, top, Math.max(...nodes.map(n => n.pos[0] + n.size[0])) - left,
          Math.max(...nodes.map(n => n.pos[1] + n.size[1])) - top]
}"""
SHOW = """([x, y, scale]) => {
  app.canvas.ds.scale = scale
  app.canvas.ds.offset = [150 / scale - x, 150 / scale - y]
  app.canvas.deselectAll?.()
  app.canvas.setDirty(true, true)
  const canvas = app.canvas.canvas.getBoundingClientRect()
  return [canvas.left + 150, canvas.top + 150]
}"""


def pictured():
    """Both KSamplers, with the demo model's small images enlarged for the eye; they are compared as they are."""
    graph = compared(ksampler(seed=8), ours("balanced", seed=8)) | report("fast", "fast") | sources(name="coffee")
    for name, source in (("full", "full image decoded"), ("fast", "fast image decoded"), ("difference", "compare")):
        graph[f"{name} large"] = {
            "class_type": "ImageScaleBy",
            "inputs": {
                "image": [source, 2 if source == "compare" else 0],
                "upscale_method": "lanczos",
                "scale_by": 4.0,
            },
        }
    graph["full image"]["inputs"]["images"] = ["full large", 0]
    graph["fast image"]["inputs"]["images"] = ["fast large", 0]
    return graph | {"difference": {"class_type": "PreviewImage", "inputs": {"images": ["difference large", 0]}}}


def photograph(gui, name, nodes, scale):
    """These nodes as docs/screenshots/``name``."""
    x, y, width, height = gui.do(AREA, nodes)
    left, top = gui.do(SHOW, [x, y, scale])
    gui.page.wait_for_timeout(1500)
    margin = 16
    clip = {
        "x": left - margin,
        "y": top - margin,
        "width": width * scale + 2 * margin,
        "height": height * scale + 2 * margin,
    }
    save(Image.open(io.BytesIO(gui.page.screenshot(clip=clip))), ROOT / "docs/screenshots" / name)


@pytest.mark.skipif(not os.environ.get("FSAMPLER_SCREENSHOTS"), reason="FSAMPLER_SCREENSHOTS is not set")
def test_write_the_screenshots(gui):
    gui.page.set_viewport_size({"width": 2400, "height": 1400})
    for name, value in TIDY.items():
        gui.do("([name, value]) => app.extensionManager.setting.set(name, value)", [name, value])
    gui.open_prompt(pictured())
    gui.do(PLACE, PLACES)
    gui.run()
    gui.page.wait_for_timeout(2000)
    gui.do(PLACE, PLACES)
    photograph(gui, "a_b.webp", list(PLACES), 1.0)
    photograph(gui, "report.png", ["report"], 1.5)
    kinds = [
        ["FSamplerKSampler", "FSamplerModel"],
        ["FSamplerKSamplerAdvanced"],
        ["FSamplerSampler", "FSamplerSolver"],
        ["FSamplerSettings"],
    ]
    ids = gui.do(
        """columns => {
      app.graph.clear()
      return columns.flatMap((kinds, column) => {
        let y = 0
        return kinds.map(kind => {
          const node = LiteGraph.createNode(kind)
          app.graph.add(node)
          node.setSize([320, node.computeSize()[1]])
          node.pos = [column * 350, y]
          y += node.size[1] + 60
          return node.id
        })
      })
    }""",
        kinds,
    )
    photograph(gui, "nodes.png", ids, 1.0)

"""Thumbnails of the example workflows and pictures of the nodes, from a browser and from runs on the demo model:

    python tests/workflows/pictures.py http://127.0.0.1:8188

with a server that has this pack and the test pack; needs playwright, Pillow and $CHROMIUM or /usr/bin/chromium.
"""

import io
import json
import os
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from cards import card, sheet  # noqa: E402
from examples import FOLDER, NAMES  # noqa: E402
from on_demo import on_demo_model  # noqa: E402
from saving import save  # noqa: E402

DOCS = FOLDER.parent / "web/docs/images"
SHEETS = ("compare_full_and_fast", "draft_then_final")  # thumbnails with runs on the demo model
HIDE = """
.comfy-menu, .side-toolbar, .side-tool-bar-container, .p-toast, .p-dialog-mask, [class*=minimap], .graph-canvas-panel,
.comfyui-body-top, .comfyui-body-left, .comfyui-body-right, .comfyui-body-bottom, .actionbar, .workflow-tabs-container,
.litegraph .comfy-multiline-input::placeholder {display: none !important}
"""
READY = "window.app && window.app.graph"
SETTINGS = {
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Graph.CanvasMenu": False,
    "Comfy.UseNewMenu": "Disabled",
    "Comfy.Minimap.Visible": False,
    "Comfy.Workflow.ShowMissingModelsWarning": False,
    "Comfy.TutorialCompleted": True,
    "Comfy.RightSidePanel.ShowErrorsTab": False,
}
# Show a rectangle of the canvas, ``[x, y, width, height]``, at a corner of the page and at a scale.
SHOW = """([[x, y, w, h], scale]) => {
  app.canvas.ds.scale = scale
  app.canvas.ds.offset = [-x + 100 / scale, -y + 100 / scale]
  app.canvas.deselectAll && app.canvas.deselectAll()
  app.canvas.setDirty(true, true)
}"""
# The first node that skips, made as narrow as it gets: the rectangles of its title and of its mode.
SKIPPING = """() => {
  const node = app.graph._nodes.find(n => /^FSampler(Model|KSampler)/.test(n.type))
  node.setSize(node.computeSize())
  const [x, y] = node.pos, wide = node.size[0], mode = node.widgets.find(w => w.name == 'mode')
  app.canvas.draw(true, true)
  return [[x, y - 30, wide, 30], [x, y + mode.y - 4, wide, 28]]
}"""
ALONE = """kind => {
  app.graph.clear()
  const node = LiteGraph.createNode(kind)
  node.pos = [0, 0]
  app.graph.add(node)
  node.setSize([Math.max(340, node.computeSize()[0]), node.computeSize()[1]])
  return [0, -30, node.size[0], node.size[1] + 30]
}"""


class Page:
    def __init__(self, browser, url):
        self.page = browser.new_page(viewport={"width": 1900, "height": 2200})
        self.page.goto(url)
        self.page.wait_for_function(READY)
        self.page.wait_for_timeout(3000)
        self.page.add_style_tag(content=HIDE)

    def open(self, workflow):
        self.page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
        self.page.wait_for_timeout(1500)

    def picture(self, area, scale, margin):
        self.page.evaluate(SHOW, [area, scale])
        self.page.wait_for_timeout(800)
        clip = {
            "x": 100 - margin,
            "y": 100 - margin,
            "width": area[2] * scale + 2 * margin,
            "height": area[3] * scale + 2 * margin,
        }
        return Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB")


def call(url, data=None):
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def run(url, form):
    """What each kind of node showed, in the order of the nodes: its picture, None for none, and its texts."""
    queued = json.loads(call(f"{url}/prompt", json.dumps({"prompt": form}).encode()))["prompt_id"]
    while queued not in (history := json.loads(call(f"{url}/history/{queued}"))):
        time.sleep(0.2)
    made = {}
    for node, outputs in sorted(history[queued]["outputs"].items(), key=lambda item: int(item[0])):
        shown, texts = [None], outputs.get("text", [""])
        if images := outputs.get("images"):
            data = [call(f"{url}/view?{urllib.parse.urlencode(image)}") for image in images]
            shown = [Image.open(io.BytesIO(one)).convert("RGB") for one in data]
        made.setdefault(form[node]["class_type"], []).extend((one, *texts) for one in shown)
    return made


def with_chart(form):
    """The form, and a node that shows the chart of its report."""
    report = next(number for number, node in form.items() if node["class_type"] == "FSamplerReport")
    return form | {"999": {"class_type": "PreviewImage", "inputs": {"images": [report, 2]}}}


def compare_sheet(url):
    form = json.loads((FOLDER / "api/compare_full_and_fast.json").read_text(encoding="utf-8"))
    made = run(url, with_chart(on_demo_model(form)))
    (full, *_), (fast, *_) = made["SaveImage"]
    ((difference, text),) = made["FSamplerCompare"]
    ((chart, _),), ((_, report),) = made["PreviewImage"], made["FSamplerReport"]
    line = f"{_calls(report)}, {text.split(',')[0]}"
    return sheet([("full run", full), ("fast run", fast), ("difference", difference)], chart, line)


def draft_sheet(url):
    form = json.loads((FOLDER / "api/draft_then_final.json").read_text(encoding="utf-8"))
    sampler = next(node for node in form.values() if node["class_type"] == "FSamplerKSampler")
    draft = run(url, with_chart(on_demo_model(form)))
    sampler["inputs"]["mode"] = "off"
    final = run(url, on_demo_model(form))
    chart, report = draft["PreviewImage"][0][0], draft["FSamplerReport"][0][1]
    pictures = [("draft", draft["SaveImage"][0][0]), ("final", final["SaveImage"][0][0])]
    return sheet(pictures, chart, _calls(report))


def _calls(report):
    """Of the line of a report, mode and calls: "fast: 16/25 calls"."""
    return report.removeprefix("FSampler ").split(" (")[0]


def stacked(pictures):
    """Pictures of one width, one below the other."""
    paper = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)))
    top = 0
    for picture in pictures:
        paper.paste(picture, (0, top))
        top += picture.height
    return paper


def thumbnails(page, url):
    """Write the thumbnail of every example."""
    save(compare_sheet(url), FOLDER / "compare_full_and_fast.jpg")
    save(draft_sheet(url), FOLDER / "draft_then_final.jpg")
    for name in NAMES:
        if name not in SHEETS:
            workflow, form = (
                json.loads((FOLDER / folder / f"{name}.json").read_text(encoding="utf-8")) for folder in ("", "api")
            )
            page.open(workflow)
            node = stacked([page.picture(area, 2.5, 0) for area in page.page.evaluate(SKIPPING)])
            save(card(workflow["groups"][0]["title"], form, node), FOLDER / f"{name}.jpg")


def help_pictures(page, url):
    """Write the picture of every node for its help page."""
    known = json.loads(call(f"{url}/object_info"))
    DOCS.mkdir(parents=True, exist_ok=True)
    for kind in known:
        if kind.startswith("FSampler") and "Test" not in kind:
            save(page.picture(page.page.evaluate(ALONE, kind), 1.5, 40), DOCS / f"{kind}.png")


def main(url):
    for setting, value in SETTINGS.items():
        call(f"{url}/settings/{setting}", json.dumps(value).encode())
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = Page(browser, url)
        thumbnails(page, url)
        help_pictures(page, url)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))

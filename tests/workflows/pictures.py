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

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from cards import HIGH, INK, PAPER, WIDE, card  # noqa: E402
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
SKIPPING = """() => {
  const node = app.graph._nodes.find(n => /^FSampler(Model|KSampler)/.test(n.type))
  return [node.pos[0], node.pos[1] - 30, node.size[0], node.size[1] + 30]
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


def sheet(pictures, below, line):
    """A thumbnail: captioned pictures in a row, a wide picture below, a line of text."""
    paper = Image.new("RGB", (WIDE, HIGH), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(20)
    side = 180 if len(pictures) == 3 else 200
    gap = (WIDE - side * len(pictures)) // (len(pictures) + 1)
    for i, (caption, picture) in enumerate(pictures):
        x = gap + i * (side + gap)
        draw.text((x + side // 2, 26), caption, INK, font, "mm")
        paper.paste(picture.resize((side, side), Image.LANCZOS), (x, 46))
    top = 46 + side + 16
    scale = min((WIDE - 2 * gap) / below.width, (HIGH - 50 - top) / below.height)
    size = (round(below.width * scale), round(below.height * scale))
    paper.paste(below.resize(size, Image.LANCZOS), ((WIDE - size[0]) // 2, top + (HIGH - 50 - top - size[1]) // 2))
    draw.text((WIDE // 2, HIGH - 24), line, INK, font, "mm")
    return paper


def compare_sheet(url):
    form = json.loads((FOLDER / "api/compare_full_and_fast.json").read_text(encoding="utf-8"))
    made = run(url, with_chart(on_demo_model(form)))
    (full, *_), (fast, *_) = made["SaveImage"]
    ((difference, text),) = made["FSamplerCompare"]
    ((chart, _),) = made["PreviewImage"]
    return sheet([("full run", full), ("fast run", fast), ("difference", difference)], chart, text)


def draft_sheet(url):
    form = json.loads((FOLDER / "api/draft_then_final.json").read_text(encoding="utf-8"))
    sampler = next(node for node in form.values() if node["class_type"] == "FSamplerKSampler")
    draft = run(url, with_chart(on_demo_model(form)))
    sampler["inputs"]["mode"] = "off"
    final = run(url, on_demo_model(form))
    chart, text = draft["PreviewImage"][0][0], draft["FSamplerReport"][0][1]
    pictures = [("turbo: the draft", draft["SaveImage"][0][0]), ("off: the final picture", final["SaveImage"][0][0])]
    return sheet(pictures, chart, text.split(",")[0])


def main(url):
    for setting, value in SETTINGS.items():
        call(f"{url}/settings/{setting}", json.dumps(value).encode())
    save(compare_sheet(url), FOLDER / "compare_full_and_fast.jpg")
    save(draft_sheet(url), FOLDER / "draft_then_final.jpg")
    known = json.loads(call(f"{url}/object_info"))
    kinds = [kind for kind in known if kind.startswith("FSampler") and "Test" not in kind]
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = Page(browser, url)
        for name in NAMES:
            if name not in SHEETS:
                workflow, form = (
                    json.loads((FOLDER / folder / f"{name}.json").read_text(encoding="utf-8")) for folder in ("", "api")
                )
                page.open(workflow)
                node = page.picture(page.page.evaluate(SKIPPING), 1.0, 0)
                save(card(workflow["groups"][0]["title"], form, node), FOLDER / f"{name}.jpg")
        DOCS.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            save(page.picture(page.page.evaluate(ALONE, kind), 1.5, 40), DOCS / f"{kind}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))

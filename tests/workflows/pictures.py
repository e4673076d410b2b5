"""Thumbnails of the example workflows and pictures of the nodes, from a browser and from runs on the demo model:

    python tests/workflows/pictures.py http://127.0.0.1:8188

with a server that has this pack and the test pack; needs playwright, Pillow and $CHROMIUM or /usr/bin/chromium.
"""

import io
import json
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from cards import card  # noqa: E402
from demo_runs import call, compare_sheet, draft_sheet  # noqa: E402
from examples import FOLDER, NAMES  # noqa: E402
from saving import save  # noqa: E402

DOCS = FOLDER.parent / "web/docs/images"
SHEETS = {"compare_full_and_fast": compare_sheet, "draft_then_final": draft_sheet}
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
    for name in NAMES:
        if name in SHEETS:
            save(SHEETS[name](url), FOLDER / f"{name}.jpg")
        else:
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

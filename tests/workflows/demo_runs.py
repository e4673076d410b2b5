"""Runs of examples on the demo model, and the thumbnails that are made of them."""

import io
import json
import time
import urllib.parse
import urllib.request

from cards import sheet
from examples import FOLDER
from on_demo import on_demo_model
from PIL import Image


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
    for node, outputs in sorted(history[queued]["outputs"].items(), key=lambda item: list(form).index(item[0])):
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

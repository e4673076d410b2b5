"""The way of a new user: an official template, converted, queued in off and fast on two servers, and compared.

There are no weights: its loader and its text encoders, and nothing else of it, are replaced by the demo model's.
"""

import json
from statistics import median

import find
import pytest
from comfyui_fsampler.tools import cli
from PIL import Image
from queueing import prompts

PREDICTIONS = {"default": "eps", "sd3.5_simple_example": "flow"}  # the first that the ComfyUI has, and its model's kind
MODES, SEEDS, FLOOR = ("off", "fast"), (1, 2, 3, 4), 0.9
OWN, GENTLE = [], ["--set", "KSampler.cfg=2"]  # under CFG 8 a seed of this small model may draw another cat altogether
READY = "() => !!(window.LiteGraph?.registered_node_types?.FSamplerReport && window.app?.graph?._nodes?.length)"
SWAP = {"CheckpointLoaderSimple": "FSamplerTestLoader", "CLIPTextEncode": "FSamplerTestClass"}

TEMPLATES = find.templates(find.comfyui())
NAME = next((name for name in PREDICTIONS if name in TEMPLATES), None)
if NAME is None or find.chromium() is None:
    pytest.skip("no such template, or no Chromium, which makes its API form", allow_module_level=True)


@pytest.fixture(scope="module")
def exported(browser, server):
    """What Workflow > Export (API) of ComfyUI's page makes of a workflow file."""
    page = browser.new_page()
    page.goto(server.url())
    page.wait_for_function(READY, timeout=180_000)

    def export(path):
        page.evaluate("workflow => app.loadGraphData(workflow)", json.loads(path.read_text(encoding="utf-8")))
        return page.evaluate("async () => (await app.graphToPrompt()).output")

    return export


def converted(form, exported, folder):
    """The template in API form with FSampler in it, put in before or after the export."""
    template, out = TEMPLATES[NAME], folder / "a.fsampler.json"
    if form == "workflow":
        assert cli.main(["convert", str(template), "-o", str(out)]) == 0
        return exported(out)
    (folder / "a.json").write_text(json.dumps(exported(template)))
    assert cli.main(["convert", str(folder / "a.json"), "-o", str(out)]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def on_demo_model(prompt):
    """Give the prompt the demo model's loader and classes; MODEL and VAE are its outputs 0 and 1."""
    negative = next(node["inputs"]["negative"][0] for node in prompt.values() if node["class_type"] == "KSampler")
    loader = next(number for number, node in prompt.items() if node["class_type"] == "CheckpointLoaderSimple")
    for number, node in prompt.items():
        kind = node["class_type"] = SWAP.get(node["class_type"], node["class_type"])
        if kind == "FSamplerTestLoader":
            node["inputs"] = {"prediction": PREDICTIONS[NAME]}
        elif kind == "FSamplerTestClass":
            node["inputs"] = {"name": "(none)" if number == negative else "cat"}
        node["inputs"] = {key: [loader, 1] if value == [loader, 2] else value for key, value in node["inputs"].items()}


@pytest.mark.parametrize("form, values, least", [("workflow", OWN, median), ("prompt", GENTLE, min)])
def test_from_a_template_to_a_page_that_can_be_believed(
    form, values, least, exported, queue, server, second, browser, tmp_path, capsys
):
    prompt = converted(form, exported, tmp_path)
    kinds = [node["class_type"] for node in prompt.values()]
    assert kinds.count("FSamplerModel") == kinds.count("KSampler") == 1
    on_demo_model(prompt)
    latent = next(number for number, node in prompt.items() if node["class_type"].startswith("Empty"))
    values = [*values, *(part for key in ("width", "height") for part in ("--set", f"{latent}.{key}=512"))]
    starts = [len(one.log()) for one in (server, second)]
    assert queue(prompt, [server, second], *values, modes=",".join(MODES), seeds="1-4") == 0, capsys.readouterr()
    did = [prompts(one, start) for one, start in zip((server, second), starts, strict=True)]
    assert min(did) > 0 and sum(did) == len(MODES) * len(SEEDS)
    out = capsys.readouterr().out
    for one, number in zip((server, second), did, strict=True):
        assert f"  {one.url().rstrip('/')}: {number}\n" in out

    jobs = {(job["mode"], job["seed"]): job for job in queue.jobs().values()}
    assert jobs.keys() == {(mode, seed) for mode in MODES for seed in SEEDS}
    for job in jobs.values():
        (image,), (report,) = job["images"], job["reports"]
        picture = Image.open(queue.out / "images" / image["file"]).convert("L")
        assert picture.size == (64, 64) and len(set(picture.tobytes())) > 50  # something is on it
        assert (report["mode"], len(report["records"])) == (job["mode"], report["evaluations"])
    for seed in SEEDS:
        (full,), (fast,) = (jobs[mode, seed]["reports"] for mode in MODES)
        assert full["calls"] == full["evaluations"] == fast["evaluations"] > fast["calls"]

    assert cli.main(["compare", str(queue.out)]) == 0
    report = json.loads((queue.out / "report.json").read_text())
    full, fast = report["summary"]
    assert (full["mode"], fast["mode"], fast["pairs"]) == (*MODES, len(SEEDS))
    ssims = [picture["ssim"] for picture in report["pictures"] if picture["mode"] == "fast"]
    assert len(ssims) == len(SEEDS) and FLOOR < least(ssims) < 1 and fast["calls"] < 0.8 * full["calls"]
    assert fast["calls"] == sum(jobs["fast", seed]["reports"][0]["calls"] for seed in SEEDS) / len(SEEDS)

    said, context = [], browser.new_context(offline=True)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
    page.goto((queue.out / "report.html").as_uri())
    widths = page.evaluate("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert widths == [64] * len(SEEDS) * 4  # full, full and fast in the slider, difference
    cells = page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
    assert [cells[1][at] for at in (0, 1, 2)] == ["fast", str(len(SEEDS)), f"{fast['ssim']:.4f}"]
    context.close()
    assert said == []

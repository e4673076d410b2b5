"""The example workflows. Writes ``example_workflows/*.json`` and ``example_workflows/api/*.json``:

    python tests/workflows/examples.py http://127.0.0.1:8188

with the server of a ComfyUI of version ``OLDEST`` that has the pack installed. What it does not have is read from
``classes.json``.
"""

import json
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from classes import with_newest  # noqa: E402
from flux_examples import flux2_dev, flux2_klein, flux_dev  # noqa: E402
from graph import Graph  # noqa: E402
from h3_examples import h3_i2v, h3_r2v  # noqa: E402
from hunyuan_examples import hunyuan_video_15  # noqa: E402
from image_examples import anima, qwen_image, qwen_image_2512, z_image  # noqa: E402
from page_form import page_form  # noqa: E402
from qwen_edit_examples import qwen_edit_2511  # noqa: E402
from sdxl_examples import compare, draft, sdxl  # noqa: E402
from wan_examples import wan22_i2v, wan22_t2v  # noqa: E402

FOLDER = Path(__file__).parents[2] / "example_workflows"
OLDEST = "0.3.64"  # the ComfyUI they are written with: newer ones read older graphs
EXAMPLES = {
    "anima": anima,
    "compare_full_and_fast": compare,
    "draft_then_final": draft,
    "flux2_dev": flux2_dev,
    "flux2_klein_base": flux2_klein,
    "flux_dev": flux_dev,
    "hunyuan_video_15": hunyuan_video_15,
    "minimax_h3_i2v": h3_i2v,
    "minimax_h3_r2v": h3_r2v,
    "qwen_image": qwen_image,
    "qwen_image_2512": qwen_image_2512,
    "qwen_image_edit_2511": qwen_edit_2511,
    "sdxl_base": sdxl,
    "wan22_i2v": wan22_i2v,
    "wan22_t2v": wan22_t2v,
    "z_image_base": z_image,
}
NAMES = sorted(EXAMPLES)
NEEDS = {  # the oldest tested ComfyUI that has its classes and their choices, where that is not OLDEST
    "flux2_dev": "0.8.0",
    "flux2_klein_base": "0.8.0",
    "hunyuan_video_15": "0.8.0",
    "minimax_h3_i2v": "0.33.0",
    "minimax_h3_r2v": "0.33.0",
    "qwen_image_edit_2511": "0.8.0",
}


def build(object_info):
    """Every file's text by its path inside the folder; ``object_info`` is OLDEST's."""
    files, known = {}, with_newest(object_info)
    for name, describe in EXAMPLES.items():
        graph = Graph(known)
        describe(graph)
        for path, form in ((f"{name}.json", page_form(graph)), (f"api/{name}.json", graph.api())):
            files[path] = json.dumps(form, indent=1, ensure_ascii=False) + "\n"
    return files


def ask(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


if __name__ == "__main__":
    server = sys.argv[1].rstrip("/")
    if (version := ask(f"{server}/system_stats")["system"]["comfyui_version"]) != OLDEST:
        sys.exit(f"this is ComfyUI {version}; the examples are written with {OLDEST}")
    for path, text in build(ask(f"{server}/object_info")).items():
        (FOLDER / path).write_text(text, encoding="utf-8")

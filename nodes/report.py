"""FSampler Report: what the run behind a latent did, as text, JSON and a chart, on the node and as outputs."""

import numpy
import torch

from ..fsampler import Note, Report
from .behind import run_behind, run_so_far, upstream
from .mode import category
from .reports import executing

BYPASSED = Report(
    "(bypassed)",
    0,
    notes=[Note("no-report", "no report is connected, so nothing skips; the run is the bare sampler's")],
)


def to_image(picture):
    """A PIL picture as an IMAGE ``[1, H, W, 3]`` in [0, 1]."""
    return torch.from_numpy(numpy.asarray(picture.convert("RGB"), dtype=numpy.float32) / 255)[None]


OF_A_RUN = {  # inputs, optional: a bypassed FSampler node takes the link of its report with it
    "report": ("FSAMPLER_REPORT", {"tooltip": "From any FSampler node."}),
    "latent": (
        "LATENT",
        {
            "tooltip": "The sampler's result. Needed with FSampler (model), FSampler Sampler and FSampler Solver, "
            "whose report comes before the run: it makes this node wait.",
        },
    ),
}
GRAPH = {"unique_id": "UNIQUE_ID", "dynprompt": "DYNPROMPT"}  # hidden: where the latent comes from


def check_report(report):
    """For VALIDATE_INPUTS: True, or what is wrong; None is a linked input."""
    return True if report is None else f"report is {report!r:.40}; expected a connection from an FSampler node"


class FSamplerReport:
    CATEGORY = category()
    DESCRIPTION = "Shows which steps called the model in the last run, why, and the estimated error."
    SEARCH_ALIASES = ["fsampler stats", "skipped steps", "model calls", "seconds saved"]
    FUNCTION = "show"
    OUTPUT_NODE = True
    RETURN_TYPES = ("STRING", "STRING", "IMAGE")
    RETURN_NAMES = ("text", "json", "chart")
    OUTPUT_TOOLTIPS = ("One row a step.", "The same as JSON.", "The chart that the node shows, as an image.")

    @classmethod
    def INPUT_TYPES(cls):
        return {"optional": OF_A_RUN, "hidden": GRAPH}

    @classmethod
    def VALIDATE_INPUTS(cls, report=None):
        return check_report(report)

    @classmethod
    def IS_CHANGED(cls, **inputs):
        return float("nan")  # a model or sampler node is not executed again, its report is another one all the same

    def show(self, report=None, latent=None, unique_id=None, dynprompt=None):
        run = found(report, latent, unique_id, dynprompt)
        data = run.to_json()
        return {"ui": {"text": [run.line()], "json": [data]}, "result": (run.table(), data, to_image(run.chart()))}


def found(reports, latent, node, graph):
    """The ``Report`` for a node that is given these inputs."""
    if reports is None:
        return BYPASSED
    prompt = executing()[0]
    if latent is None:
        return run_so_far(reports, prompt)
    return run_behind(reports, latent, None if graph is None else upstream(graph, node, "latent"), prompt)

"""FSampler Report: what the last run did, as text, JSON and a chart, on the node and as outputs."""

import numpy
import torch

import nodes as core

from ..fsampler import Note, Report

NO_RUN = Note(
    "no-run", "no sampler has run with this yet; connect its latent to this node, so that the report waits for it"
)


def to_image(picture):
    """A PIL picture as an IMAGE ``[1, H, W, 3]`` in [0, 1]."""
    return torch.from_numpy(numpy.asarray(picture.convert("RGB"), dtype=numpy.float32) / 255)[None]


class FSamplerReport:
    CATEGORY = "sampling/FSampler"
    DESCRIPTION = "Shows which steps called the model in the last run, why, and the estimated error."
    SEARCH_ALIASES = ["fsampler stats", "skipped steps", "model calls"]
    FUNCTION = "show"
    OUTPUT_NODE = True
    RETURN_TYPES = ("STRING", "STRING", "IMAGE")
    RETURN_NAMES = ("text", "json", "chart")
    OUTPUT_TOOLTIPS = ("One row a step.", "The same as JSON.", "The chart that the node shows.")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"report": ("FSAMPLER_REPORT", {"tooltip": "From any FSampler node."})},
            "optional": {
                "latent": (
                    "LATENT",
                    {
                        "tooltip": "The sampler's result. Needed with FSampler (model), FSampler Sampler and "
                        "FSampler Solver, whose report comes before the run: it makes this node wait.",
                    },
                )
            },
        }

    @classmethod
    def IS_CHANGED(cls, **inputs):
        return float("nan")  # a model or sampler node is not executed again, its report is another one all the same

    def show(self, report, latent=None):
        run = report.runs[-1] if report.runs else Report("(no run)", 0, notes=[NO_RUN])
        chart = to_image(run.chart())
        shown = core.PreviewImage().save_images(chart, "fsampler_report")["ui"]
        return {"ui": {**shown, "text": [run.line()]}, "result": (run.table(), run.to_json(), chart)}

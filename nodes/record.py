"""FSampler Record: a plan from runs that were recorded, as a mode text, and what it lets expect."""

import nodes as core

from ..fsampler.plan_chart import draw
from ..fsampler.recorded_plans import FEWEST, expected, outlook, planned
from ..fsampler.recording import MOST_IMAGES, MOST_STEPS
from .mode import category
from .report import GRAPH, OF_A_RUN, check_report, found, to_image


class FSamplerRecord:
    """Keeps what it has seen of a run until a run over another schedule comes; an instance is one node of a graph."""

    CATEGORY = category()
    DESCRIPTION = (
        "Plans the calls of a workflow from runs of it in mode record. The plan is a text: use it as the mode of any "
        "FSampler node with the same steps, schedule, sampler and model."
    )
    SEARCH_ALIASES = ["fsampler plan", "calibrate", "record run"]
    FUNCTION = "plan"
    OUTPUT_NODE = True
    RETURN_TYPES = ("STRING", "IMAGE", "STRING")
    RETURN_NAMES = ("mode", "chart", "text")
    OUTPUT_TOOLTIPS = (
        "The plan, for the mode of a FSampler node; calls:N while nothing is recorded.",
        "The error to expect for every number of calls.",
        "What was recorded, and what to expect.",
    )

    def __init__(self):
        self._recording = self._newest = None

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "calls": (
                    "INT",
                    {"default": 10, "min": FEWEST, "max": MOST_STEPS, "tooltip": "Model calls of the planned run."},
                ),
                "images": (
                    "INT",
                    {
                        "default": MOST_IMAGES,
                        "min": 1,
                        "max": MOST_IMAGES,
                        "tooltip": "How many images to plan from: the newest recorded since this node was made. More "
                        "than one, of other seeds and prompts, make plans that serve more.",
                    },
                ),
            },
            "optional": {
                **OF_A_RUN,
                "report": ("FSAMPLER_REPORT", {"tooltip": "From an FSampler node in mode record."}),
            },
            "hidden": GRAPH,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, report=None):
        return check_report(report)

    def plan(self, calls, images, report=None, latent=None, unique_id=None, dynprompt=None):
        run = found(report, latent, unique_id, dynprompt)
        recording = run.recording
        if recording is None:
            text = f"{_why_not(run)}; the mode is calls:{calls}"
            return {"ui": {"text": [text]}, "result": (f"calls:{calls}", to_image(draw([], calls)), text)}
        if recording is not self._newest:
            self._newest, self._recording = recording, _joined(self._recording, recording)
        kept = self._recording.newest(images)
        mode = str(planned(kept, min(calls, kept.steps)))
        chart, text = to_image(draw(outlook(kept), calls)), _said(kept, calls)
        shown = core.PreviewImage().save_images(chart, "fsampler_record")["ui"]
        return {"ui": {**shown, "text": [text, mode]}, "result": (mode, chart, text)}


def _why_not(run):
    said = [str(note) for note in run.notes if note.code in ("no-report", "no-run", "not-recorded")]
    return said[0] if said else f"nothing is recorded: the run was in mode {run.mode}; expected record"


def _joined(before, recording):
    """The recording with the images before it, where they are of the same schedule and setting."""
    alike = before is not None and before.sigmas == recording.sigmas and before.setting == recording.setting
    return before.joined(recording) if alike else recording


def _said(recording, calls):
    setting = ", ".join(f"{name} {value}" for name, value in recording.setting.items())
    images = f"{recording.images} image" + ("s" if recording.images > 1 else "")
    if calls >= recording.steps:
        return f"{images} of {setting}: {calls} calls are all of the {recording.steps} steps"
    return f"{images} of {setting}: {expected(recording, calls)}"

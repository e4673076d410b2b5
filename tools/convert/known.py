"""Which classes of nodes are ours, and what a class name alone tells of others; ``packs`` knows some by name."""

import re
from typing import Any, TypeGuard

MARK = "fsampler_convert"  # the key under which a node holds what --revert needs
MODEL_NODE = "FSamplerModel"
SAMPLER_NODES = {"FSamplerSampler", "FSamplerSolver", "FSamplerSelect"}  # ours that give a SAMPLER which skips
MODEL_TITLE = "FSampler (model)"

# The core's node: ours, how many widget values the core's has in UI format, which of them is control_after_generate.
KSAMPLERS = {"KSampler": ("FSamplerKSampler", 7, 1), "KSamplerAdvanced": ("FSamplerKSamplerAdvanced", 10, 2)}
OURS = {ours for ours, *_ in KSAMPLERS.values()} | {"FSampler", "FSamplerAdvanced"}  # nodes that skip by themselves

# Where in the widget values of our nodes mode stands, in UI format, with custom_mode after it.
MODE_AT = {MODEL_NODE: 0, "FSamplerSampler": 0, "FSamplerSolver": 3} | {ours: at for ours, at, _ in KSAMPLERS.values()}

NOT_SAMPLERS = {"AddNoise"}  # gives LATENT from a MODEL, but only asks the model for its noise levels

_SAMPLER = re.compile(r"(?i)(?<!up)(?<!down)(?<!re)sampler|guider|detailer")
_PARTS = re.compile(r"(?i)^KSamplerSelect$|^Sampler(?!Custom)|provider|select|info|loader|preview|save|load|pipe$")


def is_mark(mark: object, kind: str) -> TypeGuard[dict[str, Any]]:
    """Is this the mark of a node that the conversion put in, and is the node still of the class it had then?"""
    if not isinstance(mark, dict) or not isinstance(mark.get("type", ""), str):
        return False
    return kind == MODEL_NODE or KSAMPLERS.get(mark.get("type", ""), ("",))[0] == kind


def sounds_like_sampler(name: str) -> bool:
    """Would a person take a node of this class name for one that samples? Ours are known without it."""
    return not name.startswith("FSampler") and bool(_SAMPLER.search(name)) and not _PARTS.search(name)

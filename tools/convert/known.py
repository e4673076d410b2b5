"""Which classes of nodes sample, which are ours, and what of that a class name alone tells.

In UI format the types of a node's slots tell more; see ``samplers``.
"""

import re
from typing import Any, TypeGuard

MARK = "fsampler_convert"  # the key under which a node holds what --revert needs
MODEL_NODE = "FSamplerModel"
SAMPLER_NODES = {"FSamplerSampler", "FSamplerSelect"}  # ours that give a SAMPLER which skips
MODEL_TITLE = "FSampler (model)"

# The core's node: ours, how many widget values the core's has in UI format, which of them is control_after_generate.
KSAMPLERS = {"KSampler": ("FSamplerKSampler", 7, 1), "KSamplerAdvanced": ("FSamplerKSamplerAdvanced", 10, 2)}
OURS = {ours for ours, *_ in KSAMPLERS.values()} | {"FSampler", "FSamplerAdvanced"}  # nodes that skip by themselves

# Nodes that sample with the MODEL in this input. API format needs the name, as it has no types. UI format needs it only
# for nodes that give neither LATENT nor GUIDER, or that give the MODEL as well.
SAMPLERS = dict.fromkeys(
    (
        "KSampler",
        "KSamplerAdvanced",
        "SamplerCustom",
        "BasicGuider",
        "CFGGuider",
        "DualCFGGuider",
        "PerpNegGuider",
        "DualModelGuider",
        "LTXVDualCFGGuider",
        "KSampler (Efficient)",
        "KSampler Adv. (Efficient)",
        "UltimateSDUpscale",
        "UltimateSDUpscaleNoUpscale",
        "UltimateSDUpscaleCustomSample",
        "FaceDetailer",
        "DetailerForEach",
        "BNK_TiledKSampler",
        "KSampler //Inspire",
        "ClownsharKSampler_Beta",
    ),
    "model",
)
NOT_SAMPLERS = {"AddNoise"}  # gives LATENT from a MODEL, but only asks the model for its noise levels

_SAMPLER = re.compile(r"(?i)(?<!up)(?<!down)(?<!re)sampler|guider|detailer")
_PARTS = re.compile(r"(?i)^KSamplerSelect$|^Sampler(?!Custom)|provider|select|info|loader|preview|save|load|pipe$")


def is_mark(mark: object, kind: str) -> TypeGuard[dict[str, Any]]:
    """Is this the mark of a node that the conversion put in, and is the node still of the class it had then?"""
    if not isinstance(mark, dict) or not isinstance(mark.get("type", ""), str):
        return False
    return kind == MODEL_NODE or KSAMPLERS.get(mark.get("type", ""), ("",))[0] == kind


def sounds_like_sampler(name: str) -> bool:
    """Would a person take a node of this class name for one that samples?"""
    return bool(_SAMPLER.search(name)) and not _PARTS.search(name)

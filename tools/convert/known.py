"""What the names of nodes tell; everything else about a node is read from its slots."""

import re

MARK = "fsampler_convert"  # the key under which a node holds what --revert needs
MODEL_NODE = "FSamplerModel"
SAMPLER_NODES = {"FSamplerSampler", "FSamplerSelect"}  # ours that give a SAMPLER which skips
MODEL_TITLE = "FSampler (model)"

# The core's node -> ours, how many widget values the core's has in UI format, which one controls the seed.
KSAMPLERS = {"KSampler": ("FSamplerKSampler", 7, 1), "KSamplerAdvanced": ("FSamplerKSamplerAdvanced", 10, 2)}
OURS = {ours for ours, *_ in KSAMPLERS.values()} | {"FSampler", "FSamplerAdvanced"}  # nodes that skip by themselves

# Nodes that sample with the MODEL in this input. API format needs the name, as it has no types; in UI format the slots
# tell, but for nodes that give neither LATENT nor GUIDER, or the MODEL as well.
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


def sounds_like_sampler(name):
    """Would a person take a node of this name for one that samples?"""
    return bool(_SAMPLER.search(name)) and not _PARTS.search(name)

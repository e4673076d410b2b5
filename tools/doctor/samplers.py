"""Samplers in which skipping cannot be right, by the name that a list or a node of ComfyUI gives them.

The nodes find out the same from the sampler itself (``nodes/refusals.py``) and say it in the report of the run.
"""

CFG_PP = "it reads the unconditional prediction of every call; take its plain form"
ADAPTIVE = "it sizes its steps by comparing calls; take a sampler of fixed steps, such as euler"
LCM = "it draws all of its noise anew at every step; take fewer steps instead"
BY_NAME = {
    "dpm_adaptive": ADAPTIVE,
    "ar_video": "it fills the model's caches with every call",
    "lcm": LCM,
    "SamplerLCM": LCM,
    "SamplerLCMUpscale": LCM,
    "SamplerDPMAdaptative": ADAPTIVE,
    "SamplerEulerCFGpp": CFG_PP,
    "SamplerEulerAncestralCFGPP": CFG_PP,
}


def why_in_full(name: str) -> str | None:
    """Why every run with the sampler of this name is in full, or None.

    >>> why_in_full("euler"), why_in_full("euler_cfg_pp") == CFG_PP
    (None, True)
    """
    return CFG_PP if name.endswith("_cfg_pp") else BY_NAME.get(name)

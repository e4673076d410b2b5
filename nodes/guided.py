"""A guider that says what its guidance did, which the engine predicts with (``fsampler/guidance.py``).

A post-CFG function sees both answers that core's CFG guider mixes, and leaves the mix as it is. Where anything else has
a hand in the mix, or there is none (CFG 1, no negative), nothing is said, and the run goes on without.
"""

import math

from comfy.samplers import CFGGuider

from ..fsampler.guidance import ATTRIBUTE

MIXERS = (
    "sampler_cfg_function",
    "sampler_pre_cfg_function",
    "sampler_post_cfg_function",
    "sampler_calc_cond_batch_function",
)


class Guided:
    """Calls a guider. ``guidance_difference``: of the newest answer, the conditional one less the unconditional one, as
    denoised; or None."""

    def __init__(self, guider):
        self._guider = guider
        self._note(None)

    def __call__(self, x, timestep, model_options=None, **extra):
        options = {} if model_options is None else model_options
        self._note(None)
        if _mixes_plainly(self._guider, options):
            options = {**options, "sampler_post_cfg_function": [self._see]}
        return self._guider(x, timestep, model_options=options, **extra)

    def _note(self, difference):
        setattr(self, ATTRIBUTE, difference)

    def _see(self, arguments):
        self._note(arguments["cond_denoised"] - arguments["uncond_denoised"])
        return arguments["denoised"]


def _mixes_plainly(guider, options):
    """Whether the answers to come are core's mix of a conditional and an unconditional one."""
    plain = getattr(type(guider), "predict_noise", None) is CFGGuider.predict_noise
    mixed = plain and not math.isclose(guider.cfg, 1.0) and bool(guider.conds.get("negative"))
    return mixed and not any(options.get(name) for name in MIXERS)

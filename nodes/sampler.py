"""FSampler Sampler: any SAMPLER, skipping."""

import logging

import comfy.samplers

from .hook import Guider, Reports, held, skipping
from .mode import MODE, ModeNode, config_of

logger = logging.getLogger(__name__)


class SkippingSampler(comfy.samplers.Sampler):
    """A SAMPLER that runs another with skipping; everything else is the other's."""

    def __init__(self, sampler, config, reports):
        vars(self).update(_sampler=sampler, _config=config, _reports=reports)

    def sample(self, model_wrap, sigmas, extra_args, *rest, **named):
        if isinstance(model_wrap, Guider):
            logger.warning("FSampler: model and sampler both skip; the model's mode is used")
            return self._sampler.sample(model_wrap, sigmas, extra_args, *rest, **named)
        with skipping(model_wrap, self._sampler, sigmas, extra_args, self._config, self._reports) as proxy:
            return self._sampler.sample(proxy, sigmas, extra_args, *rest, **named)

    def max_denoise(self, model_wrap, sigmas):
        return self._sampler.max_denoise(model_wrap, sigmas)

    def __getattr__(self, name):
        return getattr(held(self, "_sampler", name), name)

    def __setattr__(self, name, value):
        setattr(self._sampler, name, value)


class FSamplerSampler(ModeNode):
    DESCRIPTION = "Makes a SAMPLER skip model calls, for SamplerCustom and SamplerCustomAdvanced."
    SEARCH_ALIASES = ["speed up", "skip steps", "sampler custom"]
    FUNCTION = "wrap"
    RETURN_TYPES = ("SAMPLER", "FSAMPLER_REPORT")
    RETURN_NAMES = ("sampler", "report")
    OUTPUT_TOOLTIPS = (
        "The sampler, with skipping.",
        "What the runs with this sampler did; connect it to FSampler Report.",
    )

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"sampler": ("SAMPLER", {"tooltip": "Any sampler, of core or of another pack."}), "mode": MODE},
            "optional": cls.OPTIONAL,
        }

    def wrap(self, sampler, mode, custom_mode="", settings=None):
        reports = Reports()
        return SkippingSampler(sampler, config_of(mode, custom_mode, settings), reports), reports

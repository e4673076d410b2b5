"""FSampler (model): skips in whatever sampler the MODEL is given to."""

from .hook import patch
from .mode import FASTER, HIDDEN, MODE, ModeNode, config_of
from .reports import Reports


class FSamplerModel(ModeNode):
    DESCRIPTION = (
        "Makes any sampler node that uses this model skip model calls: KSampler, SamplerCustom, "
        "SamplerCustomAdvanced with any guider, and samplers of other packs."
    )
    SEARCH_ALIASES = [*FASTER, "cache", "skip steps", "faster sampling", "teacache", "easycache"]
    FUNCTION = "patch"
    RETURN_TYPES = ("MODEL", "FSAMPLER_REPORT")
    RETURN_NAMES = ("model", "report")
    OUTPUT_TOOLTIPS = (
        "The model, with skipping in front of whatever samples with it.",
        "What the runs with this model did; connect it to FSampler Report.",
    )

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"model": ("MODEL", {"tooltip": "The model to sample with."}), "mode": MODE},
            "optional": cls.OPTIONAL,
            "hidden": HIDDEN,
        }

    def patch(self, model, mode, custom_mode="", settings=None, unique_id=None):
        reports = Reports(unique_id)
        return patch(model, config_of(mode, custom_mode, settings), reports), reports

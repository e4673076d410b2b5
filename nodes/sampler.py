"""FSampler Sampler: any SAMPLER, skipping."""

import copy

import comfy.samplers

from .hook import StandIn, held, skipping
from .mode import FASTER, HIDDEN, MODE, ModeNode, config_of
from .reports import Reports
from .sampler_function import SkippingFunction, mode_of


class SkippingSampler(comfy.samplers.Sampler):
    """A SAMPLER that runs another with skipping; everything else is the other's, but for ``sampler_function``, which
    skips too. ``config`` is a ``Config``, or a function of the number of steps that makes one."""

    def __init__(self, sampler, config, reports):
        vars(self).update(_sampler=sampler, _config=config, _reports=reports, _function=None)
        own = getattr(self.without_skipping, "sampler_function", None)
        vars(self)["_function"] = None if own is None else SkippingFunction(own, config, reports)

    @property
    def without_skipping(self):
        """The SAMPLER within, of which nothing skips."""
        inner = held(self, "_sampler", "without_skipping")
        return getattr(inner, "without_skipping", inner)

    def sample(self, model_wrap, sigmas, extra_args, *rest, **named):
        if isinstance(model_wrap, StandIn):
            model_wrap.overrules(mode_of(self._config), self._reports)
            return self._sampler.sample(model_wrap, sigmas, extra_args, *rest, **named)
        with skipping(model_wrap, self._sampler, sigmas, extra_args, self._config, self._reports) as proxy:
            return self._sampler.sample(proxy, sigmas, extra_args, *rest, **named)

    def max_denoise(self, model_wrap, sigmas):
        return self._sampler.max_denoise(model_wrap, sigmas)

    @property
    def sampler_function(self):
        """Skips, until another one is put in its place."""
        function = self.without_skipping.sampler_function
        return self._function if function is getattr(self._function, "__wrapped__", None) else function

    @property
    def __class__(self):
        """For isinstance: wrapping nodes ask whether this is a KSAMPLER."""
        return type(held(self, "_sampler", "__class__"))

    def __getattr__(self, name):
        return getattr(held(self, "_sampler", name), name)

    def __setattr__(self, name, value):
        if isinstance(value, SkippingFunction) and value is self._function:
            value = value.__wrapped__  # put back after another one
        setattr(self._sampler, name, value)

    def __copy__(self):
        """With a sampler of its own, so that what is set on the copy is not the original's."""
        return _rebuilt(type(self), {**vars(self), "_sampler": copy.copy(self._sampler)})

    def __reduce__(self):
        return _rebuilt, (type(self), {**vars(self)})


def _rebuilt(kind, state):
    sampler = object.__new__(kind)
    vars(sampler).update(state)
    return sampler


class FSamplerSampler(ModeNode):
    DESCRIPTION = "Makes a SAMPLER skip model calls, for SamplerCustom and SamplerCustomAdvanced."
    SEARCH_ALIASES = [*FASTER, "skip steps", "sampler custom"]
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
            "hidden": HIDDEN,
        }

    def wrap(self, sampler, mode, custom_mode="", settings=None, unique_id=None):
        reports = Reports(unique_id)
        return SkippingSampler(sampler, config_of(mode, custom_mode, settings), reports), reports

"""The function of a SAMPLER, skipping: what nodes that wrap a SAMPLER call in place of the SAMPLER itself.

Detail Daemon, Lying Sigma and their kind call ``sampler.sampler_function`` with a model of their own, which changes
the latent, sigma or answer on the way to the guider. Skipping stands in front of that model: it sees the sampler's own
latents and sigmas, and what the node does to them is part of the model.
"""

import functools

import comfy.samplers

from .hook import guider_of, held, skipping, stand_in

POSITIONAL = ("extra_args", "callback", "disable")  # after model, x and sigmas; samplers take them by name


def mode_of(config):
    """The mode's text; of a function that waits for the number of steps, in general."""
    return getattr(config, "mode", "(by its steps)")


class SkippingFunction:
    """``function``, skipping; all that can be read of it is the function's own, its signature included.

    Inside a run that skips already it is the function alone. Where that is the run of the same node, skipping moves
    in here: a wrapping node has put its own function in the place of this one, which it calls.
    """

    def __init__(self, function, config, reports):
        vars(self).update(_config=config, _reports=reports)
        functools.update_wrapper(self, function)

    def __call__(self, model, x, sigmas, *rest, **named):
        named = {**dict(zip(POSITIONAL, rest, strict=False)), **named}
        outer = stand_in(model)
        if outer is not None and not outer.gives_way(self._reports):
            if vars(outer)["_reports"] is not self._reports:
                outer.overrules(mode_of(self._config), self._reports)
            return self.__wrapped__(model, x, sigmas, **named)
        options = {name: value for name, value in named.items() if name not in POSITIONAL}
        sampler = comfy.samplers.KSAMPLER(self.__wrapped__, options)
        given = (guider_of(model), sampler, sigmas, named.get("extra_args") or {}, self._config, self._reports)
        with skipping(*given, model=model) as proxy:
            return self.__wrapped__(proxy, x, sigmas, **named)

    def __getattr__(self, name):
        return getattr(held(self, "__wrapped__", name), name)

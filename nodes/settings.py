"""FSampler Settings: every option of the engine; each starts as "what the mode says"."""

from ..fsampler.history import MAX_ORDER, MIN_ORDER
from ..fsampler.options import CHOICES, RANGES, check_option
from .mode import category

AS_MODE, AS_MODE_NUMBER = "as the mode says", -1


def _choice(values, tooltip):
    return ([AS_MODE, *values], {"default": AS_MODE, "tooltip": tooltip})


def _number(name, step, tooltip):
    """A widget of the option's own range; -1 stands for "as the mode says"."""
    least, most = RANGES[name]
    kind = "INT" if isinstance(least, int) else "FLOAT"
    tooltip = f"{tooltip} Range {least} to {most}; -1: {AS_MODE}."
    return (kind, {"default": AS_MODE_NUMBER, "min": AS_MODE_NUMBER, "max": most, "step": step, "tooltip": tooltip})


class FSamplerSettings:
    CATEGORY = category()
    DESCRIPTION = "Options of the engine, for experiments and for the paper's settings. The modes choose them well."
    SEARCH_ALIASES = ["fsampler options", "protect steps", "stabilizer"]
    FUNCTION = "collect"
    RETURN_TYPES = ("FSAMPLER_SETTINGS",)
    RETURN_NAMES = ("settings",)

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "order": _choice(
                    [str(order) for order in range(MIN_ORDER, MAX_ORDER + 1)],
                    "Real values a prediction runs through: 2 is a line, 3 a parabola, 4 a cubic.",
                ),
                "space": _choice(
                    CHOICES["space"],
                    "What is extrapolated. auto: epsilon, and denoised once the sampler adds noise. The paper: "
                    "residual.",
                ),
                "nodes": _choice(
                    CHOICES["nodes"],
                    "What the polynomial runs over: the noise level, or the paper's step number.",
                ),
                "protect_first": _number("protect_first", 1, "Steps at the start that are never skipped."),
                "protect_last": _number(
                    "protect_last",
                    1,
                    "Steps at the end that are never skipped; none where leftover noise is handed on.",
                ),
                "anchor_interval": _number(
                    "anchor_interval",
                    1,
                    "Mode adaptive: a real call every so many steps, 0 for no such calls.",
                ),
                "max_consecutive_skips": _number(
                    "max_consecutive_skips",
                    1,
                    "Longest run of skipped steps. calls:N goes past it when N asks for more.",
                ),
                "stabilizer": _choice(
                    CHOICES["stabilizer"],
                    "trend: the share of the last trend that came true scales the next one (ours). learning divides "
                    "by a learned ratio of norms, gradient overshoots along the last change (the paper's).",
                ),
                "beta": _number("beta", 0.0001, "Memory of the learning stabilizer."),
                "gamma": _number("gamma", 0.1, "Strength of the gradient stabilizer."),
                "correct": _choice(
                    ["on", "off"],
                    "Correct the state after skipped steps. Never done where the sampler adds noise.",
                ),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, max_consecutive_skips=None, beta=None, gamma=None):
        """True, or what is wrong: between -1 and the range of these, their widgets have values that mean nothing."""
        given = {"max_consecutive_skips": max_consecutive_skips, "beta": beta, "gamma": gamma}
        try:
            for name, value in given.items():
                if value not in (None, AS_MODE_NUMBER):
                    check_option(name, value)
        except ValueError as error:
            return f"{error}, or {AS_MODE_NUMBER}: {AS_MODE}"
        return True

    def collect(self, order, correct, **options):
        given = {name: value for name, value in options.items() if value not in (AS_MODE, AS_MODE_NUMBER)}
        if order != AS_MODE:
            given["order"] = int(order)
        if correct != AS_MODE:
            given["correct"] = correct == "on"
        return (given,)

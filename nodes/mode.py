"""The mode inputs that every skipping node has, and the ``Config`` they say."""

from ..fsampler import DEFAULT_MODE, PAPER_MODES, PRESETS, VALID_FORMS, Config

MODES = [DEFAULT_MODE, *(name for name in PRESETS if name != DEFAULT_MODE), "off", *PAPER_MODES]

MODE = (
    MODES,
    {
        "default": DEFAULT_MODE,
        "tooltip": "How much may be skipped. quality, balanced, fast and turbo choose the steps by their estimated "
        "error: from nearly identical to visibly different. off is the plain sampler, bit for bit. hN/sK (predictor "
        "of order N, K calls, then one skip) and adaptive are the modes of the FSampler paper.",
    },
)
CUSTOM_MODE = (
    "STRING",
    {
        "default": "",
        "tooltip": f"Overrides mode when not empty. {VALID_FORMS}",
    },
)
SETTINGS = ("FSAMPLER_SETTINGS", {"tooltip": "Options of the engine, from FSampler Settings. Not needed normally."})


def config_of(mode, custom_mode="", settings=None):
    """The ``Config`` of a node's inputs; raises ValueError with the engine's message."""
    return Config.parse(custom_mode.strip() or mode, **(settings or {}))


class ModeNode:
    """What every node with a mode has: the inputs after it, and the check of its text when the prompt is queued."""

    CATEGORY = "sampling/FSampler"
    OPTIONAL = {"custom_mode": CUSTOM_MODE, "settings": SETTINGS}

    @classmethod
    def VALIDATE_INPUTS(cls, custom_mode=None):
        return check_custom_mode(custom_mode)


def check_custom_mode(custom_mode):
    """For VALIDATE_INPUTS: True, or what is wrong with the text. None is a linked input, checked when it runs."""
    if custom_mode is None or not custom_mode.strip():
        return True
    try:
        Config.parse(custom_mode)
    except ValueError as error:
        return str(error)
    return True

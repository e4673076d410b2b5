"""The mode inputs that every skipping node has, and the ``Config`` they say."""

from comfy_execution.validation import validate_node_input

import nodes as core

from ..fsampler import DEFAULT_MODE, PAPER_MODES, PRESETS, VALID_FORMS, Config

MODES = [*PRESETS, "off", *PAPER_MODES]

MODE = (
    MODES,
    {
        "default": DEFAULT_MODE,
        "tooltip": "How much may be skipped. quality, balanced, fast and turbo choose the steps by their estimated "
        "error: from nearly identical to visibly different. off is the plain sampler, bit for bit. hN/sK (predictor "
        "of order N, K calls, then one skip) and adaptive are the modes of the FSampler paper. Over the API and from a "
        "connected text, every mode text: see custom_mode.",
    },
)
CUSTOM_MODE = (
    "STRING",
    {
        "default": "",
        "placeholder": "calls:12, calls:50%, auto:0.1, h2/s3, ...",
        "tooltip": f"Overrides mode when not empty. {VALID_FORMS}",
    },
)
SETTINGS = ("FSAMPLER_SETTINGS", {"tooltip": "Options of the engine, from FSampler Settings. Not needed normally."})
FASTER = ["accelerate", "speed up", "fewer steps", "performance"]  # what users search for
HIDDEN = {"unique_id": "UNIQUE_ID"}  # keeps ComfyUI from taking two nodes of the same values for one


def category():
    """Where core has its own samplers, in the version at hand."""
    return f"{core.KSampler.CATEGORY}/FSampler"


def config_of(mode, custom_mode="", settings=None):
    """The ``Config`` of a node's inputs; raises ValueError with the engine's message."""
    return Config.parse(custom_mode.strip() or mode, **(settings or {}))


class ModeNode:
    """What every node with a mode has: the inputs after it, and the check of its text when the prompt is queued."""

    CATEGORY = category()
    OPTIONAL = {"custom_mode": CUSTOM_MODE, "settings": SETTINGS}

    @classmethod
    def VALIDATE_INPUTS(cls, mode=None, custom_mode=None, settings=None, input_types=None):
        """True, or what is wrong. None is a linked input, checked when it runs; ``input_types`` are those of links.

        That this names ``mode`` and ``input_types`` keeps ComfyUI from refusing texts that are not in the list of
        ``mode``, and a connected text; so what else it would have checked of the links is checked here.
        """
        wrong = wrong_link(cls.INPUT_TYPES(), input_types or {}) or wrong_text("custom_mode", custom_mode)
        if wrong:
            return wrong
        if settings is not None:
            return f"settings is {settings!r:.40}; expected a connection from FSampler Settings"
        return (not (custom_mode or "").strip() and wrong_text("mode", mode)) or True


def wrong_link(offered, received):
    """What is wrong with the types of the links, by name of input, or None; a text may be connected to ``mode``."""
    expected = {**offered.get("required", {}), **offered.get("optional", {})}
    for name, kind in received.items():
        texts = name == "mode" and validate_node_input(kind, "STRING,COMBO")
        if not texts and not validate_node_input(kind, expected[name][0]):
            return f"{name}, received_type({kind}) mismatch input_type({expected[name][0]})"
    return None


def wrong_text(name, text):
    """What is wrong with a mode text, or None; an empty one and None are not looked at."""
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    if not isinstance(text, str):
        return f"{name} is {text!r:.40}; expected a text"
    try:
        Config.parse(text)
    except ValueError as error:
        return str(error)
    return None

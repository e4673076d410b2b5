"""The two widgets that say a node's mode: ``mode`` is a list of choices, a text in ``custom_mode`` overrules it."""

WIDGETS = ("mode", "custom_mode")


def widget_values(mode: str | None) -> list[str]:
    """The values of the two widgets that say this mode; None stands for the default mode.

    Raises the engine's ValueError for what is no mode.
    """
    from ...fsampler import DEFAULT_MODE, PAPER_MODES, PRESETS, Config  # imports torch

    text = Config.parse(DEFAULT_MODE if mode is None else mode).mode
    listed = text == "off" or text in PRESETS or text in PAPER_MODES
    return [text, ""] if listed else [DEFAULT_MODE, text]


def said(values: list[str]) -> str:
    """The mode that the two widgets say.

    >>> said(["fast", ""]), said(["fast", "h2/s3"])
    ('fast', 'h2/s3')
    """
    return values[1] or values[0]

"""From what is around a sampling node to whether it will skip; the same for workflows and prompts."""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass

from ..convert.known import MODE_AT
from ..convert.widgets import said, widget_values
from .findings import Sampling
from .samplers import why_in_full

FULL = {"off": "mode off is the full run", "record": "mode record is a full run, to plan from"}


@dataclass(frozen=True)
class Ours:
    """The FSampler node because of which a node may skip. ``values`` of mode and custom_mode are None if connected."""

    label: str
    kind: str
    values: tuple[object, object] | None


def verdict(
    node: str, key: str | None, fault: str | None, ours: Ours | None, caches: Iterable[str], texts: Iterable[object]
) -> Sampling:
    """Whether ``node`` will skip by its input ``key``.

    ``fault`` is what keeps it from skipping whatever the mode is, ``caches`` are other accelerators on its MODEL, and
    ``texts`` the values of its widgets and of the SAMPLER's, one of which may name a sampler.
    """
    if fault is not None or ours is None:
        return Sampling(node, key, False, why=fault or "no FSampler before it; fsampler convert puts it there")
    mode = None if ours.values is None or ours.kind not in MODE_AT else _mode(ours.values)
    in_full = (f"{text}: {why_in_full(text)}" for text in texts if isinstance(text, str) and why_in_full(text))
    beside = (f"{cache} skips on this model already" for cache in caches)
    why = next((reason for reason in (mode and _not_skipping(mode), *in_full, *beside) if reason), None)
    return Sampling(node, key, why is None, mode, ours.label, why)


def _mode(values: tuple[object, object]) -> str | None:
    texts = [value if isinstance(value, str) else "" for value in values]
    return said([texts[0], texts[1].strip()]) or None


def _not_skipping(mode: str) -> str | None:
    """Why a run in this mode does not skip, or None. What is a mode only the engine knows, which needs torch."""
    if importlib.util.find_spec("torch") is not None:
        try:
            widget_values(mode)
        except ValueError as error:
            return str(error)
    return FULL.get(mode)

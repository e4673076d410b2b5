"""What is known by name of the nodes of ComfyUI and other packs: the tables of ``packs.json``, each with its source.

In UI format the types of a node's slots tell most of it; API format has no types, so there a name is all.
"""

import json
from pathlib import Path
from typing import Any

_PACKS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("packs.json").read_text(encoding="utf-8"))

# Nodes that sample, with the inputs for the MODELs that they ask for wrappers. UI format needs the names only of nodes
# that give neither LATENT nor GUIDER, of those that give the MODEL as well, and of those with several MODELs.
SAMPLERS: dict[str, list[str]] = {kind: names for pack in _PACKS for kind, names in pack.get("samplers", {}).items()}

# Nodes that sample with a MODEL that comes inside another value, such as a pipe, and the input that takes it.
CARRIED: dict[str, str] = {kind: name for pack in _PACKS for kind, name in pack.get("carried", {}).items()}

# The types of such values in UI format.
CARRIERS: set[str] = {kind for pack in _PACKS for kind in pack.get("carriers", ())}

# Nodes whose loop is their own, out of reach of what is put on a MODEL, and what to do instead.
OWN_LOOP: dict[str, str] = {kind: pack["words"] for pack in _PACKS for kind in pack.get("own_loop", ())}

# Nodes that make a MODEL skip by another method, and what that is called. Beside one, FSampler's run is in full.
CACHES: dict[str, str] = {kind: name for pack in _PACKS for kind, name in pack.get("caches", {}).items()}


def aside(kind: str) -> str | None:
    """Why FSampler cannot be put right before a sampling node of this class, and what to do; None for all others."""
    if kind in CARRIED:
        return f"its MODEL comes with its input {CARRIED[kind]!r}; put FSampler (model) before the node that makes that"
    return OWN_LOOP.get(kind)

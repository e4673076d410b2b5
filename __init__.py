"""FSampler for ComfyUI: faster diffusion sampling by skipping model calls.

The pack's face. Importing it imports neither ComfyUI nor torch; the engine is ``comfyui_fsampler.fsampler``, the
solvers are ``comfyui_fsampler.samplers``. ComfyUI reads the node mappings by attribute, so they are loaded when asked
for (PEP 562).
"""

import importlib

__version__ = "0.1.0"
WEB_DIRECTORY = "./web"


def __getattr__(name: str) -> object:
    if name in ("NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"):
        return getattr(importlib.import_module(".nodes", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Load the repository root as the package `comfyui_fsampler`."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if "comfyui_fsampler" not in sys.modules:
    spec = importlib.util.spec_from_file_location(
        "comfyui_fsampler", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["comfyui_fsampler"] = module
    spec.loader.exec_module(module)

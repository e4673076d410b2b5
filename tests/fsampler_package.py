"""Importing this loads the repository root as the package `comfyui_fsampler`, unless it is there already."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if "comfyui_fsampler" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "comfyui_fsampler", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules["comfyui_fsampler"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["comfyui_fsampler"])

"""Importing this loads the repository root as the package ``comfyui_fsampler``, and ``research/`` as
``fsampler_research``, unless they are there already."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _load(name, folder):
    if name not in sys.modules:
        init = folder / "__init__.py"
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(folder)])
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


_load("comfyui_fsampler", ROOT)
_load("fsampler_research", ROOT / "research")

"""Load the repository root as the package `comfyui_fsampler`, make `gaussian` importable, keep torch on one thread."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

if "comfyui_fsampler" not in sys.modules:
    spec = importlib.util.spec_from_file_location(
        "comfyui_fsampler", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["comfyui_fsampler"] = module
    spec.loader.exec_module(module)

sys.path.append(str(Path(__file__).parent))  # pytest's importlib mode leaves it out; tests import `gaussian`, `toys`


@pytest.fixture(autouse=True)
def one_thread():
    """The tensors are tiny: more threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

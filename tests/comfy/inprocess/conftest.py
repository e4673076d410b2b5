"""In-process tests against a real ComfyUI: ``<ComfyUI's python> -m pytest tests/comfy/inprocess``."""

import gc
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # bootstrap, rig

import bootstrap  # noqa: E402

if bootstrap.available():
    bootstrap.comfyui()
else:
    collect_ignore_glob = ["test_*.py"]  # another Python: tests/comfy starts these with ComfyUI's own


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes():
    """Nodes are executed in inference mode."""
    import torch

    with torch.inference_mode():
        yield
    gc.collect()


@pytest.fixture(params=["flow", "eps", "v"])
def prediction(request):
    return request.param

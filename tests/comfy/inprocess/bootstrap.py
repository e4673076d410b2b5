"""A real ComfyUI in this process, before anything else imports a part of it: ``$COMFYUI_PATH``, on the CPU."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]  # `pack`, `fsampler_package`

import fsampler_package  # noqa: E402, F401
from fsampler_research.demo.comfyui import available, checkout, enter, version  # noqa: E402

__all__ = ["available", "checkout", "comfyui", "version"]


def comfyui():
    """Put ComfyUI first on the path and let it read ``--cpu``; call it once, before any comfy import."""
    enter("--cpu")
    import torch

    torch.set_num_threads(1)

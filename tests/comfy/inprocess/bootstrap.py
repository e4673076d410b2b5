"""A real ComfyUI in this process, before anything else imports a part of it: ``$COMFYUI_PATH``, on the CPU."""

import importlib.util
import os
import sys
from pathlib import Path

COMFYUI = Path(os.environ.get("COMFYUI_PATH", "~/comfy/ComfyUI")).expanduser()


def available():
    """ComfyUI is there, and this Python has what it needs."""
    return (COMFYUI / "comfy").is_dir() and all(map(importlib.util.find_spec, ("torchsde", "aiohttp", "kornia")))


def comfyui():
    """Put ComfyUI first on the path and let it read ``--cpu``; call it once, before any comfy import."""
    sys.path.insert(0, str(COMFYUI))
    sys.path.append(str(Path(__file__).parents[1]))  # `pack`
    given, sys.argv = sys.argv, ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.cli_args  # noqa: F401  reads sys.argv

    sys.argv = given
    import torch

    torch.set_num_threads(1)
    import nodes  # noqa: F401

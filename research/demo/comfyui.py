"""Where this machine has a ComfyUI, the Python that runs it, and how to have it in this process. No torch, no comfy."""

import importlib.util
import os
import sys
from pathlib import Path

NEEDED = ("torchsde", "aiohttp", "kornia")  # of ComfyUI's requirements, what a Python without them lacks


def checkout():
    """The folder named by $COMFYUI_PATH, else ~/comfy/ComfyUI, else None. A wrong $COMFYUI_PATH is an error."""
    named = os.environ.get("COMFYUI_PATH")
    folder = Path(named or "~/comfy/ComfyUI").expanduser()
    if (folder / "main.py").is_file() and (folder / "comfy").is_dir():
        return folder.resolve()
    if named:
        raise FileNotFoundError(f"COMFYUI_PATH is {named}, where there is no ComfyUI (main.py, comfy/)")
    return None


def interpreter(folder):
    """The Python for the ComfyUI in ``folder``: $COMFYUI_PYTHON, its .venv, or this one."""
    own = folder / ".venv/bin/python"
    return os.environ.get("COMFYUI_PYTHON") or (str(own) if own.exists() else sys.executable)


def version(folder):
    """The version the ComfyUI in ``folder`` says it has, such as "0.8.0"."""
    return (folder / "comfyui_version.py").read_text().partition('__version__ = "')[2].partition('"')[0]


def available():
    """There is a ComfyUI, and this Python has what it needs."""
    return checkout() is not None and all(map(importlib.util.find_spec, NEEDED))


def enter(*arguments):
    """Put ComfyUI first on the path and let it read ``arguments`` (``--cpu``); once, before any comfy import."""
    sys.path.insert(0, str(checkout()))
    given, sys.argv = sys.argv, ["main.py", *arguments]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.cli_args  # noqa: F401  reads sys.argv

    sys.argv = given
    import nodes  # noqa: F401

"""Where this machine has ComfyUI, the Python that runs it, and a Chromium."""

import os
import shutil

from comfyui_fsampler.demo.comfyui import checkout as comfyui
from comfyui_fsampler.demo.comfyui import interpreter

__all__ = ["HOW", "HOW_BROWSER", "chromium", "comfyui", "interpreter"]
HOW = (
    "tests/comfy are not run: no ComfyUI at ~/comfy/ComfyUI; "
    "to run them, set COMFYUI_PATH to a checkout (and COMFYUI_PYTHON, unless it has a .venv)"
)
HOW_BROWSER = "no Chromium found; to run the browser tests, set CHROMIUM to one"


def chromium():
    """A Chromium's path: $CHROMIUM, /usr/bin/chromium, or one on PATH; else None."""
    names = (os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "google-chrome")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)

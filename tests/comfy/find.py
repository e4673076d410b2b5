"""Where this machine has ComfyUI, the Python that runs it, its templates, and a Chromium."""

import os
import shutil
import subprocess
from pathlib import Path

from fsampler_research.demo.comfyui import checkout as comfyui
from fsampler_research.demo.comfyui import interpreter

__all__ = ["HOW", "HOW_BROWSER", "chromium", "comfyui", "interpreter", "templates"]
HOW = (
    "tests/comfy are not run: no ComfyUI at ~/comfy/ComfyUI; "
    "to run them, set COMFYUI_PATH to a checkout (and COMFYUI_PYTHON, unless it has a .venv)"
)
HOW_BROWSER = "no Chromium found; to run the browser tests, set CHROMIUM to one"


def templates(folder):
    """Name and file of each official template, in the comfyui-workflow-templates packages of a ComfyUI."""
    command = [interpreter(folder), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    packages = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    return {path.stem: path for path in sorted(packages.glob("comfyui_workflow_templates*/templates/*.json"))}


def chromium():
    """A Chromium's path: $CHROMIUM, /usr/bin/chromium, or one on PATH; else None."""
    names = (os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "google-chrome")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)

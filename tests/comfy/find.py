"""Where this machine has ComfyUI, the Python that runs it, its templates, and a Chromium."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOW = (
    "tests/comfy are not run: no ComfyUI at ~/comfy/ComfyUI; "
    "to run them, set COMFYUI_PATH to a checkout (and COMFYUI_PYTHON, unless it has a .venv)"
)
HOW_BROWSER = "no Chromium found; to run the browser tests, set CHROMIUM to one"


def comfyui():
    """The checkout named by $COMFYUI_PATH, else ~/comfy/ComfyUI, else None. A wrong $COMFYUI_PATH is an error."""
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


def templates(folder):
    """Name and file of each official template, in the comfyui-workflow-templates packages of a ComfyUI."""
    command = [interpreter(folder), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    packages = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    return {path.stem: path for path in sorted(packages.glob("comfyui_workflow_templates*/templates/*.json"))}


def chromium():
    """A Chromium's path: $CHROMIUM, /usr/bin/chromium, or one on PATH; else None."""
    names = (os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "google-chrome")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)

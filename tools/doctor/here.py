"""What is installed where the command runs."""

import importlib.util
import platform

from ... import __version__
from .findings import Here

# What the other commands import, by the name that is installed; the extra "headless" brings all of it.
NEEDED = ("torch", "numpy", "pillow", "pydantic", "torchmetrics", "tqdm", "certifi", "websockets")
IMPORTED = {"pillow": "PIL"}


def here() -> Here:
    """The ``Here`` of this process."""
    missing = [name for name in NEEDED if importlib.util.find_spec(IMPORTED.get(name, name)) is None]
    version, device = (None, None) if "torch" in missing else _torch()
    return Here(__version__, platform.python_version(), platform.system(), version, device, missing)


def _torch() -> tuple[str, str]:
    """The version of torch, and the device that it would compute on."""
    import torch

    if torch.cuda.is_available():
        return torch.__version__, torch.cuda.get_device_name()
    others = {"mps": torch.backends.mps, "xpu": torch.xpu}
    return torch.__version__, next((name for name, one in others.items() if one.is_available()), "cpu")

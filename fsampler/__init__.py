"""The core: torch and the standard library only. ``sample`` runs a solver around a ``SkippingDenoiser``."""

from .config import DEFAULT_MODE, PAPER_MODES, PRESETS, VALID_FORMS, Config
from .denoiser import SkippingDenoiser
from .full import FullRun
from .rehearsal import rehearse
from .report import Record, Report
from .sample import begin, sample

__all__ = [
    "DEFAULT_MODE",
    "PAPER_MODES",
    "PRESETS",
    "VALID_FORMS",
    "Config",
    "FullRun",
    "Record",
    "Report",
    "SkippingDenoiser",
    "begin",
    "rehearse",
    "sample",
]

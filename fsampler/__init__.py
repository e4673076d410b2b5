"""The engine: torch and the standard library only. ``sample`` runs a solver around a ``SkippingDenoiser``."""

from .config import Config
from .denoiser import SkippingDenoiser
from .full_run import FullRun
from .modes import DEFAULT_MODE, PAPER_MODES, PRESETS, VALID_FORMS
from .notes import Note
from .policies import Decision, Policy, Situation
from .predictors import Predictor
from .report import Record, Report
from .response import probe
from .run import begin, sample

__all__ = [
    "DEFAULT_MODE",
    "PAPER_MODES",
    "PRESETS",
    "VALID_FORMS",
    "Config",
    "Decision",
    "FullRun",
    "Note",
    "Policy",
    "Predictor",
    "Record",
    "Report",
    "Situation",
    "SkippingDenoiser",
    "begin",
    "probe",
    "sample",
]

"""What one demo run does: the command's arguments, checked before anything is computed."""

import inspect
import math
import pathlib
from dataclasses import dataclass

from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.samplers import get

from .problem import WEIGHTS
from .schedules import sigmas_for

PAPER = ("h2/s2", "h3/s3", "adaptive")
OURS = ("balanced", "fast", "calls:50%")


@dataclass(frozen=True)
class Settings:
    """A checked demo: ``Settings(...)`` raises ValueError naming the first value that cannot be used.

    sampler, schedule, prediction: names (``samplers.SOLVERS``, ``schedules``).
    steps: of the full run; cfg: guidance scale, 1 is none; eta: fresh noise of ancestral samplers, 0 is none.
    count, seed: images, and what their noise depends on. modes: texts for ``Config.parse``, compared with the full run.
    threads: of the CPU, None leaves torch's own number. weights: the model's file.
    """

    sampler: str = "euler"
    schedule: str = "simple"
    prediction: str = "flow"
    steps: int = 20
    cfg: float = 2.0
    eta: float = 0.0
    count: int = 12
    seed: int = 0
    modes: tuple[str, ...] = (*PAPER, *OURS)
    threads: int | None = None
    weights: pathlib.Path = WEIGHTS

    def __post_init__(self):
        parameters = inspect.signature(get(self.sampler)).parameters
        sigmas = sigmas_for(self.schedule, self.prediction, self.steps)
        for name in ("cfg", "eta"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; expected a finite number >= 0")
        if self.eta and "eta" not in parameters:
            raise ValueError(f"eta is {self.eta}; expected 0, since the sampler {self.sampler!r} has no ancestral form")
        for name, low, high in (("count", 1, 256), ("seed", 0, 2**32 - 1), ("threads", 1, 1024)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")
        for mode in self.modes:
            Config.parse(mode).policy.check(len(sigmas) - 1)

    def sigmas(self, steps=None):
        """The schedule of a run of that many steps, by default the full run's."""
        return sigmas_for(self.schedule, self.prediction, self.steps if steps is None else steps)

    def configs(self):
        """The modes as ``Config``s, each once, without the full run."""
        configs = [Config.parse(mode) for mode in self.modes]
        return list({config.mode: config for config in configs if config.mode != "off"}.values())

"""What a cell samples: its model, its sigmas, where each image starts, and how images are looked at."""

import functools
import math

import torch

from ...demo.mixture import mixture
from ...demo.model import CLASSES
from ...demo.model import IMAGE_SIZE as SIZE
from ...demo.problem import WEIGHTS, Denoiser, fingerprint, load_network, start, to_pixels
from ...demo.schedules import sigmas_for, sigmas_of, tabled
from . import galaxy
from .matrix import GALAXY

STRIDE = 5  # between the classes of two images: a few images see more of them than the first ones
FILES = {"unet": WEIGHTS, "dit": WEIGHTS.with_name("transformer.safetensors")}


@functools.cache
def network(name):
    """The network of that name, once in a process. Raises FileNotFoundError where it is not there."""
    if name == GALAXY:
        return galaxy.Mixer(galaxy.read_arrays(galaxy.weights_file()))
    return mixture() if name == "mixture" else load_network(FILES[name])


@functools.cache
def version(name):
    """What tells apart networks of one name: the first digits of the weights' hash."""
    return fingerprint(FILES[name])[0] if name in FILES else "1"


@functools.cache
def _galaxy_sampling():
    low, high = map(math.log, galaxy.SIGMAS)
    return tabled(torch.linspace(low, high, 1000, dtype=torch.float64).exp())


class Problem:
    """Some images of a cell: its denoisers and the states they start from. Image i depends on the seed and i alone.

    told: the denoisers say what guidance did. size: pixels a side, where the network takes others than its own (None).
    """

    def __init__(self, cell, images, seed, told=True, size=None):
        self.cell, self.images, self.seed, self.told, self.size = cell, images, seed, told, size

    def sigmas(self, steps=None):
        """The schedule of the full run, or of one with another number of steps."""
        cell, steps = self.cell, self.cell.steps if steps is None else steps
        if cell.network == GALAXY:
            return sigmas_of(cell.schedule, _galaxy_sampling(), steps)
        return sigmas_for(cell.schedule, cell.prediction, steps, *(() if cell.shift is None else (cell.shift,)))

    def begin(self, sigma_max, only=slice(None)):
        """``(model, x)`` for all images or some: a denoiser, and the states at the highest sigma."""
        cell = self.cell
        if cell.network == GALAXY:
            seeds = [torch.Generator().manual_seed(self.seed * 100_003 + i) for i in range(self.images)]
            noise = [torch.randn(1, galaxy.SIZE, galaxy.SIZE, generator=seed) for seed in seeds]
            x = torch.stack(noise) * (1 + sigma_max**2) ** 0.5
            return galaxy.GalaxyDenoiser(network(GALAXY)), x[only]
        labels, x = start(self.images, self.seed, cell.prediction, sigma_max, self.size or SIZE)
        labels = (labels * STRIDE + self.seed) % len(CLASSES)
        model = Denoiser(network(cell.network), labels[only], cell.prediction, cell.cfg)
        return model if self.told else functools.partial(model), x[only]  # of a partial no attribute shows

    def pixels(self, latents, full):
        """Final latents as images in [0, 1]; those of galaxies over the range of the full run's image."""
        if self.cell.network != GALAXY:
            return to_pixels(latents)
        low, high = (limit(full, dim=(1, 2, 3), keepdim=True) for limit in (torch.amin, torch.amax))
        return ((latents - low) / (high - low)).clamp(0, 1)

"""LogNet64 of the package galaxygrad: a network of galaxy images that is none of ours.

The package (its version 0.1.5 has the weights, later ones have not) states no licence, so nothing of it is here: it is
read where it is installed, ``pip install --no-deps galaxygrad==0.1.5``. Its file holds the arrays of an MLP-mixer
(Tolstikhin et al. 2021, arXiv 2105.01601) one after the other, in NumPy's format.
"""

import importlib.util
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

PACKAGE, FILE = "galaxygrad", "eqx_hsc_LogNet64.eqx"
SIZE = 64
SIGMAS = (0.01, 80.0)
BLOCK = 12  # arrays a block


def weights_file():
    """Where the weights are. Raises FileNotFoundError with the way to get them."""
    spec = importlib.util.find_spec(PACKAGE)  # without importing it, which would need jax
    for folder in spec.submodule_search_locations if spec else ():
        if (path := pathlib.Path(folder, FILE)).is_file():
            return path
    raise FileNotFoundError(f"no {FILE}; expected it installed: pip install --no-deps galaxygrad==0.1.5")


def read_arrays(path):
    """The arrays of a file as tensors, in order."""
    found, size = [], path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            found.append(torch.from_numpy(np.load(file, allow_pickle=False)))
    return found


class Mixer:
    """``y [B, 1, 64, 64], t [B] -> score of the scaled image [B, 1, 64, 64]``."""

    def __init__(self, arrays):
        count = (len(arrays) - 7) // BLOCK
        if len(arrays) != 7 + BLOCK * count:
            raise ValueError(f"{len(arrays)} arrays; expected 7 and {BLOCK} for each block")
        self.inward, self.outward, self.time_scale = arrays[:2], arrays[2:4], arrays[-1]
        self.blocks = [arrays[4 + BLOCK * i : 4 + BLOCK * (i + 1)] for i in range(count)]
        self.norm = arrays[-3:-1]

    def __call__(self, y, t):
        time = (t / self.time_scale).reshape(-1, 1, 1, 1).expand_as(y)
        weight, bias = self.inward
        y = F.conv2d(torch.cat([y, time], 1), weight, bias.flatten(), stride=weight.shape[-1])
        side, y = y.shape[-1], y.flatten(2)  # [B, channels, patches]
        for block in self.blocks:
            across, along, norm_across, norm_along = block[:4], block[4:8], block[8:10], block[10:]
            y = y + _mlp(_norm(y, norm_across), across)
            y = y.transpose(1, 2)
            y = (y + _mlp(_norm(y, norm_along), along)).transpose(1, 2)
        y = _norm(y, self.norm).unflatten(2, (side, side))
        weight, bias = self.outward  # [out, in, ...], correlated as it is: PyTorch's is the other way round
        weight = weight.transpose(0, 1).flip(2, 3)
        return F.conv_transpose2d(y, weight, bias.flatten(), stride=weight.shape[-1])


def _norm(y, weights):
    return F.layer_norm(y, y.shape[1:], *weights)


def _mlp(y, weights):
    first, first_bias, second, second_bias = weights
    return F.linear(F.relu(F.linear(y, first, first_bias)), second, second_bias)


class GalaxyDenoiser:
    """``model(x [B, 1, 64, 64], sigma [B]) -> denoised``, for sigmas from .01 to 80, counting its calls."""

    def __init__(self, mixer):
        self.mixer, self.calls = mixer, 0

    @torch.no_grad()
    def __call__(self, x, sigma):
        self.calls += 1
        sigma = sigma.to(x).reshape(-1, 1, 1, 1).expand(len(x), 1, 1, 1)
        scale = (1 + sigma**2).sqrt()
        return x + sigma**2 / scale * self.mixer(x / scale, 2 * scale.log().flatten())

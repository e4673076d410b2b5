"""Training crops from the photographs inside the scikit-image wheel (no download).

Licences, as the docstrings of ``skimage.data`` state them: astronaut (NASA, public domain), brick (CC0), camera (CC0,
Lav Varshney), chelsea (CC0, Stefan van der Walt), coffee (CC0, Rachel Michetti), coins (Brooklyn Museum, no known
copyright restrictions), hubble_deep_field (NASA/ESA, public domain), gravel (CC0), immunohistochemistry (no known
copyright restrictions), moon (public domain, see the scikit-image data licence file), retina (CC0, Mikael Haggstrom),
rocket (SpaceX, public domain). The stereo motorcycle is left out: its source states no free licence.
"""

import numpy as np
import skimage.data
import torch
import torch.nn.functional as F

from .model import CLASSES, IMAGE_SIZE

# class -> (name in skimage.data, region (top, bottom, left, right) as shares of the picture,
#           range of crop sizes as shares of the region's short side)
SOURCES = {
    "astronaut": ("astronaut", (0.0, 0.62, 0.1, 0.8), (0.55, 1.0)),
    "brick": ("brick", (0, 1, 0, 1), (0.3, 0.7)),
    "camera": ("camera", (0, 1, 0, 1), (0.5, 1.0)),
    "cat": ("chelsea", (0, 1, 0.1, 0.9), (0.55, 1.0)),
    "coffee": ("coffee", (0, 1, 0.05, 0.9), (0.6, 1.0)),
    "coins": ("coins", (0, 1, 0, 1), (0.3, 0.6)),
    "galaxies": ("hubble_deep_field", (0, 1, 0, 1), (0.12, 0.3)),
    "gravel": ("gravel", (0, 1, 0, 1), (0.18, 0.35)),
    "histology": ("immunohistochemistry", (0, 1, 0, 1), (0.25, 0.6)),
    "moon": ("moon", (0, 1, 0, 1), (0.3, 0.8)),
    "retina": ("retina", (0, 1, 0, 1), (0.6, 1.0)),
    "rocket": ("rocket", (0.1, 1, 0.1, 0.9), (0.6, 1.0)),
}


def photograph(label):
    """The source region of one class as ``[3, H, W]`` float in [-1, 1]."""
    name, (top, bottom, left, right), _ = SOURCES[label]
    picture = getattr(skimage.data, name)()
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    height, width = picture.shape[:2]
    picture = picture[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 127.5 - 1


def crops(label, count, generator):
    """``count`` random square crops of one photograph, flipped at random: ``[count, 3, 64, 64]`` in [-1, 1]."""
    picture = photograph(label)
    smallest, largest = SOURCES[label][2]
    short = min(picture.shape[1:])
    out = torch.empty(count, 3, IMAGE_SIZE, IMAGE_SIZE)
    for i in range(count):
        share, down, right, flip = torch.rand(4, generator=generator).tolist()
        size = int(short * (smallest + (largest - smallest) * share))
        y, x = int(down * (picture.shape[1] - size)), int(right * (picture.shape[2] - size))
        crop = picture[None, :, y : y + size, x : x + size]
        crop = F.interpolate(crop, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True, align_corners=False)[0]
        out[i] = crop.flip(-1) if flip < 0.5 else crop
    return out


def dataset(per_class, seed=0):
    """Images ``[12 * per_class, 3, 64, 64]`` and their labels ``[12 * per_class]``."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.cat([crops(label, per_class, generator) for label in CLASSES])
    return images, torch.arange(len(CLASSES)).repeat_interleave(per_class)

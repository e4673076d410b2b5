"""The epsilon history buffer: what the model said on the newest REAL evaluations."""

import math
from typing import NamedTuple

import torch

MATCH = 1e-4  # relative distance at which two sigmas are one (samplers compute them in float32)


def coincide(a, b):
    """Are these sigmas the same but for rounding?"""
    return math.isclose(a, b, rel_tol=MATCH)


class Entry(NamedTuple):
    """One REAL evaluation: its sigma and the value kept of it (float32, shape of x; see ``space.py``)."""

    sigma: float
    value: torch.Tensor


class History:
    """REAL entries, oldest first, at most ``capacity`` of them; only REAL values may be appended."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.entries: list[Entry] = []

    def __len__(self):
        return len(self.entries)

    def append(self, sigma, value):
        """Add a REAL value; one at the same sigma is replaced (two nodes that coincide carry no slope)."""
        others = [entry for entry in self.entries if not coincide(entry.sigma, sigma)]
        self.entries = [*others, Entry(sigma, value)][-self.capacity :]

    def below(self, sigma):
        """Is this sigma lower than every entry's? Not where a sampler has looked ahead (heunpp2), or comes twice."""
        return sigma < min(entry.sigma for entry in self.entries) * (1 - MATCH)

"""A latent that several are packed into, as video and sound are: figures are of each part, and the worst one decides.

A mean would hide the small part in the large one: a fifth of a second of sound weighs as much as a corner of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .measure import Each


@dataclass(frozen=True)
class Parts:
    """Where the parts of a latent ``[B, ..., N]`` lie: one behind the other along its last dimension.

    sizes: how many of the N elements belong to each part; empty where the latent is one, which then costs nothing.

    On the device, figures of P parts are ``[P B, 1, ..., 1]``: of the first part's samples, then of the second's and so
    on. So whatever judges a batch by its worst sample judges a pack by its worst part.
    """

    sizes: tuple[int, ...] = ()

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Parts:
        """A single part is the latent itself. Raises ValueError for a size below 1.

        >>> Parts.of([4096, 512]), Parts.of([4096])
        (Parts(sizes=(4096, 512)), Parts(sizes=()))
        """
        if any(size < 1 for size in sizes):
            raise ValueError(f"parts of {[*sizes]} elements; expected 1 or more in each")
        return cls(tuple(sizes) if len(sizes) > 1 else ())

    def split(self, latent: Tensor) -> Sequence[Tensor]:
        """Each part of ``[B, ..., N]``, in the latent's own memory."""
        return torch.split(latent, [*self.sizes], dim=-1) if self.sizes else (latent,)

    def each(self, figure: Callable[..., Tensor], *latents: Tensor) -> Tensor:
        """``figure`` of the same part of each latent, for every part; it answers ``[B, 1, ..., 1]``."""
        return joined([figure(*part) for part in zip(*map(self.split, latents), strict=True)])

    def grouped(self, figures: Each) -> list[Each]:
        """Of a figure on the host: for each part, that of its samples.

        >>> Parts.of([4096, 512]).grouped((0.1, 0.2, 3.0, 4.0))
        [(0.1, 0.2), (3.0, 4.0)]
        """
        samples = len(figures) // max(len(self.sizes), 1)
        return [figures[first : first + samples] for first in range(0, len(figures), samples)]

    def worst(self, figures: Each) -> Each:
        """Of a figure on the host that is 0 or more: for each part, that of its worst sample.

        >>> Parts.of([4096, 512]).worst((0.1, 0.2, 3.0, 4.0))
        (0.2, 4.0)
        """
        return tuple(max(0.0, *part) for part in self.grouped(figures))


def joined(figures: Sequence[Tensor]) -> Tensor:
    """The figures of each part, ``[B, 1, ..., 1]``, as one of the pack; a single one as it is, which costs nothing."""
    return torch.cat([*figures]) if len(figures) > 1 else figures[0]


WHOLE = Parts()  # of a latent that is one

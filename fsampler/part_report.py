"""What a report says of each part of a packed latent, such as video with sound, and which of them was the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """One part.

    size: how many elements of the latent's last dimension. estimate: the largest that a SKIP was made at, where the
    mode makes one. curvatures: by REAL step, the kappa of its worst sample (``gap_error``).
    """

    size: int
    estimate: float | None
    curvatures: Mapping[int, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"curvatures": {str(step): kappa for step, kappa in self.curvatures.items()}}


def parts_of(
    sizes: Sequence[int], estimates: Sequence[Sequence[float]], curvatures: Sequence[Mapping[int, float]]
) -> list[Part]:
    """The parts of a run. estimates: of each SKIP that was made at one, of each part; curvatures: of each part."""
    largest = [max(part) for part in zip(*estimates, strict=True)] or [None] * len(sizes)
    return [Part(*part) for part in zip(sizes, largest, curvatures or [{}] * len(sizes), strict=True)]


def worst(parts: Sequence[Part]) -> str:
    """Which part was the worst, with the figures of all; "" where none are known.

    By the estimates, of which the largest has decided; in a mode that makes none, by the curvatures.

    >>> worst([Part(4096, 0.006, {}), Part(512, 0.057, {})])
    'part 2 of 2 decided: estimates 0.006 and 0.057'
    """
    estimates = [part.estimate for part in parts if part.estimate is not None]
    figures = estimates or [max(part.curvatures.values(), default=0.0) for part in parts]
    if not any(figures):
        return ""
    word = "decided: estimates" if estimates else "curves most: curvatures"
    each = " and ".join(f"{figure:.2g}" for figure in figures)
    return f"part {figures.index(max(figures)) + 1} of {len(figures)} {word} {each}"

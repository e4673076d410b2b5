"""Which parts a packed latent has: ComfyUI lays the latents of video and sound behind each other, flat, ``[B, 1, N]``.

From 0.8.0 on ``CFGGuider.outer_sample`` is told their shapes. A SAMPLER is not, but a model that unpacks them is given
them with its conditionings (LTX; TripoSplat and MiniMax H3 in 0.33.0), and 0.33.0 keeps them on the model, too. 0.3.64
has no such latents, and a pack of another node's making does not say what it holds.
"""

import math

from ..fsampler import Note


def parts_of(guider, x):
    """How many elements of a sample of ``x`` belong to each part, none where it is one latent; and a ``Note``, or None,
    where it looks like a pack and nothing says of what."""
    if x.ndim != 3 or x.shape[1] != 1:
        return [], None
    for shapes in _said(guider):
        sizes = [math.prod(shape[1:]) for shape in shapes]
        if sum(sizes) == x.shape[2]:
            return [size for size in sizes if size], None
    text = "the latent looks like several in one, and nothing says where each ends: its parts are judged as a whole"
    return [], Note("parts-unknown", text)


def _said(guider):
    """What is said of the shapes ``[B, ...]`` of the latents in the pack, wherever it is said."""
    for conds in getattr(guider, "conds", {}).values():
        for cond in conds:
            shapes = cond.get("model_conds", {}).get("latent_shapes")
            if shapes is not None:
                yield shapes.cond
    yield getattr(guider.inner_model, "latent_shapes", None) or []

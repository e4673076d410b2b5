"""Per-sample reductions: every image of a batch is judged on its own, so none depends on its neighbours."""

import torch


def dot(a, b):
    """Inner product of each sample, ``[B, 1, ..., 1]`` for inputs ``[B, ...]``."""
    return torch.linalg.vecdot(a.flatten(1), b.flatten(1)).reshape(-1, *[1] * (a.ndim - 1))


def norm(a):
    """Euclidean norm of each sample, ``[B, 1, ..., 1]``."""
    return torch.linalg.vector_norm(a, dim=tuple(range(1, a.ndim)), keepdim=True)


def rms(a):
    """Root mean square of each sample, ``[B, 1, ..., 1]``."""
    return norm(a) / (a[0].numel() ** 0.5)

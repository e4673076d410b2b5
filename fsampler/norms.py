"""Per-sample sums and reductions without a temporary latent; every image of a batch is judged on its own."""

import torch


def dot(a, b):
    """Inner product of each sample, ``[B, 1, ..., 1]`` for inputs ``[B, ...]``."""
    rows, columns = a.flatten(1).unsqueeze(1), b.flatten(1).unsqueeze(2)  # as a product of matrices: no a * b in memory
    return torch.bmm(rows, columns).reshape(-1, *[1] * (a.ndim - 1))


def weighted_sum(values, weights):
    """``sum_i weights[i] * values[i]``, a new tensor; the last weight is what the others leave of 1."""
    *others, last = values
    total = torch.lerp(last, others[0], weights[0])  # with two values, the common case, this reads each once
    for value, weight in zip(others[1:], weights[1:-1], strict=True):
        total.add_((value - last).mul_(weight))
    return total


def norm(a):
    """Euclidean norm of each sample, ``[B, 1, ..., 1]``."""
    return torch.linalg.vector_norm(a, dim=tuple(range(1, a.ndim)), keepdim=True)


def rms(a):
    """Root mean square of each sample, ``[B, 1, ..., 1]``."""
    return norm(a) / (a[0].numel() ** 0.5)

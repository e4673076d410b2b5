"""The paper's two stabilizers of a prediction (arXiv 2511.09180, section 3): learning ratio and gradient estimation.

Both act per sample. The paper's own tables show that the learning ratio changes nothing at its settings (with beta
near 1, L never leaves 1); ``benchmarks/quality.py`` prints what each is worth. The learned trend (``trend.py``)
replaces them.
"""

import torch

from .norms import norm

RATIO_RANGE = (0.5, 2.0)
GRADIENT_CLAMP = 0.25


def learn_ratio(ratio, predicted, real, beta):
    """``L <- beta L + (1 - beta) ||predicted|| / ||real||``, clamped to [0.5, 2]; a SKIP's prediction is divided by L.

    ``ratio`` is ``[B, 1, ..., 1]`` or None before the first REAL step that could be predicted (L starts at 1).
    """
    seen = norm(predicted) / norm(real).clamp_min(torch.finfo(real.dtype).tiny)
    previous = torch.ones_like(seen) if ratio is None else ratio
    return (beta * previous + (1 - beta) * seen).clamp(*RATIO_RANGE)


def gradient_estimate(epsilon, last_epsilon, gamma):
    """``d + (gamma - 1)(d - d_last)``, the added term at most 25 % of ``||d||``; d is epsilon, d_last the last REAL."""
    added = (gamma - 1) * (epsilon - last_epsilon)
    limit = GRADIENT_CLAMP * norm(epsilon)
    return epsilon + added * (limit / norm(added).clamp_min(torch.finfo(added.dtype).tiny)).clamp_max(1)

"""The adaptive gate's figure (arXiv 2511.09180, section 3): how far the h3 and h2 predictions lead apart.

``rms(x_h3 - x_h2) / max(rms(x_h3), 1e-6)``, both states advanced one step. Euler's map stands for the sampler's update,
``x_h = r x + (1 - r) denoised_h``, so the paper's fallback for unknown updates is never needed.
"""

from .norms import dot, norm


def gate_figures(predictor, x, sigma):
    """Products from which the gate follows for any r, per sample; nothing before three REAL values."""
    h3 = predictor.denoised_of_order(3, x, sigma)
    if h3 is None:
        return {}
    h2 = predictor.denoised_of_order(2, x, sigma)
    return {"xx": dot(x, x), "xh": dot(x, h3), "hh": dot(h3, h3), "apart": norm(h3 - h2)}


def gate(now, ratio, elements):
    """The gate of the worst sample, or None without figures; ``ratio`` is r, ``elements`` the size of a sample."""
    if "apart" not in now:
        return None
    worst = 0.0
    for xx, xh, hh, apart in zip(now["xx"], now["xh"], now["hh"], now["apart"], strict=True):
        x_h3 = max(ratio**2 * xx + 2 * ratio * (1 - ratio) * xh + (1 - ratio) ** 2 * hh, 0.0) ** 0.5
        worst = max(worst, (1 - ratio) * apart / max(x_h3, 1e-6 * elements**0.5))
    return worst

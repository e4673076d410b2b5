"""What is extrapolated: the model's output as epsilon, residual or denoised (design terms), and the way back.

=========  =======================  =============================================================
epsilon    ``(x - denoised)/sigma``  the noise prediction; on flow models exactly the velocity
residual   ``denoised - x``          what the paper calls epsilon (arXiv 2511.09180, section 2)
denoised   ``denoised``              the clean-image estimate itself
=========  =======================  =============================================================
"""

SPACES = ("epsilon", "residual", "denoised")


def encode(space, denoised, x, sigma):
    """The model's answer at ``(x, sigma)`` in the given space; all tensors of one shape, ``sigma`` > 0."""
    if space == "epsilon":
        return (x - denoised).div_(sigma)
    if space == "residual":
        return denoised - x
    return denoised


def decode(space, value, x, sigma):
    """The inverse of ``encode``: a value of the given space as ``denoised``, for the current x."""
    if space == "epsilon":
        return x - sigma * value
    if space == "residual":
        return x + value
    return value

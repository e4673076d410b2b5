"""In which form the model's answer is remembered and predicted, and the way back to ``denoised``.

=========  ========================  =============================================================
epsilon    ``(x - denoised)/sigma``  the noise prediction; on flow models exactly the velocity
residual   ``denoised - x``          what the paper calls epsilon (arXiv 2511.09180, section 2)
denoised   ``denoised``              the estimate of the clean image itself
=========  ========================  =============================================================

The public option and the widget are called ``space``.
"""

import torch
from torch import Tensor

PARAMETERIZATIONS = ("epsilon", "residual", "denoised")


def encode(parameterization: str, denoised: Tensor, x: Tensor, sigma: float | Tensor) -> Tensor:
    """The model's answer ``denoised [B, ...]`` at ``(x [B, ...], sigma > 0)`` in that form.

    >>> import torch
    >>> encode("epsilon", torch.tensor([[1.0]]), torch.tensor([[5.0]]), 2.0)
    tensor([[2.]])
    """
    if parameterization == "epsilon":
        return (x - denoised).div_(sigma)
    if parameterization == "residual":
        return denoised - x
    return denoised


def decode(parameterization: str, value: Tensor, x: Tensor, sigma: float | Tensor) -> Tensor:
    """The inverse of ``encode``: a value of that form as ``denoised [B, ...]`` for the present x.

    >>> import torch
    >>> decode("epsilon", torch.tensor([[2.0]]), torch.tensor([[5.0]]), 2.0)
    tensor([[1.]])
    """
    if parameterization == "epsilon":  # x - sigma value, without a latent for the product
        return torch.addcmul(x, value, sigma, value=-1) if isinstance(sigma, Tensor) else x.sub(value, alpha=sigma)
    if parameterization == "residual":
        return x + value
    return value

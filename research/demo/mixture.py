"""An analytic demo network: the exact velocity of a Gaussian mixture over images, on the flow path of ``model.py``.

Data ``x0 ~ sum_k w_k N(mu_k, s_k^2 I)``; at flow time t, with ``a = 1 - t``, ``x_t ~ sum_k w_k N(a mu_k, v_k I)``,
``v_k = a^2 s_k^2 + t^2``. Bayes' rule for the component and Tweedie's formula within it (Robbins 1956; Efron 2011,
"Tweedie's formula and selection bias", JASA 106) give

    ``r_k(x) = softmax_k(log w_k - d/2 log v_k - |x - a mu_k|^2 / (2 v_k))``
    ``D(x, t) = sum_k r_k (t^2 mu_k + a s_k^2 x) / v_k``
    ``v(x, t) = (x - D) / t = x sum_k r_k (t - a s_k^2) / v_k - t sum_k r_k mu_k / v_k``

The last form holds at t = 0 as well. Both sums over k are matrix products.
"""

import math

import torch
from torch import nn

from .model import CLASSES, IMAGE_SIZE, UNCONDITIONAL

COMPONENTS = 8  # a class: every choice of sign of three waves
STEPS = (0.25, 0.06, 0.015)  # their amplitudes: which component it is, is settled at noise levels far apart
DEVIATIONS = (0.05, 0.3)  # s_k of the least and most noisy class, evenly in the logarithm between them
SPREAD = 1.2  # between the components of a class: a factor up to this, either way


def waves(generator, count, angle, frequency):
    """Random-phase plane waves around an angle (radians) and a frequency (periods an image): ``[count, 3, 64, 64]``.

    Colour channels have phases of their own; values are in [-1, 1].
    """
    axis = torch.arange(IMAGE_SIZE) / IMAGE_SIZE
    fields = torch.empty(count, 3, IMAGE_SIZE, IMAGE_SIZE)
    for field in fields:
        turn, stretch, shift, *colours = torch.rand(6, generator=generator).tolist()
        direction, periods = angle + 0.5 * (turn - 0.5), frequency * (0.75 + 0.5 * stretch)
        along = axis[None, :] * math.cos(direction) + axis[:, None] * math.sin(direction)
        for channel, colour in zip(field, colours, strict=True):
            channel.copy_(torch.sin(2 * math.pi * (periods * along + shift + colour / 3)))
    return fields


def class_means(label, seed=0):
    """The component means of one class, ``[8, 3, 64, 64]`` within [-1, 1]; angle, frequency and colour are its own."""
    generator = torch.Generator().manual_seed(seed * 1009 + label)
    angle, frequency = math.pi * label / len(CLASSES), 1 + label % 3
    base = 0.2 * waves(generator, 2, angle, frequency).sum(0)
    base += 0.25 * (2 * torch.rand(3, 1, 1, generator=generator) - 1)
    steps = waves(generator, len(STEPS), angle, frequency + 1) * torch.tensor(STEPS)[:, None, None, None]
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * len(STEPS))
    return base + torch.einsum("kj,jchw->kchw", signs, steps)


class Mixture(nn.Module):
    """``[B, 3, 64, 64], t [B], label [B] -> velocity [B, 3, 64, 64]``, as the networks of the demo, without weights.

    means ``[K, 3, 64, 64]``, deviations ``[K]`` (s_k), labels ``[K]`` (the class of each component). All components
    weigh the same; the label UNCONDITIONAL stands for all of them. Sums run in float64.
    """

    def __init__(self, means, deviations, labels):
        super().__init__()
        self.register_buffer("means", means.flatten(1))
        self.register_buffer("deviations", deviations)
        self.register_buffer("labels", labels)

    def forward(self, x, t, label):
        flat, t = x.flatten(1).double(), t.double()[:, None]
        means, variances = self.means.double(), self.deviations.double().square()
        a = 1 - t
        v = a**2 * variances + t**2  # [B, K]
        distances = flat.square().sum(1, keepdim=True) - 2 * a * flat @ means.T + a**2 * means.square().sum(1)
        scores = -distances / (2 * v) - flat.shape[1] / 2 * v.log()
        belongs = (label[:, None] == self.labels) | (label[:, None] == UNCONDITIONAL)
        shares = scores.masked_fill(~belongs, -math.inf).softmax(dim=1) / v  # r_k / v_k
        velocity = (shares * (t - a * variances)).sum(1, keepdim=True) * flat - t * (shares @ means)
        return velocity.reshape(x.shape).to(x.dtype)


def mixture(seed=0):
    """The mixture of all classes: 96 components, their deviations dealt out at random."""
    means = torch.cat([class_means(label, seed) for label in range(len(CLASSES))])
    generator = torch.Generator().manual_seed(seed)
    classes = torch.linspace(*map(math.log, DEVIATIONS), len(CLASSES))
    classes = classes[torch.rand(len(CLASSES), generator=generator).argsort()]
    within = torch.linspace(-1, 1, COMPONENTS)[torch.rand(len(CLASSES), COMPONENTS, generator=generator).argsort()]
    deviations = (classes[:, None] + math.log(SPREAD) * within).exp().flatten()
    return Mixture(means, deviations, torch.arange(len(CLASSES)).repeat_interleave(COMPONENTS)).eval()

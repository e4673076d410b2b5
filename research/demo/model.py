"""The demo model: a class-conditional U-Net that predicts velocity on the flow path.

Convention (rectified flow, Liu et al. 2022, arXiv 2209.03003): ``x_t = (1 - t) x0 + t noise`` and the network predicts
``v = noise - x0``, so ``denoised = x_t - t v``. Images are ``[B, 3, 64, 64]`` in [-1, 1]; ``t`` is ``[B]`` in [0, 1].
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = (
    "astronaut",
    "brick",
    "camera",
    "cat",
    "coffee",
    "coins",
    "galaxies",
    "gravel",
    "histology",
    "moon",
    "retina",
    "rocket",
)
UNCONDITIONAL = len(CLASSES)
IMAGE_SIZE = 64


class ResBlock(nn.Module):
    """GroupNorm, SiLU, 3x3 convolution, twice; the conditioning vector scales and shifts the second norm."""

    def __init__(self, channels_in, channels_out, channels_cond):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.cond = nn.Linear(channels_cond, 2 * channels_out)
        self.norm2 = nn.GroupNorm(8, channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, h, cond):
        scale, shift = self.cond(cond)[:, :, None, None].chunk(2, dim=1)
        y = self.conv1(F.silu(self.norm1(h)))
        y = self.conv2(F.silu(self.norm2(y) * (1 + scale) + shift))
        return self.skip(h) + y


class Attention(nn.Module):
    """Multi-head self-attention over all pixels."""

    def __init__(self, channels, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, h):
        b, c, height, width = h.shape
        qkv = self.qkv(self.norm(h)).reshape(b, 3, self.heads, c // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(b, c, height, width)
        return h + self.out(y)


class DemoNet(nn.Module):
    """Velocity network over 2x2 patches: ``[B, 3, 64, 64], t [B], label [B] -> velocity [B, 3, 64, 64]``."""

    def __init__(self, widths=(48, 112, 168), channels_cond=192):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(64, channels_cond), nn.SiLU(), nn.Linear(channels_cond, channels_cond))
        self.label = nn.Embedding(len(CLASSES) + 1, channels_cond)
        w0, w1, w2 = widths
        self.stem = nn.Conv2d(12, w0, 3, padding=1)

        def block(channels_in, channels_out):
            return ResBlock(channels_in, channels_out, channels_cond)

        self.down0 = nn.ModuleList([block(w0, w0)])
        self.to1 = nn.Conv2d(w0, w1, 3, stride=2, padding=1)
        self.down1 = nn.ModuleList([block(w1, w1), block(w1, w1)])
        self.to2 = nn.Conv2d(w1, w2, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([block(w2, w2), Attention(w2), block(w2, w2), Attention(w2), block(w2, w2)])
        self.from2 = nn.Conv2d(w2, w1, 1)
        self.up1 = nn.ModuleList([block(2 * w1, w1), block(w1, w1)])
        self.from1 = nn.Conv2d(w1, w0, 1)
        self.up0 = nn.ModuleList([block(2 * w0, w0), block(w0, w0)])
        self.norm = nn.GroupNorm(8, w0)
        self.head = nn.Conv2d(w0, 12, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x, t, label):
        angles = 1000 * t[:, None] * torch.exp(torch.arange(32, device=t.device) * (-math.log(10000.0) / 32))
        embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
        cond = F.silu(self.time(embedding.to(x.dtype)) + self.label(label))

        h0 = self.stem(F.pixel_unshuffle(x, 2))
        for block in self.down0:
            h0 = block(h0, cond)
        h1 = self.to1(h0)
        for block in self.down1:
            h1 = block(h1, cond)
        h = self.to2(h1)
        for block in self.middle:
            h = block(h, cond) if isinstance(block, ResBlock) else block(h)
        h = torch.cat([h1, self.from2(F.interpolate(h, scale_factor=2.0))], dim=1)
        for block in self.up1:
            h = block(h, cond)
        h = torch.cat([h0, self.from1(F.interpolate(h, scale_factor=2.0))], dim=1)
        for block in self.up0:
            h = block(h, cond)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2)

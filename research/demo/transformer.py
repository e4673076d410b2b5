"""A second demo network of another architecture: a small diffusion transformer (Peebles & Xie 2023, arXiv 2212.09748).

The same convention and task as ``model.DemoNet``: velocity on the flow path, ``[B, 3, 64, 64]``.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .model import CLASSES, IMAGE_SIZE

PATCH = 4


class Block(nn.Module):
    """Self-attention, then an MLP; shared conditioning plus the block's own offset scales, shifts and gates them."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.offset = nn.Parameter(torch.zeros(6, width))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, h, cond):
        width = h.shape[-1]
        shift1, scale1, gate1, shift2, scale2, gate2 = (cond + self.offset).unsqueeze(2).unbind(1)
        y = F.layer_norm(h, (width,)) * (1 + scale1) + shift1
        q, k, v = self.qkv(y).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        h = h + gate1 * self.out(y)
        y = F.layer_norm(h, (width,)) * (1 + scale2) + shift2
        return h + gate2 * self.mlp(y)


class DemoDiT(nn.Module):
    """Velocity network over 4x4 patches: ``[B, 3, 64, 64], t [B], label [B] -> velocity [B, 3, 64, 64]``.

    One modulation for all blocks, each with an offset of its own (PixArt-alpha, arXiv 2310.00426, "adaLN-single").
    """

    def __init__(self, width=192, depth=5, heads=6):
        super().__init__()
        tokens = (IMAGE_SIZE // PATCH) ** 2
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(len(CLASSES) + 1, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.stem = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.position = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.last = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, 3 * PATCH**2)
        for layer in (self.modulation, self.last, self.head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t, label):
        angles = 1000 * t[:, None] * torch.exp(torch.arange(32, device=t.device) * (-math.log(10000.0) / 32))
        embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
        cond = F.silu(self.time(embedding.to(x.dtype)) + self.label(label))
        modulation = self.modulation(cond).unflatten(-1, (6, -1))
        h = self.stem(x).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            h = block(h, modulation)
        shift, scale = self.last(cond).unsqueeze(1).chunk(2, dim=-1)
        h = self.head(F.layer_norm(h, (h.shape[-1],)) * (1 + scale) + shift)
        side = IMAGE_SIZE // PATCH
        return F.pixel_shuffle(h.transpose(1, 2).unflatten(-1, (side, side)), PATCH)

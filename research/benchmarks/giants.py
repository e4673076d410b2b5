"""Transformers of the size of FLUX.1-dev and of Wan 2.2 14B, for timing: the same matrices, random weights.

Both see a latent ``[B, C, F, H, W]`` (FLUX ``[B, C, H, W]``) in patches of 1x2x2 and give a velocity of its shape. What
costs next to nothing is left out: pooled text, guidance and image conditions. No code or weights of theirs.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Size(NamedTuple):
    """How large a network and its latent are; ``axes`` splits a head's width among frame, row and column (RoPE)."""

    blocks: tuple[int, ...]  # FLUX: double-stream and single-stream ones
    width: int
    heads: int
    inner: int  # width of the feed-forward layers
    axes: tuple[int, int, int]
    latent: tuple[int, ...]
    text: tuple[int, int]  # tokens and their width

    @property
    def grid(self):
        """Frames, rows and columns of patches."""
        *frames, height, width = self.latent[2:]
        return (*(frames or [1]), height // 2, width // 2)


SIZES = {
    "full": {
        "flux": Size((19, 38), 3072, 24, 12288, (16, 56, 56), (1, 16, 128, 128), (512, 4096)),
        "wan": Size((40,), 5120, 40, 13824, (44, 42, 42), (1, 16, 21, 60, 104), (512, 4096)),
    },
    "tiny": {
        "flux": Size((1, 2), 64, 2, 256, (8, 12, 12), (1, 16, 16, 16), (8, 32)),
        "wan": Size((2,), 64, 2, 128, (12, 10, 10), (1, 16, 3, 12, 16), (8, 32)),
    },
}


def rotation(size, before=0):
    """Cosine and sine of each token's rotary angles, ``[2, before + tokens, head width / 2]``; the first stay put."""
    places = torch.cartesian_prod(*(torch.arange(count, dtype=torch.float32) for count in size.grid))
    places = torch.cat([torch.zeros(before, 3), places])
    turns = [10000 ** -(torch.arange(0, width, 2) / width) for width in size.axes]
    angles = torch.cat([place[:, None] * turn for place, turn in zip(places.unbind(1), turns, strict=True)], dim=1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x, turn):
    """Turn pairs of entries of ``x [B, heads, N, width]``; RoFormer (arXiv 2104.09864), Eq. 34, on adjacent pairs."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = turn
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2).to(x.dtype)


def split(x, heads):
    """``[B, N, heads * width]`` to ``[B, heads, N, width]``."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(query, key, value):
    """Attention of ``[B, heads, N, width]``, with the heads side by side again: ``[B, N, heads * width]``."""
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def modulate(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift


class Network(nn.Module):
    """Patches, text and time in, velocity out; ``think`` is what lies between."""

    def __init__(self, size, **kind):
        super().__init__()
        patch, width = 4 * size.latent[1], size.width
        self.size = size
        self.patches, self.text = nn.Linear(patch, width, **kind), nn.Linear(size.text[1], width, **kind)
        self.time = nn.Sequential(nn.Linear(256, width, **kind), nn.SiLU(), nn.Linear(width, width, **kind))
        self.shift, self.final = nn.Linear(width, 2 * width, **kind), nn.Linear(width, patch, **kind)

    def forward(self, x, time, text):
        """``x [B, C, (F,) H, W]``, time ``[B]`` in [0, 1], text ``[B, tokens, width]``."""
        channels, (frames, rows, columns) = x.shape[1], self.size.grid
        cut = x.reshape(-1, channels, frames, rows, 2, columns, 2).permute(0, 2, 3, 5, 1, 4, 6)
        angles = 1000 * time.float()[:, None] * 10000 ** -(torch.arange(128, device=x.device) / 128)
        vector = F.silu(self.time(torch.cat([angles.cos(), angles.sin()], dim=1).to(x.dtype)))
        tokens = self.think(self.patches(cut.flatten(4).flatten(1, 3)), self.text(text), vector)
        tokens = self.final(modulate(tokens, *self.shift(vector).unsqueeze(1).chunk(2, dim=-1)))
        patches = tokens.unflatten(1, (frames, rows, columns)).unflatten(-1, (channels, 2, 2))
        return patches.permute(0, 4, 1, 2, 5, 3, 6).reshape(x.shape)


class Stream(nn.Module):
    """One stream's half of a double-stream block."""

    def __init__(self, width, heads, inner, **kind):
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width, **kind)
        self.qkv, self.out = nn.Linear(width, 3 * width, **kind), nn.Linear(width, width, **kind)
        self.query, self.key = (nn.RMSNorm(width // heads, eps=1e-6, **kind) for _ in range(2))
        self.up, self.down = nn.Linear(width, inner, **kind), nn.Linear(inner, width, **kind)

    def ask(self, x, parts):
        query, key, value = (split(part, self.heads) for part in self.qkv(modulate(x, *parts[:2])).chunk(3, dim=-1))
        return self.query(query), self.key(key), value

    def take(self, x, seen, parts):
        x = x + parts[2] * self.out(seen)
        return x + parts[5] * self.down(F.gelu(self.up(modulate(x, *parts[3:5])), approximate="tanh"))


class Double(nn.Module):
    """Text and image with weights of their own, in one attention (MM-DiT, arXiv 2403.03206, Figure 2b)."""

    def __init__(self, *shape, **kind):
        super().__init__()
        self.streams = nn.ModuleList(Stream(*shape, **kind) for _ in range(2))

    def forward(self, text, image, vector, turn):
        parts = [stream.modulation(vector).unsqueeze(1).chunk(6, dim=-1) for stream in self.streams]
        both = list(zip(self.streams, (text, image), parts, strict=True))
        asked = zip(*(stream.ask(x, part) for stream, x, part in both), strict=True)
        query, key, value = (torch.cat(pair, dim=2) for pair in asked)
        seen = attend(rotate(query, turn), rotate(key, turn), value).split([text.shape[1], image.shape[1]], dim=1)
        return [stream.take(x, own, part) for (stream, x, part), own in zip(both, seen, strict=True)]


class Single(nn.Module):
    """Text and image as one sequence; attention and feed-forward side by side (ViT-22B, arXiv 2302.05442)."""

    def __init__(self, width, heads, inner, **kind):
        super().__init__()
        self.heads, self.cuts = heads, [width] * 3 + [inner]
        self.modulation = nn.Linear(width, 3 * width, **kind)
        self.into, self.out = nn.Linear(width, sum(self.cuts), **kind), nn.Linear(width + inner, width, **kind)
        self.query, self.key = (nn.RMSNorm(width // heads, eps=1e-6, **kind) for _ in range(2))

    def forward(self, x, vector, turn):
        shift, scale, gate = self.modulation(vector).unsqueeze(1).chunk(3, dim=-1)
        *asked, inner = self.into(modulate(x, shift, scale)).split(self.cuts, dim=-1)
        query, key, value = (split(part, self.heads) for part in asked)
        seen = attend(rotate(self.query(query), turn), rotate(self.key(key), turn), value)
        return x + gate * self.out(torch.cat([seen, F.gelu(inner, approximate="tanh")], dim=-1))


class Flux(Network):
    """FLUX.1-dev's size: 19 double-stream and 38 single-stream blocks of width 3072, 11.9 billion weights."""

    def __init__(self, size, **kind):
        super().__init__(size, **kind)
        shape = size.width, size.heads, size.inner
        self.doubles = nn.ModuleList(Double(*shape, **kind) for _ in range(size.blocks[0]))
        self.singles = nn.ModuleList(Single(*shape, **kind) for _ in range(size.blocks[1]))
        self.register_buffer("turn", rotation(size, before=size.text[0]).to(kind.get("device")))

    def think(self, image, text, vector):
        for block in self.doubles:
            text, image = block(text, image, vector, self.turn)
        x = torch.cat([text, image], dim=1)
        for block in self.singles:
            x = block(x, vector, self.turn)
        return x[:, text.shape[1] :]


class Attention(nn.Module):
    """Attention of ``x`` to ``context``, queries and keys normalised over their whole width, as in Wan."""

    def __init__(self, width, heads, **kind):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, **kind) for _ in range(4))
        self.query, self.key = (nn.RMSNorm(width, eps=1e-6, **kind) for _ in range(2))

    def forward(self, x, context, turn=None):
        query, key = split(self.query(self.q(x)), self.heads), split(self.key(self.k(context)), self.heads)
        if turn is not None:
            query, key = rotate(query, turn), rotate(key, turn)
        return self.out(attend(query, key, split(self.v(context), self.heads)))


class WanBlock(nn.Module):
    """Self-attention, cross-attention to the text, feed-forward (Wan, arXiv 2503.20314)."""

    def __init__(self, width, heads, inner, **kind):
        super().__init__()
        self.modulation = nn.Parameter(torch.randn(1, 6, width, **kind) / width**0.5)
        self.own, self.cross = (Attention(width, heads, **kind) for _ in range(2))
        self.norm = nn.LayerNorm(width, **kind)
        self.up, self.down = nn.Linear(width, inner, **kind), nn.Linear(inner, width, **kind)

    def forward(self, x, text, parts, turn):
        shift, scale, gate, *after, last = (self.modulation + parts).chunk(6, dim=1)
        seen = modulate(x, shift, scale)
        x = x + gate * self.own(seen, seen, turn)
        x = x + self.cross(self.norm(x), text)
        return x + last * self.down(F.gelu(self.up(modulate(x, *after)), approximate="tanh"))


class Wan(Network):
    """The shape of one Wan 2.2 14B expert: 40 blocks of width 5120, 14.2 billion weights."""

    def __init__(self, size, **kind):
        super().__init__(size, **kind)
        self.parts = nn.Linear(size.width, 6 * size.width, **kind)
        shape = size.width, size.heads, size.inner
        self.blocks = nn.ModuleList(WanBlock(*shape, **kind) for _ in range(size.blocks[0]))
        self.register_buffer("turn", rotation(size).to(kind.get("device")))

    def think(self, x, text, vector):
        parts = self.parts(vector).unflatten(1, (6, -1))
        for block in self.blocks:
            x = block(x, text, parts, self.turn)
        return x


NETWORKS = {"flux": Flux, "wan": Wan}

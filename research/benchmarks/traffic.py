"""What an evaluation reads and writes, counted operation by operation; the same on every machine and under any load."""

import pathlib
import sys
from collections import Counter
from typing import NamedTuple

import torch
from comfyui_fsampler import fsampler
from comfyui_fsampler.fsampler import Config, SkippingDenoiser
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SHAPE, STEPS = (1, 4, 64, 64), 20  # large enough to tell a latent from what is kept to recognize it
ENGINE, TORCH = (f"{pathlib.Path(package.__file__).parent}/" for package in (fsampler, torch))
SUMS = "measure.py"  # its sums are told by the line that asks for them


class Operation(NamedTuple):
    """One operation: the line of the engine that asked for it, its name, and how many latents it reads and writes."""

    line: str
    name: str
    reads: int
    writes: int


class Traffic(TorchDispatchMode):
    """Collects in ``operations`` what the engine asks torch for, views left out, and what anybody else asks for too.

    elements: of a latent; smaller tensors count as none. A latent that an operation has twice is read once.
    """

    def __init__(self, elements):
        super().__init__()
        self.elements, self.operations = elements, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().split("::")[1]
        shapes_only = name.startswith("new_") or "_like" in name  # makes a tensor like another, whose values it ignores
        read = () if shapes_only else self._latents((args, kwargs))
        result = function(*args, **(kwargs or {}))
        line = _asked_by()
        if line and not function.is_view:
            self.operations.append(Operation(line, name, len(read), len(self._latents(result))))
        return result

    def _latents(self, tree):
        """The memories of the latents among the leaves."""
        tensors = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
        return {tensor.data_ptr() for tensor in tensors if tensor.numel() >= self.elements}


def _asked_by():
    """The line of the engine that asks for an operation; None where it is asked for elsewhere, as by the model."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith((TORCH, ENGINE + SUMS)):
        frame = frame.f_back
    inside = frame.f_code.co_filename.startswith(ENGINE)
    return f"{frame.f_code.co_filename.removeprefix(ENGINE)}:{frame.f_lineno}" if inside else None


def evaluations(model, mode="calls:50%"):
    """``(kind, operations)`` of each evaluation of an Euler run on the flow path, the model's call left out."""
    sigmas = torch.linspace(1, 0, STEPS + 1)
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    denoiser, seen = SkippingDenoiser(model, sigmas, Config.parse(mode)), []
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        with Traffic(x.numel()) as traffic:
            denoised = denoiser(x, sigma.expand(1))
        seen.append((denoiser.report.records[-1].kind, traffic.operations))
        x = torch.lerp(x, denoised, 1 - following / sigma)
    denoiser.finish()
    return seen


def moves(operations):
    """Latents read and written."""
    return sum(operation.reads + operation.writes for operation in operations)


def dearest(model, kind):
    """The operations of that evaluation of a kind, "SKIP" or "REAL", that moves most in a run."""
    return max((operations for said, operations in evaluations(model) if said == kind), key=moves)


def by_line(operations):
    """``[line, operations, latents read, latents written]`` for each line that moves latents, in the order asked."""
    moving = [operation for operation in operations if operation.reads + operation.writes]
    lines = {}
    for operation in moving:
        names, reads, writes = lines.get(operation.line, (Counter(), 0, 0))
        names[operation.name] += 1
        lines[operation.line] = names, reads + operation.reads, writes + operation.writes
    body = []
    for line, (names, reads, writes) in lines.items():
        asked = ", ".join(name if times == 1 else f"{times} {name}" for name, times in names.items())
        body.append([line, asked, reads, writes])
    return body

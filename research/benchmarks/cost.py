"""What skipping itself costs: ``python -m fsampler_research.benchmarks.cost``.

The first table is timed: one SKIP and the bookkeeping of one REAL step, beside one pass over the latent (``x + x``)
measured in the same run; medians. The latents are those of FLUX at 1024x1024 and of Wan at 480p, 81 frames. The model
is a formula that costs next to nothing. The passes of a small latent are mostly what it takes to decide and to ask for
operations, which is the same for every size; those of a large one are memory traffic.

The second table is counted (``traffic.py``, ``live_bytes.py``), so it depends on no machine and no load: how many full
latents the dearest evaluation of a run reads and writes, where ``x + x`` reads one and writes one; how many operations
it asks torch for; and the most memory that a run holds beside its solver, with the solver of ours where that is most.
``--lines`` prints instead which line of the engine moves how many.

A third table says what the decisions of a whole run cost, in CPU time and in the memory of plans (``planning.py``).
"""

import argparse
import statistics
import sys
import time

import torch
from comfyui_fsampler.fsampler import Config, SkippingDenoiser, sample
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import progress

from .live_bytes import LiveBytes
from .markdown import rows
from .planning import STEPS as LONG
from .planning import planning
from .traffic import by_line, dearest, moves

LATENTS = {"FLUX 1024x1024": (1, 16, 128, 128), "Wan 480p, 81 frames": (1, 16, 21, 60, 104)}
STEPS = 20
KINDS = ("SKIP", "REAL")


def denoise(x, sigma, **_):
    """The ideal denoiser of unit Gaussian data on the flow path; any smooth model does here."""
    t = sigma.reshape(-1, *[1] * (x.ndim - 1))
    return x * ((1 - t) / ((1 - t) ** 2 + t**2))


class Guided:
    """The same, and it says that guidance did something."""

    guidance_difference = None

    def __call__(self, x, sigma, **_):
        self.guidance_difference = x / 10
        return denoise(x, sigma)


def peak_latents(x, sigmas, mode, solver="euler", model=denoise):
    """Most memory alive during a run, in latents, x itself not counted."""
    with LiveBytes() as memory:
        sample(SOLVERS[solver], model, x, sigmas, mode)
    return memory.peak / (x.numel() * x.element_size())


def extra_latents(x, sigmas, model=denoise):
    """What a run holds beside its solver, with the solver where that is most."""

    def held(mode, solver):
        return peak_latents(x, sigmas, mode, solver, model)

    return max(held("calls:50%", solver) - held("off", solver) for solver in SOLVERS)


def milliseconds(x, sigmas):
    """Median time of a SKIP, of a REAL step less its model call, and of one pass over x."""
    times = {"SKIP": [], "REAL": [], "model": [], "pass": []}

    def model(x, sigma):
        start = time.perf_counter()
        result = denoise(x, sigma)
        _wait(x)
        times["model"].append(time.perf_counter() - start)
        return result

    for _ in range(5):
        denoiser, state = SkippingDenoiser(model, sigmas, Config.parse("calls:50%")), x
        for i, (sigma, following) in enumerate(zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True)):
            start = time.perf_counter()
            denoised = denoiser(state, x.new_full((1,), sigma))
            _wait(x)
            spent = time.perf_counter() - start
            kind = denoiser.report.records[i].kind
            times[kind].append(spent - (times["model"][-1] if kind == "REAL" else 0))
            state = torch.lerp(state, denoised, 1 - following / sigma)
            start = time.perf_counter()
            state + state
            _wait(x)
            times["pass"].append(time.perf_counter() - start)
        denoiser.finish()
    return {name: 1000 * statistics.median(values) for name, values in times.items()}


def _wait(x):
    if x.is_cuda:
        torch.cuda.synchronize()


def _timed(device):
    """The first table."""
    body = []
    for name, shape in progress(LATENTS.items(), len(LATENTS), "latents timed"):
        took = milliseconds(torch.randn(shape, device=device), torch.linspace(1, 0, STEPS + 1))
        shares = [f"{took[kind]:.2f} ms ({took[kind] / took['pass']:.0f} passes)" for kind in KINDS]
        body.append([f"{name}, {'x'.join(map(str, shape))}", *shares, f"{took['pass']:.2f} ms"])
    return rows(["latent", "one SKIP", "bookkeeping of one REAL step", "one pass over x"], body)


def _models():
    """Those of the second table."""
    return {"without guidance": denoise, "with guidance": Guided()}


def _counted():
    """The second table."""
    x, sigmas, body = torch.randn(LATENTS["FLUX 1024x1024"]), torch.linspace(1, 0, STEPS + 1), []
    models = _models()
    for name, model in progress(models.items(), len(models), "models counted"):
        found = [dearest(model, kind) for kind in KINDS]
        body.append([name, *map(moves, found), *map(len, found), f"{extra_latents(x, sigmas, model):.1f}"])
    header = ["latents read and written by one SKIP", "by one REAL step", "operations of a SKIP", "of a REAL step"]
    return rows(["run", *header, "peak extra memory, latents"], body)


def _lines():
    """The lines of the engine that move latents, in the dearest evaluations."""
    parts, models = [], _models()
    for name, model in progress(models.items(), len(models), "models counted"):
        for kind in KINDS:
            operations = dearest(model, kind)
            total = ["all", "", *(sum(getattr(each, way) for each in operations) for way in ("reads", "writes"))]
            table = rows(["line", "operations", "latents read", "written"], [*by_line(operations), total])
            parts.append(f"{kind} {name}\n\n{table}")
    return "\n".join(parts)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--planning", action="store_true", help="print only what decisions cost")
    only.add_argument("--lines", action="store_true", help="print only which line moves how many latents")
    args = parser.parse_args(argv)
    if args.lines:
        sys.stdout.write(_lines())
        return
    if not args.planning:
        sys.stdout.write(f"device: {args.device}\n\n" + _timed(args.device) + "\n" + _counted() + "\n")
    sys.stdout.write(rows(["mode", *(f"{steps} steps" for steps in LONG)], planning()))


if __name__ == "__main__":
    main()

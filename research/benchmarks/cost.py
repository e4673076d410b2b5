"""What skipping itself costs: ``python -m fsampler_research.benchmarks.cost``.

Time of one SKIP and of the bookkeeping of one REAL step, beside one pass over the latent (``x + x``) measured in the
same run; peak extra memory in latents, against the bare solver: the most of all the pack's solvers. The latents are
those of FLUX at 1024x1024 and of Wan at 480p, 81 frames. The model is a formula that costs next to nothing.

A second table says what the decisions of a whole run cost, in CPU time and in the memory of plans (``planning.py``).
"""

import argparse
import statistics
import sys
import time

import torch
from comfyui_fsampler.fsampler import Config, SkippingDenoiser, sample
from comfyui_fsampler.samplers import SOLVERS

from .live_bytes import LiveBytes
from .markdown import rows
from .planning import STEPS as LONG
from .planning import planning

LATENTS = {"FLUX 1024x1024": (1, 16, 128, 128), "Wan 480p, 81 frames": (1, 16, 21, 60, 104)}
STEPS = 20


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


def extra_latents(x, sigmas):
    """What a run holds beside its solver, with the solver where that is most."""
    return max(peak_latents(x, sigmas, "calls:50%", name) - peak_latents(x, sigmas, "off", name) for name in SOLVERS)


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


def _evaluations(device):
    """The first table."""
    sigmas = torch.linspace(1, 0, STEPS + 1)
    body = []
    for name, shape in LATENTS.items():
        x = torch.randn(shape, device=device)
        took = milliseconds(x, sigmas)
        extra = extra_latents(x, sigmas)
        shares = [f"{took[kind]:.2f} ms ({took[kind] / took['pass']:.0f} passes)" for kind in ("SKIP", "REAL")]
        body.append([f"{name}, {'x'.join(map(str, shape))}", *shares, f"{took['pass']:.2f} ms", f"{extra:.1f}"])
    header = ["latent", "one SKIP", "bookkeeping of one REAL step", "one pass over x", "peak extra memory, latents"]
    return rows(header, body)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--planning", action="store_true", help="print only what decisions cost")
    args = parser.parse_args(argv)
    if not args.planning:
        sys.stdout.write(f"device: {args.device}\n\n" + _evaluations(args.device) + "\n")
    sys.stdout.write(rows(["mode", *(f"{steps} steps" for steps in LONG)], planning()))


if __name__ == "__main__":
    main()

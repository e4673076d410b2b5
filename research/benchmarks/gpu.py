"""What skipping saves and costs beside models of real size: ``python -m fsampler_research.benchmarks.gpu``.

Needs CUDA; one model at a time fits a card of 80 GB. ``--device cpu --size tiny`` runs all of it in seconds, to try the
script out: its figures say nothing. The models are those of ``giants.py``, in bfloat16 under ComfyUI's conditions: a
float32 latent, one evaluation a call. Full and half runs alternate; times are medians.
"""

import argparse
import contextlib
import gc
import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from comfyui_fsampler.fsampler import Config
from comfyui_fsampler.fsampler.report import REAL, SKIP
from comfyui_fsampler.fsampler.run import begin
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import progress

from .cost import LiveBytes
from .giants import NETWORKS, SIZES
from .markdown import rows

FULL, HALF = "off", "calls:50%"
LEAST_STEPS = 10  # fewer leave no corrected REAL step at 50 %
ROOM = 1.4  # memory a model needs, in that of its weights


class Target(NamedTuple):
    """What a figure is called, how it is written, and the bound it has to keep (None: there is none)."""

    title: str
    form: str
    most: float | None = None
    least: float | None = None

    def met(self, value):
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    @property
    def bound(self):
        if self.most is None and self.least is None:
            return ""
        return f"<= {self.form.format(self.most)}" if self.least is None else f">= {self.form.format(self.least)}"

    def cell(self, value):
        return self.form.format(value) + (f", {'met' if self.met(value) else 'missed'}" if self.bound else "")


TARGETS = {
    "call_s": Target("one call", "{:.4f} s"),
    "real_ms": Target("added to a corrected REAL step", "{:.3f} ms"),
    "skip_ms": Target("one SKIP step", "{:.3f} ms"),
    "real_share": Target("added to a corrected REAL step, of a call", "{:.2%}", most=0.003),
    "skip_share": Target("one SKIP step, of a call", "{:.2%}", most=0.003),
    "syncs": Target("device syncs a step, the most", "{:.0f}", most=1),
    "extra_latents": Target("extra peak memory, float32 latents", "{:.1f}", most=6),
    "saved_share": Target("saved at 50 %, of the skipped calls' cost", "{:.1%}", least=0.97),
}


# -- what is run -------------------------------------------------------------------------------------------------


def denoiser(network, text):
    """``model(x, sigma)`` of a flow network; what it returns is new memory, which a CUDA graph's output is not."""

    def denoise(x, sigma):
        velocity = network(x.to(text.dtype), sigma, text)
        return x - sigma.reshape(-1, *[1] * (x.ndim - 1)) * velocity

    return denoise


class Graphed:
    """A network as one CUDA graph, captured at the shapes of ``x``, ``time`` and ``text``."""

    def __init__(self, network, *inputs):
        self.inputs = [tensor.clone() for tensor in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # libraries set themselves up outside the capture
                network(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = network(*self.inputs)

    def __call__(self, *inputs):
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.output


def variants(device):
    """How a network can be run: name to ``(network, *inputs) -> network``."""
    ways = {"eager": lambda network, *_: network}
    if device.type != "cuda":
        return ways | {"compile": lambda network, *_: torch.compile(network, backend="eager")}  # needs no C++ compiler
    return ways | {
        "CUDA graph": Graphed,
        "compile": lambda network, *_: torch.compile(network),
        "compile + CUDA graph": lambda network, *_: torch.compile(network, mode="reduce-overhead"),
    }


# -- how it is measured ------------------------------------------------------------------------------------------


class Watched:
    """A callable in its place; ``spans`` has what ``now()`` said before and after each call."""

    def __init__(self, inner, now):
        self.inner, self.now, self.spans = inner, now, []

    def __call__(self, x, sigma):
        before = self.now()
        result = self.inner(x, sigma)
        self.spans.append((before, self.now()))
        return result


class Run(NamedTuple):
    """One run: the kind of each evaluation, its span, and the span of the model's call within it (None in a SKIP)."""

    kinds: list
    spans: list
    calls: list

    def of_calls(self, length):
        return [length(*call) for call in self.calls if call]

    def own(self, length, chosen):
        """FSampler's share of the evaluations whose index is ``chosen``: the span less the call within it."""
        return [length(*self.spans[i]) - (length(*self.calls[i]) if self.calls[i] else 0) for i in chosen]


def run(model, x, sigmas, mode, now):
    """A ``Run`` of Euler; ``now`` makes the ends of the spans."""
    inner = Watched(model, now)
    skipping = begin(inner, sigmas, Config.parse(mode))
    outer = Watched(skipping, now)
    SOLVERS["euler"](outer, x, sigmas)
    kinds, calls = [record.kind for record in skipping.finish().records], iter(inner.spans)
    return Run(kinds, outer.spans, [next(calls) if kind == REAL else None for kind in kinds])


def after_gaps(kinds):
    """REAL steps that end a gap and are corrected, the dearest ones: all but the run's last, which is not."""
    return [i for i in range(1, len(kinds) - 1) if kinds[i - 1] == SKIP and kinds[i] == REAL]


def clock(device):
    """``(now, seconds between two)``: the device's own clock under CUDA, so that measuring stalls nothing."""
    if device.type != "cuda":
        return time.perf_counter, lambda begin, end: end - begin

    def now():
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    return now, lambda begin, end: begin.elapsed_time(end) / 1000


def settle(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(model, x, sigmas, mode):
    """``(Run, seconds on the wall)``."""
    now, _ = clock(x.device)
    settle(x.device)
    start = time.perf_counter()
    result = run(model, x, sigmas, mode, now)
    settle(x.device)
    return result, time.perf_counter() - start


@contextlib.contextmanager
def sync_count(device):
    """A function that says how many device syncs the code inside has made; torch warns of each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield lambda: sum("called a synchronizing CUDA operation" in str(entry.message) for entry in caught)
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")


def most_syncs(model, x, sigmas):
    """The most device syncs that FSampler makes in one step, the model's own not counted."""
    with sync_count(x.device) as count:
        result = run(model, x, sigmas, HALF, count)
    return max(result.own(lambda begin, end: end - begin, range(len(result.kinds))))


def peak_bytes(model, x, sigmas, mode):
    """Most memory alive during a run."""
    if x.device.type != "cuda":
        with LiveBytes() as memory:
            run(model, x, sigmas, mode, lambda: None)
        return memory.peak
    settle(x.device)
    torch.cuda.reset_peak_memory_stats(x.device)
    run(model, x, sigmas, mode, lambda: None)
    settle(x.device)
    return torch.cuda.memory_stats(x.device)["requested_bytes.all.peak"]  # what was asked for, without the rounding


def measure(model, x, sigmas, repeat):
    """The figures of ``TARGETS``, and how many steps were skipped. Raises RuntimeError where none is corrected."""
    for mode in (FULL, HALF):  # compilers and libraries set themselves up
        timed(model, x, sigmas, mode)
    _, length = clock(x.device)
    calls, real, skip, saved = [], [], [], []
    for _ in range(repeat):
        full, full_wall = timed(model, x, sigmas, FULL)
        half, half_wall = timed(model, x, sigmas, HALF)
        called, skipped = full.of_calls(length), [i for i, kind in enumerate(half.kinds) if kind == SKIP]
        if not after_gaps(half.kinds):
            raise RuntimeError(f"no gap was corrected ({' '.join(half.kinds)}); are the model's answers finite?")
        real += half.own(length, after_gaps(half.kinds))
        skip += half.own(length, skipped)
        calls += called
        saved.append((full_wall - half_wall) / (len(skipped) * statistics.median(called)))
    call_s, real_s, skip_s = (statistics.median(seconds) for seconds in (calls, real, skip))
    extra = peak_bytes(model, x, sigmas, HALF) - peak_bytes(model, x, sigmas, FULL)
    return {
        "call_s": call_s,
        "real_ms": 1000 * real_s,
        "skip_ms": 1000 * skip_s,
        "real_share": real_s / call_s,
        "skip_share": skip_s / call_s,
        "syncs": most_syncs(model, x, sigmas),
        "extra_latents": extra / (4 * x.numel()),
        "saved_share": statistics.median(saved),
        "skipped": len(skipped),
        "steps": len(sigmas) - 1,
    }


@torch.no_grad()
def measure_model(name, size, device, chosen, steps, repeat):
    """Figures of one model of that ``Size`` by variant; an empty dict where the card is too small."""
    kind = {"device": device, "dtype": torch.bfloat16}
    weights = 2 * sum(weight.numel() for weight in NETWORKS[name](size, device="meta").parameters())
    if device.type == "cuda" and ROOM * weights > torch.cuda.mem_get_info(device)[0]:
        sys.stdout.write(f"{name}: skipped, needs about {ROOM * weights / 2**30:.0f} GiB of free device memory\n\n")
        return {}
    torch.manual_seed(0)
    network = NETWORKS[name](size, **kind).requires_grad_(False)
    x, text = torch.randn(size.latent, device=device), torch.randn(1, *size.text, **kind)
    sigmas, figures = torch.linspace(1, 0, steps + 1), {}
    for variant in progress(chosen, len(chosen), f"variants of {name}"):
        ready = variants(device)[variant](network, x.to(text.dtype), torch.ones(1, device=device), text)
        figures[variant] = measure(denoiser(ready, text), x, sigmas, repeat)
        del ready
        torch.compiler.reset()
        gc.collect()  # a compiled network refers to itself
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return figures


# -- what is written ---------------------------------------------------------------------------------------------


def table(name, size, figures):
    """A model's Markdown table: a line for each figure, a column for each variant."""
    first = next(iter(figures.values()))
    body = [
        [target.title, target.bound, *(target.cell(found[key]) for found in figures.values())]
        for key, target in TARGETS.items()
    ]
    title = f"{name}, latent {'x'.join(map(str, size.latent))}, {first['skipped']} of {first['steps']} steps skipped"
    return f"{title}\n\n" + rows(["", "target", *figures], body)


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--size", default="full", choices=SIZES)
    parser.add_argument("--models", default=",".join(NETWORKS), help="default: %(default)s")
    parser.add_argument("--variants", help="default: " + ",".join(variants(torch.device("cuda"))))
    parser.add_argument("--steps", default=12, type=int, help=f"of a run, from {LEAST_STEPS}")
    parser.add_argument("--repeat", default=3, type=int, help="runs of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the figures")
    args = parser.parse_args(argv)
    args.device, args.models = torch.device(args.device), args.models.split(",")
    ways = variants(args.device)
    args.variants = list(ways) if args.variants is None else args.variants.split(",")
    for what, given, known in (("model", args.models, NETWORKS), ("variant", args.variants, ways)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown {what} {unknown[0]!r}; expected some of {','.join(known)}")
    if args.steps < LEAST_STEPS or args.repeat < 1:
        parser.error(f"{args.steps} steps, {args.repeat} repeats; expected {LEAST_STEPS} or more, and 1 or more")
    return args


def main(argv=None):
    args = parse(argv)
    if args.device.type == "cuda" and not torch.cuda.is_available():
        sys.stdout.write(
            f"skipped: torch {torch.__version__} finds no CUDA device; --device cpu --size tiny tries the script out\n"
        )
        return
    hardware = torch.cuda.get_device_name(args.device) if args.device.type == "cuda" else str(args.device)
    sys.stdout.write(f"{hardware}, torch {torch.__version__}, {args.steps} steps, {args.repeat} repeats\n\n")
    found = {"hardware": hardware, "torch": torch.__version__, "size": args.size, "repeat": args.repeat, "models": {}}
    for name in args.models:
        size = SIZES[args.size][name]
        figures = measure_model(name, size, args.device, args.variants, args.steps, args.repeat)
        if figures:
            found["models"][name] = figures
            sys.stdout.write(table(name, size, figures) + "\n")
            sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

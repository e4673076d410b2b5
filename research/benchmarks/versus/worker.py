"""ComfyUI's side: makes the runs it is told to, one after the other, in ComfyUI's own Python.

    python -m fsampler_research.benchmarks.versus.worker ANSWERS THREADS [ComfyUI's arguments]

Each line of stdin is a run (``RivalTask``, images, batch, seed, where the latents go); each line written to the file
descriptor ANSWERS says how many calls and seconds it took. stdout is for what packs print. THREADS 0: torch's default.
"""

import asyncio
import contextlib
import json
import os
import sys
import time

from ...demo.comfyui import checkout, enter, version
from .rivals import PACKS, RivalTask, named_packs
from .sampling import loaded, one_side_at_a_time, sample


def perform(job, images, batch, seed, path):
    """Make a run and write its latents; how many evaluations an image took (guidance counts as one), and seconds."""
    import torch
    from safetensors.torch import save_file

    from ...demo.problem import start

    base = loaded(job.model).model
    labels, drawn = start(images, seed, "flow", 1.0)  # an image's depend on the seed and its number alone
    network = base.diffusion_model
    before, seconds, parts = network.images, 0.0, []
    network.seen.clear()
    with one_side_at_a_time(base) if job.kind == "EasyCache" else contextlib.nullcontext():
        for first in range(0, images, batch):
            began = time.perf_counter()
            parts.append(sample(job, labels[first : first + batch], drawn[first : first + batch], seed))
            seconds += time.perf_counter() - began
    save_file({"latents": torch.cat(parts).float().cpu().contiguous()}, path)
    sides = 1 if job.cfg == 1 else 2
    return {"calls": (network.images - before) / (images * sides), "seconds": seconds}


def begin(arguments, threads):
    """Start ComfyUI; what is there: its version, and the other packs, by the variables that name their checkouts."""
    enter(*arguments)
    import comfy.samplers
    import torch
    from comfyui_fsampler.nodes.schedules import OWN

    import nodes

    if threads:
        torch.set_num_threads(threads)
    for name in {"bong_tangent"} - set(comfy.samplers.SCHEDULER_NAMES):  # as packs add theirs

        def sigmas(sampling, steps, name=name):
            return torch.tensor(OWN[name](sampling, steps))

        comfy.samplers.SCHEDULER_HANDLERS[name] = comfy.samplers.SchedulerHandler(sigmas)
        comfy.samplers.SCHEDULER_NAMES.append(name)
    for variable in named_packs():
        asyncio.run(nodes.load_custom_node(os.environ[variable]))
    packs = [variable for variable in named_packs() if PACKS[variable].node in nodes.NODE_CLASS_MAPPINGS]
    return {"comfyui": version(checkout()), "packs": packs}


def serve(answers, threads, *arguments):
    """Until stdin ends."""
    with os.fdopen(int(answers), "w") as out:
        out.write(json.dumps(begin(arguments, int(threads))) + "\n")
        out.flush()
        import torch

        with torch.inference_mode():
            for line in sys.stdin:
                asked = json.loads(line)
                out.write(json.dumps(perform(RivalTask(*asked.pop("job")), **asked)) + "\n")
                out.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])

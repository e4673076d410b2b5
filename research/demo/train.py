"""Train a demo model. ``demo/README.md`` has the exact commands that made the shipped weights.

Flow matching (Lipman et al. 2023, arXiv 2210.02747, eq. 23 with straight paths) on random crops of the photographs that
scikit-image carries, label dropout for classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598), an exponential
moving average of the weights. Runs on a CPU in bfloat16 autocast or on CUDA; ``--steps`` and ``--batch`` set the cost.
"""

import argparse
import copy
import math
import pathlib
import time

import torch
from comfyui_fsampler.tools.bar import Bar
from safetensors.torch import save_file

from .data import dataset
from .model import UNCONDITIONAL
from .problem import NETWORKS


def learning_rate(step, steps, peak, warmup=200):
    """Linear warm-up, then a cosine to zero."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def loss_at(network, images, labels, generator):
    """Mean squared velocity error at logit-normal times (Esser et al. 2024, arXiv 2403.03206, section 3.1)."""
    batch = images.shape[0]
    t = torch.sigmoid(torch.randn(batch, generator=generator)).to(images.device)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    dropped = (torch.rand(batch, generator=generator) < 0.1).to(images.device)
    labels = torch.where(dropped, UNCONDITIONAL, labels)
    t4 = t[:, None, None, None]
    x = ((1 - t4) * images + t4 * noise).to(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16):
        velocity = network(x, t, labels)
    return (velocity.float() - (noise - images)).square().mean()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="unet")
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=8e-4)
    parser.add_argument("--per-class", type=int, default=1500, help="random crops drawn from each photograph")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("model.safetensors"))
    parser.add_argument("--save-every", type=int, default=500)
    args = parser.parse_args(argv)

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    images, labels = dataset(args.per_class, args.seed)
    images = images.half()
    network = NETWORKS[args.network]().to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01)
    started, running = time.time(), None
    with Bar("steps", args.steps) as bar:
        for step in range(args.steps):
            index = torch.randint(len(images), (args.batch,), generator=generator)
            loss = loss_at(network, images[index].float().to(device), labels[index].to(device), generator)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, args.steps, args.lr)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            decay = min(args.ema, (step + 1) / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
            running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
            if step % 50 == 0:
                bar.set_description(f"loss {running:.4f}")
            if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
                weights = {name: value.half().contiguous().cpu() for name, value in average.state_dict().items()}
                minutes = (time.time() - started) / 60
                note = {"network": args.network, "steps": str(step + 1)}
                note |= {"loss": f"{running:.4f}", "minutes": f"{minutes:.0f}"}
                save_file(weights, args.out, metadata=note)
            bar.update()


if __name__ == "__main__":
    main()

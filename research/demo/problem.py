"""The demo model as samplers see it: ``model(x, sigma) -> denoised`` for flow, eps and v prediction, with guidance.

One velocity network serves all three exactly. On the flow path ``denoised = x - t v``. A variance-exploding state
``x = x0 + sigma noise`` is the flow state ``x / (1 + sigma)`` at ``t = sigma / (1 + sigma)``; the eps and v
parameterisations are changes of variable of the same estimate, so they differ in rounding only.
"""

import hashlib
import pathlib

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from .model import CLASSES, IMAGE_SIZE, UNCONDITIONAL, DemoNet
from .transformer import DemoDiT

NETWORKS = {"unet": DemoNet, "dit": DemoDiT}
WEIGHTS = pathlib.Path(__file__).with_name("model.safetensors")


def load_network(path=WEIGHTS, device="cpu"):
    """The trained network in float32, for inference; the file says which one. Raises ValueError if the file is missing,
    cut short or foreign."""
    try:
        weights, notes = load_file(str(path)), fingerprint(path)[1]
    except (OSError, SafetensorError) as error:
        raise ValueError(f"cannot read weights {str(path)!r}: {error}; expected model.safetensors") from error
    kind = notes.get("network", "unet")
    if kind not in NETWORKS:
        raise ValueError(f"weights {str(path)!r} are for a network {kind!r}; expected one of {', '.join(NETWORKS)}")
    network = NETWORKS[kind]()
    expected = {(name, value.shape) for name, value in network.state_dict().items()}
    found = {(name, value.shape) for name, value in weights.items()}
    if expected != found:
        odd = min(expected ^ found)[0]
        raise ValueError(f"weights {str(path)!r} do not fit the demo network: {odd!r} is missing, unknown or misshapen")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


class Denoiser:
    """``model(x [B, 3, 64, 64], sigma [B]) -> denoised``, classifier-free guidance included, counting its calls.

    guidance_difference: of the newest answer, the conditional one less the unconditional one; None at cfg 1.
    """

    def __init__(self, network, labels, prediction="flow", cfg=2.0):
        self.network, self.labels, self.prediction, self.cfg = network, labels, prediction, cfg
        self.calls = 0
        self.guidance_difference = None

    @torch.no_grad()
    def __call__(self, x, sigma):
        self.calls += 1
        sigma = sigma.to(x).reshape(-1, 1, 1, 1).expand(x.shape[0], 1, 1, 1)
        flow = self.prediction == "flow"
        state, t = (x, sigma) if flow else (x / (1 + sigma), sigma / (1 + sigma))
        velocity, guided = self._velocity(state, t)
        self.guidance_difference = None if guided is None else -t * guided
        if flow:
            return x - sigma * velocity
        if self.prediction == "eps":  # eps = state + (1 - t) v
            return x - sigma * (state + (1 - t) * velocity)
        return state - t * velocity  # v-prediction reaches x0 without the large x - sigma eps

    def _velocity(self, state, t):
        """The velocity, and the conditional one less the unconditional one; None at cfg 1."""
        state, t = state.contiguous(memory_format=torch.channels_last), t.flatten()
        if self.cfg == 1:
            return self.network(state, t, self.labels), None
        unconditional = torch.full_like(self.labels, UNCONDITIONAL)
        pair = self.network(torch.cat([state, state]), torch.cat([t, t]), torch.cat([self.labels, unconditional]))
        conditional, unconditional = pair.chunk(2)
        difference = conditional - unconditional
        return unconditional + self.cfg * difference, difference


def start(count, seed, prediction, sigma_max, size=IMAGE_SIZE):
    """Labels ``[count]`` (classes in turn) and states ``[count, 3, size, size]``; image i depends on the seed and i."""
    labels = torch.arange(count) % len(CLASSES)
    noise = torch.stack(
        [torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed * 100_003 + i)) for i in range(count)]
    )
    scale = sigma_max if prediction == "flow" else (1 + sigma_max**2) ** 0.5
    return labels, noise * scale


def to_pixels(denoised):
    """``[B, 3, H, W]`` in [-1, 1] to [0, 1]."""
    return (denoised.float() / 2 + 0.5).clamp(0, 1)


def fingerprint(path=WEIGHTS):
    """First eight hex digits of the weights' SHA-256, and the training notes stored in the file."""
    with safe_open(str(path), "pt") as file:
        notes = file.metadata() or {}
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:8], notes

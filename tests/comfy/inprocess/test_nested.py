"""Latents of several tensors (video with sound): ComfyUI packs them flat, ``[B, 1, N]``, in front of the sampler."""

import pytest
import rig
import torch

nested_tensor = pytest.importorskip("comfy.nested_tensor", reason="this version has no NestedTensor")
import comfy.utils  # noqa: E402

SHAPES = [(1, 3, 32, 32), (1, 3, 16, 32)]


def model():
    """The demo model on two pictures in one, the second below the first."""
    found = rig.model()

    def unpacked(apply, arguments):
        flat = arguments["input"]
        assert flat.shape[1:] == (1, 3 * 48 * 32)
        pictures = comfy.utils.unpack_latents(flat, [(len(flat), *shape[1:]) for shape in SHAPES])
        out = apply(torch.cat(pictures, dim=2), arguments["timestep"], **arguments["c"])
        return comfy.utils.pack_latents([out[:, :, :32], out[:, :, 32:]])[0]

    found.set_model_unet_function_wrapper(unpacked)
    return found


def latent():
    return {"samples": nested_tensor.NestedTensor([torch.zeros(shape) for shape in SHAPES])}


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m", "euler_ancestral"])
def test_nested(sampler):
    given = dict(latent_image=latent(), sampler_name=sampler)
    full = rig.core(model(), **given).unbind()
    off, _ = rig.ours(model(), "off", **given)
    assert all(map(torch.equal, off.unbind(), full))
    (fast, report), made = rig.counted(rig.model(), lambda: rig.ours(model(), custom_mode="calls:7", **given))
    assert made == report.calls and report.sequence.count("R") == 7
    assert [tuple(part.shape) for part in fast.unbind()] == SHAPES
    assert all(rig.psnr(a, b) > 15 for a, b in zip(full, fast.unbind(), strict=True))

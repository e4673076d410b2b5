"""Batches and what else travels in a latent."""

import pytest
import rig
import torch
from comfyui_fsampler import NODE_CLASS_MAPPINGS as OURS

SIX_OF_EIGHT = "calls:6"


def whole(model, latent_image):
    """The whole latent dict of KSampler (FSampler)."""
    given = rig.DEFAULTS | rig.conditionings() | dict(latent_image=latent_image, steps=8)
    return OURS["FSamplerKSampler"]().sample(model, "balanced", SIX_OF_EIGHT, **given)[0]


def test_batch_of_four(prediction):
    given = dict(latent_image=rig.latent(4), steps=8)
    model = rig.model(prediction)
    full = rig.core(model, **given)
    assert torch.equal(rig.ours(model, "off", **given)[0], full)
    fast, report = rig.ours(model, custom_mode=SIX_OF_EIGHT, **given)
    assert report.sequence.count("S") == 2 and fast.shape == (4, 3, rig.SIZE, rig.SIZE)
    assert min(rig.psnr(a, b) for a, b in zip(full, fast, strict=True)) > 15


def test_batch_index_picks_the_same_noise():
    """Image 2 of four, made alone with its batch_index, is image 2."""
    model, four = rig.model(), rig.latent(4)
    together = whole(model, four)["samples"]
    alone = whole(model, {"samples": four["samples"][2:3], "batch_index": [2]})
    assert alone["batch_index"] == [2]
    assert rig.psnr(together[2:3], alone["samples"]) > 50  # rounding differs with the size of a batch
    assert rig.psnr(together[1:2], alone["samples"]) < 25


def test_the_other_keys_of_a_latent_are_kept():
    mask = torch.ones(1, 1, rig.SIZE, rig.SIZE)
    given = {"samples": rig.latent()["samples"], "noise_mask": mask, "batch_index": [0], "note": "mine"}
    result = whole(rig.model(), given)
    assert result["noise_mask"] is mask and result["batch_index"] == [0] and result["note"] == "mine"
    assert not given["samples"].any()  # the input is not written to


@pytest.mark.parametrize("size", [(32, 16), (48, 32)])
def test_other_sizes(size):
    latent_image = {"samples": torch.zeros(1, 3, *size)}
    model = rig.model()
    full = rig.core(model, latent_image=latent_image)
    fast, _ = rig.ours(model, custom_mode="calls:8", latent_image=latent_image)
    assert fast.shape == full.shape and rig.psnr(full, fast) > 25

"""Which parts a flat latent has, by what ComfyUI says of it."""

from types import SimpleNamespace

import comfy.conds
import pytest
import rig
import torch
from comfyui_fsampler.nodes.parts import parts_of

SHAPES = [(2, 3, 8, 8), (2, 0, 4), (2, 3, 4, 8)]  # without sound, a part may be empty
PACK = torch.zeros(2, 1, 288)


def guider(said=None, kept=None):
    """One whose conditionings carry the shapes, as from 0.8.0 on, or whose model keeps them, as in 0.33.0."""
    cond = {"model_conds": {} if said is None else {"latent_shapes": comfy.conds.CONDConstant(said)}}
    model = SimpleNamespace() if kept is None else SimpleNamespace(latent_shapes=kept)
    return SimpleNamespace(conds={"negative": [], "positive": [{"model_conds": {}}, cond]}, inner_model=model)


@pytest.mark.parametrize("where", [{"said": SHAPES}, {"kept": SHAPES}, {"said": [(2, 1, 9)], "kept": SHAPES}])
def test_the_parts_of_a_pack(where):
    assert parts_of(guider(**where), PACK) == ([192, 96], None)


@pytest.mark.parametrize("where", [{}, {"said": [(2, 3, 8, 8)]}, {"kept": [(2, 3, 8, 8), (2, 9)]}])
def test_a_pack_of_which_nothing_fitting_is_said(where):
    sizes, note = parts_of(guider(**where), PACK)
    assert sizes == [] and note.code == "parts-unknown"


def test_a_latent_that_is_one():
    assert parts_of(guider(), torch.zeros(2, 3, 8, 8)) == parts_of(guider(), torch.zeros(2, 64, 90)) == ([], None)
    assert parts_of(guider(kept=[PACK.shape]), PACK)[1] is None  # 0.33.0 says so of every latent


SIZES = [2 * rig.SIZE**2, rig.SIZE**2]


def flat():
    """The demo model on a picture that is laid out flat, as a pack of two would be."""
    model = rig.model()

    def unpacked(apply, arguments):
        x, others = arguments["input"], {k: v for k, v in arguments["c"].items() if k != "latent_shapes"}
        picture = apply(x.reshape(len(x), 3, rig.SIZE, rig.SIZE), arguments["timestep"], **others)
        return picture.reshape(x.shape)

    model.set_model_unet_function_wrapper(unpacked)
    return model


@pytest.mark.parametrize("said", [True, False])
def test_a_run_judges_the_parts_that_it_knows(said, monkeypatch):
    model = flat()
    if said:  # as models of video and sound do from 0.8.0 on
        shapes, given = comfy.conds.CONDConstant([(1, 1, size) for size in SIZES]), model.model.extra_conds
        monkeypatch.setattr(model.model, "extra_conds", lambda **more: given(**more) | {"latent_shapes": shapes})
    # not empty, for ComfyUI gives an empty latent the channels of the model
    latent = {"samples": torch.full((1, 1, sum(SIZES)), 1e-4)}
    _, report = rig.ours(model, custom_mode="calls:8", latent_image=latent, steps=12)
    known = said or hasattr(model.model, "latent_shapes")  # 0.33.0 says of every latent what it is
    assert report.calls == 8 and [note.code for note in report.notes] == ([] if known else ["parts-unknown"])
    assert [part.size for part in report.parts] == (SIZES if said else [])
    assert all(max(part.curvatures.values()) > 0 for part in report.parts)
    assert ("; part " in report.line()) == ("\npart " in report.outcome()) == said
    assert rig.ours(model, "off", latent_image=latent)[1].notes == []
    _, recorded = rig.ours(model, "record", latent_image=latent, steps=12)
    assert [note.code for note in recorded.notes] == (["not-recorded"] if said else [] if known else ["parts-unknown"])
    assert (recorded.recording is None) == said

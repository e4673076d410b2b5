"""Another cache on the same model: FSampler stands aside, and the report names the other one."""

import pytest
import rig
import torch

GIVEN = dict(reuse_threshold=0.1, start_percent=0.15, end_percent=0.95, verbose=False)


def cached(name):
    return rig.node("nodes_easycache", f"{name}Node", model=rig.model(), **GIVEN)[0]


def told(report):
    """The one note of a run that is left to another cache."""
    (note,) = report.notes
    assert note.code == "another-cache" and note.text.startswith("runs in full: ") and "remove" in note.text
    assert set(report.sequence) == {"R"}
    return note.text


@pytest.mark.parametrize("name", ["EasyCache", "LazyCache"])
@pytest.mark.parametrize("mode", ["calls:8", "balanced", "h2/s2"])
def test_beside_a_cache_of_core_the_run_is_that_cache_alone(name, mode):
    samples, report = rig.ours(cached(name), custom_mode=mode)
    other = {"EasyCache": "LazyCache", "LazyCache": "EasyCache"}[name]
    assert name in told(report) and other not in told(report)
    assert torch.equal(samples, rig.core(cached(name)))


@pytest.mark.parametrize("name", ["EasyCache", "LazyCache"])
def test_off_beside_a_cache_has_nothing_to_say(name):
    samples, report = rig.ours(cached(name), "off")
    assert torch.equal(samples, rig.core(cached(name))) and not report.notes


MARKS = {"teacache": "TeaCache", "enable_mag_cache": "MagCache"}
MARKS |= {key: "CacheDiT" for key in ("cache_dit_turbo", "ltx2_cache", "wan_cache")}


@pytest.mark.parametrize(("key", "name"), MARKS.items())
def test_caches_of_other_packs_by_their_mark(key, name):
    model = rig.model()
    model.model_options["transformer_options"][key] = {"threshold": 0.1}
    assert name in told(rig.ours(model, custom_mode="calls:8")[1])


@pytest.mark.parametrize("function, name", [("teacache_wrapper", "TeaCache"), ("spectrum_unet_wrapper", "Spectrum")])
def test_a_function_wrapper_of_another_pack(function, name):
    def wrapper(apply, arguments):
        return apply(arguments["input"], arguments["timestep"], **arguments["c"])

    wrapper.__qualname__ = f"Node.patch.<locals>.{function}"
    model = rig.model()
    model.set_model_unet_function_wrapper(wrapper)
    assert name in told(rig.ours(model, custom_mode="calls:8")[1])


@pytest.mark.parametrize("name", ["QwenImage21Cache", "BlockSparseAttention", "CLIPTextEncodeCache"])
def test_what_is_cached_or_spared_within_a_call_is_no_concern(name):
    """Keys and values of the prompt, for example: no step is skipped by them."""

    def wrapper(apply, arguments):
        return apply(arguments["input"], arguments["timestep"], **arguments["c"])

    wrapper.__qualname__ = f"{name}.patch.<locals>.wrapper"
    model = rig.model()
    model.set_model_unet_function_wrapper(wrapper)
    model.model_options["transformer_options"][name] = {"kv": []}
    _, report = rig.ours(model, custom_mode="calls:8")
    assert report.calls == 8 and not report.notes


def test_no_cache_no_note():
    _, report = rig.ours(rig.model(), custom_mode="calls:8")
    assert not report.notes

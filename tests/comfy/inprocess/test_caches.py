"""Another cache on the same model: the user is told, in the log and in the report."""

import pytest
import rig
import torch

GIVEN = dict(reuse_threshold=0.1, start_percent=0.15, end_percent=0.95, verbose=False)


def cached(name):
    return rig.node("nodes_easycache", f"{name}Node", model=rig.model(), **GIVEN)[0]


def warnings(caplog):
    ours = (r for r in caplog.records if r.name.startswith("comfyui_fsampler"))
    return [r.getMessage() for r in ours if r.levelname == "WARNING"]


@pytest.mark.parametrize("name", ["EasyCache", "LazyCache"])
def test_cores_caches(name, caplog):
    samples, report = rig.ours(cached(name), custom_mode="calls:8")
    (warning,) = warnings(caplog)
    other = {"EasyCache": "LazyCache", "LazyCache": "EasyCache"}[name]
    assert name in warning and other not in warning and "errors add up" in warning
    assert warning.removeprefix("FSampler: ") in [*map(str, report.notes)] and name in report.line()
    assert report.sequence.count("R") == 8 and torch.isfinite(samples).all()


@pytest.mark.parametrize("name", ["EasyCache", "LazyCache"])
def test_off_beside_a_cache_is_that_cache_alone(name, caplog):
    samples, report = rig.ours(cached(name), "off")
    assert torch.equal(samples, rig.core(cached(name))) and not warnings(caplog) and not report.notes


@pytest.mark.parametrize(("key", "name"), [("teacache", "TeaCache"), ("enable_mag_cache", "MagCache")])
def test_caches_of_other_packs_by_their_mark(key, name, caplog):
    model = rig.model()
    model.model_options["transformer_options"][key] = {"threshold": 0.1}
    rig.ours(model, custom_mode="calls:8")
    assert name in warnings(caplog)[0]


def test_a_function_wrapper_of_another_pack(caplog):
    def teacache_wrapper(apply, arguments):
        return apply(arguments["input"], arguments["timestep"], **arguments["c"])

    model = rig.model()
    model.set_model_unet_function_wrapper(teacache_wrapper)
    rig.ours(model, custom_mode="calls:8")
    assert "TeaCache" in warnings(caplog)[0]


def test_no_cache_no_warning(caplog):
    _, report = rig.ours(rig.model(), custom_mode="calls:8")
    assert not warnings(caplog) and not report.notes

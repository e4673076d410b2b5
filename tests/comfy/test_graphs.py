"""Whole graphs on the demo model: what they save, show and report."""

import io
import json
import math
import re

import numpy
import pytest
import torch
from comfyui_fsampler.fsampler import sample
from comfyui_fsampler.samplers import SOLVERS
from fsampler_research.demo.model import CLASSES
from fsampler_research.demo.problem import Denoiser, load_network, to_pixels
from fsampler_research.demo.schedules import sigmas_for
from graphs import SEED, STEPS, compared, custom, decoded, ksampler, ours, ours_graph, report, sources
from PIL import Image

LINE = re.compile(r"FSampler (\S+): (\d+)/(\d+) calls \((\d+) % skipped\)")


def calls(text):
    """Mode, model calls and evaluations of a report's line."""
    mode, made, asked, _ = LINE.match(text).groups()
    return mode, int(made), int(asked)


def files(server, run, *nodes):
    """The bytes of the first image of each node."""
    return [server.image(run.history["outputs"][node]["images"][0]) for node in nodes]


def picture(data):
    return Image.open(io.BytesIO(data))


def varied(image):
    """More than one flat colour."""
    return all(low + 40 < high for low, high in image.convert("RGB").getextrema())


@pytest.mark.parametrize("prediction", ["flow", "eps", "v"])
def test_the_demo_model_is_the_demos(prediction, client, server):
    """Core's KSampler in ComfyUI and the demo's own loop, from the same noise, give the same picture."""
    run = client.success({**sources(prediction), "sampler": ksampler(), **decoded("sampler")})
    saved = numpy.asarray(picture(*files(server, run, "image")), float)
    sigmas = sigmas_for("simple", prediction, STEPS)
    noise = torch.randn(1, 3, 64, 64, generator=torch.manual_seed(SEED))
    model = Denoiser(load_network(), torch.tensor([CLASSES.index("cat")]), prediction, cfg=2.0)
    start = noise * (sigmas[0] if prediction == "flow" else (1 + sigmas[0] ** 2) ** 0.5)
    pixels = 255 * to_pixels(sample(SOLVERS["euler"], model, start, sigmas, "off")[0])[0].movedim(0, -1).numpy()
    assert abs(saved - pixels).mean() < 1


@pytest.mark.parametrize("prediction", ["flow", "eps", "v"])
@pytest.mark.parametrize("sampler_name", ["euler", "dpmpp_2m", "heun", "euler_ancestral"])
def test_off_saves_cores_file_byte_for_byte(prediction, sampler_name, client, server):
    """Both in one graph: the files hold the prompt."""
    given = dict(sampler_name=sampler_name, steps=8)
    graph = compared(ksampler(**given), ours("off", **given)) | sources(prediction)
    run = client.success(graph)
    full, ours_ = files(server, run, "full image", "fast image")
    assert full == ours_
    assert varied(picture(full))
    assert run.text("compare") == "SSIM 1.0000, PSNR inf dB (identical)"


@pytest.mark.parametrize("mode", ["quality", "balanced", "fast", "turbo", "h2/s2", "adaptive"])
def test_a_fast_run_saves_an_image_and_says_what_it_did(mode, client, server):
    shown = {"chart": {"class_type": "PreviewImage", "inputs": {"images": ["report", 2]}}}
    run = client.success(ours_graph(mode) | shown)
    said, made, asked = calls(run.text("report"))
    assert (said, asked) == (mode, STEPS)
    assert made < STEPS
    image, chart = map(picture, files(server, run, "image", "chart"))
    assert image.size == (64, 64) and varied(image)
    assert chart.width > 300 and varied(chart)


def test_faster_modes_call_less_and_stay_close(client, server):
    made, similar = [], []
    for mode in ("off", "quality", "turbo"):
        run = client.success(compared(ksampler(), ours(mode)) | report("fast"))
        made.append(calls(run.text("report"))[1])
        similar.append(float(re.match(r"SSIM (\S+),", run.text("compare"))[1]))
    assert made[0] == STEPS and made[0] > made[1] > made[2]
    assert similar[0] == 1 and similar[1] > 0.95 and similar[1] > similar[2]


def test_the_report_as_text_and_json(client):
    graph = ours_graph("fast")
    graph["text"] = {"class_type": "PreviewAny", "inputs": {"source": ["report", 0]}}
    graph["json"] = {"class_type": "PreviewAny", "inputs": {"source": ["report", 1]}}
    run = client.success(graph)
    data = json.loads(run.text("json"))
    assert data["mode"] == "fast" and data["evaluations"] == len(data["records"]) == STEPS
    assert calls(run.text("report"))[1] == data["calls"] == data["sequence"].count("R")
    assert len(run.text("text").splitlines()) == STEPS + 2  # a heading, a row a step, the line
    assert run.text("text").splitlines()[-1] == run.text("report")


def test_the_compare_shows_figures_and_a_heat_map(client, server):
    run = client.success(compared(ksampler(), ksampler(seed=99)))
    similarity, noise = map(float, re.fullmatch(r"SSIM (\S+), PSNR (\S+) dB", run.text("compare")).groups())
    full, other, map_ = map(picture, files(server, run, "full image", "fast image", "compare"))
    difference = numpy.asarray(full, float) - numpy.asarray(other, float)
    assert noise == pytest.approx(10 * math.log10(255**2 / (difference**2).mean()), abs=0.1)
    assert similarity < 0.9
    assert map_.size == (64, 64) and varied(map_)


def test_a_model_patch_speeds_up_a_core_ksampler(client):
    """The patch node runs once; its report is of each sampling."""
    for steps in (STEPS, STEPS + 2):
        run = client.success(
            {
                **sources(),
                "patch": {"class_type": "FSamplerModel", "inputs": {"model": ["model", 0], "mode": "balanced"}},
                "sampler": ksampler(model=["patch", 0], steps=steps),
                **decoded("sampler"),
                **report("patch", "sampler"),
            }
        )
        mode, made, asked = calls(run.text("report"))
        assert (mode, asked) == ("balanced", steps) and made < steps


def test_model_patch_and_ksampler_give_the_same_image(client, server):
    patched = {
        "patch": {"class_type": "FSamplerModel", "inputs": {"model": ["model", 0], "mode": "fast"}},
        **compared(ksampler(model=["patch", 0]), ours("fast")),
    }
    full, fast = files(server, client.success(patched), "full image", "fast image")
    assert full == fast


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m_sde", "res_multistep"])
def test_a_wrapped_sampler_with_a_guider(name, client, server):
    run = client.success(
        custom(
            "skipping",
            chosen={"class_type": "KSamplerSelect", "inputs": {"sampler_name": name}},
            skipping={"class_type": "FSamplerSampler", "inputs": {"sampler": ["chosen", 0], "mode": "fast"}},
            **report("skipping", "sampling"),
        )
    )
    mode, made, asked = calls(run.text("report"))
    assert (mode, asked) == ("fast", STEPS) and made <= STEPS
    assert name == "dpmpp_2m_sde" or made < STEPS
    assert varied(picture(*files(server, run, "image")))


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_with_and_without_skipping(name, client, server):
    images = []
    for mode in ("off", "quality"):
        run = client.success(
            custom(
                "solver",
                solver={
                    "class_type": "FSamplerSolver",
                    "inputs": {"solver": name, "eta": 0.0, "order": 4, "mode": mode},
                },
                **report("solver", "sampling"),
            )
        )
        said, made, asked = calls(run.text("report"))
        assert said == mode and (made == asked if mode == "off" else made < asked)
        images.append(picture(*files(server, run, "image")))
    assert all(map(varied, images))


def test_the_cached_sampler_is_not_run_again_and_the_report_stays(client, server):
    graph = ours_graph("fast", seed=77)
    first = client.success(graph)
    start = len(server.log())
    second = client.success(graph)
    assert not second.steps("sampler")
    assert "FSampler fast" not in server.log(start)
    assert second.text("report") == first.text("report") and calls(second.text("report"))[1] < STEPS


def test_a_report_that_waits_for_nothing_says_what_to_connect(client):
    run = client.success(
        {
            **sources("v"),
            "patch": {"class_type": "FSamplerModel", "inputs": {"model": ["model", 0], "mode": "turbo"}},
            **report("patch"),
        }
    )
    assert "connect its latent" in run.text("report")


def test_prompts_saved_with_the_original_pack_run(client, server):
    """As its versions saved them: FSampler's 1.5.0, FSamplerAdvanced's 1.0.2, FSamplerSelect's 1.5.0."""
    links = dict(model=["model", 0], positive=["positive", 0], negative=["negative", 0], latent_image=["latent", 0])
    common = dict(steps=STEPS, scheduler="simple", denoise=1.0, verbose=False)
    skips = dict(
        protect_first_steps=2,
        protect_last_steps=2,
        adaptive_mode="learning",
        smoothing_beta=0.999,
        skip_indices="",
        anchor_interval=4,
        max_consecutive_skips=4,
        noise_type="whitened",
        no_grad=True,
        official_comfy=True,
    )
    graph = {
        **sources(),
        "plain": {
            "class_type": "FSampler",
            "inputs": {
                **links,
                **common,
                "seed": SEED,
                "cfg": 2.0,
                "sampler": "euler",
                "skip_mode": "h2/s2",
                "add_noise": 0.0,
            },
        },
        "advanced": {
            "class_type": "FSamplerAdvanced",
            "inputs": {
                **links,
                **common,
                **skips,
                "seed": SEED,
                "cfg": 2.0,
                "sampler": "res_2m",
                "skip_mode": "h2/s3",
                "add_noise": 0.0,
                "start_at_step": -1,
                "end_at_step": -1,
            },
        },
        "select": {
            "class_type": "FSamplerSelect",
            "inputs": {
                **common,
                **skips,
                "model": ["model", 0],
                "sampler": "dpmpp_2m",
                "skip_mode": "adaptive",
                "add_noise": 0.0,
                "sigma_aware": False,
                "extrapolate_denoised": False,
            },
        },
        "selected": {
            "class_type": "SamplerCustom",
            "inputs": {
                **links,
                "add_noise": True,
                "noise_seed": SEED,
                "cfg": 2.0,
                "sampler": ["select", 0],
                "sigmas": ["select", 1],
            },
        },
        **decoded("plain", "image"),
        **decoded("advanced", "image 2"),
        **decoded("selected", "image 3"),
    }
    start = len(server.log())
    run = client.success(graph)
    assert all(varied(picture(data)) for data in files(server, run, "image", "image 2", "image 3"))
    lines = [found[0] for found in map(LINE.search, server.log(start).splitlines()) if found]
    assert len(lines) == 3
    assert all(made < asked for _, made, asked in map(calls, lines)), lines

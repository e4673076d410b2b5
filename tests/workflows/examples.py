"""The example workflows. Writes ``example_workflows/*.json`` and ``example_workflows/api/*.json``:

    python tests/workflows/examples.py http://127.0.0.1:8188

with the server of the oldest ComfyUI that the pack supports, which has the pack installed.
"""

import json
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from graph import Graph  # noqa: E402

FOLDER = Path(__file__).parents[2] / "example_workflows"
HUB = "https://huggingface.co"
PREVIEW = 380  # pixels of height for a picture inside a node

MODES = """## FSampler

**mode** on the FSampler node is the only knob:

| mode | for |
|---|---|
| quality | nearly the full run |
| balanced | the default |
| fast, turbo | drafts |
| off | the plain sampler, bit for bit |

**FSampler Report** shows which steps called the model.
It waits for the latent, so keep both of its links.
"""


def models(graph, height, *files):
    """A note that says which file goes where; ``files`` are (folder, URL). ComfyUI offers those that are missing."""
    lines = ["## Models", ""]
    for folder, url in files:
        name = url.rsplit("/", 1)[-1]
        lines.append(f"- models/{folder}: [{name}]({url})")
        graph.files[name] = {"name": name, "url": url, "directory": folder}
    graph.note("\n".join(lines) + "\n", height)


def sdxl_inputs(graph, positive, *notes):
    """The loader, both prompts and the latent of SDXL base."""
    graph.group("Model and prompt")
    models(
        graph,
        110,
        ("checkpoints", f"{HUB}/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors"),
    )
    for text, height in notes:
        graph.note(text, height)
    graph.column()
    checkpoint = graph.add("CheckpointLoaderSimple", wide=400, ckpt_name="sd_xl_base_1.0.safetensors")
    prompt = graph.add("CLIPTextEncode", "Positive prompt", 400, 120, clip=checkpoint["CLIP"], text=positive)
    negative = graph.add("CLIPTextEncode", "Negative prompt", 400, 80, clip=checkpoint["CLIP"], text="text, watermark")
    latent = graph.add("EmptyLatentImage", wide=400, width=1024, height=1024)
    inputs = {"positive": prompt["CONDITIONING"], "negative": negative["CONDITIONING"]}
    return checkpoint, {"model": checkpoint["MODEL"], "latent_image": latent["LATENT"], **inputs}


SDXL_SAMPLING = {"steps": 25, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal"}


def report(graph, source, latent, title=None):
    graph.add("FSamplerReport", title, 480, PREVIEW, report=source["report"], latent=latent)


def sdxl(graph):
    checkpoint, inputs = sdxl_inputs(
        graph, "a lighthouse on a cliff at dusk, waves below, last light on the clouds, photograph", (MODES, 280)
    )
    graph.group("Sample")
    sampler = graph.add("FSamplerKSampler", seed=20, control="randomize", **SDXL_SAMPLING, **inputs)
    graph.group("Result")
    image = graph.add("VAEDecode", wide=480, samples=sampler["latent"], vae=checkpoint["VAE"])
    graph.add("SaveImage", wide=480, room=PREVIEW, images=image["IMAGE"], filename_prefix="fsampler_sdxl")
    graph.column()
    report(graph, sampler, sampler["latent"])


AB = """## A full run beside a fast one

Both samplers take the same seed, prompt and settings; only **mode** differs.

- *Full run*: mode off, every step calls the model.
- *Fast run*: change its mode and queue again. The full run is not repeated.

**FSampler Compare** gives SSIM (1 is identical) and PSNR, and shows where the two differ.
**FSampler Report** shows what the fast run skipped.
"""


def compare(graph):
    checkpoint, inputs = sdxl_inputs(
        graph, "a heron in a misty pond at sunrise, reeds in the foreground, photograph", (AB, 210)
    )
    graph.group("Two runs of one seed")
    seed = graph.add("PrimitiveInt", "Seed of both", value=7)
    full = graph.add("FSamplerKSampler", "Full run", seed=seed["INT"], **SDXL_SAMPLING, **inputs, mode="off")
    fast = graph.add("FSamplerKSampler", "Fast run", seed=seed["INT"], **SDXL_SAMPLING, **inputs, mode="fast")
    graph.group("Images")
    images = []
    for sampler, title, prefix in ((full, "Full image", "fsampler_full"), (fast, "Fast image", "fsampler_fast")):
        decoded = graph.add("VAEDecode", wide=420, samples=sampler["latent"], vae=checkpoint["VAE"])
        graph.add("SaveImage", title, 420, PREVIEW, images=decoded["IMAGE"], filename_prefix=prefix)
        images.append(decoded["IMAGE"])
    graph.group("How close they are")
    graph.add("FSamplerCompare", None, 480, PREVIEW, reference=images[0], image=images[1])
    report(graph, fast, fast["latent"], "What the fast run skipped")


DRAFT = """## Draft, then final

1. Leave **mode** on *turbo* and queue until you like a picture. For a new one each time, set
   *control after generate* to *randomize*.
2. Keep its **seed**: set *control after generate* to *fixed*.
   (A saved image brings its workflow and its seed back.)
3. Set **mode** to *off* and queue once more: the full run of the same seed.

The draft is an approximation of exactly this final picture, not another one.
*balanced* is often final enough.
"""


def draft(graph):
    checkpoint, inputs = sdxl_inputs(
        graph, "a wooden boat on a calm lake, mountains behind, autumn forest, photograph", (DRAFT, 210)
    )
    graph.group("One switch: mode")
    sampler = graph.add("FSamplerKSampler", "Draft or final", 400, seed=7, **SDXL_SAMPLING, **inputs, mode="turbo")
    graph.group("Result")
    image = graph.add("VAEDecode", wide=480, samples=sampler["latent"], vae=checkpoint["VAE"])
    graph.add("SaveImage", wide=480, room=PREVIEW, images=image["IMAGE"], filename_prefix="fsampler_draft")
    graph.column()
    report(graph, sampler, sampler["latent"])


def flux(graph):
    graph.group("Model and prompt")
    models(
        graph,
        160,
        ("diffusion_models", f"{HUB}/Comfy-Org/flux1-dev/resolve/main/flux1-dev.safetensors"),
        ("text_encoders", f"{HUB}/comfyanonymous/flux_text_encoders/resolve/main/clip_l.safetensors"),
        ("text_encoders", f"{HUB}/comfyanonymous/flux_text_encoders/resolve/main/t5xxl_fp16.safetensors"),
        ("vae", f"{HUB}/Comfy-Org/Lumina_Image_2.0_Repackaged/resolve/main/split_files/vae/ae.safetensors"),
    )
    graph.note(MODES, 280)
    graph.column()
    model = graph.add("UNETLoader", wide=400, unet_name="flux1-dev.safetensors", weight_dtype="default")
    clip = graph.add(
        "DualCLIPLoader",
        wide=400,
        clip_name1="clip_l.safetensors",
        clip_name2="t5xxl_fp16.safetensors",
        type="flux",
        device="default",
    )
    vae = graph.add("VAELoader", wide=400, vae_name="ae.safetensors")
    prompt = graph.add(
        "CLIPTextEncode",
        "Prompt",
        400,
        120,
        clip=clip["CLIP"],
        text="A narrow street in an old town after rain, warm light from a bakery window on the wet cobblestones, "
        "a bicycle leaning against the wall, early morning.",
    )
    graph.group("Sample")
    guidance = graph.add("FluxGuidance", conditioning=prompt["CONDITIONING"], guidance=3.5)
    skipping = graph.add("FSamplerModel", model=model["MODEL"])
    guider = graph.add("BasicGuider", model=skipping["model"], conditioning=guidance["CONDITIONING"])
    noise = graph.add("RandomNoise", noise_seed=20, control="randomize")
    graph.column()
    method = graph.add("KSamplerSelect", sampler_name="euler")
    sigmas = graph.add("BasicScheduler", model=skipping["model"], scheduler="simple", steps=20)
    latent = graph.add("EmptySD3LatentImage", width=1024, height=1024)
    sampler = graph.add(
        "SamplerCustomAdvanced",
        noise=noise["NOISE"],
        guider=guider["GUIDER"],
        sampler=method["SAMPLER"],
        sigmas=sigmas["SIGMAS"],
        latent_image=latent["LATENT"],
    )
    graph.group("Result")
    image = graph.add("VAEDecode", wide=480, samples=sampler["output"], vae=vae["VAE"])
    graph.add("SaveImage", wide=480, room=PREVIEW, images=image["IMAGE"], filename_prefix="fsampler_flux")
    graph.column()
    report(graph, skipping, sampler["output"])


def qwen(graph):
    hub = f"{HUB}/Comfy-Org/Qwen-Image_ComfyUI/resolve/main/split_files"
    graph.group("Model and prompt")
    models(
        graph,
        140,
        ("diffusion_models", f"{hub}/diffusion_models/qwen_image_fp8_e4m3fn.safetensors"),
        ("text_encoders", f"{hub}/text_encoders/qwen_2.5_vl_7b_fp8_scaled.safetensors"),
        ("vae", f"{hub}/vae/qwen_image_vae.safetensors"),
    )
    graph.note(MODES, 280)
    graph.column()
    model = graph.add("UNETLoader", wide=400, unet_name="qwen_image_fp8_e4m3fn.safetensors", weight_dtype="default")
    clip = graph.add(
        "CLIPLoader", wide=400, clip_name="qwen_2.5_vl_7b_fp8_scaled.safetensors", type="qwen_image", device="default"
    )
    vae = graph.add("VAELoader", wide=400, vae_name="qwen_image_vae.safetensors")
    prompt = graph.add(
        "CLIPTextEncode",
        "Positive prompt",
        400,
        120,
        clip=clip["CLIP"],
        text='A small bookshop at night seen from the street, a wooden sign above the door says "Tomorrow\'s Pages", '
        "stacks of books behind the glass, snow falling.",
    )
    negative = graph.add("CLIPTextEncode", "Negative prompt", 400, 80, clip=clip["CLIP"], text="")
    graph.group("Sample")
    shifted = graph.add("ModelSamplingAuraFlow", model=model["MODEL"], shift=3.1)
    skipping = graph.add("FSamplerModel", model=shifted["MODEL"])
    latent = graph.add("EmptySD3LatentImage", width=1328, height=1328)
    graph.column()
    sampler = graph.add(
        "KSampler",
        model=skipping["model"],
        seed=20,
        control="randomize",
        steps=20,
        cfg=2.5,
        sampler_name="euler",
        scheduler="simple",
        positive=prompt["CONDITIONING"],
        negative=negative["CONDITIONING"],
        latent_image=latent["LATENT"],
    )
    graph.group("Result")
    image = graph.add("VAEDecode", wide=480, samples=sampler["LATENT"], vae=vae["VAE"])
    graph.add("SaveImage", wide=480, room=PREVIEW, images=image["IMAGE"], filename_prefix="fsampler_qwen")
    graph.column()
    report(graph, skipping, sampler["LATENT"])


WAN = """## Two stages

Wan 2.2 has a model for the steps with much noise and one for those with little. Both run the same 20 steps:
the first does 0-10 and hands its noise on, the second does the rest and adds none.

Each stage plans its own ten steps and has its own **mode** and its own report.
"""


def wan(graph):
    hub = f"{HUB}/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
    graph.group("Models and prompt")
    models(
        graph,
        200,
        ("diffusion_models", f"{hub}/diffusion_models/wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors"),
        ("diffusion_models", f"{hub}/diffusion_models/wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors"),
        (
            "text_encoders",
            f"{HUB}/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files/text_encoders/"
            "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
        ),
        ("vae", f"{hub}/vae/wan_2.1_vae.safetensors"),
    )
    graph.note(WAN, 170)
    graph.note(MODES, 280)
    graph.column()
    loaders = []
    for noise in ("high", "low"):
        file = f"wan2.2_t2v_{noise}_noise_14B_fp8_scaled.safetensors"
        loaders.append(graph.add("UNETLoader", f"Model for {noise} noise", 420, unet_name=file, weight_dtype="default"))
    clip = graph.add(
        "CLIPLoader", wide=420, clip_name="umt5_xxl_fp8_e4m3fn_scaled.safetensors", type="wan", device="default"
    )
    vae = graph.add("VAELoader", wide=420, vae_name="wan_2.1_vae.safetensors")
    prompt = graph.add(
        "CLIPTextEncode",
        "Positive prompt",
        420,
        120,
        clip=clip["CLIP"],
        text="A red fox trots along a snowy forest path toward the camera, snowflakes drifting, soft winter light, "
        "slow tracking shot.",
    )
    negative = graph.add(
        "CLIPTextEncode",
        "Negative prompt",
        420,
        80,
        clip=clip["CLIP"],
        text="static picture, overexposed, blurry, subtitles, watermark, low quality, deformed, extra limbs",
    )
    graph.group("Sample: high noise, then low noise")
    shifted = [graph.add("ModelSamplingSD3", model=model["MODEL"], shift=8.0) for model in loaders]
    latent = graph.add("EmptyHunyuanLatentVideo", width=640, height=640, length=81)
    shared = {
        "steps": 20,
        "cfg": 3.5,
        "sampler_name": "euler",
        "scheduler": "simple",
        "positive": prompt["CONDITIONING"],
        "negative": negative["CONDITIONING"],
    }
    graph.column()
    high = graph.add(
        "FSamplerKSamplerAdvanced",
        "High noise: steps 0-10",
        360,
        control="randomize",
        model=shifted[0]["MODEL"],
        add_noise="enable",
        noise_seed=20,
        latent_image=latent["LATENT"],
        start_at_step=0,
        end_at_step=10,
        return_with_leftover_noise="enable",
        **shared,
    )
    low = graph.add(
        "FSamplerKSamplerAdvanced",
        "Low noise: the rest",
        360,
        model=shifted[1]["MODEL"],
        add_noise="disable",
        noise_seed=0,
        latent_image=high["latent"],
        start_at_step=10,
        end_at_step=10000,
        return_with_leftover_noise="disable",
        **shared,
    )
    graph.group("Result")
    images = graph.add("VAEDecode", wide=480, samples=low["latent"], vae=vae["VAE"])
    video = graph.add("CreateVideo", wide=480, images=images["IMAGE"], fps=16)
    graph.add(
        "SaveVideo",
        wide=480,
        room=PREVIEW,
        video=video["VIDEO"],
        filename_prefix="video/fsampler_wan",
        format="auto",
        codec="auto",
    )
    graph.column()
    report(graph, high, high["latent"], "Report of the high noise stage")
    report(graph, low, low["latent"], "Report of the low noise stage")


EXAMPLES = {
    "flux_dev": flux,
    "qwen_image": qwen,
    "wan22_t2v": wan,
    "sdxl_base": sdxl,
    "compare_full_and_fast": compare,
    "draft_then_final": draft,
}


def on_demo_model(form, name="cat"):
    """The API form with the test pack's demo model, picture class and latent in place of the real ones."""
    kinds = {node: description["class_type"] for node, description in form.items()}
    flow = "UNETLoader" in kinds.values()
    swapped = {}
    for node, kind in kinds.items():
        description = {**form[node], "inputs": dict(form[node]["inputs"])}
        if kind in ("CheckpointLoaderSimple", "UNETLoader", "VAELoader"):
            description.update(class_type="FSamplerTestLoader", inputs={"prediction": "flow" if flow else "eps"})
        elif kind == "CLIPTextEncode":
            wanted = "(none)" if "Negative" in description["_meta"]["title"] else name
            description.update(class_type="FSamplerTestClass", inputs={"name": wanted})
        elif kind.startswith("Empty"):
            inputs = {"width": 512, "height": 512, "batch_size": 1}
            description.update(class_type="EmptyLatentImage", inputs=inputs)
        elif kind in ("CLIPLoader", "DualCLIPLoader"):
            continue
        for key, value in description["inputs"].items():
            if isinstance(value, list) and (kinds[value[0]], value[1]) in _VAES:
                description["inputs"][key] = [value[0], 1]
        swapped[node] = description
    return swapped


_VAES = (("CheckpointLoaderSimple", 2), ("VAELoader", 0))


def build(object_info):
    """Every file's text by its path inside the folder."""
    files = {}
    for name, describe in EXAMPLES.items():
        graph = Graph(object_info)
        describe(graph)
        for path, form in ((f"{name}.json", graph.ui()), (f"api/{name}.json", graph.api())):
            files[path] = json.dumps(form, indent=1, ensure_ascii=False) + "\n"
    return files


if __name__ == "__main__":
    with urllib.request.urlopen(sys.argv[1].rstrip("/") + "/object_info") as answer:
        texts = build(json.load(answer))
    for path, text in texts.items():
        (FOLDER / path).write_text(text, encoding="utf-8")

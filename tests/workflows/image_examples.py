"""The example workflows of image models in which KSampler (FSampler) makes a picture from text."""

from parts import HUB, NOT_MEASURED, RUN, WIDE, about, clip, given, models, modes, picture, promoted, prompts, unet, vae

QWEN = f"{HUB}/Comfy-Org/Qwen-Image_ComfyUI/resolve/main/split_files"
QWEN_TEXT = f"{QWEN}/text_encoders/qwen_2.5_vl_7b_fp8_scaled.safetensors"
QWEN_VAE = f"{QWEN}/vae/qwen_image_vae.safetensors"
Z_IMAGE = f"{HUB}/Comfy-Org/z_image_turbo/resolve/main/split_files"


def from_text(graph, title, expect, files, kind, positive, negative, latent, sampling, prefix, shift=None):
    """A KSampler (FSampler) graph: ``files`` are the URLs of the model, its text encoder and its VAE."""
    model_url, text_url, vae_url = files
    graph.group(title)
    about(graph, title, *expect, NOT_MEASURED)
    models(graph, ("diffusion_models", model_url), ("text_encoders", text_url), ("vae", vae_url))
    modes(graph)
    graph.group("Model, prompt, size")
    with graph.subgraph(f"{title}: model, prompt, size") as inside:
        graph.group("Models")
        encoder = clip(graph, text_url, kind)
        model, decoder = unet(graph, model_url), vae(graph, vae_url)
        graph.group("Prompt and size")
        said = prompts(graph, encoder, positive, negative)
        empty = graph.add(latent[0], wide=WIDE, **promoted(width=latent[1], height=latent[2]))["LATENT"]
        if shift:
            model = graph.add("ModelSamplingAuraFlow", wide=WIDE, model=model, shift=shift)["MODEL"]
        inputs = given(inside, model=model, **said, latent_image=empty)
        decoder = inside.output("vae", decoder)
    graph.group("Sample")
    sampler = graph.add("FSamplerKSampler", wide=360, room=RUN, seed=20, control="randomize", **sampling, **inputs)
    picture(graph, sampler, decoder, prefix)


def anima(graph):
    hub = f"{HUB}/circlestone-labs/Anima/resolve/main/split_files"
    from_text(
        graph,
        "Anima",
        ["30 steps, euler, CFG 4. A step asks the model with and without the prompt; a skipped one saves both."],
        (
            f"{hub}/diffusion_models/anima-base-v1.0.safetensors",
            f"{hub}/text_encoders/qwen_3_06b_base.safetensors",
            f"{hub}/vae/qwen_image_vae.safetensors",
        ),
        "stable_diffusion",
        "1girl, silver hair, long coat, standing on a rooftop at dawn, city below, wind, soft light",
        "worst quality, low quality, blurry, jpeg artifacts",
        ("EmptyLatentImage", 1024, 1024),
        {"steps": 30, "cfg": 4.0, "sampler_name": "euler", "scheduler": "simple"},
        "fsampler_anima",
    )


def z_image(graph):
    from_text(
        graph,
        "Z-Image base",
        [
            "25 steps, res_multistep, CFG 4. This is the base model, not Z-Image-Turbo: that one takes 8 steps, "
            "which leave nothing worth skipping."
        ],
        (
            f"{HUB}/Comfy-Org/z_image/resolve/main/split_files/diffusion_models/z_image_bf16.safetensors",
            f"{Z_IMAGE}/text_encoders/qwen_3_4b.safetensors",
            f"{Z_IMAGE}/vae/ae.safetensors",
        ),
        "lumina2",
        "A potter's hands shaping a tall vase on the wheel, wet clay, window light from the left, dust in the air, "
        "shallow depth of field.",
        "",
        ("EmptySD3LatentImage", 1024, 1024),
        {"steps": 25, "cfg": 4.0, "sampler_name": "res_multistep", "scheduler": "simple"},
        "fsampler_z_image",
        shift=3.0,
    )


def qwen_image_2512(graph):
    from_text(
        graph,
        "Qwen-Image 2512",
        ["50 steps, euler, CFG 4. Of 50 steps more can be skipped than of 20: neighbouring answers are closer."],
        (f"{QWEN}/diffusion_models/qwen_image_2512_fp8_e4m3fn.safetensors", QWEN_TEXT, QWEN_VAE),
        "qwen_image",
        'A market stall with jars of honey in the morning sun, a hand-painted sign reads "Honey from the hill", '
        "an old woman arranging flowers behind it.",
        "blurry, low resolution, deformed hands, oversaturated, waxy skin",
        ("EmptySD3LatentImage", 1328, 1328),
        {"steps": 50, "cfg": 4.0, "sampler_name": "euler", "scheduler": "simple"},
        "fsampler_qwen_image_2512",
        shift=3.1,
    )


def qwen_image(graph):
    from_text(
        graph,
        "Qwen-Image",
        ["20 steps, euler, CFG 2.5."],
        (f"{QWEN}/diffusion_models/qwen_image_fp8_e4m3fn.safetensors", QWEN_TEXT, QWEN_VAE),
        "qwen_image",
        'A small bookshop at night seen from the street, a wooden sign above the door says "Tomorrow\'s Pages", '
        "stacks of books behind the glass, snow falling.",
        "",
        ("EmptySD3LatentImage", 1328, 1328),
        {"steps": 20, "cfg": 2.5, "sampler_name": "euler", "scheduler": "simple"},
        "fsampler_qwen",
        shift=3.1,
    )

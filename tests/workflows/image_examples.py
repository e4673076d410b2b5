"""The example workflows of image models: from text, and edits of a picture."""

from parts import HUB, PREVIEW, WIDE, about, clip, file, models, modes, picture, prompts, unet, vae

QWEN = f"{HUB}/Comfy-Org/Qwen-Image_ComfyUI/resolve/main/split_files"
QWEN_TEXT = f"{QWEN}/text_encoders/qwen_2.5_vl_7b_fp8_scaled.safetensors"
QWEN_VAE = f"{QWEN}/vae/qwen_image_vae.safetensors"
Z_IMAGE = f"{HUB}/Comfy-Org/z_image_turbo/resolve/main/split_files"
FLUX2_VAE = f"{HUB}/black-forest-labs/FLUX.2-small-decoder/resolve/main/full_encoder_small_decoder.safetensors"
NOT_MEASURED = "Not measured on this model yet: compare a few seeds with mode *off*."


def from_text(graph, title, expect, files, kind, positive, negative, latent, sampling, prefix, shift=None):
    """A KSampler (FSampler) graph: ``files`` are the URLs of the model, its text encoder and its VAE."""
    model_url, text_url, vae_url = files
    graph.group(title)
    about(graph, title, *expect, NOT_MEASURED)
    models(graph, ("diffusion_models", model_url), ("text_encoders", text_url), ("vae", vae_url))
    modes(graph)
    graph.group("Model and prompt")
    encoder = clip(graph, text_url, kind)
    model = shift and unet(graph, model_url)
    graph.column()
    said = prompts(graph, encoder, positive, negative)
    if shift:
        model = graph.add("ModelSamplingAuraFlow", wide=WIDE, model=model, shift=shift)["MODEL"]
    else:
        model = unet(graph, model_url)
    empty = graph.add(latent[0], wide=WIDE, width=latent[1], height=latent[2])["LATENT"]
    graph.group("Sample")
    sampler = graph.add(
        "FSamplerKSampler", wide=360, seed=20, control="randomize", model=model, latent_image=empty, **sampling, **said
    )
    decoder = vae(graph, vae_url)
    picture(graph, sampler, sampler["latent"], decoder, prefix)


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


def qwen_edit_2511(graph):
    title = "Qwen-Image-Edit 2511"
    model_url = (
        f"{HUB}/Comfy-Org/Qwen-Image-Edit_ComfyUI/resolve/main/split_files/diffusion_models/"
        "qwen_image_edit_2511_fp8mixed.safetensors"
    )
    graph.group(title)
    about(
        graph,
        title,
        "40 steps, euler, CFG 4: an edit of your picture. With the 4-step LoRA there is nothing to skip.",
        NOT_MEASURED,
    )
    models(graph, ("diffusion_models", model_url), ("text_encoders", QWEN_TEXT), ("vae", QWEN_VAE))
    modes(graph)
    graph.group("Picture and model")
    picture_in = graph.add("LoadImage", "Picture to edit", WIDE, PREVIEW, image="example.png")["IMAGE"]
    graph.column()
    scaled = graph.add("FluxKontextImageScale", wide=WIDE, image=picture_in)["IMAGE"]
    encoder = clip(graph, QWEN_TEXT, "qwen_image")
    decoder = vae(graph, QWEN_VAE)
    model = unet(graph, model_url)
    graph.group("What to change")
    shared = {"clip": encoder, "vae": decoder, "image1": scaled}
    text = "Turn the day into a snowy winter evening; keep everything else as it is."
    kind = "TextEncodeQwenImageEditPlus"
    said = graph.add(kind, "Positive prompt", WIDE, 100, prompt=text, **shared)
    not_said = graph.add(kind, "Negative prompt", WIDE, 40, prompt="", **shared)
    latent = graph.add("VAEEncode", wide=WIDE, pixels=scaled, vae=decoder)["LATENT"]
    shifted = graph.add("ModelSamplingAuraFlow", wide=WIDE, model=model, shift=3.1)["MODEL"]
    graph.column()
    method = {"reference_latents_method": "index_timestep_zero"}
    kind = "FluxKontextMultiReferenceLatentMethod"
    said, not_said = (graph.add(kind, conditioning=one["CONDITIONING"], **method) for one in (said, not_said))
    normed = graph.add("CFGNorm", model=shifted, strength=1.0)["patched_model"]
    graph.group("Sample")
    sampler = graph.add(
        "FSamplerKSampler",
        wide=360,
        seed=20,
        control="randomize",
        model=normed,
        positive=said["CONDITIONING"],
        negative=not_said["CONDITIONING"],
        latent_image=latent,
        steps=40,
        cfg=4.0,
        sampler_name="euler",
        scheduler="simple",
    )
    picture(graph, sampler, sampler["latent"], decoder, "fsampler_qwen_edit_2511")


def guided_inside(graph, title, expect, files, encoder, prompt, guidance, empty, sigmas, prefix):
    """FLUX from text: guidance is an input of the network, FSampler (model) stands before guider and scheduler.

    ``files`` are (folder, URL), the model's first and the VAE's last; ``encoder`` adds the text encoder's loader and
    ``sigmas(model)`` the scheduler.
    """
    graph.group(title)
    about(graph, title, expect, NOT_MEASURED)
    models(graph, *files)
    modes(graph)
    graph.group("Model and prompt")
    loaded = encoder()
    graph.column()
    said = graph.add("CLIPTextEncode", "Prompt", WIDE, 140, clip=loaded, text=prompt)["CONDITIONING"]
    model = unet(graph, files[0][1])
    graph.column()
    guided = graph.add("FluxGuidance", conditioning=said, guidance=guidance)["CONDITIONING"]
    skipping = graph.add("FSamplerModel", model=model)
    graph.group("Sample")
    guider = graph.add("BasicGuider", model=skipping["model"], conditioning=guided)["GUIDER"]
    rest = {
        "noise": graph.add("RandomNoise", noise_seed=20, control="randomize")["NOISE"],
        "sampler": graph.add("KSamplerSelect", sampler_name="euler")["SAMPLER"],
        "sigmas": sigmas(skipping["model"])["SIGMAS"],
        "latent_image": graph.add(empty, width=1024, height=1024)["LATENT"],
    }
    graph.column()
    sampled = graph.add("SamplerCustomAdvanced", wide=WIDE, guider=guider, **rest)["output"]
    decoder = vae(graph, files[-1][1])
    picture(graph, skipping, sampled, decoder, prefix)


def flux_dev(graph):
    hub = f"{HUB}/comfyanonymous/flux_text_encoders/resolve/main"
    texts = [f"{hub}/clip_l.safetensors", f"{hub}/t5xxl_fp16.safetensors"]
    names = {"clip_name1": file(texts[0]), "clip_name2": file(texts[1])}
    guided_inside(
        graph,
        "FLUX.1 dev",
        "20 steps, euler, guidance 3.5 inside the model (no CFG).",
        [
            ("diffusion_models", f"{HUB}/Comfy-Org/flux1-dev/resolve/main/flux1-dev.safetensors"),
            *(("text_encoders", url) for url in texts),
            ("vae", f"{HUB}/Comfy-Org/Lumina_Image_2.0_Repackaged/resolve/main/split_files/vae/ae.safetensors"),
        ],
        lambda: graph.add("DualCLIPLoader", wide=WIDE, type="flux", device="default", **names)["CLIP"],
        "A narrow street in an old town after rain, warm light from a bakery window on the wet cobblestones, "
        "a bicycle leaning against the wall, early morning.",
        3.5,
        "EmptySD3LatentImage",
        lambda model: graph.add("BasicScheduler", model=model, scheduler="simple", steps=20),
        "fsampler_flux",
    )


def flux2_dev(graph):
    hub = f"{HUB}/Comfy-Org/flux2-dev/resolve/main/split_files"
    text_url = f"{hub}/text_encoders/mistral_3_small_flux2_bf16.safetensors"
    guided_inside(
        graph,
        "FLUX.2 dev",
        "20 steps, euler, guidance 4 inside the model (no CFG). With the turbo LoRA's 8 steps there is little to skip.",
        [
            ("diffusion_models", f"{hub}/diffusion_models/flux2_dev_fp8mixed.safetensors"),
            ("text_encoders", text_url),
            ("vae", FLUX2_VAE),
        ],
        lambda: clip(graph, text_url, "flux2"),
        "A ceramic teapot shaped like a sleeping cat on a linen cloth, steam rising, a lemon cut in half, "
        "morning light through a kitchen window.",
        4.0,
        "EmptyFlux2LatentImage",
        lambda model: graph.add("Flux2Scheduler", steps=20, width=1024, height=1024),
        "fsampler_flux2",
    )


def flux2_klein(graph):
    model_url = f"{HUB}/black-forest-labs/FLUX.2-klein-base-4b-fp8/resolve/main/flux-2-klein-base-4b-fp8.safetensors"
    text_url = f"{Z_IMAGE}/text_encoders/qwen_3_4b.safetensors"
    title = "FLUX.2 Klein base"
    graph.group(title)
    about(
        graph,
        title,
        "20 steps, euler, CFG 5: an edit of your picture. This is the base model; the distilled Klein takes 4 steps, "
        "which leave nothing to skip.",
        NOT_MEASURED,
    )
    models(graph, ("diffusion_models", model_url), ("text_encoders", text_url), ("vae", FLUX2_VAE))
    modes(graph)
    graph.group("Picture and model")
    picture_in = graph.add("LoadImage", "Picture to edit", WIDE, PREVIEW, image="example.png")["IMAGE"]
    encoder = clip(graph, text_url, "flux2")
    graph.column()
    said = prompts(graph, encoder, "Make it a rainy night; wet ground, reflections of warm street lamps.", "")
    scaled = graph.add(
        "ImageScaleToTotalPixels", wide=WIDE, image=picture_in, upscale_method="nearest-exact", megapixels=1.0
    )["IMAGE"]
    decoder = vae(graph, FLUX2_VAE)
    graph.group("Reference")
    encoded = graph.add("VAEEncode", pixels=scaled, vae=decoder)["LATENT"]
    size = graph.add("GetImageSize", image=scaled)
    model = unet(graph, model_url)
    graph.column()
    conditions = {
        name: graph.add("ReferenceLatent", f"Reference, {name}", conditioning=one, latent=encoded)["CONDITIONING"]
        for name, one in said.items()
    }
    skipping = graph.add("FSamplerModel", model=model)
    shape = {"width": size["width"], "height": size["height"]}
    sigmas = graph.add("Flux2Scheduler", steps=20, **shape)["SIGMAS"]
    latent = graph.add("EmptyFlux2LatentImage", **shape)["LATENT"]
    graph.group("Sample")
    guider = graph.add("CFGGuider", model=skipping["model"], cfg=5.0, **conditions)["GUIDER"]
    noise = graph.add("RandomNoise", noise_seed=20, control="randomize")["NOISE"]
    method = graph.add("KSamplerSelect", sampler_name="euler")["SAMPLER"]
    graph.column()
    sampled = graph.add(
        "SamplerCustomAdvanced", guider=guider, noise=noise, sampler=method, sigmas=sigmas, latent_image=latent
    )["output"]
    picture(graph, skipping, sampled, decoder, "fsampler_flux2_klein")


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

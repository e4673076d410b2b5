"""The example workflows of FLUX: two from text, guided inside the network, and an edit with CFG."""

from image_examples import Z_IMAGE
from parts import HUB, NOT_MEASURED, PREVIEW, WIDE, about, clip, file, models, modes, picture, prompts, unet, vae

FLUX2_VAE = f"{HUB}/black-forest-labs/FLUX.2-small-decoder/resolve/main/full_encoder_small_decoder.safetensors"


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

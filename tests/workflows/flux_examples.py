"""The example workflows of FLUX: two from text, guided inside the network, and an edit with CFG."""

from image_examples import Z_IMAGE
from parts import (
    HUB,
    NOT_MEASURED,
    PREVIEW,
    PROMPT,
    WIDE,
    about,
    clip,
    file,
    models,
    modes,
    promoted,
    prompts,
    result,
    sampled,
    save_image,
    skipping_model,
    unet,
    vae,
)
from subgraph import Promoted

FLUX2_VAE = f"{HUB}/black-forest-labs/FLUX.2-small-decoder/resolve/main/full_encoder_small_decoder.safetensors"


def guided_inside(graph, title, expect, files, encoder, prompt, guidance, empty, sigmas, prefix):
    """FLUX from text: guidance is an input of the network, FSampler (model) stands before all that samples.

    ``files`` are (folder, URL), the model's first and the VAE's last; ``encoder`` adds the text encoder's loader and
    ``sigmas(model)`` the scheduler.
    """
    graph.group(title)
    about(graph, title, expect, NOT_MEASURED)
    models(graph, *files)
    modes(graph)
    graph.group("Model and seed")
    skipping, noise = skipping_model(graph, unet(graph, files[0][1]))
    graph.group("Prompt, size, sampling")
    with graph.subgraph(f"{title}: prompt, size, sampling") as inside:
        model, noise = inside.input("model", skipping["model"]), inside.input("noise", noise)
        graph.group("Prompt and size")
        loaded, decoder = encoder(), vae(graph, files[-1][1])
        latent = graph.add(empty, wide=WIDE, **promoted(width=1024, height=1024))["LATENT"]
        graph.column()
        text = Promoted(PROMPT, prompt)
        said = graph.add("CLIPTextEncode", "Prompt", WIDE, 120, clip=loaded, text=text)["CONDITIONING"]
        method = graph.add("KSamplerSelect", wide=WIDE, sampler_name="euler")["SAMPLER"]
        sigmas = sigmas(model)["SIGMAS"]
        graph.column()
        guided = graph.add("FluxGuidance", conditioning=said, **promoted(guidance=guidance))["CONDITIONING"]
        graph.group("Sample and decode")
        guider = graph.add("BasicGuider", model=model, conditioning=guided)["GUIDER"]
        graph.column()
        images, latent = sampled(
            graph, decoder, guider=guider, noise=noise, sampler=method, sigmas=sigmas, latent_image=latent
        )
        images, latent = inside.output("image", images), inside.output("latent", latent)
    result(graph, skipping, latent)
    save_image(graph, images, prefix)


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
        lambda model: graph.add("BasicScheduler", wide=WIDE, model=model, scheduler="simple", **promoted(steps=20)),
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
        lambda model: graph.add("Flux2Scheduler", wide=WIDE, **promoted(steps=20, width=1024, height=1024)),
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
    graph.group("Picture, model and seed")
    loaded = unet(graph, model_url)
    picture_in = graph.add("LoadImage", "Picture to edit", WIDE, PREVIEW, image="example.png")["IMAGE"]
    skipping, noise = skipping_model(graph, loaded)
    graph.group("What to change, sampling")
    with graph.subgraph(f"{title}: prompt, sampling") as inside:
        shown = inside.input("image", picture_in)
        model, noise = inside.input("model", skipping["model"]), inside.input("noise", noise)
        graph.group("Prompt and picture")
        encoder, decoder = clip(graph, text_url, "flux2"), vae(graph, FLUX2_VAE)
        scaled = graph.add(
            "ImageScaleToTotalPixels", wide=WIDE, image=shown, upscale_method="nearest-exact", megapixels=1.0
        )["IMAGE"]
        graph.column()
        said = prompts(graph, encoder, "Make it a rainy night; wet ground, reflections of warm street lamps.", "")
        encoded = graph.add("VAEEncode", wide=WIDE, pixels=scaled, vae=decoder)["LATENT"]
        size = graph.add("GetImageSize", wide=WIDE, image=scaled)
        graph.group("Reference")
        conditions = {
            name: graph.add("ReferenceLatent", f"Reference, {name}", conditioning=one, latent=encoded)["CONDITIONING"]
            for name, one in said.items()
        }
        shape = {"width": size["width"], "height": size["height"]}
        sigmas = graph.add("Flux2Scheduler", **promoted(steps=20), **shape)["SIGMAS"]
        latent = graph.add("EmptyFlux2LatentImage", **shape)["LATENT"]
        method = graph.add("KSamplerSelect", sampler_name="euler")["SAMPLER"]
        graph.group("Sample and decode")
        guider = graph.add("CFGGuider", model=model, **promoted(cfg=5.0), **conditions)["GUIDER"]
        graph.column()
        images, latent = sampled(
            graph, decoder, guider=guider, noise=noise, sampler=method, sigmas=sigmas, latent_image=latent
        )
        images, latent = inside.output("image", images), inside.output("latent", latent)
    result(graph, skipping, latent)
    save_image(graph, images, "fsampler_flux2_klein")

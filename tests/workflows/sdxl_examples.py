"""The example workflows of SDXL: one run, a full run beside a fast one, a draft and its final."""

from parts import HUB, PREVIEW, RUN, WIDE, about, given, models, modes, picture, promoted, prompts, report

SDXL_SAMPLING = {"steps": 25, "cfg": 7.0, "sampler_name": "dpmpp_2m", "scheduler": "karras"}


def sdxl_inputs(graph, positive, seed=None):
    """The decoder and a sampler's inputs for SDXL base; ``seed`` adds a node that holds it."""
    graph.group("Model, prompt, size")
    with graph.subgraph("SDXL base: model, prompt, size") as inside:
        graph.group("Model")
        checkpoint = graph.add("CheckpointLoaderSimple", wide=WIDE, ckpt_name="sd_xl_base_1.0.safetensors")
        graph.group("Prompt and size")
        said = prompts(graph, checkpoint["CLIP"], positive, "text, watermark")
        latent = graph.add("EmptyLatentImage", wide=WIDE, **promoted(width=1024, height=1024))["LATENT"]
        inputs = given(inside, model=checkpoint["MODEL"], **said, latent_image=latent)
        decoder = inside.output("vae", checkpoint["VAE"])
    if seed is not None:
        inputs["seed"] = graph.add("PrimitiveInt", "Seed of both", WIDE, value=seed)["INT"]
    return decoder, SDXL_SAMPLING | inputs


def notes(graph, title, *paragraphs):
    """The first group: what the graph is for, and the file of SDXL base."""
    graph.group(title)
    about(graph, title, *paragraphs)
    models(
        graph,
        ("checkpoints", f"{HUB}/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors"),
    )


def sdxl(graph):
    notes(graph, "SDXL base", "25 steps, dpmpp_2m karras, CFG 7. A skipped step saves two calls of the network.")
    modes(graph)
    decoder, inputs = sdxl_inputs(
        graph, "a lighthouse on a cliff at dusk, waves below, last light on the clouds, photograph"
    )
    graph.group("Sample")
    sampler = graph.add("FSamplerKSampler", wide=360, room=RUN, seed=20, control="randomize", **inputs)
    picture(graph, sampler, decoder, "fsampler_sdxl")


def compare(graph):
    notes(
        graph,
        "A full run beside a fast one",
        "Both samplers take the same seed, prompt and settings; only **mode** differs.",
        "*Full run*: mode off, every step calls the model.",
        "*Fast run*: change its mode and queue again. The full run is not repeated.",
        "**FSampler Compare** gives SSIM (1 is identical) and PSNR, and shows where the two differ. "
        "**FSampler Report** shows what the fast run skipped.",
    )
    decoder, inputs = sdxl_inputs(
        graph, "a heron in a misty pond at sunrise, reeds in the foreground, photograph", seed=7
    )
    graph.group("Two runs of one seed")
    full = graph.add("FSamplerKSampler", "Full run", 360, RUN, **inputs, mode="off")
    graph.column()
    fast = graph.add("FSamplerKSampler", "Fast run", 360, RUN, **inputs, mode="fast")
    graph.group("Images, and how close they are")
    images = [
        graph.add("VAEDecode", f"Decode the {title} run", samples=sampler["latent"], vae=decoder)["IMAGE"]
        for sampler, title in ((full, "full"), (fast, "fast"))
    ]
    report(graph, fast, fast["latent"], "What the fast run skipped")
    graph.column()
    graph.add("FSamplerCompare", None, 480, PREVIEW, reference=images[0], image=images[1])
    for image, title in zip(images, ("full", "fast"), strict=True):
        graph.add("SaveImage", f"{title.title()} image", 480, 240, images=image, filename_prefix=f"fsampler_{title}")


def draft(graph):
    notes(
        graph,
        "Draft, then final",
        "1. Leave **mode** on *turbo* and queue until you like a picture. For a new one each time, set "
        "*control after generate* to *randomize*.",
        "2. Keep its **seed**: set *control after generate* to *fixed*. "
        "(A saved image brings its workflow and its seed back.)",
        "3. Set **mode** to *off* and queue once more: the full run of the same seed.",
        "The draft is an approximation of exactly this final picture. *balanced* is often final enough.",
    )
    decoder, inputs = sdxl_inputs(graph, "a wooden boat on a calm lake, mountains behind, autumn forest, photograph")
    graph.group("One switch: mode")
    sampler = graph.add("FSamplerKSampler", "Draft or final", 400, RUN, seed=7, **inputs, mode="turbo")
    picture(graph, sampler, decoder, "fsampler_draft")

"""The example workflows of Wan 2.2 14B, whose two models run one after the other."""

from parts import (
    HUB,
    NOT_MEASURED,
    RUN,
    WIDE,
    about,
    clip,
    given,
    models,
    modes,
    promoted,
    prompts,
    report,
    save_video,
    unet,
    vae,
)

WAN = f"{HUB}/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
WAN_TEXT = (
    f"{HUB}/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files/text_encoders/"
    "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
)
STAGES = (
    "Wan 2.2 has a model for the steps with much noise and one for those with little. Both run the same 20 steps: "
    "the first does 0-10 and hands its noise on, the second does the rest and adds none.",
    "Each stage plans its own ten steps and has its own **mode** and its own report. With the 4-step LoRAs there is "
    "nothing to skip.",
)
NO = "static picture, overexposed, blurry, subtitles, watermark, low quality, deformed, extra limbs"


def wan_stages(graph, shifted, conditions, latent, decoder):
    """Both stages, and what comes out of the second one."""
    graph.group("Sample: high noise, then low noise")
    shared = {"steps": 20, "cfg": 3.5, "sampler_name": "euler", "scheduler": "simple", **conditions}
    high = graph.add(
        "FSamplerKSamplerAdvanced",
        "High noise: steps 0-10",
        480,
        RUN,
        control="randomize",
        model=shifted[0],
        add_noise="enable",
        noise_seed=20,
        latent_image=latent,
        start_at_step=0,
        end_at_step=10,
        return_with_leftover_noise="enable",
        **shared,
    )
    graph.column()
    low = graph.add(
        "FSamplerKSamplerAdvanced",
        "Low noise: the rest",
        480,
        RUN,
        model=shifted[1],
        add_noise="disable",
        noise_seed=0,
        latent_image=high["latent"],
        start_at_step=10,
        end_at_step=10000,
        return_with_leftover_noise="disable",
        **shared,
    )
    graph.group("Result")
    images = graph.add("VAEDecode", samples=low["latent"], vae=decoder)["IMAGE"]
    report(graph, high, high["latent"], "Report of the high noise stage")
    report(graph, low, low["latent"], "Report of the low noise stage")
    graph.column()
    video = graph.add("CreateVideo", images=images, fps=16.0)["VIDEO"]
    graph.column()
    save_video(graph, video, "video/fsampler_wan")


def wan_models(graph, title, kind):
    urls = [
        f"{WAN}/diffusion_models/wan2.2_{kind}_{noise}_noise_14B_fp8_scaled.safetensors" for noise in ("high", "low")
    ]
    graph.group(title)
    about(graph, title, *STAGES, NOT_MEASURED)
    models(
        graph,
        ("diffusion_models", urls[0]),
        ("diffusion_models", urls[1]),
        ("text_encoders", WAN_TEXT),
        ("vae", f"{WAN}/vae/wan_2.1_vae.safetensors"),
    )
    modes(graph)
    return urls


def wan_loaders(graph, urls):
    """Both models and the VAE."""
    loaded = [unet(graph, url, f"Model for {noise} noise") for url, noise in zip(urls, ("high", "low"), strict=True)]
    return loaded, vae(graph, f"{WAN}/vae/wan_2.1_vae.safetensors")


def shift(graph, loaded):
    return [graph.add("ModelSamplingSD3", wide=WIDE, model=model, shift=5.0)["MODEL"] for model in loaded]


def wan_outputs(inside, shifted, conditions, latent, decoder):
    """The inputs of ``wan_stages``, from inside the subgraph."""
    names = ("model, high noise", "model, low noise")
    return (
        [inside.output(name, model) for name, model in zip(names, shifted, strict=True)],
        given(inside, **conditions),
        inside.output("latent", latent),
        inside.output("vae", decoder),
    )


def wan22_t2v(graph):
    urls = wan_models(graph, "Wan 2.2 14B, text to video", "t2v")
    graph.group("Models, prompt, size")
    with graph.subgraph("Wan 2.2 14B: models, prompt, size") as inside:
        graph.group("Models")
        encoder = clip(graph, WAN_TEXT, "wan")
        loaded, decoder = wan_loaders(graph, urls)
        graph.group("Prompt and size")
        conditions = prompts(
            graph,
            encoder,
            "A red fox trots along a snowy forest path toward the camera, snowflakes drifting, soft winter light, "
            "slow tracking shot.",
            NO,
        )
        shape = promoted(width=640, height=640, length=81)
        latent = graph.add("EmptyHunyuanLatentVideo", wide=WIDE, **shape)["LATENT"]
        shifted = shift(graph, loaded)
        outputs = wan_outputs(inside, shifted, conditions, latent, decoder)
    wan_stages(graph, *outputs)


def wan22_i2v(graph):
    urls = wan_models(graph, "Wan 2.2 14B, picture to video", "i2v")
    graph.group("Picture")
    start = graph.add("LoadImage", "First frame", WIDE, 240, image="example.png")["IMAGE"]
    graph.group("Models, prompt, size")
    with graph.subgraph("Wan 2.2 14B from a picture: models, prompt, size", wide=480) as inside:
        shown = inside.input("first frame", start)
        graph.group("Models")
        encoder = clip(graph, WAN_TEXT, "wan")
        loaded, decoder = wan_loaders(graph, urls)
        graph.group("Prompt, picture and size")
        said = prompts(graph, encoder, "The camera circles slowly; hair and cloth move in a light wind.", NO)
        shifted = shift(graph, loaded)
        graph.column()
        shape = promoted(width=640, height=640, length=81)
        made = graph.add("WanImageToVideo", wide=WIDE, vae=decoder, start_image=shown, **shape, **said)
        conditions = {name: made[name] for name in ("positive", "negative")}
        outputs = wan_outputs(inside, shifted, conditions, made["latent"], decoder)
    wan_stages(graph, *outputs)

"""The example workflows of Wan 2.2 14B, whose two models run one after the other."""

from parts import HUB, NOT_MEASURED, WIDE, about, clip, models, modes, prompts, report, save_video, unet, vae

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
    """Both stages; the decoder's loader may be given, else it stands beside the second one."""
    shared = {"steps": 20, "cfg": 3.5, "sampler_name": "euler", "scheduler": "simple", **conditions}
    high = graph.add(
        "FSamplerKSamplerAdvanced",
        "High noise: steps 0-10",
        480,
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
        model=shifted[1],
        add_noise="disable",
        noise_seed=0,
        latent_image=high["latent"],
        start_at_step=10,
        end_at_step=10000,
        return_with_leftover_noise="disable",
        **shared,
    )
    decoder = decoder or vae(graph, f"{WAN}/vae/wan_2.1_vae.safetensors")
    report(graph, high, high["latent"], "Report of the high noise stage")
    graph.group("Result")
    report(graph, low, low["latent"], "Report of the low noise stage")
    images = graph.add("VAEDecode", samples=low["latent"], vae=decoder)["IMAGE"]
    graph.column()
    video = graph.add("CreateVideo", images=images, fps=16.0)["VIDEO"]
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
    return [unet(graph, url, f"Model for {noise} noise") for url, noise in zip(urls, ("high", "low"), strict=True)]


def shift(graph, loaded, by):
    return [graph.add("ModelSamplingSD3", model=model, shift=by)["MODEL"] for model in loaded]


def wan22_t2v(graph):
    urls = wan_models(graph, "Wan 2.2 14B, text to video", "t2v")
    graph.group("Models and prompt")
    encoder = clip(graph, WAN_TEXT, "wan")
    loaded = wan_loaders(graph, urls)
    graph.column()
    conditions = prompts(
        graph,
        encoder,
        "A red fox trots along a snowy forest path toward the camera, snowflakes drifting, soft winter light, "
        "slow tracking shot.",
        NO,
    )
    shifted = shift(graph, loaded, 5.0)
    latent = graph.add("EmptyHunyuanLatentVideo", width=640, height=640, length=81)["LATENT"]
    graph.group("Sample: high noise, then low noise")
    wan_stages(graph, shifted, conditions, latent, None)


def wan22_i2v(graph):
    urls = wan_models(graph, "Wan 2.2 14B, picture to video", "i2v")
    graph.group("Models and prompt")
    encoder = clip(graph, WAN_TEXT, "wan")
    graph.column()
    said = prompts(graph, encoder, "The camera circles slowly; hair and cloth move in a light wind.", NO)
    start = graph.add("LoadImage", "First frame", WIDE, 240, image="example.png")["IMAGE"]
    decoder = vae(graph, f"{WAN}/vae/wan_2.1_vae.safetensors")
    loaded = wan_loaders(graph, urls)
    graph.column()
    made = graph.add("WanImageToVideo", vae=decoder, start_image=start, width=640, height=640, length=81, **said)
    shifted = shift(graph, loaded, 5.0)
    graph.group("Sample: high noise, then low noise")
    conditions = {name: made[name] for name in ("positive", "negative")}
    wan_stages(graph, shifted, conditions, made["latent"], decoder)

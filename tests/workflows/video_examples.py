"""The example workflows of video models; MiniMax H3 also makes the sound."""

from image_examples import NOT_MEASURED
from parts import HUB, WIDE, about, clip, file, models, modes, prompts, report, save_video, unet, vae

H3 = f"{HUB}/Comfy-Org/MiniMax-H3/resolve/main"
H3_TEXT = f"{H3}/text_encoders/qwen3vl_32b_minimax_h3_nvfp4_awq.safetensors"
H3_VIDEO = f"{H3}/vae/minimax_h3_video_vae_int8_convrot.safetensors"
H3_AUDIO = f"{H3}/vae/minimax_h3_audio_vae_fp32.safetensors"
WAN = f"{HUB}/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files"
WAN_TEXT = (
    f"{HUB}/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files/text_encoders/"
    "umt5_xxl_fp8_e4m3fn_scaled.safetensors"
)
HUNYUAN = f"{HUB}/Comfy-Org/HunyuanVideo_1.5_repackaged/resolve/main/split_files"
STAGES = (
    "Wan 2.2 has a model for the steps with much noise and one for those with little. Both run the same 20 steps: "
    "the first does 0-10 and hands its noise on, the second does the rest and adds none.",
    "Each stage plans its own ten steps and has its own **mode** and its own report. With the 4-step LoRAs there is "
    "nothing to skip.",
)


def h3_graph(graph, title, file_name, expect, pictures, condition, prefix):
    """A MiniMax H3 graph; ``condition(loaded, pictures)`` adds the node that makes conditioning and latent."""
    model_url = f"{H3}/diffusion_models/{file_name}.safetensors"
    graph.group(title)
    about(graph, title, expect, NOT_MEASURED)
    models(
        graph,
        ("diffusion_models", model_url),
        ("text_encoders", H3_TEXT),
        ("vae", H3_VIDEO),
        ("vae", H3_AUDIO),
    )
    modes(graph)
    graph.group("Picture and model")
    loaded = {"clip": clip(graph, H3_TEXT, "minimax"), "vae": vae(graph, H3_VIDEO, "VAE of the video")}
    loaded["audio_vae"] = vae(graph, H3_AUDIO, "VAE of the sound")
    shown = [graph.add("LoadImage", one, WIDE, 240, image="example.png")["IMAGE"] for one in pictures]
    model = unet(graph, model_url)
    graph.column()
    conditioned = condition(loaded, shown)
    skipping = graph.add("FSamplerModel", wide=WIDE, model=model)
    graph.group("Sample")
    guider = graph.add("BasicGuider", model=skipping["model"], conditioning=conditioned["positive"])["GUIDER"]
    rest = {
        "noise": graph.add("RandomNoise", noise_seed=20, control="randomize")["NOISE"],
        "sampler": graph.add("KSamplerSelect", sampler_name="res_multistep")["SAMPLER"],
        "sigmas": graph.add("BasicScheduler", model=skipping["model"], scheduler="simple", steps=20)["SIGMAS"],
    }
    graph.column()
    sampled = graph.add("SamplerCustomAdvanced", guider=guider, latent_image=conditioned["LATENT"], **rest)["output"]
    graph.group("Result")
    images = graph.add("VAEDecode", samples=sampled, vae=loaded["vae"])["IMAGE"]
    sound = graph.add("VAEDecodeAudio", samples=sampled, vae=loaded["audio_vae"])["AUDIO"]
    report(graph, skipping, sampled)
    graph.column()
    video = graph.add("CreateVideo", images=images, fps=24.0, audio=sound)["VIDEO"]
    save_video(graph, video, prefix)


def h3_i2v(graph):
    def condition(loaded, shown):
        return graph.add(
            "MiniMaxH3ImageToVideo",
            wide=WIDE,
            room=160,
            clip=loaded["clip"],
            vae=loaded["vae"],
            first_frame=shown[0],
            prompt="The camera moves slowly forward; leaves stir in the wind, birds call in the distance.",
        )

    h3_graph(
        graph,
        "MiniMax H3, picture to video",
        "minimax_h3_fl2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG; picture and sound are made together, and the worse of the two decides what "
        "is skipped. With the turbo LoRA's 4 to 8 steps there is little or nothing to skip.",
        ["First frame"],
        condition,
        "video/fsampler_h3_i2v",
    )


def h3_r2v(graph):
    def condition(loaded, shown):
        return graph.add(
            "MiniMaxH3ReferenceToVideo",
            wide=WIDE,
            room=160,
            prompt="The figure of <Picture 1> walks through the place of <Picture 2> at dusk; steps on gravel.",
            **loaded,
            **{f"ref_images.ref_image_{i}": one for i, one in enumerate(shown)},
        )

    h3_graph(
        graph,
        "MiniMax H3, references to video",
        "minimax_h3_ref2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG. The prompt names the pictures as <Picture 1> and <Picture 2>. With the turbo "
        "LoRA's 4 steps there is nothing to skip.",
        ["Picture 1", "Picture 2"],
        condition,
        "video/fsampler_h3_r2v",
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
    shifted = shift(graph, loaded, 8.0)
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


def hunyuan_video_15(graph):
    title = "HunyuanVideo 1.5"
    model_url = f"{HUNYUAN}/diffusion_models/hunyuanvideo1.5_720p_t2v_fp16.safetensors"
    texts = [
        f"{HUNYUAN}/text_encoders/{name}.safetensors"
        for name in ("qwen_2.5_vl_7b_fp8_scaled", "byt5_small_glyphxl_fp16")
    ]
    vae_url = f"{HUNYUAN}/vae/hunyuanvideo15_vae_fp16.safetensors"
    graph.group(title)
    about(graph, title, "20 steps, euler, CFG 6: each skipped step saves two calls of the network.", NOT_MEASURED)
    models(graph, ("diffusion_models", model_url), *(("text_encoders", url) for url in texts), ("vae", vae_url))
    modes(graph)
    graph.group("Model and prompt")
    model = unet(graph, model_url)
    graph.column()
    names = {"clip_name1": file(texts[0]), "clip_name2": file(texts[1])}
    encoder = graph.add("DualCLIPLoader", wide=WIDE, type="hunyuan_video_15", device="default", **names)["CLIP"]
    shifted = graph.add("ModelSamplingSD3", wide=WIDE, model=model, shift=7.0)["MODEL"]
    graph.column()
    conditions = prompts(
        graph,
        encoder,
        "A paper lantern drifts down a river at night between other lanterns, ripples of light, slow camera.",
        "",
    )
    skipping = graph.add("FSamplerModel", wide=WIDE, model=shifted)
    graph.group("Sample")
    guider = graph.add("CFGGuider", model=skipping["model"], cfg=6.0, **conditions)["GUIDER"]
    rest = {
        "noise": graph.add("RandomNoise", noise_seed=20, control="randomize")["NOISE"],
        "sampler": graph.add("KSamplerSelect", sampler_name="euler")["SAMPLER"],
        "sigmas": graph.add("BasicScheduler", model=skipping["model"], scheduler="simple", steps=20)["SIGMAS"],
        "latent_image": graph.add("EmptyHunyuanVideo15Latent", width=1280, height=720, length=121)["LATENT"],
    }
    graph.column()
    sampled = graph.add("SamplerCustomAdvanced", wide=WIDE, guider=guider, **rest)["output"]
    decoder = vae(graph, vae_url)
    graph.group("Result")
    images = graph.add("VAEDecode", samples=sampled, vae=decoder)["IMAGE"]
    report(graph, skipping, sampled)
    graph.column()
    video = graph.add("CreateVideo", images=images, fps=24.0)["VIDEO"]
    save_video(graph, video, "video/fsampler_hunyuan_video")

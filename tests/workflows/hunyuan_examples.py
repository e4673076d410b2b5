"""The example workflow of HunyuanVideo 1.5."""

from parts import HUB, NOT_MEASURED, WIDE, about, file, models, modes, prompts, report, save_video, unet, vae

HUNYUAN = f"{HUB}/Comfy-Org/HunyuanVideo_1.5_repackaged/resolve/main/split_files"


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

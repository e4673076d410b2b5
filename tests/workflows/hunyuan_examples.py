"""The example workflow of HunyuanVideo 1.5."""

from parts import (
    HUB,
    NOT_MEASURED,
    WIDE,
    about,
    file,
    models,
    modes,
    promoted,
    prompts,
    result,
    sampled,
    save_video,
    skipping_model,
    unet,
    vae,
)

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
    graph.group("Model and seed")
    loaded = unet(graph, model_url)
    graph.column()
    shifted = graph.add("ModelSamplingSD3", model=loaded, shift=7.0)["MODEL"]
    skipping, noise = skipping_model(graph, shifted)
    graph.group("Prompt, size, sampling")
    with graph.subgraph(f"{title}: prompt, size, sampling", wide=440) as inside:
        model, noise = inside.input("model", skipping["model"]), inside.input("noise", noise)
        graph.group("Prompt and size")
        names = {"clip_name1": file(texts[0]), "clip_name2": file(texts[1])}
        encoder = graph.add("DualCLIPLoader", wide=WIDE, type="hunyuan_video_15", device="default", **names)["CLIP"]
        decoder = vae(graph, vae_url)
        shape = promoted(width=1280, height=720, length=121)
        latent = graph.add("EmptyHunyuanVideo15Latent", wide=WIDE, **shape)["LATENT"]
        graph.column()
        conditions = prompts(
            graph,
            encoder,
            "A paper lantern drifts down a river at night between other lanterns, ripples of light, slow camera.",
            "",
        )
        method = graph.add("KSamplerSelect", wide=WIDE, sampler_name="euler")["SAMPLER"]
        sigmas = graph.add("BasicScheduler", wide=WIDE, model=model, scheduler="simple", **promoted(steps=20))["SIGMAS"]
        graph.group("Sample and decode")
        guider = graph.add("CFGGuider", model=model, **promoted(cfg=6.0), **conditions)["GUIDER"]
        graph.column()
        images, latent = sampled(
            graph, decoder, guider=guider, noise=noise, sampler=method, sigmas=sigmas, latent_image=latent
        )
        graph.column()
        video = inside.output("video", graph.add("CreateVideo", images=images, fps=24.0)["VIDEO"])
        latent = inside.output("latent", latent)
    result(graph, skipping, latent)
    save_video(graph, video, "video/fsampler_hunyuan_video")

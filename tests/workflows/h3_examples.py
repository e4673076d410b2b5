"""The example workflows of MiniMax H3, which makes picture and sound together."""

from parts import HUB, NOT_MEASURED, WIDE, about, clip, models, modes, report, save_video, unet, vae

H3 = f"{HUB}/Comfy-Org/MiniMax-H3/resolve/main"
H3_TEXT = f"{H3}/text_encoders/qwen3vl_32b_minimax_h3_nvfp4_awq.safetensors"
H3_VIDEO = f"{H3}/vae/minimax_h3_video_vae_int8_convrot.safetensors"
H3_AUDIO = f"{H3}/vae/minimax_h3_audio_vae_fp32.safetensors"


def h3_graph(graph, title, file_name, expect, place, prefix):
    """A graph of this family.

    ``place(model_url)`` adds loaders, pictures and, in the last column, the node that makes conditioning and latent;
    it returns the model, both VAEs and that node.
    """
    model_url = f"{H3}/diffusion_models/{file_name}.safetensors"
    graph.group(title)
    about(graph, title, expect, NOT_MEASURED)
    models(graph, ("diffusion_models", model_url), ("text_encoders", H3_TEXT), ("vae", H3_VIDEO), ("vae", H3_AUDIO))
    modes(graph)
    graph.group("Picture and model")
    model, decoders, conditioned = place(model_url)
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
    images = graph.add("VAEDecode", samples=sampled, vae=decoders[0])["IMAGE"]
    sound = graph.add("VAEDecodeAudio", samples=sampled, vae=decoders[1])["AUDIO"]
    report(graph, skipping, sampled)
    graph.column()
    video = graph.add("CreateVideo", images=images, fps=24.0, audio=sound)["VIDEO"]
    save_video(graph, video, prefix)


def decoders(graph):
    return vae(graph, H3_VIDEO, "VAE of the video"), vae(graph, H3_AUDIO, "VAE of the sound")


def h3_i2v(graph):
    def place(model_url):
        shown = graph.add("LoadImage", "First frame", WIDE, 240, image="example.png")["IMAGE"]
        encoder = clip(graph, H3_TEXT, "minimax")
        graph.column()
        # The model stretches its first frame to the video's size, so that size is taken from the picture.
        scaled = graph.add(
            "ImageScaleToTotalPixels",
            wide=WIDE,
            image=shown,
            upscale_method="nearest-exact",
            megapixels=0.9,
            resolution_steps=32,
        )["IMAGE"]
        loaded = decoders(graph)
        graph.column()
        size = graph.add("GetImageSize", wide=WIDE, image=scaled)
        model = unet(graph, model_url)
        graph.column()
        conditioned = graph.add(
            "MiniMaxH3ImageToVideo",
            wide=WIDE,
            room=160,
            clip=encoder,
            vae=loaded[0],
            first_frame=scaled,
            width=size["width"],
            height=size["height"],
            prompt="The camera moves slowly forward; leaves stir in the wind, birds call in the distance.",
        )
        return model, loaded, conditioned

    h3_graph(
        graph,
        "MiniMax H3, picture to video",
        "minimax_h3_fl2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG. Picture and sound come from one run, and a skipped step skips both: look and "
        "listen when you compare. With the turbo LoRA's 4 to 8 steps there is little or nothing to skip.",
        place,
        "video/fsampler_h3_i2v",
    )


def h3_r2v(graph):
    def place(model_url):
        encoder, loaded = clip(graph, H3_TEXT, "minimax"), decoders(graph)
        pictures = [
            graph.add("LoadImage", title, WIDE, 240, image="example.png")["IMAGE"]
            for title in ("Picture 1", "Picture 2")
        ]
        model = unet(graph, model_url)
        graph.column()
        conditioned = graph.add(
            "MiniMaxH3ReferenceToVideo",
            wide=WIDE,
            room=160,
            clip=encoder,
            vae=loaded[0],
            audio_vae=loaded[1],
            prompt="The figure of <Picture 1> walks through the place of <Picture 2> at dusk; steps on gravel.",
            **{f"ref_images.ref_image_{i}": one for i, one in enumerate(pictures)},
        )
        return model, loaded, conditioned

    h3_graph(
        graph,
        "MiniMax H3, references to video",
        "minimax_h3_ref2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG. The prompt names the pictures as <Picture 1> and <Picture 2>. Picture and "
        "sound come from one run, and a skipped step skips both: look and listen when you compare. With the turbo "
        "LoRA's 4 steps there is nothing to skip.",
        place,
        "video/fsampler_h3_r2v",
    )

"""The example workflows of MiniMax H3, which makes picture and sound together."""

from parts import (
    HUB,
    NOT_MEASURED,
    PROMPT,
    WIDE,
    about,
    clip,
    models,
    modes,
    promoted,
    result,
    sampled,
    save_video,
    skipping_model,
    unet,
    vae,
)
from subgraph import Promoted

H3 = f"{HUB}/Comfy-Org/MiniMax-H3/resolve/main"
H3_TEXT = f"{H3}/text_encoders/qwen3vl_32b_minimax_h3_nvfp4_awq.safetensors"
H3_VIDEO = f"{H3}/vae/minimax_h3_video_vae_int8_convrot.safetensors"
H3_AUDIO = f"{H3}/vae/minimax_h3_audio_vae_fp32.safetensors"


def h3_graph(graph, title, file_name, expect, titles, place, prefix):
    """A graph of this family, with a picture of each of these titles.

    ``place(encoder, decoders, pictures)`` adds, in the subgraph, what makes conditioning and latent, and returns it;
    the decoders are those of video and sound.
    """
    model_url = f"{H3}/diffusion_models/{file_name}.safetensors"
    graph.group(title)
    about(graph, title, expect, NOT_MEASURED)
    models(graph, ("diffusion_models", model_url), ("text_encoders", H3_TEXT), ("vae", H3_VIDEO), ("vae", H3_AUDIO))
    modes(graph)
    graph.group("Pictures, model and seed" if len(titles) > 1 else "Picture, model and seed")
    model = unet(graph, model_url)
    shown = {one: graph.add("LoadImage", one, WIDE, 240, image="example.png")["IMAGE"] for one in titles}
    skipping, noise = skipping_model(graph, model)
    graph.group("Prompt, sampling")
    with graph.subgraph(f"{title}: prompt, sampling", wide=480) as inside:
        pictures = [inside.input(name.lower(), link) for name, link in shown.items()]
        model, noise = inside.input("model", skipping["model"]), inside.input("noise", noise)
        graph.group("Prompt and picture")
        encoder = clip(graph, H3_TEXT, "minimax")
        decoders = vae(graph, H3_VIDEO, "VAE of the video"), vae(graph, H3_AUDIO, "VAE of the sound")
        conditioned = place(encoder, decoders, pictures)
        graph.group("Sample and decode")
        sampling = {
            "noise": noise,
            "guider": graph.add("BasicGuider", model=model, conditioning=conditioned["positive"])["GUIDER"],
            "sampler": graph.add("KSamplerSelect", sampler_name="res_multistep")["SAMPLER"],
            "sigmas": graph.add("BasicScheduler", model=model, scheduler="simple", **promoted(steps=20))["SIGMAS"],
            "latent_image": conditioned["LATENT"],
        }
        graph.column()
        images, latent = sampled(graph, decoders[0], **sampling)
        sound = graph.add("VAEDecodeAudio", wide=WIDE, samples=latent, vae=decoders[1])["AUDIO"]
        graph.column()
        video = inside.output("video", graph.add("CreateVideo", images=images, fps=24.0, audio=sound)["VIDEO"])
        latent = inside.output("latent", latent)
    result(graph, skipping, latent)
    save_video(graph, video, prefix)


def h3_i2v(graph):
    def place(encoder, decoders, pictures):
        # The model stretches its first frame to the video's size, so that size is taken from the picture.
        scaled = graph.add(
            "ImageScaleToTotalPixels",
            wide=WIDE,
            image=pictures[0],
            upscale_method="nearest-exact",
            megapixels=0.9,
            resolution_steps=32,
        )["IMAGE"]
        graph.column()
        size = graph.add("GetImageSize", image=scaled)
        graph.column()
        text = "The camera moves slowly forward; leaves stir in the wind, birds call in the distance."
        return graph.add(
            "MiniMaxH3ImageToVideo",
            wide=WIDE,
            room=160,
            clip=encoder,
            vae=decoders[0],
            first_frame=scaled,
            width=size["width"],
            height=size["height"],
            prompt=Promoted(PROMPT, text),
            **promoted(length=124),
        )

    h3_graph(
        graph,
        "MiniMax H3, picture to video",
        "minimax_h3_fl2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG. Picture and sound come from one run, and a skipped step skips both: look and "
        "listen when you compare. With the turbo LoRA's 4 to 8 steps there is little or nothing to skip.",
        ["First frame"],
        place,
        "video/fsampler_h3_i2v",
    )


def h3_r2v(graph):
    def place(encoder, decoders, pictures):
        graph.column()
        text = "The figure of <Picture 1> walks through the place of <Picture 2> at dusk; steps on gravel."
        return graph.add(
            "MiniMaxH3ReferenceToVideo",
            wide=WIDE,
            room=160,
            clip=encoder,
            vae=decoders[0],
            audio_vae=decoders[1],
            prompt=Promoted(PROMPT, text),
            **promoted(width=1344, height=768, length=124),
            **{f"ref_images.ref_image_{i}": one for i, one in enumerate(pictures)},
        )

    h3_graph(
        graph,
        "MiniMax H3, references to video",
        "minimax_h3_ref2va_pruned_int8_convrot",
        "20 steps, res_multistep, no CFG. The prompt names the pictures as <Picture 1> and <Picture 2>. Picture and "
        "sound come from one run, and a skipped step skips both: look and listen when you compare. With the turbo "
        "LoRA's 4 steps there is nothing to skip.",
        ["Picture 1", "Picture 2"],
        place,
        "video/fsampler_h3_r2v",
    )

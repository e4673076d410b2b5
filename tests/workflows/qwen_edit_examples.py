"""The example workflow of Qwen-Image-Edit 2511: an edit of a picture."""

from image_examples import QWEN_TEXT, QWEN_VAE
from parts import HUB, NOT_MEASURED, PREVIEW, WIDE, about, clip, models, modes, picture, unet, vae


def qwen_edit_2511(graph):
    title = "Qwen-Image-Edit 2511"
    model_url = (
        f"{HUB}/Comfy-Org/Qwen-Image-Edit_ComfyUI/resolve/main/split_files/diffusion_models/"
        "qwen_image_edit_2511_fp8mixed.safetensors"
    )
    graph.group(title)
    about(
        graph,
        title,
        "40 steps, euler, CFG 4: an edit of your picture. With the 4-step LoRA there is nothing to skip.",
        NOT_MEASURED,
    )
    models(graph, ("diffusion_models", model_url), ("text_encoders", QWEN_TEXT), ("vae", QWEN_VAE))
    modes(graph)
    graph.group("Picture and model")
    picture_in = graph.add("LoadImage", "Picture to edit", WIDE, PREVIEW, image="example.png")["IMAGE"]
    graph.column()
    scaled = graph.add("FluxKontextImageScale", wide=WIDE, image=picture_in)["IMAGE"]
    encoder = clip(graph, QWEN_TEXT, "qwen_image")
    decoder = vae(graph, QWEN_VAE)
    model = unet(graph, model_url)
    graph.group("What to change")
    shared = {"clip": encoder, "vae": decoder, "image1": scaled}
    text = "Turn the day into a snowy winter evening; keep everything else as it is."
    kind = "TextEncodeQwenImageEditPlus"
    said = graph.add(kind, "Positive prompt", WIDE, 100, prompt=text, **shared)
    not_said = graph.add(kind, "Negative prompt", WIDE, 40, prompt="", **shared)
    latent = graph.add("VAEEncode", wide=WIDE, pixels=scaled, vae=decoder)["LATENT"]
    shifted = graph.add("ModelSamplingAuraFlow", wide=WIDE, model=model, shift=3.1)["MODEL"]
    graph.column()
    method = {"reference_latents_method": "index_timestep_zero"}
    kind = "FluxKontextMultiReferenceLatentMethod"
    said, not_said = (graph.add(kind, conditioning=one["CONDITIONING"], **method) for one in (said, not_said))
    normed = graph.add("CFGNorm", model=shifted, strength=1.0)["patched_model"]
    graph.group("Sample")
    sampler = graph.add(
        "FSamplerKSampler",
        wide=360,
        seed=20,
        control="randomize",
        model=normed,
        positive=said["CONDITIONING"],
        negative=not_said["CONDITIONING"],
        latent_image=latent,
        steps=40,
        cfg=4.0,
        sampler_name="euler",
        scheduler="simple",
    )
    picture(graph, sampler, sampler["latent"], decoder, "fsampler_qwen_edit_2511")

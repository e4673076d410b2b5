"""The example workflow of Qwen-Image-Edit 2511: an edit of a picture."""

from image_examples import QWEN_TEXT, QWEN_VAE
from parts import (
    HUB,
    NEGATIVE,
    NOT_MEASURED,
    PREVIEW,
    PROMPT,
    RUN,
    WIDE,
    about,
    clip,
    given,
    models,
    modes,
    picture,
    unet,
    vae,
)
from subgraph import Promoted


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
    graph.group("Picture")
    picture_in = graph.add("LoadImage", "Picture to edit", WIDE, PREVIEW, image="example.png")["IMAGE"]
    graph.group("Model and what to change")
    with graph.subgraph(f"{title}: model, prompt") as inside:
        shown = inside.input("image", picture_in)
        graph.group("Picture and models")
        scaled = graph.add("FluxKontextImageScale", wide=WIDE, image=shown)["IMAGE"]
        encoder = clip(graph, QWEN_TEXT, "qwen_image")
        decoder = vae(graph, QWEN_VAE)
        model = unet(graph, model_url)
        graph.group("What to change")
        shared = {"clip": encoder, "vae": decoder, "image1": scaled}
        text = "Turn the day into a snowy winter evening; keep everything else as it is."
        kind = "TextEncodeQwenImageEditPlus"
        said = graph.add(kind, "Positive prompt", WIDE, 100, prompt=Promoted(PROMPT, text), **shared)
        not_said = graph.add(kind, "Negative prompt", WIDE, 40, prompt=Promoted(NEGATIVE, ""), **shared)
        latent = graph.add("VAEEncode", wide=WIDE, pixels=scaled, vae=decoder)["LATENT"]
        shifted = graph.add("ModelSamplingAuraFlow", wide=WIDE, model=model, shift=3.1)["MODEL"]
        graph.column()
        method = {"reference_latents_method": "index_timestep_zero"}
        kind = "FluxKontextMultiReferenceLatentMethod"
        said, not_said = (
            graph.add(kind, wide=WIDE, conditioning=one["CONDITIONING"], **method)["CONDITIONING"]
            for one in (said, not_said)
        )
        normed = graph.add("CFGNorm", wide=WIDE, model=shifted, strength=1.0)["patched_model"]
        inputs = given(inside, model=normed, positive=said, negative=not_said, latent_image=latent)
        decoder = inside.output("vae", decoder)
    graph.group("Sample")
    sampler = graph.add(
        "FSamplerKSampler",
        wide=360,
        room=RUN,
        seed=20,
        control="randomize",
        steps=40,
        cfg=4.0,
        sampler_name="euler",
        scheduler="simple",
        **inputs,
    )
    picture(graph, sampler, decoder, "fsampler_qwen_edit_2511")

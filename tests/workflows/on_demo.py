"""An example's API form with the test pack's demo model, picture class and latent in place of the real ones."""

ENCODERS = ("CLIPTextEncode", "TextEncodeQwenImageEditPlus")
PASSED = {  # by output of a node that the demo has no use for: the input that goes on in its place
    ("WanImageToVideo", 0): "positive",
    ("WanImageToVideo", 1): "negative",
    ("FluxKontextMultiReferenceLatentMethod", 0): "conditioning",
    ("ReferenceLatent", 0): "conditioning",
}
TO_VIDEO = ("MiniMaxH3ImageToVideo", "MiniMaxH3ReferenceToVideo")
LEFT_OUT = ("CLIPLoader", "DualCLIPLoader", "LoadImage", "FluxKontextImageScale", "ImageScaleToTotalPixels")
LEFT_OUT += ("GetImageSize", "VAEDecodeAudio", *{kind for kind, _ in PASSED}, *TO_VIDEO)
LATENT = {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}, "_meta": {}}


def on_demo_model(form, name="cat"):
    """The form to queue.

    An edit and a video from a picture become a picture from noise, and the sound is left out. The demo network knows
    nothing of FLUX.2's schedule, which is made for the size of the picture; it gets one of as many steps.
    """
    kinds = {node: description["class_type"] for node, description in form.items()}
    flow = "UNETLoader" in kinds.values()
    loader = next([node, 0] for node, kind in kinds.items() if kind in ("CheckpointLoaderSimple", "UNETLoader"))
    swapped = {"latent": LATENT, "class": _of_class(name)}
    for node, description in form.items():
        kind, title = kinds[node], description["_meta"]["title"]
        if kind in LEFT_OUT:
            continue
        if kind in ("CheckpointLoaderSimple", "UNETLoader", "VAELoader"):
            inputs = {"prediction": "flow" if flow else "eps"}
            swapped[node] = description | {"class_type": "FSamplerTestLoader", "inputs": inputs}
        elif kind == "Flux2Scheduler":
            inputs = {"model": loader, "scheduler": "simple", "steps": description["inputs"]["steps"], "denoise": 1.0}
            swapped[node] = description | {"class_type": "BasicScheduler", "inputs": inputs}
        elif kind in ENCODERS:
            swapped[node] = _of_class("(none)" if "Negative" in title else name)
        elif kind == "VAEEncode" or kind.startswith("Empty"):
            swapped[node] = LATENT
        else:
            inputs = {key: _demo_link(form, kinds, key, value) for key, value in description["inputs"].items()}
            swapped[node] = description | {"inputs": {key: one for key, one in inputs.items() if one is not None}}
    return swapped


def _of_class(name):
    return {"class_type": "FSamplerTestClass", "inputs": {"name": name}, "_meta": {}}


def _demo_link(form, kinds, key, value):
    """A value, or the link that takes the place of a link; None without one."""
    if not isinstance(value, list):
        return value
    node, slot = value
    kind = kinds[node]
    if (kind, slot) in PASSED:
        return _demo_link(form, kinds, key, form[node]["inputs"][PASSED[kind, slot]])
    if kind == "WanImageToVideo" or (kind in TO_VIDEO and slot == 1):
        return ["latent", 0]
    if kind in TO_VIDEO:
        return ["class", 0]
    if kind in LEFT_OUT:
        return None
    return [node, 1] if (kind, slot) in (("CheckpointLoaderSimple", 2), ("VAELoader", 0)) else value

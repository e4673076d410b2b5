"""Prompts (API format) on the demo model."""

SEED, STEPS = 5, 20


def sources(prediction="flow", name="cat", batch=1):
    """Model, VAE, conditionings and an empty latent."""
    return {
        "model": {"class_type": "FSamplerTestLoader", "inputs": {"prediction": prediction}},
        "positive": {"class_type": "FSamplerTestClass", "inputs": {"name": name}},
        "negative": {"class_type": "FSamplerTestClass", "inputs": {"name": "(none)"}},
        "latent": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": batch}},
    }


def ksampler(class_type="KSampler", **changed):
    """A KSampler, core's or ours, on ``sources``."""
    inputs = dict(
        seed=SEED,
        steps=STEPS,
        cfg=2.0,
        sampler_name="euler",
        scheduler="simple",
        denoise=1.0,
        model=["model", 0],
        positive=["positive", 0],
        negative=["negative", 0],
        latent_image=["latent", 0],
    )
    return {"class_type": class_type, "inputs": inputs | changed}


def ours(mode="balanced", **changed):
    return ksampler("FSamplerKSampler", mode=mode, **changed)


def decoded(latent, image="image"):
    """Decode and save the output 0 of the node ``latent`` as node ``image``."""
    return {
        f"{image} decoded": {"class_type": "VAEDecode", "inputs": {"samples": [latent, 0], "vae": ["model", 1]}},
        image: {
            "class_type": "SaveImage",
            "inputs": {"images": [f"{image} decoded", 0], "filename_prefix": image},
        },
    }


def report(source, waits_for=None):
    """A report of output 1 of the node ``source``."""
    inputs = {"report": [source, 1]} | ({"latent": [waits_for, 0]} if waits_for else {})
    return {"report": {"class_type": "FSamplerReport", "inputs": inputs}}


def ours_graph(mode="balanced", **changed):
    """Our KSampler, its image and its report."""
    return {**sources(), "sampler": ours(mode, **changed), **decoded("sampler"), **report("sampler")}


def custom(sampler, **nodes):
    """SamplerCustomAdvanced with the SAMPLER of node ``sampler``; ``nodes`` make it."""
    return {
        **sources(),
        "noise": {"class_type": "RandomNoise", "inputs": {"noise_seed": SEED}},
        "guider": {
            "class_type": "CFGGuider",
            "inputs": {
                "model": ["model", 0],
                "positive": ["positive", 0],
                "negative": ["negative", 0],
                "cfg": 2.0,
            },
        },
        "sigmas": {
            "class_type": "BasicScheduler",
            "inputs": {
                "model": ["model", 0],
                "scheduler": "simple",
                "steps": STEPS,
                "denoise": 1.0,
            },
        },
        **nodes,
        "sampling": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["noise", 0],
                "guider": ["guider", 0],
                "sampler": [sampler, 0],
                "sigmas": ["sigmas", 0],
                "latent_image": ["latent", 0],
            },
        },
        **decoded("sampling"),
    }


def compared(full, fast):
    """Two samplers side by side on ``sources``, their images, and how close they are."""
    return {
        **sources(),
        "full": full,
        "fast": fast,
        **decoded("full", "full image"),
        **decoded("fast", "fast image"),
        "compare": {
            "class_type": "FSamplerCompare",
            "inputs": {
                "reference": ["full image decoded", 0],
                "image": ["fast image decoded", 0],
                "gain": 8.0,
            },
        },
    }

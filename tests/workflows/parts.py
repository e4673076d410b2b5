"""What the example workflows share: notes, loaders, prompts, the report, and the last nodes of pictures and videos."""

from subgraph import Promoted

HUB = "https://huggingface.co"
PREVIEW = 380  # pixels of height for a picture inside a node
RUN, LINE = 360, 110  # pixels of height for what is shown of a run: its line and a preview, or the line alone
WIDE = 400
PROMPT, NEGATIVE = "prompt", "negative prompt"  # what the prompts are called outside a subgraph
NOT_MEASURED = "Not measured on this model yet: compare a few seeds with mode *off*."

MODES = """## FSampler

**mode** on the FSampler node is the only knob:

| mode | for |
|---|---|
| quality | nearly the full run |
| balanced | the default |
| fast, turbo | drafts |
| off | the plain sampler, bit for bit |

**FSampler Report** shows which steps called the model.
It waits for the latent, so keep both of its links.
"""


def about(graph, title, *paragraphs):
    """The first note: what this graph is, and what to expect of it."""
    text = "\n\n".join((f"# {title}", *paragraphs)) + "\n"
    graph.note(text, 80 + sum(20 + 16 * (len(one) // 52 + 1) for one in paragraphs))


def models(graph, *files):
    """A note that says which file goes where; ``files`` are (folder, URL). ComfyUI offers those that are missing."""
    lines = ["## Models", ""]
    for folder, url in files:
        name = url.rsplit("/", 1)[-1]
        lines.append(f"- models/{folder}: [{name}]({url})")
        graph.files[name] = {"name": name, "url": url, "directory": folder}
    graph.note("\n".join(lines) + "\n", 70 + 30 * len(files))


def modes(graph):
    graph.note(MODES, 280)


def file(url):
    return url.rsplit("/", 1)[-1]


def unet(graph, url, title=None):
    return graph.add("UNETLoader", title, WIDE, unet_name=file(url), weight_dtype="default")["MODEL"]


def clip(graph, url, kind):
    return graph.add("CLIPLoader", wide=WIDE, clip_name=file(url), type=kind, device="default")["CLIP"]


def vae(graph, url, title=None):
    return graph.add("VAELoader", title, WIDE, vae_name=file(url))["VAE"]


def prompts(graph, encoder, positive, negative):
    """Both prompts as the inputs of a sampler or a guider."""
    said = graph.add("CLIPTextEncode", "Positive prompt", WIDE, 120, clip=encoder, text=Promoted(PROMPT, positive))
    not_said = graph.add("CLIPTextEncode", "Negative prompt", WIDE, 80, clip=encoder, text=Promoted(NEGATIVE, negative))
    return {"positive": said["CONDITIONING"], "negative": not_said["CONDITIONING"]}


def promoted(**values):
    """Widgets that have outside the name that they have inside."""
    return {name: Promoted(name, value) for name, value in values.items()}


def given(inside, **links):
    """Outputs of a subgraph under the names of the inputs that they go to."""
    return {name: inside.output(name, link) for name, link in links.items()}


def skipping_model(graph, model):
    """FSampler (model) and the noise, for a subgraph that samples itself.

    The seed is not promoted: the pages of ComfyUI 0.3.64 and 0.8.0 do not change a promoted one after a run.
    """
    graph.column()
    skipping = graph.add("FSamplerModel", wide=WIDE, room=LINE, model=model)
    return skipping, graph.add("RandomNoise", None, WIDE, noise_seed=20, control="randomize")["NOISE"]


def sampled(graph, decoder, **sampling):
    """Inside a subgraph that samples itself: the picture and, for the report, the latent."""
    latent = graph.add("SamplerCustomAdvanced", wide=WIDE, room=RUN, **sampling)["output"]
    graph.column()
    return graph.add("VAEDecode", wide=WIDE, samples=latent, vae=decoder)["IMAGE"], latent


def report(graph, source, latent, title=None):
    graph.add("FSamplerReport", title, 480, PREVIEW, report=source["report"], latent=latent)


def picture(graph, sampler, decoder, prefix):
    """The result of a sampler outside the subgraph: decoded and reported in one column, saved in the next."""
    graph.group("Result")
    image = graph.add("VAEDecode", samples=sampler["latent"], vae=decoder)["IMAGE"]
    report(graph, sampler, sampler["latent"])
    graph.column()
    save_image(graph, image, prefix)


def result(graph, skipping, latent):
    """The result of a subgraph that samples itself; what saves it is to follow."""
    graph.group("Result")
    report(graph, skipping, latent)
    graph.column()


def save_image(graph, images, prefix):
    graph.add("SaveImage", wide=480, room=PREVIEW, images=images, filename_prefix=prefix)


def save_video(graph, video, prefix):
    graph.add("SaveVideo", wide=480, room=PREVIEW, video=video, filename_prefix=prefix)

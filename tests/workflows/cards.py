"""The thumbnails of the examples, made to be read at the 256 x 192 pixels at which the template browser shows them.

A model's example has its name, how it samples as opened, and the node that skips; an example that compares runs has
their pictures, and which steps called the model.
"""

from comfyui_fsampler.fsampler.chart import BAR, HEAD, TOP
from PIL import Image, ImageDraw, ImageFont

WIDE, HIGH = 600, 450
PAPER, INK, FAINT = "#1e2228", "#e8e8e8", "#9fb4d0"
EDGE = 24
LARGE, MIDDLE, SMALL = (ImageFont.load_default(size) for size in (50, 34, 28))
GUIDANCE = {"cfg": "CFG", "guidance": "guidance"}


def facts(form):
    """Steps, sampler, schedule and guidance of an API form."""
    found, kinds = {}, [node["class_type"] for node in form.values()]
    for node in form.values():
        found |= {key: value for key, value in node["inputs"].items() if not isinstance(value, list)}
    schedule = "Flux2Scheduler" if "Flux2Scheduler" in kinds else found["scheduler"]
    guided = [f"{word} {found[key]:g}" for key, word in GUIDANCE.items() if key in found]
    return [f"{found['steps']} steps", found["sampler_name"], schedule, *(guided or ["no CFG"])]


def card(title, form, node):
    """A model's: ``title`` and the facts above, ``node`` below them, a picture that is wider than it is high."""
    paper = Image.new("RGB", (WIDE, HIGH), PAPER)
    pen = ImageDraw.Draw(paper)
    y = EDGE
    for words, font, colour in ((title.split(" "), LARGE, INK), (_joined(facts(form)), MIDDLE, FAINT)):
        for line in _lines(pen, words, font):
            pen.text((EDGE, y), line, colour, font)
            y += round(font.size * 1.2)
        y += 12
    room = HIGH - EDGE - y
    _paste(paper, node, (EDGE, y, WIDE - 2 * EDGE, room))
    return paper


def sheet(pictures, chart, line):
    """Of runs: captioned pictures in a row, the bars of a report's chart, a line of text."""
    paper = Image.new("RGB", (WIDE, HIGH), PAPER)
    pen = ImageDraw.Draw(paper)
    side = (WIDE - EDGE * 4) // 3
    gap = (WIDE - side * len(pictures)) // (len(pictures) + 1)
    for i, (caption, picture) in enumerate(pictures):
        x = gap + i * (side + gap)
        pen.text((x + side // 2, 36), caption, INK, SMALL, "mm")
        paper.paste(picture.resize((side, side), Image.LANCZOS), (x, 64))
    bars = chart.crop((0, TOP + HEAD, chart.width, TOP + HEAD + BAR + 1))
    paper.paste(bars.resize((WIDE - 2 * EDGE, 100), Image.LANCZOS), (EDGE, 264))
    pen.text((WIDE // 2, HIGH - 46), line, INK, SMALL, "mm")
    return paper


def _joined(facts):
    """Words that a line may end after: each fact whole, a comma behind all but the last."""
    return [*(f"{fact}," for fact in facts[:-1]), facts[-1]]


def _lines(pen, words, font):
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font) <= WIDE - 2 * EDGE:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _paste(paper, picture, room):
    """``picture`` as large as it fits in the middle of ``room``: left, top, width, height."""
    left, top, wide, high = room
    scale = min(wide / picture.width, high / picture.height)
    size = round(picture.width * scale), round(picture.height * scale)
    paper.paste(picture.resize(size, Image.LANCZOS), (left + (wide - size[0]) // 2, top + (high - size[1]) // 2))

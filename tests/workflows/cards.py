"""The thumbnail of a model's example: its name, how it samples as opened, and the node that skips."""

from PIL import Image, ImageDraw, ImageFont

WIDE, HIGH = 600, 450
PAPER, INK, FAINT = "#1e2228", "#e8e8e8", "#9fb4d0"
EDGE = 20
GUIDANCE = {"cfg": "CFG", "guidance": "guidance"}


def facts(form):
    """Steps, sampler, schedule and guidance of an API form, a line each."""
    found, kinds = {}, [node["class_type"] for node in form.values()]
    for node in form.values():
        found |= {key: value for key, value in node["inputs"].items() if not isinstance(value, list)}
    schedule = "Flux2Scheduler" if "Flux2Scheduler" in kinds else found["scheduler"]
    guided = [f"{word} {found[key]:g}" for key, word in GUIDANCE.items() if key in found]
    return [f"{found['steps']} steps", found["sampler_name"], schedule, *(guided or ["no CFG"])]


def card(title, form, node):
    """A picture of ``WIDE`` x ``HIGH``: the words left of a node that is high, above one that is not."""
    paper = Image.new("RGB", (WIDE, HIGH), PAPER)
    pen = ImageDraw.Draw(paper)
    large, small = ImageFont.load_default(30), ImageFont.load_default(22)
    if node.height > node.width * 0.7:
        room, lines = (WIDE // 2 + 10, HIGH - 2 * EDGE), [*_wrapped(pen, title, large, WIDE // 2 - 60), ""]
        words = lines, facts(form)
        corner = WIDE - EDGE
    else:
        words = [title], [", ".join(facts(form))]
        room, corner = (WIDE - 2 * EDGE, HIGH - 150), None
    y = EDGE + 10
    for lines, font, colour in ((words[0], large, INK), (words[1], small, FAINT)):
        for line in lines:
            pen.text((EDGE, y), line, colour, font)
            y += font.size + 10
    scale = min(room[0] / node.width, room[1] / node.height)
    size = round(node.width * scale), round(node.height * scale)
    left = corner - size[0] if corner else (WIDE - size[0]) // 2
    top = (HIGH - size[1]) // 2 if corner else y + (HIGH - y - size[1]) // 2
    paper.paste(node.resize(size, Image.LANCZOS), (left, top))
    return paper


def _wrapped(pen, text, font, width):
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines

"""The contact sheet: one row a run, its figures on the left, its images beside them, enlarged twice."""

from PIL import Image, ImageDraw, ImageFont

from .model import CLASSES

INK, FAINT, PAPER = (32, 36, 44), (110, 116, 128), (255, 255, 255)
ZOOM, MARGIN, GAP, LABEL = 2, 16, 4, 190
SHOWN = 12  # images a row: one of each class; more would only make the sheet wide


def sheet(runs, settings):
    """A PIL RGB image of all ``Run``s; nothing is cut off, long texts are wrapped."""
    shown = min(settings.count, SHOWN)
    cell = ZOOM * runs[0].images.shape[-1] + GAP
    width = max(2 * MARGIN + LABEL + shown * cell, 640)
    title = wrap(_title(settings, shown), ImageFont.load_default(18), width - 2 * MARGIN)
    labels = [_label(run) for run in runs]
    heights = [max(cell, sum(line for _, _, line in label) + GAP) + GAP for label in labels]
    top = MARGIN + 26 * len(title) + 26
    image = Image.new("RGB", (width, top + sum(heights) + MARGIN), PAPER)
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(title):
        pen.text((MARGIN, MARGIN + 26 * i), line, fill=INK, font=ImageFont.load_default(18))
    for i in range(shown):
        centre = MARGIN + LABEL + i * cell + (cell - GAP) / 2
        name = CLASSES[i % len(CLASSES)]
        pen.text((centre, top - 8), name, fill=FAINT, font=ImageFont.load_default(14), anchor="ms")
    for run, label, height in zip(runs, labels, heights, strict=True):
        y = top
        for text, size, line in label:
            pen.text((MARGIN, y), text, fill=INK if size > 15 else FAINT, font=ImageFont.load_default(size))
            y += line
        for i in range(shown):
            image.paste(picture(run.images[i]), (MARGIN + LABEL + i * cell, top))
        top += height
    return image


def picture(pixels):
    """``[3, H, W]`` in [0, 1] as a PIL image, enlarged without smoothing."""
    array = (pixels * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(array).resize((ZOOM * array.shape[1], ZOOM * array.shape[0]), Image.Resampling.NEAREST)


def wrap(text, font, room):
    """Lines no wider than ``room`` pixels, broken at blanks, and inside a word only where the word alone is wider."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= room:
            line = longer
            continue
        lines += [line] if line else []
        while font.getlength(word) > room:
            cut = max(n for n in range(1, len(word)) if n == 1 or font.getlength(word[:n]) <= room)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line]


def _label(run):
    """A row's text as (line, font size, line height)."""
    name = [(line, 18, 24) for line in wrap(run.label, ImageFont.load_default(18), LABEL - 12)]
    figures = [f"{run.calls} calls, {run.seconds:.1f} s"]
    if run.mode == "off":
        figures.append("the reference")
    else:
        figures += [f"SSIM {run.ssim:.4f}", "PSNR " + ("exact" if run.psnr is None else f"{run.psnr:.1f} dB")]
    return name + [(line, 15, 21) for line in figures]


def _title(settings, shown):
    eta = f", eta {settings.eta:g}" if settings.eta else ""
    part = f", {shown} of {settings.count} images shown" if shown < settings.count else ""
    return (
        f"{settings.sampler}, {settings.schedule} schedule, {settings.prediction} prediction, {settings.steps} steps, "
        f"CFG {settings.cfg:g}{eta}, seed {settings.seed}{part}. Figures: means against the full run."
    )

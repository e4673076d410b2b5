"""report.html of `fsampler compare`, made of real runs, in headless Chromium: wide, narrow, dark, by mouse and keys."""

import io
import json
import os
import sys

import find
import pytest
from comfyui_fsampler.tools import cli
from graphs import decoded, ksampler, sources
from PIL import Image
from server import ROOT

sys.path.append(str(ROOT / "tests/workflows"))

from saving import save  # noqa: E402

if find.chromium() is None:
    pytest.skip(find.HOW_BROWSER, allow_module_level=True)

MODES, SEEDS = ("off", "fast", "h2/s2"), (1, 2)
SIZES = {"desk": (1400, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def folder(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "Porträt"
    file = folder.parent / "a.json"
    file.write_text(json.dumps({**sources(), "sampler": ksampler(), **decoded("sampler")}))
    arguments = ["queue", str(file), "--server", server.address, "--modes", ",".join(MODES), "--seeds", "1-2"]
    assert cli.main([*arguments, "--out", str(folder)]) == 0
    assert cli.main(["compare", str(folder)]) == 0
    return folder


@pytest.fixture
def opened(folder, browser):
    """Open the page; what the console or the network says fails the test."""
    pages, said = [], []

    def open_(size="desk", scheme="light", touch=False):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch, offline=True
        )
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(error.message))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
        page.goto((folder / "report.html").as_uri())
        pages.append(context)
        return page

    yield open_
    for context in pages:
        context.close()
    assert said == []


def cut(page):
    """Where the first slider cuts: per cent from the left, as the picture is clipped."""
    clip = page.evaluate("getComputedStyle(document.querySelector('.pair .top')).clipPath")
    return float(clip.rpartition(" ")[2].rstrip("%)"))


def test_all_pictures_and_charts_are_there(opened):
    page = opened()
    assert page.locator("section").count() == len(SEEDS)
    assert page.locator("article").count() == len(SEEDS) * len(MODES)
    assert page.locator(".pair").count() == len(SEEDS) * (len(MODES) - 1)
    assert page.locator("svg.steps").count() == len(SEEDS) * len(MODES)
    assert page.locator("svg.curve circle").count() == len(MODES) - 1
    widths = page.evaluate("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(widths) == len(SEEDS) * (1 + 3 * (len(MODES) - 1)) and set(widths) == {64}
    assert page.locator("tbody tr").count() == len(MODES)


@pytest.mark.parametrize("size", SIZES)
def test_the_slider_by_keyboard(size, opened):
    """Tab reaches it, arrows move it, and the picture is cut there; the focus can be seen."""
    page = opened(size)
    assert cut(page) == 50
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    assert page.evaluate("document.activeElement === document.querySelector('.pair input')")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert cut(page) == 53
    page.keyboard.press("Home")
    assert cut(page) == 0
    assert page.evaluate("getComputedStyle(document.querySelector('.pair')).outlineStyle") == "solid"
    label = page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
    assert label == "0 % full run, then fast"


def test_the_slider_by_mouse_and_finger(opened):
    page = opened("phone", touch=True)
    pair = page.locator(".pair").first
    pair.scroll_into_view_if_needed()
    box = pair.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 30)
    assert abs(cut(page) - 20) <= 1
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 30)
    assert abs(cut(page) - 20) <= 1
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + 30)
    assert abs(cut(page) - 75) <= 1


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window(size, opened):
    page = opened(size)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")
    cut = """[...document.querySelectorAll('svg text')].filter(text => {
        const inside = text.getBoundingClientRect(), around = text.closest('svg').getBoundingClientRect()
        return inside.left < around.left - 1 || inside.right > around.right + 1 || inside.bottom > around.bottom + 1
    }).map(text => text.textContent)"""
    assert page.evaluate(cut) == []
    pair = page.locator(".pair").first.bounding_box()
    assert pair["width"] > (300 if size == "phone" else 200)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_can_be_read_in_both_schemes(scheme, opened):
    """WCAG contrast of at least 4.5 between text and what is behind it, also of faint text and in the charts."""
    page = opened(scheme=scheme)
    ink, paper, faint, card, inside = page.evaluate("""() => {
        const of = (name, key) => getComputedStyle(document.querySelector(name))[key];
        return [of("body", "color"), of("body", "backgroundColor"), of("figcaption", "color"),
                of("article", "backgroundColor"), of("svg text", "fill")] }""")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for front, back in ((ink, paper), (ink, card), (faint, paper), (faint, card), (inside, card)):
        bright, dim = sorted((luminance(front), luminance(back)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (front, back)


def luminance(colour):
    """WCAG 2 relative luminance of "rgb(r, g, b)"."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_figures_are_those_of_the_json(opened, folder):
    page = opened()
    rows = json.loads((folder / "report.json").read_text())["summary"]
    shown = page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
    assert [row[0] for row in shown] == ["full run (off)", "fast", "h2/s2"]
    assert [row[2] for row in shown[1:]] == [f"{row['ssim']:.4f}" for row in rows[1:]]
    assert shown[2][5] == "15.0 of 20"


@pytest.mark.skipif(not os.environ.get("FSAMPLER_SCREENSHOTS"), reason="FSAMPLER_SCREENSHOTS is not set")
def test_write_the_screenshot(opened):
    """The summary and the first seed as docs/screenshots/page.webp."""
    page = opened()
    box = page.locator("section").first.bounding_box()
    clip = {"x": box["x"] - 16, "y": 0, "width": box["width"] + 32, "height": box["y"] + box["height"] + 16}
    save(Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))), ROOT / "docs/screenshots/page.webp")

"""The page: one file that opens from disk and asks the network for nothing (its policy forbids it)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from ..text import escape, number
from .charts import curve, steps
from .figures import FULL, Pair, Row
from .load import FinishedJob
from .pictures import GAIN

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(
    title: str, rows: Sequence[Row], jobs: Sequence[FinishedJob], pairs: Sequence[Pair], remarks: Sequence[str]
) -> str:
    """The HTML: remarks, the summary ``rows``, the curve, and each seed. ``pairs`` are those of
    ``figures.pairs``."""
    found = {(job.mode, job.seed): job for job in jobs}
    modes = [row["mode"] for row in rows if row["mode"] != FULL]
    seeds = [seed for mode, seed in sorted(found) if mode == FULL and any((other, seed) in found for other in modes)]
    by_seed: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_seed.setdefault(pair.seed, []).append(pair)
    links = "".join(f'<a href="#seed-{seed}">seed {seed}</a>' for seed in seeds)
    drawn = curve(rows)
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">',
            f"<title>{escape(title)}: FSampler modes compared</title>",
            f"<style>{_file('page.css')}</style></head><body><main>",
            f"<h1>{escape(title)}: what each mode costs and keeps</h1>",
            "<p>Every mode against the full run (off) of the same seed. SSIM and PSNR are of the whole pictures at "
            "their full size; 1 and 'identical' are no difference.</p>",
            "".join(f"<p><strong>Note:</strong> {escape(remark)}</p>" for remark in remarks),
            table(rows),
            drawn and f'<div class="scroll" tabindex="0" role="region" aria-label="Curve">{drawn}</div>',
            f'<nav aria-label="Seeds">{links}</nav>',
            '<p class="key">Steps:<span class="real"></span>model called<span class="skip"></span>predicted'
            '<span class="estimate"></span>estimated error, of the run\'s largest</p>',
            *(_seed(seed, modes, by_seed.get(seed, []), found) for seed in seeds),
            f"</main><script>{_file('page.js')}</script></body></html>\n",
        ]
    )


def table(rows: Sequence[Row]) -> str:
    """The summary in HTML, a row a mode."""
    heads = ("mode", "runs", "SSIM", "worst SSIM", "PSNR dB", "calls", "seconds", "sampling s", "times as fast")
    body = []
    for row in rows:
        is_full = row["mode"] == FULL
        calls = "-" if row["calls"] is None else f"{row['calls']:.1f} of {row['evaluations']:g}"
        psnr = "identical" if row["pairs"] and row["identical"] == row["pairs"] else number(row["psnr"], 2)
        cells = (
            "full run (off)" if is_full else row["mode"],
            row["runs"],
            number(row["ssim"], 4),
            number(row["ssim_worst"], 4),
            psnr,
            calls,
            number(row["seconds"], 2),
            number(row["sampling_seconds"], 2),
            number(row["factor"], 2),
        )
        told = (f'<td data-head="{head}">{escape(cell)}</td>' for head, cell in zip(heads, cells, strict=True))
        body.append(f"<tr>{''.join(told)}</tr>")
    head_row = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Summary"><table><thead><tr>{head_row}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div><p><small>Means over the seeds; seconds are medians of the runs "
        "in which the server had the model loaded already, where there are any. Sampling seconds are those in the "
        "sampler nodes, seconds those of the whole workflow.</small></p>"
    )


def _seed(seed: int, modes: Sequence[str], pairs: Sequence[Pair], found: Mapping[tuple[str, int], FinishedJob]) -> str:
    """The section of one seed: the full run, then each mode beside it."""
    full = found[FULL, seed]
    places = {(pair.node, pair.index): pair.full for pair in pairs}
    ids = {place: _id(seed, FULL, at) for at, place in enumerate(places)}
    parts = [f'<section><h2 id="seed-{seed}">Seed {seed}</h2><div class="modes">']
    parts.append('<article><h3>Full run</h3><div class="pictures">')
    for place, shown in places.items():
        parts.append(
            f'<figure><img id="{ids[place]}" src="{shown}" alt="full run, seed {seed}">'
            f"<figcaption>{escape(full.title(place[0]))} (node {escape(place[0])})</figcaption></figure>"
        )
    parts.append(f"</div><div>{_facts(full)}{_charts(full)}</div></article>")
    for mode in (mode for mode in modes if (mode, seed) in found):
        parts.append(f"<article><h3>{escape(mode)}</h3>")
        for pair in (pair for pair in pairs if pair.mode == mode):
            parts.append(_pair(pair, ids[pair.node, pair.index]))
        job = found[mode, seed]
        parts.append(f"{_facts(job)}{_charts(job)}</article>")
    return f"{''.join(parts)}</div></section>"


def _pair(pair: Pair, full_id: str) -> str:
    """A slider between the two pictures, the map of their difference, and the figures."""
    mode = escape(pair.mode)
    size = f'width="{pair.size[0]}" height="{pair.size[1]}"'
    shown = (
        "the sizes differ"
        if pair.apart is None
        else (f'<img src="{pair.apart}" {size} alt="where {mode} differs from the full run, seed {pair.seed}">')
    )
    psnr = "identical" if pair.same else f"{number(pair.psnr, 2)} dB"
    return (
        f'<div class="pictures"><figure><div class="pair" data-mode="{mode}">'
        f'<img data-of="{full_id}" {size} alt="full run, seed {pair.seed}">'
        f'<img class="top" src="{pair.image}" {size} alt="{mode}, seed {pair.seed}">'
        f'<b class="l">full</b><b class="r">{mode}</b>'
        f'<input type="range" min="0" max="100" value="50" aria-label="full run or {mode}, seed {pair.seed}"></div>'
        f"<figcaption>full run left, {mode} right; drag, or arrow keys</figcaption></figure>"
        f"<figure>{shown}<figcaption>difference, {GAIN:g} times as bright</figcaption></figure></div>"
        f"<dl><div><dt>SSIM</dt><dd>{number(pair.ssim, 4)}</dd></div><div><dt>PSNR</dt><dd>{psnr}</dd></div></dl>"
    )


def _facts(job: FinishedJob) -> str:
    """Calls, seconds, speed-up and server of a job, and links to its other files."""
    calls = "no report" if job.total("calls") is None else f"{job.total('calls')} of {job.total('evaluations')}"
    facts = {
        "calls": calls,
        "seconds": number(job.seconds(), 2),
        "sampling s": number(job.seconds("sampling_seconds"), 2),
        "speed-up as measured in the run": "-" if job.speedup() is None else f"{number(job.speedup(), 2)}x",
        "server": str(job.record.get("server", "-")) + ("" if job.record.get("warm") else " (first run there)"),
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items())
    links = "".join(f'<li><a href="{quote(place)}">{escape(name)}</a></li>' for place, name in job.links)
    return f"<dl>{told}</dl>" + (f'<ul class="files">{links}</ul>' if links else "")


def _charts(job: FinishedJob) -> str:
    """The steps of each sampler."""
    named = [(one, f"{job.mode}, {one.get('title')} {one.get('node')}") for one in job.reports]
    return "".join(f"<figure>{steps(one, name)}<figcaption>{escape(name)}</figcaption></figure>" for one, name in named)


def _id(seed: int, mode: str, at: int) -> str:
    return f"picture-{seed}-{mode}-{at}"


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")

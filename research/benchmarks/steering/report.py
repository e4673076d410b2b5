"""The tables: what each mode costs and keeps, where it loses, and what changed against another file of results."""

import statistics

from ..markdown import rows as table

RIVALS = ("fewer", "hold")
CLEARLY = 1.0  # dB
ALMOST = 1e-6  # dB: what is nearer than this is as good
WORST = 10
GROUPS = {
    "CFG": lambda row: f"CFG {row['cfg']:g}",
    "network": lambda row: row["network"],
    "schedule": lambda row: f"{'flow' if row['prediction'] == 'flow' else 'VE'} {row['schedule']}",
    "shift": lambda row: "none" if row["shift"] is None else f"shift {row['shift']:g}",
    "sampler": lambda row: row["sampler"],
    "steps": lambda row: f"{row['steps']} steps",
}


def gain(row, rival):
    """dB over a rival; negative where it is lost."""
    return row["psnr"] - row[f"{rival}_psnr"]


def lost(found, rival, by=ALMOST):
    """How many rows are below a rival by more than that, in dB."""
    return sum(gain(row, rival) < -by for row in found)


def mean(found, figure):
    return statistics.fmean(row[figure] for row in found)


def by_mode(found):
    """``{mode: rows}`` in the order in which modes are met."""
    modes = {}
    for row in found:
        modes.setdefault(row["mode"], []).append(row)
    return modes


def summary(found):
    """What each mode costs and keeps, and the cells that it loses."""
    body = []
    for mode, of in by_mode(found).items():
        share = 100 * statistics.fmean(row["calls"] / row["evaluations"] for row in of)
        kept = [f"{mean(of, f'{who}psnr'):.1f} / {mean(of, f'{who}ssim'):.3f}" for who in ("", "fewer_", "hold_")]
        losses = [f"{lost(of, rival)} ({lost(of, rival, CLEARLY)})" for rival in RIVALS]
        body.append([mode, len(of), f"{mean(of, 'calls'):.1f} ({share:.0f} %)", *kept, *losses])
    header = ["mode", "cells", "calls", "ours, dB / SSIM", "fewer steps", "hold"]
    return table([*header, "lost to fewer (by > 1 dB)", "lost to hold (by > 1 dB)"], body)


def images(found):
    """How the images of all cells are spread: median, tenth percentile, worst."""
    body = []
    for mode, of in by_mode(row for row in found if "each" in row).items():
        for name, who in (("ours", ""), ("fewer steps", "fewer_"), ("hold", "hold_")):
            ssim, psnr = zip(*(image for row in of for image in row[f"{who}each"]), strict=True)
            body.append([mode, name, len(psnr), _spread(psnr, ".1f"), _spread(ssim, ".3f")])
    return table(["mode", "", "images", "PSNR, dB: median / 10 % / worst", "SSIM: median / 10 % / worst"], body)


def _spread(figures, form):
    tenth = statistics.quantiles(figures, n=10, method="inclusive")[0] if len(figures) > 1 else figures[0]
    return " / ".join(f"{figure:{form}}" for figure in (statistics.median(figures), tenth, min(figures)))


def tolerances(found):
    """Of the presets: the final latent's relative error, of the worst image, over the tolerance."""
    body = []
    for mode, of in by_mode(row for row in found if "tolerance" in row).items():
        over = [row["error"] / row["tolerance"] for row in of]
        shares = [f"{100 * sum(ratio > limit for ratio in over) / len(over):.0f} %" for limit in (1, 2)]
        body.append([mode, len(over), f"{statistics.median(over):.2f}", *shares, f"{max(over):.1f}"])
    return table(["preset", "cells", "median error / tolerance", "cells above 1", "above 2", "most"], body)


def groups(found, axis):
    """PSNR of every group of an axis: ours (over fewer steps, over hold; cells lost to each)."""
    modes, named = list(by_mode(found)), {}
    for row in found:
        named.setdefault(GROUPS[axis](row), []).append(row)
    body = []
    for name in sorted(named, key=_natural):
        of = by_mode(named[name])
        body.append([name, max(map(len, of.values())), *(_cell(of[mode]) if mode in of else "" for mode in modes)])
    return table([axis, "cells", *modes], body)


def _cell(of):
    gains = [f"{statistics.fmean(gain(row, rival) for row in of):+.1f}" for rival in RIVALS]
    losses = " + ".join(str(lost(of, rival)) for rival in RIVALS)
    return f"{mean(of, 'psnr'):.1f} ({', '.join(gains)}; {losses})"


def _natural(name):
    """Numbers in a name sort as numbers."""
    return [(0, float(word), "") if word.isdigit() else (1, 0.0, word) for word in name.split()]


def worst(found, count=WORST):
    """The rows that are furthest below the better one of fewer steps and hold."""
    order = sorted(found, key=lambda row: min(gain(row, rival) for rival in RIVALS))[:count]
    body = [
        [
            row["cell"],
            row["mode"],
            f"{row['calls']:.1f} of {row['evaluations']}",
            *(f"{row[f'{who}psnr']:.1f}" for who in ("", "fewer_", "hold_")),
            f"{row['error'] / row['tolerance']:.1f}" if "tolerance" in row else "",
        ]
        for row in order
    ]
    return table(["cell", "mode", "calls", "ours, dB", "fewer steps", "hold", "error / tolerance"], body)


def page(found):
    """Everything of some rows, CFG 1 first."""
    parts = []
    for title, of in (
        ("CFG 1", [r for r in found if r["cfg"] == 1]),
        ("CFG 3 to 7", [r for r in found if r["cfg"] > 1]),
    ):
        if of:
            parts += [f"## {title}", summary(of)]
            parts += [tolerances(of)] if any("tolerance" in row for row in of) else []
    for title, of in (
        ("Images of networks that learned", [row for row in found if row["network"] != "mixture"]),
        ("Images of the mixture", [row for row in found if row["network"] == "mixture"]),
    ):
        if any("each" in row for row in of):
            parts += [f"## {title}", images(of)]
    parts += ["## By group", "PSNR, ours (dB over fewer steps, over hold; cells lost to fewer steps + to hold)."]
    parts += [groups(found, axis) for axis in GROUPS]
    return "\n\n".join(part.rstrip() for part in [*parts, f"## The worst {WORST}", worst(found)]) + "\n"


def against(now, then):
    """What changed from the rows of one file to those of another, over runs that are in both: ``{key: row}`` each."""
    both = [(now[name], then[name]) for name in now if name in then]
    if not both:
        return "No run is in both files.\n"
    modes = list(by_mode(row for row, _ in both))
    parts = [f"{len(both)} runs are in both. Mean PSNR now minus then, in dB (lowest, highest; calls then and now)."]
    for axis, named in {"": lambda row: "all", **GROUPS}.items():
        found = {}
        for pair in both:
            found.setdefault(named(pair[0]), []).append(pair)
        body = []
        for name in sorted(found, key=_natural):
            texts = [_change([pair for pair in found[name] if pair[0]["mode"] == mode]) for mode in modes]
            body.append([name, *texts])
        parts.append(table([axis, *modes], body).rstrip())
    return "\n\n".join(parts) + "\n"


def _change(pairs):
    if not pairs:
        return ""
    changes = [row["psnr"] - old["psnr"] for row, old in pairs]
    calls = [f"{statistics.fmean(pair[i]['calls'] for pair in pairs):.1f}" for i in (1, 0)]
    spent = "" if calls[0] == calls[1] else f"; {calls[0]} -> {calls[1]}"
    return f"{statistics.fmean(changes):+.2f} ({min(changes):+.1f}, {max(changes):+.1f}{spent})"

"""The tables: ours less each rival, where the difference comes from, and every cell in which a rival is better."""

import statistics

from ..markdown import rows as table
from ..steering.report import ALMOST, CLEARLY
from .entries import FULL, OURS, SOLVED

AXES = {
    "network": lambda row: row["network"],
    "guidance": lambda row: f"CFG {row['cfg']:g}",
    "sampler": lambda row: row["sampler"],
}


def duels(rows):
    """``[(ours, theirs)]``: every rival's row with ours of the same cell and mode."""
    ours = {(row["cell"], row["mode"]): row for row in rows if row["rival"] == OURS}
    return [(ours[row["cell"], row["mode"]], row) for row in rows if row["rival"] not in (OURS, FULL)]


def ahead(duel):
    """dB that ours is above the rival."""
    return duel[0]["psnr"] - duel[1]["psnr"]


def by(duels, name):
    """``{name of a duel: duels}`` in the order in which names are met."""
    found = {}
    for duel in duels:
        found.setdefault(name(duel), []).append(duel)
    return found


def rival(duel):
    return duel[1]["rival"]


def summary(duels):
    """Every rival of a mode: what it and ours keep, the difference, and cells won and lost."""
    body = []
    for name, of in by(duels, rival).items():
        kept = [_kept([duel[who] for duel in of]) for who in (1, 0)]
        gains = [ahead(duel) for duel in of]
        spread = (
            f"{statistics.fmean(gains):+.1f} ({min(gains):+.1f}, {statistics.median(gains):+.1f}, {max(gains):+.1f})"
        )
        refused = sum(duel[1]["refused"] for duel in of)
        calls = f"{statistics.fmean(duel[1]['calls'] for duel in of):.1f}" + (
            f" ({refused} refused)" if refused else ""
        )
        won = sum(gain > ALMOST for gain in gains)
        lost = [sum(gain < -least for gain in gains) for least in (ALMOST, CLEARLY)]
        body.append([name, len(of), calls, *kept, spread, won, f"{lost[0]} ({lost[1]})"])
    header = ["rival", "cells", "calls", "theirs, dB / SSIM", "ours", "ours minus theirs, dB (lowest, median, highest)"]
    return table([*header, "won", "lost (by > 1 dB)"], body)


def _kept(rows):
    return " / ".join(f"{statistics.fmean(row[name] for row in rows):{form}}" for name, form in FIGURES)


FIGURES = (("psnr", ".1f"), ("ssim", ".3f"))


def groups(duels, value):
    """Ours minus each rival by a value of ours: mean dB over cells and modes (how many of them are lost)."""
    named = sorted(by(duels, lambda duel: value(duel[0])))
    body = []
    for name, of in by(duels, rival).items():
        split = by(of, lambda duel: value(duel[0]))
        body.append([name, *(_group(split.get(one, [])) for one in named)])
    return table(["rival", *named], body)


def _group(of):
    if not of:
        return ""
    lost = sum(ahead(duel) < -ALMOST for duel in of)
    return f"{statistics.fmean(map(ahead, of)):+.1f} ({lost} of {len(of)})"


def solutions(rows):
    """How near each comes to the exact solution of the sampling equation, by mode: mean PSNR."""
    rows = [row for row in rows if "solution_psnr" in row]
    modes, found = list(dict.fromkeys(row["mode"] for row in rows)), {}
    for row in rows:
        found.setdefault((row["rival"], row["mode"]), []).append(row["solution_psnr"])
    body = [[name, *(f"{statistics.fmean(found[name, mode]):.1f}" for mode in modes)] for name in SOLVED]
    return table(["PSNR to the exact solution, Euler's cells", *modes], body)


def better(duels, least):
    """Each rival's cells in which it is better by more than that many dB, the clearest first: by how much, by mode."""
    lines = []
    for name, of in by(duels, rival).items():
        cells = by((duel for duel in of if ahead(duel) < -max(least, ALMOST)), lambda duel: duel[0]["cell"])
        order = sorted(cells, key=lambda cell: min(map(ahead, cells[cell])))
        parts = [f"{cell} ({', '.join(map(_by_how_much, cells[cell]))})" for cell in order]
        lines.append(f"- **{name}**: {'; '.join(parts) or 'none'}")
    return "\n".join(lines) + "\n"


def _by_how_much(duel):
    return f"{_calls(duel[0])} {-ahead(duel):+.1f}"


def brief(rows):
    """One table, by the share of the calls."""
    return f"{LEGEND}\n\n{groups(duels(rows), _calls)}"


def _calls(row):
    return row["mode"].removeprefix("calls:")


def page(rows, least=0.0):
    """Everything of some rows; ``least``: dB by which a rival has to be better for a cell to be named."""
    every = duels(rows)
    parts = [f"## {mode}\n\n{summary(of)}" for mode, of in by(every, lambda duel: duel[0]["mode"]).items()]
    apart = [axis for axis, value in AXES.items() if len(set(map(value, rows))) > 1]
    parts += [f"## By {axis}\n\n{LEGEND}\n\n{groups(every, AXES[axis])}" for axis in apart]
    if any("solution_psnr" in row for row in rows):
        parts.append(f"## To the exact solution\n\n{solutions(rows)}")
    by_more = f" by more than {least:g} dB" if least else ""
    parts.append(
        f"## Where a rival is better{by_more}\n\nBy how many dB, at each share of the calls.\n\n{better(every, least)}"
    )
    return "\n".join(parts)


LEGEND = "Ours minus theirs, mean dB over cells and shares of the calls (how many of them are lost)."

"""What a run leaves behind: results, tables, curves and the page."""

import math
import shutil
import sys

from . import curves, page, rivals
from .matrix import AXES, text
from .targets import targets
from .verdict import duels


def covered(parts, cells):
    """Which part of the full matrix it is, in words."""
    total = math.prod(map(len, AXES.values()))
    if len(parts) > 1:
        return f"{cells} cells of the full matrix's {total}, in {len(parts)} parts (benchmarks/versus/published.py)"
    said = [
        f"all {axis}" if set(values) == set(AXES[axis]) else f"{axis} " + ", ".join(map(text, values))
        for axis, values in parts[0].items()
    ]
    return f"{cells} cells of the full matrix's {total} ({'; '.join(said)})"


def notes(results, rows):
    """What a reader has to know about the rows."""
    engines = {row.get("engine") for every in rows.values() for row in every if row["rival"] == rivals.OURS}
    found = []
    if len(engines) > 1:
        found.append(f"Rows of ours are of {len(engines)} different engines: run with --again ours.")
    if missing := [pack.title for variable, pack in rivals.PACKS.items() if variable not in packs_of(rows)]:
        found.append(f"Without {' and '.join(missing)}.")
    failed = results.failed(rows)
    if failed:
        names = sorted({row["rival"] for row in failed})
        found.append(f"{len(failed)} runs of {', '.join(names)} failed and are left out.")
    return " ".join(found)


def packs_of(rows):
    """The variables of the other packs that rows are of."""
    there = {row["rival"] for every in rows.values() for row in every}
    return [variable for variable, pack in rivals.PACKS.items() if pack.rival in there]


def example(names):
    """Which pictures the page shows: of each model one, schedule simple, 20 steps and guidance 2 if there are such."""
    chosen = {}
    for name in names:
        where, steps, scale = name.removesuffix(".png").rsplit("_", 2)
        model, schedule = where.split("_", 1)
        rank = (schedule != "simple", abs(int(steps) - 20), abs(float(scale.removeprefix("cfg")) - 2))
        if model not in chosen or rank < chosen[model][0]:
            chosen[model] = rank, name
    return [name for _, name in chosen.values()]


def write(args, parts, conditions, cells, results, command):
    """Everything into ``args.out``; with ``args.page`` the page and its pictures there as well, and on the page what
    ``remarks.md`` says beside those pictures.
    """
    rows = {cell: every for cell, every in results.of(cells, conditions).items() if every}
    if not rows:
        sys.stdout.write("no rows yet\n")
        return
    found, reached = duels(rows), targets(rows)
    (args.out / "runs.md").write_text(page.run_table(rows))
    (args.out / "lost.md").write_text(page.lost_list(found))
    made = curves.write(rows, args.out / "curves")
    shown = {name: title for name, (title, _) in curves.files(rows).items()}
    facts = {
        "command": "".join(f"{variable}=CHECKOUT " for variable in packs_of(rows)) + command,
        "comfyui": results.known.get("comfyui", "of unknown version"),
        "images": conditions["images"],
        "covered": covered(parts, len(rows)),
        "notes": notes(results, rows),
        "thresholds": rivals.THRESHOLDS,
        "lost": "lost.md",
        "remarks": "",
    }
    pictures = [(shown[name], f"curves/{name}") for name in example(made)]
    (args.out / "benchmarks.md").write_text(page.page(rows, reached, pictures, facts))
    if args.page:
        folder = args.page.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        for path in ("lost.md", *(path for _, path in pictures)):
            shutil.copy(args.out / path, folder)
        remarks = folder / "remarks.md"
        facts |= {"lost": f"{folder.name}/lost.md", "remarks": remarks.read_text() if remarks.exists() else ""}
        copied = [(title, f"{folder.name}/{path.rpartition('/')[2]}") for title, path in pictures]
        args.page.write_text(page.page(rows, reached, copied, facts))
    sys.stdout.write(page.target_table(reached) + "\n" + page.duel_table(found))

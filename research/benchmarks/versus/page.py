"""The tables in Markdown, and the page that holds them with the curves."""

import statistics
from collections import Counter

from .matrix import Cell
from .rivals import HIGH, LOW, OURS, RIVALS
from .verdict import LOST, METRICS, TIED, WON, best, duels, on_equal_terms, share

SHARES = (0.4, 0.5, 0.6, 0.75)
PARTS = ((LOW, 0.45), (0.45, 0.65), (0.65, HIGH))  # of the calls
LISTED = 40  # lost comparisons that the page spells out
METHOD = """\
## What is compared

Every run is made in one process of ComfyUI {comfyui}, through its own sampling, from the same noise (an image's depends
on the seed and its number alone). Calls are counted at the network, not taken from what anybody reports; guidance
counts as one. In samplers that evaluate twice a step, `calls:N` makes N steps, and shares are of the full run's
evaluations.

- *ours*: FSampler (model) with `calls:N`; *ours auto*: its presets.
- *fewer steps*: the same sampler and schedule with N steps.
- *EasyCache*, *LazyCache*: core's nodes, thresholds {low:g} to {high:g}; of equal calls the best. EasyCache gets the
  two sides of guidance in calls of their own: in ComfyUI 0.3.64 it fails when they share one.
- *dpmpp_2m*, *uni_pc*, *res_multistep*, *deis*: these solvers with as many steps as calls. Not beside samplers that add
  noise: there they make another image.
- *original*, *original v1.5*: the FSampler pack 1.5.0, node FSamplerSelect, all its skip modes, its switches
  `sigma_aware` and `extrapolate_denoised` off and on; against its own full run, its solvers being its own. Not beside
  samplers that it lacks or to which it adds noise in its own way.
- *Spectrum node*: ComfyUI-Spectrum-sdxl as it is, its fit as it comes and as its page recommends, windows 2 to 6 that
  grow by 0 to 1.5, the last three steps REAL; of equal calls the best.

SSIM (torchmetrics, 11-pixel Gaussian window) and PSNR are against the full run, means over the images; equal images
count as 120 dB. The exact solution is DPM++ 2M with 200 steps. Ours is run with every number of calls, and compared
where the rivals were: at N calls with the best a rival does at N calls or fewer; within one standard error of ours is a
tie. LPIPS is left out: no package carries its network's weights without a download.

## Where the engine was not tuned

`python -m fsampler_research.benchmarks.steering` (`--small`: a few cells) measures our modes beside fewer steps and
holding over many schedules, shifts, guidance scales and networks, most of which no constant of the engine was chosen
on: a half of the cells is for choosing, the other for reporting. With `--against` an earlier file of results it says
what a change of the engine did.

## Samplers that add noise

`python -m fsampler_research.benchmarks.noisy` runs ComfyUI's `er_sde`, `euler_ancestral` and `dpmpp_2m_sde` (`--kin`:
four more) at 75 and 60 % of the calls and with the presets. All runs of a cell add the same path of noise, fewer steps
included. What it printed: [ER-SDE, Euler ancestral and DPM++ 2M
SDE](measurements.md#er-sde-euler-ancestral-and-dpm-2m-sde).

## Published rivals

`python -m fsampler_research.benchmarks.rivals` runs methods from papers, each as its authors' formula
(`research/rivals/`: MeanCache, VDE, ZEUS, Spectrum on outputs, DPCache's plan, PFDiff, and BudCache's search as a bound
in hindsight), on cells that the engine was not tuned on. All make as many calls as `calls:P%`, once at the steps of
their own rule and once at ours, and every cell in which one is better is named. `--steps 50` and `--size 128` choose
longer runs and larger canvases. What it printed:
[Rivals, each as its authors' formula](measurements.md#rivals-each-as-its-authors-formula).
"""


def table(header, body):
    lines = ["| " + " | ".join(map(str, line)) + " |" for line in [header, ["---"] * len(header), *body]]
    return "\n".join(lines) + "\n"


def target_table(targets):
    says = {True: "met", False: "**missed**", None: "-"}
    return table(["target", "wanted", "measured", ""], [[t.name, t.wanted, t.figure, says[t.met]] for t in targets])


def duel_table(found):
    """Won, tied and lost against each rival."""
    counts = Counter((duel.rival, duel.metric, duel.outcome) for duel in found)
    body = []
    for rival in RIVALS:
        texts = ["/".join(str(counts[rival, metric, outcome]) for outcome in (WON, TIED, LOST)) for metric in METRICS]
        margins = [duel.margin for duel in found if duel.rival == rival and duel.metric == "psnr"]
        if margins:
            body.append([rival, *texts, f"{statistics.median(margins):+.1f} dB"])
    return table(["rival", "SSIM won/tied/lost", "PSNR won/tied/lost", "median PSNR margin"], body)


def share_table(rows):
    """Median SSIM over all cells by share of the full run's calls: everybody's best within it."""
    body, every = [], [on_equal_terms(cell) for cell in rows.values() if cell]
    for rival in (OURS, *RIVALS):
        texts = []
        for wanted in SHARES:
            found = [best(cell, rival, wanted * cell[0]["full_calls"], "ssim") for cell in every]
            found = [row["ssim"] for row in found if row is not None]
            texts.append(f"{statistics.median(found):.3f} ({len(found)})" if found else "-")
        if set(texts) != {"-"}:
            body.append([rival, *texts])
    return table(["median SSIM (cells)", *(f"{100 * wanted:.0f} % of the calls" for wanted in SHARES)], body)


def place_table(rows, found):
    """Won, tied and lost in SSIM by model, schedule and share of the full run's calls, all rivals together."""
    counts = {}
    for duel in found:
        if duel.metric == "ssim":
            of_full = share(rows[duel.cell][0] | {"calls": duel.calls})
            part = sum(of_full >= high for _, high in PARTS[:-1])
            place = f"{Cell(*duel.cell).model} {Cell(*duel.cell).schedule}"
            counts.setdefault(place, [Counter() for _ in PARTS])[part][duel.outcome] += 1
    body = [
        [place, *("/".join(str(count[outcome]) for outcome in (WON, TIED, LOST)) for count in parts)]
        for place, parts in counts.items()
    ]
    return table(["SSIM won/tied/lost", *(f"{100 * a:.0f}-{100 * b:.0f} % of the calls" for a, b in PARTS)], body)


def lost_list(found, most=None, rest=None):
    """What was not won, the widest margin first: all of it, or the ``most`` widest and where the rest is."""
    lost = sorted((duel for duel in found if duel.outcome == LOST), key=lambda duel: (duel.metric, duel.margin))
    lines = []
    for duel in lost[:most] if most else lost:
        name = f"{Cell(*duel.cell).title}, {duel.calls:g} calls, {duel.metric.upper()}"
        form = "{:.5f}" if duel.metric == "ssim" else "{:.1f} dB"
        theirs = f"{duel.rival} {duel.setting} {form.format(duel.theirs)} ({duel.rival_calls:g} calls)"
        lines.append(f"- {name}: {form.format(duel.ours)}, {theirs}")
    if most and len(lost) > most:
        lines.append(f"- and {len(lost) - most} more: [{rest}]({rest})")
    return "\n".join(lines or ["None."]) + "\n"


def run_table(rows):
    """Every run of every cell."""
    header = ["cell", "rival", "setting", "calls", "share", "SSIM", "PSNR", "to exact", "worst SSIM", "seconds"]
    body = []
    for cell, every in rows.items():
        for row in every:
            exact = f"{row['exact_psnr']:.1f}" if "exact_psnr" in row else "-"
            body.append(
                [
                    Cell(*cell).title,
                    row["rival"],
                    row["setting"],
                    f"{row['calls']:g}",
                    f"{100 * share(row):.0f} %",
                    f"{row['ssim']:.4f} ± {row['ssim_se']:.4f}",
                    f"{row['psnr']:.1f} ± {row['psnr_se']:.1f}",
                    exact,
                    f"{row['worst_ssim']:.3f}",
                    f"{row['seconds']:.1f}",
                ]
            )
    return table(header, body)


def page(rows, targets, pictures, facts):
    """The page. ``facts``: command, comfyui, images, covered, notes, thresholds, lost (the list's path), remarks."""
    found = duels(rows)
    lines = [
        "# Ahead at every number of calls?\n",
        "Fidelity to the full run against the number of model calls, ours and everything a user could pick instead.\n",
        f"`{facts['command']}`\n",
        f"{facts['images']} images a cell, ComfyUI {facts['comfyui']}; {facts['covered']}. {facts['notes']}\n",
        *([facts["remarks"]] if facts["remarks"] else []),
        *(f"![{title}]({path})\n" for title, path in pictures),
        "## Targets\n",
        target_table(targets),
        f"## Against each rival, {100 * LOW:.0f}-{100 * HIGH:.0f} % of the calls\n",
        duel_table(found),
        place_table(rows, found),
        share_table(rows),
        "## Not won\n",
        lost_list(found, LISTED, facts["lost"]),
        METHOD.format(comfyui=facts["comfyui"], low=min(facts["thresholds"]), high=max(facts["thresholds"])),
    ]
    return "\n".join(lines)

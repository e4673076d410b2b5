"""Every sampler in every prediction, and the in-process tests, on one ComfyUI; and the page made of several such runs.

    COMFYUI_PATH=... <ComfyUI's python> tests/comfy/compatibility.py --tests     run the in-process tests, note outcomes
                                                                                 (--tests test_log: of that file only)
    COMFYUI_PATH=... <ComfyUI's python> tests/comfy/compatibility.py --samplers  measure every sampler (some minutes)
    python tests/comfy/compatibility.py --write docs/compatibility.md            the page, from all that was noted

Notes are kept in tests/comfy/results, one file a ComfyUI version and kind.
"""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PREDICTIONS = ("flow", "eps", "v")
STEPS, CFG, IMAGES = 20, 2.0, 2
REASONS = {"CFG++": "CFG++", "sizes its steps": "sizes its own steps", "anew": "renews its noise"}

sys.path.append(str(HERE / "inprocess"))


def version():
    return bootstrap().version(bootstrap().checkout())


def bootstrap():
    import bootstrap as found

    return found


def note(kind, content):
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{version()}-{kind}.json"
    path.write_text(json.dumps(content, indent=0) + "\n")


def measure():
    """Rows ``{sampler, prediction, psnr, calls, evaluations, notes}`` of mode balanced against the full run."""
    bootstrap().comfyui()
    import rig
    import torch

    rows = []
    with torch.inference_mode():
        for name in rig.SAMPLERS:
            for prediction in PREDICTIONS:
                rows.append(row(rig, name, prediction))
                sys.stderr.write(f"{rows[-1]}\n")
    note("samplers", rows)


def row(rig, name, prediction):
    model = rig.model(prediction)
    given = dict(sampler_name=name, latent_image=rig.latent(IMAGES, size=64), steps=STEPS, cfg=CFG)
    full, evaluations = rig.counted(model, lambda: rig.core(model, **given))
    (fast, report), made = rig.counted(model, lambda: rig.ours(model, "balanced", **given))
    if (made, evaluations) != (report.calls, report.evaluations):
        raise RuntimeError(f"{name}, {prediction}: {made} of {evaluations} calls, reported as {report.line()}")
    distance = round(rig.psnr(full, fast), 1)
    return {
        "sampler": name,
        "prediction": prediction,
        "psnr": None if distance == float("inf") else distance,
        "calls": report.calls,
        "evaluations": report.evaluations,
        "notes": [*map(str, report.notes)],
    }


def test(names):
    """Outcomes of in-process tests, ``{file: {test: passed | failed | skipped}}``; of some files, the rest stay."""
    files = [str(HERE / "inprocess" / f"{name}.py") for name in names] or [str(HERE / "inprocess")]
    kept = RESULTS / f"{version()}-tests.json"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "outcomes.xml")
        command = [sys.executable, "-m", "pytest", *files, "-q", f"--junitxml={path}"]
        code = subprocess.run(command, cwd=HERE.parents[1], check=False).returncode
        outcomes = json.loads(kept.read_text()) if names else {}
        outcomes = {file: cases for file, cases in outcomes.items() if file and file not in names}
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            kinds = {child.tag for child in case}
            outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            file = (case.get("classname") or case.get("name")).rpartition(".")[2]  # no class: skipped as a whole
            outcomes.setdefault(file, {})[case.get("name")] = outcome
    note("tests", outcomes)
    return code


def page():
    """The text of docs/compatibility.md."""
    measured = {path.name: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*-samplers.json"))}
    tested = {path.name[: -len("-tests.json")]: json.loads(path.read_text()) for path in RESULTS.glob("*-tests.json")}
    versions = sorted(tested, key=lambda text: [int(part) for part in text.split(".")])
    newest = max(measured, key=lambda name: [int(part) for part in name.removesuffix("-samplers.json").split(".")])
    lines = (HERE / "compatibility.md").read_text().rstrip().splitlines()
    lines += ["", f"## Samplers (ComfyUI {newest.removesuffix('-samplers.json')})", ""]
    lines += [*sampler_table(measured[newest]), ""]
    if tested:
        lines += ["## Samplers by version", "", *version_table(tested, versions), ""]
        lines += ["## Tests by version", "", *file_table(tested, versions), ""]
    return "\n".join(lines)


def sampler_table(rows):
    cells = {(row["sampler"], row["prediction"]): row for row in rows}
    yield "| sampler | " + " | ".join(PREDICTIONS) + " |"
    yield "|---|" + "---|" * len(PREDICTIONS)
    for name in dict.fromkeys(row["sampler"] for row in rows):
        yield f"| {name} | " + " | ".join(cell(cells[name, prediction]) for prediction in PREDICTIONS) + " |"


def cell(row):
    share = f"{row['calls']}/{row['evaluations']}"
    in_full = next((note.partition(": ")[2] for note in row["notes"] if note.startswith("runs in full")), None)
    if in_full:
        return f"{share}, in full: {next(short for word, short in REASONS.items() if word in in_full)}"
    return f"{share}, nothing skipped" if row["psnr"] is None else f"{row['psnr']} dB, {share}"


def version_table(tested, versions):
    """Which predictions of which samplers passed, in each version."""
    found = {v: tested[v].get("test_samplers", {}) for v in versions}
    names = dict.fromkeys(name.rpartition("-")[2][:-1] for v in reversed(versions) for name in found[v])
    yield "| sampler | " + " | ".join(versions) + " |"
    yield "|---|" + "---|" * len(versions)
    for name in names:
        texts = []
        for v in versions:
            outcomes = {p: found[v].get(f"test_sampler[{p}-{name}]") for p in PREDICTIONS}
            passed = [p for p, outcome in outcomes.items() if outcome == "passed"]
            texts.append(", ".join(passed) if any(outcomes.values()) else "not in this version")
        yield f"| {name} | " + " | ".join(text or "none" for text in texts) + " |"


def file_table(tested, versions):
    files = sorted({file for v in versions for file in tested[v]})
    yield "| file | " + " | ".join(versions) + " |"
    yield "|---|" + "---|" * len(versions)
    for file in files:
        texts = []
        for v in versions:
            outcomes = list(tested[v].get(file, {}).values())
            counts = ((outcomes.count(kind), kind) for kind in ("passed", "failed", "skipped"))
            texts.append(", ".join(f"{n} {kind}" for n, kind in counts if n) or "not run")
        yield f"| {file}.py | " + " | ".join(texts) + " |"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--samplers"]:
        measure()
    elif sys.argv[1:2] == ["--tests"]:
        sys.exit(test(sys.argv[2:]))
    elif sys.argv[1:2] == ["--write"] and len(sys.argv) == 3:
        Path(sys.argv[2]).write_text(page())
    else:
        sys.exit(__doc__)

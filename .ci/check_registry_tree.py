"""The tree that the ComfyUI registry publishes: what git sees without what ``.comfyignore`` names.

    check_registry_tree.py copy CHECKOUT TREE    makes TREE, and looks for the help pages and texts of every node in it
    check_registry_tree.py import PLACE          imports every module that needs no ComfyUI; must come from PLACE
    check_registry_tree.py commands BIN TREE     runs convert, compare and queue --help of the fsampler in BIN

The second is started by the Python of an environment that holds only the built tree.
"""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

PACK = "comfyui_fsampler"
NEED_COMFYUI = {"nodes"}
PICTURE = re.compile(r"""!\[[^\]]*\]\(<?([^)>\s]+)|<(?:img|video|source)\b[^>]*\bsrc=["']([^"']+)""")


def fail(text):
    sys.exit(f"check_registry_tree: {text}")


# -- the tree --------------------------------------------------------------------------------------------------------


def listed(checkout, *options):
    """File names from git; exact also where they hold blanks, quotes or line ends."""
    command = ["git", "-C", str(checkout), "ls-files", "-z", *options]
    out = subprocess.run(command, capture_output=True, check=True).stdout
    return {name.decode(errors="surrogateescape") for name in out.split(b"\0") if name}


def shipped(checkout):
    """What a registry gets: tracked and new files, without those that ``.comfyignore`` names."""
    ignore = "--exclude-from=.comfyignore"
    seen = listed(checkout, "--cached", "--others", "--exclude-standard")
    left_out = listed(checkout, "--cached", "--ignored", ignore) | listed(checkout, "--others", "--ignored", ignore)
    return sorted(name for name in seen - left_out if (checkout / name).is_file())


def copy(checkout, tree):
    names = shipped(checkout)
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / name, tree / name)
    size = sum((tree / name).stat().st_size for name in names) / 1e6
    nodes = node_ids(tree / "nodes/__init__.py")
    wrong = [*help_problems(tree / "web/docs", nodes), *text_problems(tree / "locales", nodes)]
    if wrong:
        fail("; ".join(wrong))
    sys.stdout.write(f"{len(names)} files, {size:.1f} MB, {len(nodes)} nodes with their help pages and texts\n")


def node_ids(path):
    """The keys of NODES, without importing ComfyUI."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == "NODES" for target in targets):
                ids = [ast.literal_eval(key) for key in statement.value.keys]
                if ids:
                    return ids
    fail(f"there is no dictionary NODES with nodes in {path}")


def help_problems(docs, nodes):
    """What is wrong with ``NODE.md``, or ``NODE/LANGUAGE.md`` with one in English, and their pictures."""
    languages = {path.stem for path in docs.glob("*/*.md")}
    for node in nodes:
        plain, translated = docs / f"{node}.md", docs / node
        if not plain.is_file() and not (translated / "en.md").is_file():
            yield f"the help page {plain} is missing"
        for language in sorted(languages - {"en"}):
            if not (translated / f"{language}.md").is_file():
                yield f"the help page {translated / language}.md is missing; other nodes have that language"
    for path in [*docs.glob("*.md"), *docs.glob("*/*.md")]:
        if (path.stem if path.parent == docs else path.parent.name) not in nodes:
            yield f"the help page {path} belongs to no node"
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            yield f"the help page {path} is empty"
        for found in PICTURE.findall(text):
            picture = next(filter(None, found))
            if "://" not in picture and not any((place / picture).is_file() for place in (path.parent, docs)):
                yield f"the picture {picture} of the help page {path} is missing"


def text_problems(locales, nodes):
    """Each language that is there names each node."""
    languages = sorted(path for path in locales.iterdir() if path.is_dir()) if locales.is_dir() else []
    if not languages:
        yield f"{locales} holds no language"
    for language in languages:
        file = language / "nodeDefs.json"
        missing = set(nodes) - set(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {})
        if missing:
            yield f"{file} does not have {sorted(missing)}"


# -- what was installed from it --------------------------------------------------------------------------------------


def modules(folder):
    """The names of all modules of the pack that need no ComfyUI."""
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] not in NEED_COMFYUI:
            yield ".".join([PACK, *parts]).removesuffix(".__init__")


def import_all(place):
    pack = importlib.import_module(PACK)
    if not Path(pack.__file__).resolve().is_relative_to(Path(place).resolve()):
        fail(f"imported from {pack.__file__}, not from {place}")
    early = {"torch", "comfy", "numpy", "PIL"} & set(sys.modules)
    if early:
        fail(f"importing {PACK} imported {sorted(early)}")
    names = list(modules(Path(pack.__file__).parent))
    for name in names:
        importlib.import_module(name)
    foreign = {"comfy", "nodes", "fsampler_research"} & set(sys.modules)
    if foreign:
        fail(f"a module that should need no ComfyUI imports {sorted(foreign)}")
    run()
    sys.stdout.write(f"{len(names)} modules imported\n")


def run():
    """One run of the engine, in which calls are skipped."""
    import torch

    sample = importlib.import_module(f"{PACK}.fsampler").sample
    euler = importlib.import_module(f"{PACK}.samplers").SOLVERS["euler"]
    x, report = sample(euler, lambda x, sigma: x / 2, torch.ones(1, 1, 4, 4), torch.linspace(1, 0, 21), "h2/s2")
    if not x.isfinite().all() or not 0 < report.calls < 20:
        fail(f"a run of {PACK}: {report.line()}")
    sys.stdout.write(report.line() + "\n")


def commands(binaries, tree):
    """The commands, on an example workflow and on a folder such as fsampler queue leaves behind."""
    fsampler = str(Path(binaries) / "fsampler")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for source in sorted((tree / "example_workflows").rglob("*.json")):
            done = scratch / f"{source.parent.name}-{source.name}"
            call(scratch, fsampler, "convert", str(source), "--mode", "fast", "-o", str(done))
            if "FSampler" not in done.read_text(encoding="utf-8"):
                fail(f"fsampler convert put nothing into {source}")
        compared = finished_runs(scratch / "runs")
        call(scratch, fsampler, "compare", str(compared))
        for file in ("report.html", "report.json", "report.csv"):
            if not (compared / file).is_file() or not (compared / file).stat().st_size:
                fail(f"fsampler compare wrote no {file}")
        rows = json.loads((compared / "report.json").read_text())["summary"]
        if len(rows) != 2:
            fail(f"fsampler compare has {len(rows)} rows for two modes")
        if "--server" not in call(scratch, fsampler, "queue", "--help"):
            fail("fsampler queue --help does not tell of --server")
    sys.stdout.write("fsampler convert, compare and queue --help: done\n")


def call(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        fail(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def finished_runs(folder):
    """A folder of ``fsampler queue`` with one seed in two modes."""
    for part in ("jobs", "images", "files"):
        (folder / part).mkdir(parents=True)
    (folder / "queue.json").write_text(json.dumps({"modes": ["off", "fast"], "seeds": [1]}))
    for mode, grey in (("off", 128), ("fast", 130)):
        data = png(grey)
        (folder / f"images/{mode}.png").write_bytes(data)
        image = {"file": f"{mode}.png", "bytes": len(data), "node": "9", "index": 0}
        record = {"mode": mode, "seed": 1, "images": [image], "files": [], "reports": []}
        (folder / f"jobs/{mode}.json").write_text(json.dumps(record))
    return folder


def png(grey, side=16):
    """A PNG of one grey, as bytes."""

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    rows = zlib.compress((b"\0" + bytes([grey]) * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    {"copy": copy, "import": import_all, "commands": commands}[what](*map(Path, given))

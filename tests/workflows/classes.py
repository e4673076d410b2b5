"""Core's classes as the newest tested ComfyUI describes them, for examples whose classes an older one does not have:

    python tests/workflows/classes.py http://127.0.0.1:8188 [CLASS ...]

with a server of that version writes ``classes.json`` anew, with the classes that it held and those that are named.
"""

import json
import sys
import urllib.request
from pathlib import Path

FILE = Path(__file__).with_name("classes.json")
_STORED = json.loads(FILE.read_text(encoding="utf-8"))
VERSION, NEWEST = _STORED["comfyui_version"], _STORED["classes"]  # NEWEST is a part of that version's /object_info
DESCRIBED = ("input", "output", "output_name", "display_name")
SHOWN_ONLY = ("tooltip", "display_name", "advanced")  # of an input: nothing that a graph's form depends on
LOADERS = ("CheckpointLoaderSimple", "UNETLoader", "VAELoader", "CLIPLoader", "DualCLIPLoader", "LoadImage")


def inputs(description, sections=("required", "optional")):
    """Type and options of every input, by name."""
    given = {name: one for section in sections for name, one in description["input"].get(section, {}).items()}
    return {name: (one[0], one[1] if len(one) > 1 else {}) for name, one in given.items()}


def with_newest(object_info):
    """What an older ComfyUI describes, and newer classes.

    The older description is taken where the newer one asks for nothing else: both versions read a graph made from it.
    """
    kept = {
        kind: one
        for kind, one in object_info.items()
        if kind not in NEWEST or inputs(NEWEST[kind], ["required"]).keys() <= inputs(one).keys()
    }
    return NEWEST | kept


def unknown(form, object_info):
    """Of an API form: the classes, inputs, choices and numbers that ``object_info`` does not allow; no files."""
    for kind, given in ((node["class_type"], node["inputs"]) for node in form.values()):
        if kind not in object_info:
            yield kind
            continue
        known = inputs(object_info[kind])
        for name, value in given.items():
            type_, options = known.get(name.partition(".")[0], (None, {}))
            choices = type_ if isinstance(type_, list) else options.get("options")
            if type_ is None:
                yield f"{kind}, {name}"
            elif isinstance(value, list) or (kind in LOADERS and _holds_files(name)):
                continue
            elif choices is not None and value not in [_key(one) for one in choices]:
                yield f"{kind}, {name}: {value}"
            elif type_ in ("INT", "FLOAT") and not options.get("min", value) <= value <= options.get("max", value):
                yield f"{kind}, {name}: {value}"


def missing(form, object_info):
    """The inputs that ``object_info`` requires and an API form does not give."""
    for node in form.values():
        for name in inputs(object_info[node["class_type"]], ["required"]).keys() - node["inputs"].keys():
            yield f"{node['class_type']}, {name}"


def _holds_files(name):
    return "_name" in name or name == "image"


def _key(choice):
    return choice["key"] if isinstance(choice, dict) else choice


def _stored(one):
    """A part of ``/object_info`` without what is only shown."""
    if isinstance(one, dict):
        return {name: _stored(part) for name, part in one.items() if name not in SHOWN_ONLY}
    return [_stored(part) for part in one] if isinstance(one, list) else one


def main(url, *kinds):
    answers = []
    for path in ("system_stats", "object_info"):
        with urllib.request.urlopen(f"{url}/{path}") as answer:
            answers.append(json.load(answer))
    version, known = answers[0]["system"]["comfyui_version"], answers[1]
    rows = []
    for kind in sorted({*NEWEST, *kinds}):
        one = {name: known[kind][name] for name in DESCRIBED} | {"input": _stored(known[kind]["input"])}
        rows.append(f"{json.dumps(kind)}: {json.dumps(one)}")
    text = f'{{"comfyui_version": "{version}",\n"classes": {{\n' + ",\n".join(rows) + "\n}}\n"
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), *sys.argv[2:])

"""The English texts of the nodes as ComfyUI's translations hold them. Writes ``locales/en/nodeDefs.json``:

python tests/workflows/english.py http://127.0.0.1:8188
"""

import json
import sys
import urllib.request
from pathlib import Path

FILE = Path(__file__).parents[2] / "locales/en/nodeDefs.json"


CORE = {"FSamplerKSampler": "KSampler", "FSamplerKSamplerAdvanced": "KSamplerAdvanced"}  # whose inputs these have


def texts(object_info):
    """By node: display name, description, and of inputs and outputs the name and the tooltip, where we wrote one."""
    found = {}
    for kind, node in object_info.items():
        if not kind.startswith("FSampler") or kind.startswith("FSamplerTest"):
            continue
        inputs, cores = {}, object_info[CORE[kind]]["input"]["required"] if kind in CORE else ()
        for section in ("required", "optional"):
            for name in node["input_order"].get(section, []):
                type_, *options = node["input"][section][name]
                inputs[name] = _entry(name, options[0].get("tooltip") if options and name not in cores else None)
                if type_ == "INT" and name in ("seed", "noise_seed"):
                    inputs["control_after_generate"] = _entry("control after generate", None)
        tooltips = node.get("output_tooltips") or [None] * len(node["output_name"])
        outputs = map(_entry, node["output_name"], tooltips)
        about = {"display_name": node["display_name"], "description": node["description"]}
        found[kind] = about | {"inputs": inputs, "outputs": {str(i): entry for i, entry in enumerate(outputs)}}
    return found


def _entry(name, tooltip):
    return {"name": name} | ({"tooltip": tooltip.replace(" | ", "; ")} if tooltip else {})  # "|" separates plurals


def written(object_info):
    return json.dumps(texts(object_info), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with urllib.request.urlopen(sys.argv[1].rstrip("/") + "/object_info") as answer:
        FILE.write_text(written(json.load(answer)), encoding="utf-8")

"""The findings as text: a line each, the indented ones about the one above."""

from collections.abc import Iterator

from .findings import Findings, Here, InFile, Sampling, There


def lines(findings: Findings) -> list[str]:
    """What the terminal shows."""
    found = list(_here(findings.here))
    found += _there(findings.server) if findings.server else ["server: none asked; name one with --server"]
    found += _file(findings.file) if findings.file else []
    return found


def _here(here: Here) -> Iterator[str]:
    yield f"here: fsampler {here.fsampler}, Python {here.python}, {here.system}"
    if here.torch is None:
        yield '  torch is missing, and convert, queue and compare need it: pip install "fsampler[engine]"'
    else:
        yield f"  torch {here.torch} on {here.device}"
    if others := [name for name in here.missing if name != "torch"]:
        yield f'  missing for queue and compare: {", ".join(others)}: pip install "fsampler[headless]"'


def _there(there: There) -> Iterator[str]:
    versions = {"ComfyUI": there.comfyui, "Python": there.python, "torch": there.torch}
    yield ", ".join([f"server: {there.address}", *(f"{name} {said}" for name, said in versions.items() if said)])
    yield f"  computes on {', '.join(there.devices) or 'what it does not say'}"
    yield from (f"  {fault}" for fault in there.faults)
    if there.pack is None:
        yield "  this pack is not there: put it into custom_nodes and start ComfyUI again"
    else:
        yield f"  this pack is there, version {there.pack.version or 'unknown'}, in the folder {there.pack.folder}"
        yield from (f"    {fault}" for fault in there.pack.faults)
    yield f"  of {there.samplers} samplers, {len(there.in_full)} will run in full:"
    for why in dict.fromkeys(one.why for one in there.in_full):
        yield f"    {', '.join(one.sampler for one in there.in_full if one.why == why)}: {why}"
    if there.caches:
        named = ", ".join(f"{one.node} ({one.method})" for one in there.caches)
        yield f"  nodes that skip by another method, beside which FSampler runs in full: {named}"


def _file(file: InFile) -> Iterator[str]:
    count = sum(node.skips for node in file.nodes)
    yield f"file: {file.file}, a {file.form}; {count} of {len(file.nodes)} nodes that sample will skip"
    yield from (f"  {_node(node)}" for node in file.nodes)


def _node(node: Sampling) -> str:
    name = node.node + (f" at {node.input!r}" if node.input else "")
    if not node.skips:
        return f"{name} will not: {node.why}"
    by = "" if node.by == node.node else f", by {node.by}"  # a node of ours that samples says its own mode
    return f"{name} will: mode {node.mode}{by}" if node.mode else f"{name} will, as {node.by} says"

"""Write the API page, ``docs/api.md``, from the docstrings:

    python -m fsampler_research.api            write it, in a checkout of the repository
    python -m fsampler_research.api --check    exit with 1 where the page is not what would be written

Signatures are printed as they stand in the source, by way of ``ast``: the docstrings follow no markup that a generator
of documentation could make more of.
"""

import argparse
import ast
import inspect
import pathlib
import re
import sys
import textwrap

from comfyui_fsampler import fsampler
from comfyui_fsampler.fsampler import history, options, policies, predictors, query, response
from comfyui_fsampler.samplers import SOLVERS, common

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/api.md"
WIDTH = 100
INTRODUCTION = """# The API

Written from the docstrings by `python -m fsampler_research.api`; change those, not this page. The names under
"Solvers" are imported from `comfyui_fsampler.samplers`, as `SOLVERS["euler"]` or by name; the others from
`comfyui_fsampler.fsampler`, or from the module that is given. Terms are in the [glossary](glossary.md), and what
happens in a call is on the [architecture page](architecture.md). `[B, ...]` is the shape of a batch: B samples, then
any dimensions.
"""

# What the package exports, and what its functions take or hand out. Everything in ``__all__`` must be here.
GROUPS = {
    "Run": (fsampler.sample, fsampler.begin, fsampler.SkippingDenoiser, fsampler.FullRun),
    "Say what a run does": (fsampler.Config, options.GivenOptions, options.Options),
    "Read what it did": (fsampler.Report, fsampler.Record, fsampler.Note),
    "Decide": (fsampler.Policy, fsampler.Situation, fsampler.Decision, policies.Guarded),
    "Predict": (fsampler.Predictor, predictors.BackTest, history.History, history.Entry, query.Query),
    "Know the sampler": (fsampler.probe, response.Response),
    "Solvers": (*dict.fromkeys(SOLVERS.values()), common.Sampler, common.Step, common.Noise),
}
CONSTANTS = ("DEFAULT_MODE", "PRESETS", "PAPER_MODES", "VALID_FORMS")


def page():
    """The whole page; raises ValueError where a public name belongs to no group."""
    grouped = {thing.__name__ for group in GROUPS.values() for thing in group}
    missing = set(fsampler.__all__) - grouped - {*CONSTANTS}
    if missing:
        raise ValueError(
            f"{', '.join(sorted(missing))} in fsampler.__all__; expected every name in GROUPS or CONSTANTS"
        )
    parts = [INTRODUCTION]
    for title, group in GROUPS.items():
        parts.append(f"## {title}\n")
        if common.Noise in group:
            parts.append(markdown(common.__doc__) + "\n")
        parts += map(entry, group)
        if fsampler.Config in group:
            parts.append("### Constants\n")
            parts += [f"- `{name}`: `{getattr(fsampler, name)!r}`" for name in CONSTANTS]
            parts.append("")
    return "\n".join(parts)


def entry(thing):
    """A class or a function."""
    node = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    place = thing.__module__.removeprefix("comfyui_fsampler.")
    names = [name for name, solver in SOLVERS.items() if solver is thing]
    known = f", `SOLVERS` {' and '.join(f'`{name}`' for name in names)}" if names else ""
    body = class_body(node) if isinstance(node, ast.ClassDef) else function_body(node, node.name)
    return f"### {thing.__name__}\n\n*`{place}`{known}*\n\n{body}\n"


def class_body(node):
    """Its constructor or fields, its docstring, and its public methods and properties."""
    functions = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    init = next((item for item in functions if item.name == "__init__"), None)
    bases = ", ".join(map(ast.unparse, node.bases))
    head = signature(init, node.name) if init else f"class {node.name}" + (f"({bases})" if bases else "")
    code = "\n".join([f"{head}:" if fields else head, *(f"    {ast.unparse(field)}" for field in fields)])
    names = parameter_names(init) if init else []
    names += [field.target.id for field in fields] + [item.name for item in functions]
    names += [
        part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute) and ast.unparse(part.value) == "self"
    ]
    public = [item for item in functions if item.name == "__call__" or not item.name.startswith("_")]
    members = [member(item, node.name) for item in public]
    short = "\n".join(text for text in members if text.startswith("- "))
    parts = [block(code), markdown(ast.get_docstring(node), names), short and f"Members:\n\n{short}"]
    return "\n\n".join(part for part in [*parts, *(text for text in members if not text.startswith("- "))] if part)


def member(item, owner):
    """A method or property: an item of a list where it is short."""
    decorators = {ast.unparse(decorator) for decorator in item.decorator_list}
    if "property" in decorators:
        shown = f"{item.name}: {ast.unparse(item.returns)}" if item.returns else item.name
    else:
        shown = signature(item, f"{owner}.{item.name}" if "staticmethod" in decorators else item.name)
    said = ast.get_docstring(item) or ""
    if "\n" in shown or "\n\n" in said:
        return f"{block(shown)}\n\n{markdown(said, parameter_names(item))}".strip()
    return f"- `{shown}`" + (f": {textwrap.indent(markdown(said), '  ').strip()}" if said else "")


def function_body(node, name):
    """Signature and docstring."""
    return f"{block(signature(node, name))}\n\n{markdown(ast.get_docstring(node), parameter_names(node))}"


def block(code, language="python"):
    return f"```{language}\n{code}\n```"


def parameter_names(node):
    args = node.args
    extra = [one for one in (args.vararg, args.kwarg) if one]
    return [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *extra)]


def signature(node, name):
    """As in the source; one parameter a line where it is long."""
    parameters = list(written_parameters(node.args))
    parameters = parameters[1:] if parameters[:1] in (["self"], ["cls"]) else parameters
    result = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    line = f"{name}({', '.join(parameters)}){result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){result}"])


def written_parameters(args):
    """Each parameter with its annotation and default, and the marks between them."""

    def written(parameter, default):
        text = ast.unparse(parameter)
        blank = " " if parameter.annotation else ""
        return text if default is None else f"{text}{blank}={blank}{ast.unparse(default)}"

    plain = [*args.posonlyargs, *args.args]
    yield from map(written, plain, [None] * (len(plain) - len(args.defaults)) + args.defaults)
    if args.vararg:
        yield "*" + ast.unparse(args.vararg)
    elif args.kwonlyargs:
        yield "*"
    yield from map(written, args.kwonlyargs, args.kw_defaults)
    if args.kwarg:
        yield "**" + ast.unparse(args.kwarg)


def markdown(docstring, names=()):
    """A docstring as Markdown: what it says of ``names`` becomes a list, examples become blocks of code."""
    paragraphs = re.split(r"\n\n+", inspect.cleandoc(docstring or ""))
    return "\n\n".join(paragraph(text, names) for text in paragraphs)


def paragraph(text, names):
    if text.startswith(">>>"):
        return block(text, "pycon")
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    known = "|".join(map(re.escape, names))
    if not known or not re.match(rf"(?:{known})\b[^:\n]{{0,60}}: ", text):
        return text
    text = re.sub(rf"[.;]\s((?:{known})(?:, \w+)*: )", r".\n\1", text)  # one of several on a line
    text = re.sub(rf"^((?:{known})\b[^:\n]{{0,60}}): ", r"- **\1**: ", text, flags=re.MULTILINE)
    return re.sub(r"^(?!- )", "  ", text, flags=re.MULTILINE)


def main(argv=None):
    """Write the page, or say whether it is as it should be."""
    parser = argparse.ArgumentParser(prog="api", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page differs")
    args = parser.parse_args(argv)
    if args.check:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

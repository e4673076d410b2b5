"""Tables, as the benchmarks write them."""


def rows(header, body):
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, line)) + " |" for line in [header, ["---"] * len(header), *body]]
    return "\n".join(lines) + "\n"

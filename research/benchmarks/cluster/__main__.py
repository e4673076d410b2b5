"""How many jobs a second ``fsampler queue --ray`` takes to stubs and back: a table, and a plot with ``--plot``.

Usage: python -m fsampler_research.benchmarks.cluster [--jobs N] [--actors 1,2,4,8] [--plot FILE.png]
"""

import argparse
import os
import sys

from comfyui_fsampler.tools.bar import Bar

from ..markdown import rows as table
from .measure import measure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--actors", default="1,2,4,8")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a job in the stub")
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of a picture")
    parser.add_argument("--plot", metavar="FILE.png")
    args = parser.parse_args()
    rows, counts = [], [*map(int, args.actors.split(","))]
    with Bar("runs", len(counts)) as bar:
        for actors in counts:
            bar.set_description(f"{actors} actors")
            rows.append(measure(actors, args.jobs, args.seconds, args.size))
            bar.say(f"{actors} actors: {rows[-1]['rate']:.1f} jobs/s, load {os.getloadavg()[0]:.1f}")
            bar.update()
    sys.stdout.write(told(rows))
    if args.plot:
        plot(rows, args.plot)


def told(rows):
    """The table."""
    head = ["actors", "jobs/s", "of what the stubs could do", "overhead of a job, ms", "driver: CPU of a job, ms",
            "driver: memory, MB"]  # fmt: skip
    return table(
        head,
        [
            [
                row["actors"],
                f"{row['rate']:.2f}",
                f"{row['rate'] * row['seconds'] / row['actors']:.0%}",
                f"{row['overhead'] * 1e3:.0f}",
                f"{row['cpu'] * 1e3:.1f}",
                f"{row['memory'] / 1e6:.0f}",
            ]
            for row in rows
        ],
    )


def plot(rows, file):
    """Jobs a second over actors, beside what the stubs alone could do."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    actors = [row["actors"] for row in rows]
    axes.plot(actors, [row["actors"] / row["seconds"] for row in rows], "--", color="0.6", label="the stubs alone")
    axes.plot(actors, [row["rate"] for row in rows], "o-", label="fsampler queue --ray")
    axes.set(xlabel="actors, on one machine", ylabel="jobs a second", xticks=actors, ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()

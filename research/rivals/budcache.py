"""BudCache: the REAL steps searched on the error of the finished run (ICML 2026, arXiv 2606.13496).

Annealing, then hill climbing, over sets of so many REAL steps; the loss is the squared error of the final latent. A
move takes one REAL step elsewhere, seven times of ten by at most 3 steps; the first quarter of the calls stays.

The authors search once for a model and go on with what was found. Searched on the very images that are looked at then,
as the benchmark does, it is hindsight: a bound on what any choice of steps could do for a prediction.

Different from the authors' code: a skipped step holds epsilon where theirs reuses the transformer's last residual; the
search starts from given sets instead of a random one, and is far shorter; temperatures are relative to the best loss.
The alignment of the schedule, a training of its own, is left out.
"""

import math
import random

NEAR, OFTEN = 3, 0.7
WARM, COLD = 0.3, 0.01  # temperatures, of the best loss so far


def search(loss, steps, starts, evaluations, seed=0):
    """The set of REAL steps of least loss that was met, a tuple.

    loss: ``(real) -> float``, called at most ``evaluations`` times, never twice for one set. steps: of the run.
    starts: sets of equal size to begin with; the best of them is moved.
    """
    known, generator = {}, random.Random(seed)

    def tried(real):
        if real not in known and len(known) < evaluations:
            known[real] = loss(real)
        return known.get(real, math.inf)

    here = min((tuple(sorted(start)) for start in starts), key=tried)
    annealed = evaluations // 2
    for turn in range(annealed):
        if len(known) >= annealed:
            break
        temperature = WARM * (COLD / WARM) ** (turn / annealed) * min(known.values())
        there = moved(here, steps, generator)
        if tried(there) - tried(here) < temperature * generator.expovariate(1):  # with probability exp(-worse / T)
            here = there
    best = min(known, key=known.get)
    while len(known) < evaluations:
        better = min(neighbours(best, steps), key=tried, default=best)
        if tried(better) >= tried(best):
            break
        best = better
    return min(known, key=known.get)


def fixed(real):
    """How many of the first steps stay: a quarter of the calls, and the two without which nothing can be predicted."""
    return max(2, len(real) // 4)


def moved(real, steps, generator):
    """A set with one REAL step elsewhere; the same where none can move."""
    movable = [step for step in real if step >= fixed(real)]
    free = [step for step in range(fixed(real), steps) if step not in real]
    if not movable or not free:
        return real
    step = generator.choice(movable)
    near = [target for target in free if abs(target - step) <= NEAR]
    target = generator.choice(near if near and generator.random() < OFTEN else free)
    return tuple(sorted({*real} - {step} | {target}))


def neighbours(real, steps):
    """Every set with one REAL step moved by at most 3 steps."""
    first = fixed(real)
    for step in real:
        for target in range(max(first, step - NEAR), min(steps, step + NEAR + 1)):
            if step >= first and target not in real:
                yield tuple(sorted({*real} - {step} | {target}))

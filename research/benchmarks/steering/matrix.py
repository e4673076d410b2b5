"""The cells: every one that there is, the two halves, and which of them are run."""

import collections
import hashlib
import math
from typing import NamedTuple

FLOW_SCHEDULES = ("simple", "normal", "sgm_uniform", "ddim_uniform", "beta", "kl_optimal")
UNSHIFTED = ("linear_quadratic", "flux2")  # flow schedules that take no shift
VE_SCHEDULES = ("simple", "normal", "karras", "exponential", "beta")
LOG_SCHEDULES = ("simple", "karras", "exponential", "beta")  # where `normal` is `exponential`
SHIFTS = (1.0, 3.0, 8.0, 12.0)
SAMPLERS = ("euler", "dpmpp_2m", "res_2m", "heun")
COMFY_SAMPLERS = ("res_multistep", "uni_pc", "er_sde")
CFGS = (1.0, 3.0, 5.0, 7.0)
STEPS = (20, 30, 50)
NETWORKS = ("unet", "dit", "mixture")  # class-conditional, of every prediction type
GALAXY = "galaxygrad"
NOISY_SAMPLERS = (  # they add noise of their own
    "er_sde",
    "euler_ancestral",
    "dpmpp_2m_sde",
    "dpmpp_3m_sde",
    "lcm",
    "dpmpp_2s_ancestral",
    "dpmpp_sde",
)
TWICE = {"heun", "dpmpp_2s_ancestral", "dpmpp_sde"}  # two evaluations a step, one in the last
WEIGHTS = {"unet": 3, "dit": 2, "mixture": 3, GALAXY: 2}  # how many cells of a network for one of another: by cost
HALVES = ("tune", "report")


class Cell(NamedTuple):
    """One full run that everything is compared with. ``shift`` is None where there is none to choose."""

    network: str
    prediction: str
    schedule: str
    shift: float | None
    sampler: str
    cfg: float
    steps: int

    @property
    def name(self):
        shift = "" if self.shift is None else f" shift {self.shift:g}"
        return f"{self.network} {self.prediction} {self.schedule}{shift} {self.sampler} CFG {self.cfg:g} {self.steps}"

    @property
    def half(self):
        """Settled by the name alone, so that no choice of cells moves one across."""
        return HALVES[_hash("half", self.name) % 2]

    @property
    def group(self):
        """Cells that differ most: network and kind of noise."""
        return self.network, self.prediction == "flow"


def evaluations(sampler, steps):
    """Model evaluations of that many steps, the last of which goes to 0."""
    return 2 * steps - 1 if sampler in TWICE else steps


def _hash(purpose, name):
    return int.from_bytes(hashlib.sha256(f"{purpose}: {name}".encode()).digest()[:8], "big")


def cells(samplers=SAMPLERS):
    """All cells of some samplers: the three networks of ours everywhere, and with samplers of ours galaxygrad, which is
    unconditional and has a range of sigmas of its own."""
    flow = [(schedule, shift) for schedule in FLOW_SCHEDULES for shift in SHIFTS]
    flow += [(schedule, None) for schedule in UNSHIFTED]
    kinds = [("flow", *kind) for kind in flow] + [(p, s, None) for p in ("eps", "v") for s in VE_SCHEDULES]
    found = [
        Cell(network, *kind, sampler, cfg, steps)
        for network in NETWORKS
        for kind in kinds
        for sampler in samplers
        for cfg in CFGS
        for steps in STEPS
    ]
    return found + [
        Cell(GALAXY, "eps", schedule, None, sampler, 1.0, steps)
        for schedule in LOG_SCHEDULES
        for sampler in samplers
        if sampler in SAMPLERS
        for steps in STEPS
    ]


def thinned(every, count):
    """``count`` of the cells (all, where they are fewer), the same in every call, and those of a smaller count among
    them.

    First come cells that between them show every value of every axis; then the groups share the rest by ``WEIGHTS``,
    and in each the schedules, and their shifts, take turns. What that leaves open, a hash of the names decides.
    """
    waiting, missing, chosen = sorted(every, key=_turn), set(), []
    for cell in every:
        missing |= set(_values(cell))
    while missing and len(chosen) < count:
        best = max(waiting, key=lambda cell: len(missing & set(_values(cell))))  # the first of equals
        chosen.append(best)
        waiting.remove(best)
        missing -= set(_values(best))
    taken = collections.Counter()
    for cell in chosen:
        taken.update(_counted(cell))

    def order(cell):
        group, schedule, shift = (taken[name] for name in _counted(cell))
        return (group + 1) / WEIGHTS[cell.network], cell.group, schedule, shift

    while len(chosen) < min(count, len(every)):
        best = min(waiting, key=order)
        chosen.append(best)
        waiting.remove(best)
        taken.update(_counted(best))
    return chosen


def _counted(cell):
    """What of a cell is dealt out evenly."""
    return cell.group, (cell.group, cell.schedule), (cell.group, "shift", cell.shift)


def _turn(cell):
    """When a cell is picked: at random by the hash of its name, cheap ones sooner, as an exponential clock whose rate
    is one over the cost."""
    cost = evaluations(cell.sampler, cell.steps) * (1 if cell.cfg == 1 else 2)
    return -cost * math.log((_hash("pick", cell.name) + 1) / 2**64)


def _values(cell):
    return [(axis, value) for axis, value in zip(Cell._fields, cell, strict=True) if value is not None]

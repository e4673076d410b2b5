"""What is to be run: every mode with every seed, on one prompt."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from ...fsampler.plan_text import PARTS as PLAN_PARTS
from ...fsampler.plan_text import PREFIX
from ..convert.links import Prompt
from ..data import Object, as_object
from .names import slug
from .prompt import seeds_in
from .recorded import RECORDED, Recorded
from .wiring import add_reports, with_mode

MOST_JOBS = 10_000


@dataclass(frozen=True)
class QueueJob:
    """One run of the workflow."""

    mode: str
    seed: int

    @property
    def key(self) -> str:
        """How the names of its files begin."""
        return f"{slug(self.mode)}_seed-{self.seed}"

    def __str__(self) -> str:
        return f"{self.mode} seed {self.seed}"


class Plan:
    """The jobs on a prompt: each mode with each seed.

    ``values`` are those of the widgets mode and custom_mode, by mode. The full run of a seed comes before its other
    modes, so that what is done can be compared early. ``untouched`` are lines on the nodes that cannot have FSampler.
    With ``record`` the job ``first``, the full run of the first seed, comes before all others, and is what their modes
    calls:N are planned from. Raises ValueError for a prompt without a sampler, for several seeds and no input to put
    them in, for too many jobs, and for nothing to plan.
    """

    def __init__(self, prompt: Prompt, values: Mapping[str, list[str]], seeds: list[int], record: bool = False) -> None:
        self.recorded = Recorded(values) if record else None
        if self.recorded:
            values = {self.recorded.name(mode): said for mode, said in values.items()}
        self.prompt, self.values, self.seeds = prompt, values, seeds
        self.places = seeds_in(prompt)
        self.untouched = with_mode(prompt, next(iter(values.values())))[1]  # raises if there is no sampler
        if len(seeds) > 1 and not self.places:
            raise ValueError("no seed or noise_seed of the workflow is a number, so every seed would give the same")
        if len(seeds) * len(values) > MOST_JOBS:
            raise ValueError(f"{len(seeds)} seeds x {len(values)} modes; expected at most {MOST_JOBS} jobs")
        self.jobs = [QueueJob(mode, seed) for seed in seeds for mode in sorted(values, key=lambda mode: mode != "off")]
        self.first = QueueJob("off", seeds[0]) if record else None
        if self.first and self.first not in self.jobs:
            self.jobs.insert(0, self.first)
        self.unplanned = list[str]()

    @property
    def digest(self) -> str:
        """A hash of prompt, modes and seeds, to tell one plan from another."""
        whole = json.dumps([self.prompt, list(self.values), self.seeds], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def prompt_of(self, job: QueueJob) -> Prompt:
        """The prompt that runs a job. One that is planned comes after ``learn``."""
        prompt, _ = with_mode(self.prompt, RECORDED if job == self.first else self.values[job.mode])
        for number, key in self.places:
            prompt[number]["inputs"][key] = job.seed
        add_reports(prompt)
        if self.recorded:
            if job == self.first:
                self.recorded.ask(prompt)
            elif job.mode in self.recorded.counts:
                self.recorded.follow(prompt, job.mode)
        return prompt

    def learn(self, record: Object) -> None:
        """Take the plans from the record of the job ``first``; what got none is said in ``unplanned``, a line each.

        Raises ValueError for what is no plan.
        """
        if self.recorded and self.first:
            self.unplanned = self.recorded.learn(as_object(record.get("plans")), self.prompt_of(self.first))


def parse_modes(text: str) -> list[str]:
    """The modes in a list with commas. A mode may hold commas itself: a list of steps, and a plan.

    >>> parse_modes("off,fast"), parse_modes("off,h2, 3, 4")
    (['off', 'fast'], ['off', 'h2, 3, 4'])
    >>> parse_modes("plan:RRSR@4,3,2,1,0@.5:0@cfg=5,size=64x64,fast")
    ['plan:RRSR@4,3,2,1,0@.5:0@cfg=5,size=64x64', 'fast']
    """
    modes = list[str]()
    for part in text.split(","):
        if modes and _goes_on(modes[-1], part):
            modes[-1] += f",{part}"
        else:
            modes.append(part.strip())
    return modes


def _goes_on(mode: str, part: str) -> bool:
    """Whether what follows a comma belongs to the mode before it."""
    if mode.startswith(PREFIX) and "@" in mode:
        return mode.count("@") < PLAN_PARTS - 1 or "=" in part
    return part.strip().isdigit()


def parse_seeds(text: str) -> list[int]:
    """The seeds in a list of numbers and ranges, each once. Raises ValueError for anything else, and for too many.

    >>> parse_seeds("5,9-11")
    [5, 9, 10, 11]
    """
    seeds = list[int]()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        numbers = first.isdecimal() and last.isdecimal() and len(first) < 21 and len(last) < 21
        if not numbers or not int(first) <= int(last) < 2**64:
            raise ValueError(f"--seeds {text!r}: {part!r}; expected numbers and ranges such as 1-8 or 1,5,9-12")
        if int(last) - int(first) >= MOST_JOBS:
            raise ValueError(f"--seeds {text!r}: expected at most {MOST_JOBS} of them")
        seeds += range(int(first), int(last) + 1)
    return list(dict.fromkeys(seeds))

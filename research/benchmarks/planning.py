"""What the decisions of a whole run cost, in CPU time and in memory: the second table of ``benchmarks.cost``."""

import functools
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from comfyui_fsampler.fsampler import Config, begin, probe
from comfyui_fsampler.fsampler.policies import Decision, Policy, Situation
from comfyui_fsampler.samplers import SOLVERS
from comfyui_fsampler.tools.bar import progress

from .live_bytes import LiveBytes

STEPS = (100, 200, 300, 1000)


class Case(NamedTuple):
    """A kind of run. change: where the model is known to change, as a share of the steps. eta: the sampler's noise.
    curved: the first back-test shows high curvature."""

    mode: str
    options: dict[str, Any] = {}
    change: float | None = None
    solver: str = "euler"
    eta: float = 0.0
    curved: bool = False

    @property
    def name(self) -> str:
        said = [f"{name} {value}" for name, value in self.options.items()]
        said += [f"a change at {100 * self.change:.0f} %"] if self.change else []
        said += [self.solver] if self.solver != "euler" else []
        said += ["strongly curved"] if self.curved else []
        return ", ".join([self.mode, *said, *([f"eta {self.eta:g}"] if self.eta else [])])


CASES = (
    Case("calls:4"),
    Case("calls:20"),
    Case("calls:50%"),
    Case("calls:90%"),
    Case("calls:90%", curved=True),
    Case("calls:20", change=0.6),
    Case("calls:50%", change=0.6),
    Case("calls:90%", change=0.6),
    Case("calls:50%", {"max_consecutive_skips": 100}),
    Case("calls:50%", {"protect_first": 20, "protect_last": 20}),
    Case("calls:50%", solver="res_2s"),
    Case("balanced"),
    Case("balanced", {"max_consecutive_skips": 100}, change=0.6),
    Case("balanced", eta=1.0),
    Case("balanced", solver="res_2s"),
    Case("auto", {"max_consecutive_skips": 30}),
    Case("auto", {"max_consecutive_skips": 100}),
    Case("auto:0.0001", {"max_consecutive_skips": 100}),
)


@dataclass(frozen=True)
class Metered(Policy):
    """Asks ``inner`` under a meter."""

    inner: Policy
    meter: AbstractContextManager[Any]

    @property
    def keeps_count(self) -> bool:
        return self.inner.keeps_count

    def decide(self, situation: Situation) -> Decision:
        with self.meter:
            return self.inner.decide(situation)


class CpuTime:
    """Adds up the CPU time spent inside: ``seconds``."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._since = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._since


def smooth(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A model whose answer follows x."""
    return x * (1 - sigma.view(-1, 1, 1, 1)) / 2


def curved(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A model whose answer swings with half-log-SNR, whatever x is."""
    return torch.cos(2 * torch.logit(sigma, eps=1e-6).view(-1, 1, 1, 1)).expand_as(x)


def metered(case: Case, steps: int, meter: AbstractContextManager[Any]) -> None:
    """One run whose decisions are made under the meter."""
    config = Config.parse(case.mode, **case.options)
    config = replace(config, policy=Metered(config.policy, meter))
    sigmas, changes = torch.linspace(1, 0, steps + 1), {round(steps * case.change)} if case.change else ()
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    solver, noisy = SOLVERS[case.solver], {"eta": case.eta} if case.eta else {}
    probing = functools.partial(probe, solver, sigmas, solver_options=noisy)
    denoiser = begin(curved if case.curved else smooth, sigmas, config, probing, changes=changes)
    solver(denoiser, x, sigmas, **noisy)
    denoiser.finish()


def planning() -> list[list[str]]:
    """A row a case: its name, and at each number of ``STEPS`` the CPU time and the most memory of its decisions."""
    found = []
    metered(CASES[0], STEPS[0], CpuTime())  # what runs first loads code
    for case in progress(CASES, len(CASES), "kinds of runs"):
        cells = []
        for steps in STEPS:
            clock, memory = CpuTime(), LiveBytes()
            metered(case, steps, clock)
            metered(case, steps, memory)
            cells.append(f"{clock.seconds:.2f} s, {memory.peak / 1e6:.0f} MB")
        found.append([case.name, *cells])
    return found

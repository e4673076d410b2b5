"""What is measured: models x samplers x schedules x steps x guidance scales, each axis selectable."""

from typing import NamedTuple

MODELS = {
    "unet-flow": ("unet", "flow"),
    "unet-eps": ("unet", "eps"),
    "unet-v": ("unet", "v"),
    "dit-flow": ("dit", "flow"),
    "mixture-flow": ("mixture", "flow"),
    "mixture-eps": ("mixture", "eps"),
    "mixture-v": ("mixture", "v"),
}
SAMPLERS = (
    "euler",
    "ddim",
    "dpmpp_2m",
    "res_multistep",
    "lms",
    "heun",
    "uni_pc",
    "dpmpp_2s_ancestral",
    "euler_ancestral",
    "dpmpp_2m_sde",
)
NOISY = {"dpmpp_2s_ancestral", "euler_ancestral", "dpmpp_2m_sde"}  # they add noise of their own
TWICE = {"heun", "dpmpp_2s_ancestral"}  # two evaluations a step, one in the last
SCHEDULES = ("simple", "karras", "beta", "sgm_uniform", "bong_tangent")
STEPS = (8, 12, 20, 30, 50)
CFGS = (1.0, 2.0, 5.0)
AXES = {"models": tuple(MODELS), "samplers": SAMPLERS, "schedules": SCHEDULES, "steps": STEPS, "cfg": CFGS}
QUICK = {
    "models": ("unet-flow", "mixture-eps"),
    "samplers": ("euler", "dpmpp_2m"),
    "schedules": ("simple",),
    "steps": (20,),
    "cfg": (2.0,),
}


class Cell(NamedTuple):
    """One full run that everything is compared with."""

    model: str
    sampler: str
    schedule: str
    steps: int
    cfg: float

    @property
    def title(self):
        return f"{self.model} {self.sampler} {self.schedule}, {self.steps} steps, CFG {self.cfg:g}"

    @property
    def deterministic(self):
        return self.sampler not in NOISY

    @property
    def learned(self):
        return not self.model.startswith("mixture")


def text(value):
    """A value of an axis, as it is given on the command line."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def evaluations(sampler, steps):
    """Model evaluations of that many steps, the last of which goes to 0."""
    return 2 * steps - 1 if sampler in TWICE else steps


def choose(axis, given):
    """The values of an axis that a text such as ``euler,heun`` names. Raises ValueError with the valid ones."""
    offered, chosen = AXES[axis], []
    for part in map(str.strip, given.split(",")):
        found = [value for value in offered if part in (str(value), text(value))]
        if not found:
            raise ValueError(f"--{axis} has {part!r}; expected some of {', '.join(map(text, offered))}")
        chosen += found
    return tuple(dict.fromkeys(chosen))


def cells(models, samplers, schedules, steps, cfg):
    """All cells of a selection; those that share runs (one model, schedule and scale) follow each other."""
    return [
        Cell(model, sampler, schedule, count, scale)
        for model in models
        for schedule in schedules
        for scale in cfg
        for count in steps
        for sampler in samplers
    ]

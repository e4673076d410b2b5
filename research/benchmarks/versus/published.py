"""The part of the matrix that docs/benchmarks.md shows, chosen so that one CPU can make it."""

from .matrix import AXES, SAMPLERS, choose

DEFAULTS = {"images": 16, "points": 5}
ALL = ",".join(SAMPLERS)
PARTS = (  # models, samplers, schedules, steps, guidance scales
    ("unet-flow", "euler,dpmpp_2m,heun,dpmpp_2s_ancestral,euler_ancestral,dpmpp_2m_sde", "simple", "20", "2,5"),
    ("unet-eps", "euler,dpmpp_2m", "karras", "20", "2,5"),
    ("unet-v", "euler", "simple", "20", "5"),
    ("dit-flow", "euler,dpmpp_2m", "simple", "20", "2"),
    ("dit-flow", "euler", "simple", "20", "5"),
    ("mixture-flow,mixture-eps", ALL, "simple,karras,bong_tangent", "20", "2,5"),
    # other guidance, schedules and numbers of steps
    ("unet-flow", "euler", "simple", "20", "1"),
    ("unet-flow", "euler", "beta,sgm_uniform", "20", "2"),
    ("unet-flow", "euler,lms", "bong_tangent", "20", "2"),
    ("unet-flow", "euler,dpmpp_2m", "simple", "8", "2,5"),
    ("unet-flow", "euler", "simple", "12,30,50", "2"),
    ("unet-flow", "dpmpp_2m", "simple", "50", "2"),
    ("unet-flow", "dpmpp_2m", "simple", "30", "5"),
    ("mixture-flow,mixture-eps", "euler,dpmpp_2m", "beta,sgm_uniform", "20", "2,5"),
    ("mixture-flow,mixture-eps", "euler,dpmpp_2m", "simple,karras", "12", "2,5"),
    ("mixture-flow,mixture-eps", "euler,dpmpp_2m,res_multistep,lms", "simple,karras", "30", "2,5"),
)


def selections():
    """Each part as values of the axes."""
    return [{axis: choose(axis, given) for axis, given in zip(AXES, part, strict=True)} for part in PARTS]

"""The stretch of a schedule that a sampler runs over: samplers made to be chained get more sigmas than that."""

from ..fsampler.schedule import without_padding


def stretch(sampler, sigmas):
    """The sigmas to plan for, of those that the SAMPLER gets: without zeros around them that it takes for flags.

    A sampler with RES4LYF's options ``sampler_mode`` and ``steps_to_run`` that begins at the beginning stops after so
    many steps, and hands its latent on as at the end of a shorter schedule.
    """
    inside = without_padding(sigmas)
    options = getattr(sampler, "extra_options", {})
    steps = options.get("steps_to_run", -1)
    begins = options.get("sampler_mode") == "standard" and options.get("start_at_step", -1) < 0
    return inside[: steps + 1] if begins and 0 < steps < len(inside) - 1 else inside

"""In what a run is made, by name: what a recording keeps, and a plan compares (``fsampler.begin``)."""

from ..fsampler.run import name_of, size_of


def setting_of(sampler, guider, x):
    """Sampler, guidance scale where there is one, size of the latent, and kind of model."""
    function = getattr(sampler, "sampler_function", None)
    found = {"sampler": name_of(sampler if function is None else function), "size": size_of(x)}
    if isinstance(getattr(guider, "cfg", None), (int, float)):
        found["cfg"] = f"{guider.cfg:g}"
    return found | {"model": type(guider.inner_model).__name__}

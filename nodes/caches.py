"""Other accelerators on the same model: where two would skip, FSampler leaves it to the other one."""

from ..fsampler import Note

KNOWN = {
    "easycache": "EasyCache",
    "lazycache": "LazyCache",
    "teacache": "TeaCache",
    "magcache": "MagCache",
    "wavespeed": "WaveSpeed",
    "fbcache": "First Block Cache",
    "dbcache": "DBCache",
    "cachedit": "CacheDiT",
    "ltx2cache": "CacheDiT",
    "wancache": "CacheDiT",
    "taylorseer": "TaylorSeer",
    "spectrum": "Spectrum",
}


def other_caches(model_options):
    """Names of the caches that have left their mark: a wrapper's or an option's key, or where a wrapper was defined."""
    options = model_options.get("transformer_options", {})
    wrappers = {key: functions for keys in options.get("wrappers", {}).values() for key, functions in keys.items()}
    marks = [str(key) for key in (*wrappers, *options, *model_options)]
    functions = [*(f for group in wrappers.values() for f in group), model_options.get("model_function_wrapper")]
    marks += [f"{getattr(f, '__module__', '')}.{getattr(f, '__qualname__', '')}" for f in functions if f is not None]
    found = _named(" ".join(marks))
    if "LazyCache" in found and "easycache" not in wrappers:
        found.remove("EasyCache")  # LazyCache keeps its state under EasyCache's option
    return found


def why_beside_a_cache(guider):
    """A ``Note`` of the caches on a guider's model, or None."""
    caches = other_caches(getattr(guider, "model_options", {}))
    if not caches:
        return None
    skips = "skips on this model already" if len(caches) == 1 else "skip on this model already"
    return Note("another-cache", f"{', '.join(caches)} {skips}; remove it, or FSampler")


def is_cache(name):
    """Whether the name of a function or class, with its module, is that of a known cache."""
    return bool(_named(name))


def _named(text):
    text = text.lower().replace("_", "")
    return list(dict.fromkeys(name for mark, name in KNOWN.items() if mark in text))

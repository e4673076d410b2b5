"""Which functions leave nothing behind, as far as their code shows: they may be called once more than was asked for.

Such a function sets nothing outside itself, and all that it can reach is constants, libraries, and functions of the
same kind. Objects and classes of another pack may keep something, so a function that reaches one is not of this kind,
whatever it does with it.
"""

import dis
import functools
import inspect
import logging
import sys
import types

import torch

STATEFUL = {"random", "os", "sys", "time", "builtins"}  # asked for what they keep, or do what cannot be undone
LIBRARIES = ({"comfy", "torch", "numpy", "scipy", "tqdm", "einops"} | sys.stdlib_module_names) - STATEFUL
ACTING = {"open", "print", "input", "exec", "eval", "setattr", "delattr", "globals", "vars", "__import__"}
CONSTANTS = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, logging.Logger)
SETS = {"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL"}
SETS_OUTER = {"STORE_DEREF", "DELETE_DEREF"}
READS_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME"}


class Inspection:
    """What functions might leave behind, and the containers of constants that they can reach (``containers``): tables
    of coefficients, or counters. Whoever calls such a function can see whether those change, and put them back."""

    def __init__(self):
        self.containers = {}
        self._seen = []

    def leaves(self, function):
        """What a function might leave behind beside its containers, in words; None where that is nothing."""
        function = plain(function)
        if isinstance(function, functools.partial):
            given = {**dict(enumerate(function.args)), **function.keywords}
            return self.keep("argument", given) or self.leaves(function.func)
        if not inspect.isfunction(function):
            return f"its function is a {type(function).__name__}, which may keep something"
        if function in self._seen or written_in(function, LIBRARIES):
            return None
        self._seen.append(function)
        reached = _cells(function) | (function.__kwdefaults__ or {}) | dict(enumerate(function.__defaults__ or ()))
        for code in _codes(function.__code__):
            for instruction in dis.get_instructions(code):
                operation, name = instruction.opname, instruction.argval
                if operation in SETS or (operation in SETS_OUTER and name in function.__code__.co_freevars):
                    return f"{function.__name__} sets {name}, outside itself"
                if operation == "IMPORT_NAME" and _top(name) not in LIBRARIES:
                    return f"{function.__name__} imports {name}, which may keep something"
                if operation in READS_GLOBAL and name in function.__globals__:
                    reached[name] = function.__globals__[name]
                elif operation in READS_GLOBAL and name in ACTING:
                    return f"{function.__name__} calls {name}"
        return self.keep("value", reached)

    def keep(self, what, values):
        """Which of the values, by name, may keep something from one call to the next, in words; or None."""
        return next(filter(None, (self._keeps(f"its {what} {name}", value) for name, value in values.items())), None)

    def _keeps(self, name, value):
        if isinstance(value, (tuple, frozenset)):
            return next(filter(None, (self._keeps(name, each) for each in value)), None)
        if inspect.isfunction(value) or isinstance(value, functools.partial):
            return self.leaves(value)
        if type(value) in (dict, list, set) and _of_constants(value):
            self.containers[name] = value
            return None
        library = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
        called = inspect.ismodule(value) or inspect.isclass(value) or inspect.isbuiltin(value)
        if isinstance(value, CONSTANTS) or (called and _top(library) in LIBRARIES):
            return None
        return f"{name} ({type(value).__name__}) may keep something"


def _of_constants(value):
    """Whether a container holds constants, and containers of them, and nothing else."""
    if isinstance(value, dict):
        return all(isinstance(key, CONSTANTS) and _of_constants(each) for key, each in value.items())
    if isinstance(value, (list, set, tuple, frozenset)):
        return all(map(_of_constants, value))
    return isinstance(value, CONSTANTS)


def plain(function):
    """The function itself, where it is decorated with ``torch.no_grad`` and the like."""
    while inspect.isfunction(function) and function.__globals__["__name__"] == torch.utils._contextlib.__name__:
        function = function.__wrapped__
    return function


def written_in(function, packages):
    """Whether a function's code is in one of the packages. Its ``__module__`` does not tell: ``functools.wraps`` gives
    core's to another pack's function around core's."""
    if not inspect.isfunction(function):
        return False
    name = function.__globals__["__name__"]
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _top(module):
    return module.partition(".")[0]


def _cells(function):
    """What its closure holds; a cell that is not assigned yet stands for itself."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            found[name] = cell
    return found


def _codes(code):
    """A function's code, and that of the functions written inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)

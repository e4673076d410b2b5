"""Functions on a model that remember earlier calls: what they make of the next one depends on those, so that a skipped
call changes all that follow. Core's APG with momentum keeps a running average of its guidance, for example.

A memory is told by two signs. In the code: one function reads a variable and then gives it a new value. A variable that
one function sets and another reads (self-attention guidance, ToMe) is handed on within a call. And in the run: from one
call to the next, that variable holds another tensor of two dimensions or more (not a sigma ``[B]``, by which packs
notice a new run, and not a value that is worked out once and kept), or has been counted up. So APG with momentum 0,
whose average stays 0, is none.

Variables are those of a closure, of a module, the entries of a dict with names as keys, and the attributes of an
object. Attributes are not taken for counters: objects count for their own bookkeeping. Not seen are a memory in single
numbers, one that a tensor is changed in place for, and one in a list.
"""

import dis
import functools
import inspect
import weakref

import torch

from .caches import is_cache

PASSED_OVER = ("comfy.", "torch.", "builtins.", "collections.", __package__.rpartition(".")[0])  # classes from there
DEPTH = 4  # of functions in closures of functions


class Memory:
    """Watches a guider, and all functions that can be reached from the model options and from what the sampler calls.

    The guider's conditionings are left out: ControlNets keep what they have worked out for one size or window.
    """

    def __init__(self, guider, model_options, model):
        self._variables = []  # (name of the function, holder, key, whether a number counts)
        self._attributes = {}  # that some function updates, of whatever object: its name
        self._objects = []
        self._seen = {}  # kept, so that no id is used again
        self._visit(guider, DEPTH)
        self._visit(model_options, 0)
        self._visit(model, 0)
        for key, name in self._attributes.items():
            self._variables += [(name, one, key, False) for one in self._objects if key in vars(one)]
        self._last = None

    def found(self):
        """The name of a function that has kept a memory since this was last asked, or None."""
        now = [_Value(holder, key) for _, holder, key, _ in self._variables]
        last, self._last = self._last, now
        for (name, _, _, counts), before, after in zip(self._variables, last or (), now, strict=bool(last)):
            if after.another_tensor(before) or (counts and after.counted(before)):
                return name
        return None

    def _visit(self, one, depth):
        if depth > DEPTH or id(one) in self._seen or isinstance(one, (torch.Tensor, torch.nn.Module)):
            return
        self._seen[id(one)] = one
        if isinstance(one, dict):
            self._visit_all(one.values(), depth)
        elif isinstance(one, (list, tuple)):
            self._visit_all(one, depth)
        elif isinstance(one, functools.partial):
            self._visit_all([one.func, *one.args, *one.keywords.values()], depth)
        elif inspect.ismethod(one):
            self._visit_all([one.__func__, one.__self__], depth)
        elif inspect.isfunction(one):
            self._function(one, depth)
        elif _may_look_into(one):
            self._object(one, depth)

    def _visit_all(self, several, depth):
        for one in several:
            self._visit(one, depth + 1)

    def _function(self, function, depth):
        name, cells = _name(function), _cells(function)
        named = {key: function.__globals__.get(key) for key in function.__code__.co_names}
        values = [_Value(cell, "cell_contents").value for cell in cells.values()]
        if not is_cache(name):
            for kind, key in _updated(function.__code__):
                if kind == "closure":
                    self._variables.append((name, cells[key], "cell_contents", True))
                elif kind == "global":
                    self._variables.append((name, function.__globals__, key, True))
                elif kind == "attribute":
                    self._attributes[key] = name
                elif kind == "key":
                    self._entries(name, key, [*values, *named.values()], counts=True)
        self._visit_all(values, depth)

    def _object(self, one, depth):
        self._objects.append(one)
        for kind in type(one).__mro__:
            if _is_foreign(kind.__module__) and not is_cache(f"{kind.__module__}.{kind.__qualname__}"):
                for method in filter(inspect.isfunction, vars(kind).values()):
                    for what, key in _updated(method.__code__):
                        if what == "attribute":
                            self._variables.append((_name(method), one, key, False))
                        elif what == "key":
                            self._entries(_name(method), key, vars(one).values(), counts=False)
        self._visit_all(vars(one).values(), depth)

    def _entries(self, name, key, holders, counts):
        self._variables += [(name, one, key, counts) for one in holders if isinstance(one, dict)]


class _Value:
    """A variable's value at one moment; of a tensor not the tensor itself, which would be kept alive."""

    def __init__(self, holder, key):
        if isinstance(holder, dict):
            value = holder.get(key)
        else:
            try:
                value = getattr(holder, key, None)
            except ValueError:  # a cell that is not assigned yet
                value = None
        self.tensor = weakref.ref(value) if isinstance(value, torch.Tensor) and value.ndim > 1 else None
        self.value = None if isinstance(value, torch.Tensor) else value

    def another_tensor(self, before):
        return None not in (self.tensor, before.tensor) and self.tensor() is not before.tensor()

    def counted(self, before):
        return type(self.value) is type(before.value) is int and self.value > before.value


def _cells(function):
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def _may_look_into(one):
    return (
        hasattr(one, "__dict__")
        and not isinstance(one, type)
        and not inspect.ismodule(one)
        and any(_is_foreign(kind.__module__) for kind in type(one).__mro__)
    )


def _is_foreign(module):
    return not f"{module}.".startswith(PASSED_OVER)


def _name(function):
    return f"{function.__module__}.{function.__qualname__}"


@functools.lru_cache(maxsize=4096)
def _updated(code):
    """``(kind, name)`` of each variable that the code reads and later sets."""
    read, updated = set(), set()
    instructions = list(dis.get_instructions(code))
    for one, following in zip(instructions, [*instructions[1:], None], strict=True):
        variable, sets, reads = _access(one, following, code)
        if variable is None:
            continue
        if sets and (reads or variable in read):
            updated.add(variable)
        if reads or not sets:
            read.add(variable)
    return frozenset(updated)


def _access(one, following, code):
    """The variable of an instruction as ``(kind, name)`` or None, whether it is set, and whether it is read."""
    operation, name = one.opname, one.argval
    sets = operation.startswith("STORE_")
    if operation.endswith(("_DEREF", "_CLASSDEREF")) and name in code.co_freevars:
        return ("closure", name), sets, not sets
    if operation in ("LOAD_GLOBAL", "STORE_GLOBAL"):
        return ("global", name), sets, not sets
    if operation in ("LOAD_ATTR", "STORE_ATTR"):
        return ("attribute", name), sets, not sets
    if operation == "LOAD_CONST" and isinstance(name, str) and following is not None:
        both = following.opname in ("COPY", "DUP_TOP_TWO")  # state["count"] += 1
        stored = both or following.opname == "STORE_SUBSCR"
        return ("key", name), stored, both or not stored
    return None, False, False

"""How much memory tensor operations hold."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """Follows the storages that tensor operations make; ``peak`` is the most bytes alive at once."""

    def __init__(self):
        super().__init__()
        self.holders, self.live, self.peak = {}, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, torch.Tensor):
                self._hold(tensor)
        return result

    def _hold(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self.holders:
            self.holders[key] = 0
            self.live += size
            self.peak = max(self.peak, self.live)
        self.holders[key] += 1
        weakref.finalize(tensor, self._release, key, size)

    def _release(self, key, size):
        self.holders[key] -= 1
        if not self.holders[key]:
            del self.holders[key]
            self.live -= size

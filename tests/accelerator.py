"""A stand-in for a GPU, so that code for one can be tested where there is none.

Tensors of the stand-in device hold ordinary CPU tensors, so results are real and equal those of the
CPU to the last bit. Every operation is first run on torch's fake tensors, which know the devices of
its arguments: whatever mixes devices against torch's rules raises, as it would on a GPU. numpy()
and other access to memory raise as well. Only random generators are those of the CPU, since no
generator exists for the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "standin"
"""The device's name; to torch it is an accelerator like ``cuda``."""

_INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_unsafe_index"}
_NUMBERS = {"aten::_local_scalar_dense", "aten::equal"}
"""Operations whose results are numbers, which fake tensors do not have."""
TO_HOST: Counter[str] = Counter()
"""Operations so far whose results went from the device to the CPU: a GPU would be waited for."""


class OnDevice(Tensor):
    """A tensor of the stand-in device; ``held`` is its content, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor, requires_grad: bool = False) -> OnDevice:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
            requires_grad=requires_grad,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        TO_HOST["tolist"] += 1
        return self.held.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"OnDevice({self.held})"


class _Python(TorchFunctionMode):
    """Tensors made from Python's lists ask the device for memory, which it does not have."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor and _named(kwargs.get("device")):
            return func(*args, **(kwargs | {"device": "cpu"})).to(NAME)
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            index = tuple(
                torch.tensor(p, dtype=torch.long) if isinstance(p, list) else p for p in parts
            )
            args = (args[0], index, *args[2:])
        return func(*args, **kwargs)


class _Factories(TorchDispatchMode):
    """Sees the operations whose arguments hold no tensor of the device, but that name it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if _named(kwargs.get("device")):
            return _run(func, args, kwargs)
        return func(*args, **kwargs)


def _named(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Check the devices of the arguments, then compute on the contents."""
    wanted = _device_of_result(func, args, kwargs)
    held_args, held_kwargs = tree_map_only(OnDevice, lambda t: t.held, (args, kwargs))
    if held_kwargs.get("device") is not None:
        held_kwargs["device"] = torch.device("cpu")
    out = func(*held_args, **held_kwargs)
    if wanted is None:
        TO_HOST[func.name()] += 1
        return out
    out = tree_map_only(Tensor, lambda t: OnDevice(t), out)
    return return_and_correct_aliasing(func, args, kwargs, out)


def _device_of_result(func: Any, args: Any, kwargs: dict[str, Any]) -> str | None:
    """NAME where the result lies on the device, else None; raises where devices are mixed."""
    name = func.name().split(".")[0]
    if name in _NUMBERS:
        return None
    if name in _INDEXING:  # checked in the kernel alone, which fake tensors do not reach
        indices_on_device = any(isinstance(index, OnDevice) for index in args[1])
        if indices_on_device and not isinstance(args[0], OnDevice):
            raise RuntimeError(f"indices of a tensor on the CPU should lie there, not on {NAME}")
    with _fake():
        fake_args, fake_kwargs = tree_map_only(Tensor, _faked, (args, kwargs))
        fake_kwargs.pop("generator", None)
        out = func(*fake_args, **fake_kwargs)
    first = out[0] if isinstance(out, tuple | list) and out else out
    on_device = isinstance(first, Tensor) and first.device.type == NAME
    return NAME if on_device else None


def _faked(tensor: Tensor) -> Tensor:
    where = NAME if isinstance(tensor, OnDevice) else "cpu"
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=where)


# On import, because autograd counts the devices when a process first asks it for a gradient.
_setup_privateuseone_for_python_backend(NAME)
_fake = cache(FakeTensorMode)


@contextmanager
def stand_in() -> Iterator[str]:
    """Within it ``device=name`` works everywhere in torch; gives the name."""
    with _Python(), _Factories():
        yield NAME

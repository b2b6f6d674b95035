"""A training step as a CUDA graph: its kernels are recorded once and started together.

A step is hundreds of small kernels; starting them one by one from Python takes a GPU longer than
computing them. Recorded kernels read and write fixed places in memory, so every step's minibatch is
first copied to where the recorded one lay.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

Logs = dict[str, Tensor]


@dataclass
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    logs: Logs


class GraphedStep:
    """Runs ``step(inputs)`` on a CUDA device, recorded from the second call with a ``key`` on.

    ``step`` may change other tensors in place: the same ones as long as ``key`` stays the same.
    The first call with a key is plain, since libraries set themselves up in it. A step that cannot
    be recorded, because it waits for the device or reads the CPU's memory, goes on plainly after a
    warning: slower, with the same results.
    """

    def __init__(self) -> None:
        self.key: Hashable = None
        self.recorded: _Recorded | None = None
        self.recordable = True
        self.stream = torch.cuda.Stream()

    def __call__(self, key: Hashable, step: Callable[[Any], Logs], inputs: Any) -> Logs:
        """One step. ``inputs``: tensors within tuples, dicts and dataclasses."""
        if key != self.key:
            self.key, self.recorded = key, None
            return self._plainly(step, inputs)
        if self.recorded is None and self.recordable:
            self.recorded = self._record(step, inputs)
        if self.recorded is None:
            return self._plainly(step, inputs)
        for place, tensor in zip(self.recorded.inputs, tensors_in(inputs), strict=True):
            place.copy_(tensor)
        self.recorded.graph.replay()
        return {name: value.clone() for name, value in self.recorded.logs.items()}

    def _plainly(self, step: Callable[[Any], Logs], inputs: Any) -> Logs:
        # On a stream of its own, as CUDA asks of work that is about to be recorded.
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            logs = step(inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return logs

    def _record(self, step: Callable[[Any], Logs], inputs: Any) -> _Recorded | None:
        held = mapped(inputs, torch.clone)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                logs = step(held)
        except RuntimeError as error:
            self.recordable = False
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"training steps are not recorded as a CUDA graph: {reason}", stacklevel=2
            )
            return None
        return _Recorded(graph, tensors_in(held), logs)


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """``value`` with every tensor in it replaced: in tuples, dicts and dataclasses."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        return tuple(mapped(part, function) for part in value)
    if isinstance(value, dict):
        return {name: mapped(part, function) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: mapped(getattr(value, f.name), function) for f in fields(value)}
        return replace(value, **parts)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in ``value``, in the order of :func:`mapped`."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    mapped(value, note)
    return found

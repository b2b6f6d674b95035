"""The training loop: many members along one tensor axis, each with its own fate.

A member's result depends on its own problem, settings and seed. Members are stacked in the
parameters ``(T, P)``; a pass trains a few of them at a time, on a GPU all. A member that stops, or
is no longer finite, leaves the stack at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from methods._training import noise
from methods._training.data import Batch, Batches, Data
from methods._training.nets import Layout, Params
from methods.base import Checkpoint, Event, Failed, Finished, Fitted, Member, Progress, Training

BETAS, ADAM_EPS, CLIP = (0.9, 0.999), 1e-8, 5.0
CPU_PASS = 4
"""Members of a pass on a CPU: fewer cost more calls for each of them, more gain nothing."""
PROGRESS_SECONDS, CHECKPOINT_SECONDS = 1.0, 240.0
Curves = dict[str, Tensor]
"""What was logged, by name, each (epochs, ...), on the CPU; ``tuning_score`` and what a task
watches are (scorings,), at the epochs ``scored_epoch``."""


@dataclass(frozen=True)
class Task:
    """What a method asks of the loop.

    ``loss``      (parameters, batch) -> loss (t,), logs by name (t, ...). Rows of a member only.
    ``batches``   sizes of the minibatches.
    ``noise``     shape of one step's standard normal draws, by name.
    ``hyper``     settings that differ between members, (T,) by name.
    ``rates``     Adam's step size, (T,).
    ``fitted``    (member, parameters (1, ...), curves, final) -> Fitted. ``final`` is False while
                  training, when the parameters are live and only scores are wanted.
    ``prior``     variance^-1 of the Gaussian prior on every weight but ``layout.free``; it enters
                  the loss as prior / (2 n_rows) sum of squares.
    ``clip``      largest norm of a member's gradient (inf: none).
    ``warmup``    epochs before which no patience runs out.
    ``watch``     (member, parameters (1, ...)) -> scalars by name, logged with every score.
    ``members_per_pass``  how many members share a forward pass (None: 4 on a CPU, all on a GPU);
                  speed only.
    """

    layout: Layout
    data: Data
    loss: Callable[[Params, Batch], tuple[Tensor, dict[str, Tensor]]]
    batches: Batches
    noise: Mapping[str, tuple[int, ...]]
    hyper: Mapping[str, Tensor]
    rates: Tensor
    fitted: Callable[[int, Params, Curves, bool], Fitted]
    prior: float = 1.0
    clip: float = CLIP
    warmup: int = 0
    watch: Callable[[int, Params], Mapping[str, float]] | None = None
    members_per_pass: int | None = None
    dtype: torch.dtype = torch.float32


@dataclass
class _Stack:
    """State of a run. Tensors have one row for each member of ``alive``; lists are per member."""

    alive: list[int]
    flat: Tensor
    momentum: Tensor
    square: Tensor
    best: Tensor
    score: list[float]
    epoch_of: list[int]
    seconds: list[float]
    curves: list[dict[str, list[Tensor]]]
    ended: dict[int, Any] = field(default_factory=dict)
    epoch: int = 0
    steps: int = 0


def train(
    task: Task, members: Sequence[Member], training: Training, state: bytes | None = None
) -> Iterator[Event]:
    """Train all members to their best epochs; resume from ``state`` if given.

    Members that had ended before the checkpoint are reported again.
    """
    _keep_freed_memory()
    stack = _begin(task, members, training) if state is None else _restore(state, task, training)
    for index in sorted(stack.ended):
        yield _report(task, stack, index)
    mask = task.layout.prior_mask(stack.flat) * (task.prior / task.data.n)
    width = task.members_per_pass or (CPU_PASS if training.device == "cpu" else len(members))
    told = saved = time.monotonic()
    while stack.alive and stack.epoch < training.epochs:
        stack.epoch += 1
        sums: list[dict[str, Tensor]] = []
        for start in range(0, len(stack.alive), width):
            part = slice(start, start + width)
            began = time.perf_counter()
            total: dict[str, Tensor] = {}
            for batch, step in _epoch(task, stack, members, part):
                _accumulate(total, _step(task, stack, batch, part, step, mask))
                if time.monotonic() - told > PROGRESS_SECONDS:
                    told, paused = time.monotonic(), time.perf_counter()
                    through = (start / len(stack.alive) + stack.epoch - 1) / training.epochs
                    yield Progress(through)
                    began += time.perf_counter() - paused
            sums.append({k: v / task.batches.steps for k, v in total.items()})
            share = (time.perf_counter() - began) / len(stack.alive[part])
            for index in stack.alive[part]:
                stack.seconds[index] += share
        stack.steps += task.batches.steps
        _log(stack, sums)
        for index in _review(task, stack, members, training):
            yield _report(task, stack, index)
        if time.monotonic() - saved > CHECKPOINT_SECONDS and stack.alive:
            yield Checkpoint(_freeze(stack))
            saved = time.monotonic()
    yield Progress(1.0)


def _keep_freed_memory() -> None:
    """Tell glibc not to hand freed arrays back to the kernel, which would have to clear them anew.

    A step frees and allocates the same arrays again and again; a tenth of its time went there.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        trim_threshold, mmap_threshold = -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 1 << 30)


def _begin(task: Task, members: Sequence[Member], training: Training) -> _Stack:
    flat = task.layout.initial([m.seed for m in members], task.dtype).to(training.device)
    n = len(members)
    return _Stack(
        alive=list(range(n)),
        flat=flat,
        momentum=torch.zeros_like(flat),
        square=torch.zeros_like(flat),
        best=flat.clone(),
        score=[float("-inf")] * n,
        epoch_of=[0] * n,
        seconds=[0.0] * n,
        curves=[{} for _ in range(n)],
    )


def _epoch(
    task: Task, stack: _Stack, members: Sequence[Member], part: slice
) -> Iterator[tuple[Batch, int]]:
    """The minibatches of one epoch of the members at ``part``, and Adam's count of steps."""
    indices, data, device = stack.alive[part], task.data, stack.flat.device
    seeds, plan = [members[i].seed for i in indices], task.batches
    chosen = torch.tensor(indices)
    rows = torch.stack(
        [data.order(seed, i, stack.epoch, plan) for seed, i in zip(seeds, indices, strict=True)]
    ).to(device)  # (t, steps, b)
    drawn = {
        name: noise.normals(seeds, (name, stack.epoch), (plan.steps, *shape), stack.flat)
        for name, shape in task.noise.items()
    }
    hyper = {name: value[chosen].to(stack.flat) for name, value in task.hyper.items()}
    for step in range(plan.steps):
        here = {name: value[:, step] for name, value in drawn.items()}
        batch = data.batch(chosen, rows[:, step], plan.labelled, here, hyper, stack.epoch)
        yield batch, stack.steps + step + 1


def _step(
    task: Task, stack: _Stack, batch: Batch, part: slice, step: int, mask: Tensor
) -> dict[str, Tensor]:
    """One Adam step of the members at ``part``; returns their logs."""
    flat = stack.flat[part]
    leaf = flat.detach().requires_grad_()
    # The sum over members keeps their gradients apart: none reads another's parameters.
    loss, logs = task.loss(task.layout.views(leaf), batch)
    (grad,) = torch.autograd.grad(loss.sum(), leaf)
    grad.addcmul_(flat, mask)
    if math.isfinite(task.clip):
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
        grad.mul_(task.clip / norm.clamp(min=task.clip))
    momentum, square = stack.momentum[part], stack.square[part]
    momentum.lerp_(grad, 1 - BETAS[0])
    square.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
    scale = (square / (1 - BETAS[1] ** step)).sqrt_().add_(ADAM_EPS)
    rate = task.rates[torch.tensor(stack.alive[part])].to(flat)[:, None]
    flat.sub_((momentum / scale).mul_(rate / (1 - BETAS[0] ** step)))
    return logs


def _accumulate(total: dict[str, Tensor], logs: dict[str, Tensor]) -> None:
    for name, value in logs.items():
        total[name] = total[name] + value if name in total else value


def _log(stack: _Stack, sums: list[dict[str, Tensor]]) -> None:
    """Append this epoch's means to the members' curves."""
    for name in sums[0]:
        values = torch.cat([part[name] for part in sums]).cpu()
        for index, value in zip(stack.alive, values, strict=True):
            stack.curves[index].setdefault(name, []).append(value)


def _review(task: Task, stack: _Stack, members: Sequence[Member], training: Training) -> list[int]:
    """Score the members where it is time; remove those that end. Returns who ended."""
    last = stack.epoch == training.epochs
    due = last or stack.epoch % training.eval_every == 0
    finite = stack.flat.isfinite().all(1).tolist()
    gone = []
    for row, index in enumerate(stack.alive):
        began = time.perf_counter()
        if not finite[row]:
            stack.ended[index] = ("not finite", f"parameters not finite at epoch {stack.epoch}")
            gone.append(index)
        elif due:
            try:
                one = task.layout.views(stack.flat[row : row + 1])
                score = float(members[index].score(task.fitted(index, one, {}, False)))
                seen = task.watch(index, one) if task.watch else {}
            except Exception as error:  # one member's error must not end the stack
                stack.ended[index] = (repr(error), traceback.format_exc())
                gone.append(index)
                continue
            seen = {"scored_epoch": stack.epoch, "tuning_score": score, **seen}
            for name, value in seen.items():
                curve = stack.curves[index].setdefault(name, [])
                curve.append(torch.tensor(value, dtype=torch.float64))
            score = float("-inf") if math.isnan(score) else score
            if stack.epoch_of[index] == 0 or score > stack.score[index]:
                stack.score[index], stack.epoch_of[index] = score, stack.epoch
                stack.best[row] = stack.flat[row]
            waited = stack.epoch - max(stack.epoch_of[index], task.warmup)
            if last or (training.patience is not None and waited >= training.patience):
                stack.ended[index] = stack.best[row].cpu().clone()
                gone.append(index)
        stack.seconds[index] += time.perf_counter() - began
    if gone:
        rows = [row for row, index in enumerate(stack.alive) if index not in gone]
        stack.alive = [stack.alive[row] for row in rows]
        for name in ("flat", "momentum", "square", "best"):
            setattr(stack, name, getattr(stack, name)[rows])
    return gone


def _report(task: Task, stack: _Stack, index: int) -> Event:
    """The event that tells how member ``index`` ended."""
    end = stack.ended[index]
    if isinstance(end, tuple):
        return Failed(index, end[0], end[1], stack.seconds[index])
    curves = {name: torch.stack(values) for name, values in stack.curves[index].items()}
    one = task.layout.views(end[None])
    try:
        fitted = task.fitted(index, one, curves, True)
    except Exception as error:  # as above
        return Failed(index, repr(error), traceback.format_exc(), stack.seconds[index])
    score, epoch = stack.score[index], stack.epoch_of[index]
    return Finished(index, fitted, score, epoch, stack.seconds[index])


def _freeze(stack: _Stack) -> bytes:
    """All of a stack's state. No generator is part of it: every draw derives from its epoch."""
    plain = {
        name: value.cpu() if isinstance(value, Tensor) else value
        for name, value in vars(stack).items()
        if name != "curves"
    }
    plain["curves"] = [
        {name: torch.stack(values) for name, values in curves.items()} for curves in stack.curves
    ]
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def _restore(state: bytes, task: Task, training: Training) -> _Stack:
    plain = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
    stack = _Stack(**plain)
    if stack.flat.shape[1] != sum(task.layout.sizes) or len(stack.seconds) != len(task.rates):
        raise ValueError("the checkpoint belongs to another stack")
    for name in ("flat", "momentum", "square", "best"):
        setattr(stack, name, getattr(stack, name).to(training.device))
    stack.curves = [
        {name: list(values.unbind()) for name, values in curves.items()}
        for curves in plain["curves"]
    ]
    return stack

"""The trainer of any stacked model: members train together, and each ends on its own.

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
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from methods._nn import rng
from methods._nn.cuda_graph import GraphedStep
from methods._nn.data import Batch, BatchSizes, Data
from methods._nn.layers import ParameterLayout, Params
from methods.base import Checkpoint, Event, Failed, Finished, Fitted, Member, Progress, Training

BETAS, ADAM_EPS, CLIP = (0.9, 0.999), 1e-8, 5.0
CPU_PASS = 4
"""Members of a pass on a CPU: fewer cost more calls for each of them, more gain nothing."""
PROGRESS_SECONDS, CHECKPOINT_SECONDS = 1.0, 240.0
Curves = dict[str, Tensor]
"""What was logged, by name, each (epochs, ...), on the CPU; ``tuning_score`` and what a
method watches are (scorings,), at the epochs ``scored_epoch``."""


@dataclass(frozen=True)
class TrainSpec:
    """What a method asks of the trainer.

    ``loss``      (parameters, batch) -> loss (t,), logs by name (t, ...). Rows of a member only. It
                  may ask of the batch's epoch only whether it is one of the ``warmup``.
    ``sizes``     sizes of the minibatches.
    ``noise``     shape of one step's standard normal draws, by name.
    ``hyper``     settings that differ between members, (T,) by name.
    ``rates``     Adam's step size, (T,).
    ``fitted``    (member, parameters (1, ...), curves, final) -> Fitted. ``final`` is False while
                  training, when the parameters are live and only scores are wanted.
    ``prior``     precision of the Gaussian prior on every weight but those with ``Parameter.prior``
                  False; it enters the loss as prior / (2 n_rows) sum of squares.
    ``clip``      largest norm of a member's gradient (inf: none).
    ``warmup``    epochs before which no patience runs out.
    ``watch``     (member, parameters (1, ...)) -> scalars by name, logged with every score.
    ``members_per_pass``  how many members share a forward pass (None: 4 on a CPU, all on a GPU);
                  speed only.
    ``recordable`` False where the host waits for the device within a step, as for eigenvalues; on a
                  GPU such steps are not recorded as a CUDA graph.
    """

    layout: ParameterLayout
    data: Data
    loss: Callable[[Params, Batch], tuple[Tensor, dict[str, Tensor]]]
    sizes: BatchSizes
    noise: Mapping[str, tuple[int, ...]]
    hyper: Mapping[str, Tensor]
    rates: Tensor
    fitted: Callable[[int, Params, Curves, bool], Fitted]
    prior: float = 1.0
    clip: float = CLIP
    warmup: int = 0
    watch: Callable[[int, Params], Mapping[str, float]] | None = None
    members_per_pass: int | None = None
    recordable: bool = True
    dtype: torch.dtype = torch.float32

    @cached_property
    def prior_mask(self) -> Tensor:
        """(P,): the prior's precision over the rows, where it holds a parameter, else 0."""
        like = torch.empty(0, dtype=self.dtype, device=self.data.x[0].device)
        return self.layout.prior_mask(like) * (self.prior / self.data.n)


@dataclass
class TrainState:
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
    spec: TrainSpec, members: Sequence[Member], training: Training, checkpoint: bytes | None = None
) -> Iterator[Event]:
    """Train all members to their best epochs; resume from ``checkpoint`` if given.

    Members that had ended before the checkpoint are reported again.
    """
    keep_freed_memory()
    if checkpoint is None:
        state = begin(spec, members, training)
    else:
        state = _restore(checkpoint, spec, training)
    for index in sorted(state.ended):
        yield _report(spec, state, index)
    width = spec.members_per_pass or (CPU_PASS if training.device == "cpu" else len(members))
    run = recorded_steps() if spec.recordable and state.flat.device.type == "cuda" else step
    reported = saved = time.monotonic()
    while state.alive and state.epoch < training.epochs:
        state.epoch += 1
        means: list[dict[str, Tensor]] = []
        for start in range(0, len(state.alive), width):
            part = slice(start, start + width)
            began = time.perf_counter()
            total: dict[str, Tensor] = {}
            for update in updates(spec, state, members, part):
                _accumulate(total, run(spec, state, update, part))
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported, paused = time.monotonic(), time.perf_counter()
                    through = (start / len(state.alive) + state.epoch - 1) / training.epochs
                    yield Progress(through)
                    began += time.perf_counter() - paused
            means.append({k: v / spec.sizes.steps for k, v in total.items()})
            share = (time.perf_counter() - began) / len(state.alive[part])
            for index in state.alive[part]:
                state.seconds[index] += share
        state.steps += spec.sizes.steps
        _log(state, means)
        for index in _review(spec, state, members, training):
            yield _report(spec, state, index)
        if time.monotonic() - saved > CHECKPOINT_SECONDS and state.alive:
            yield Checkpoint(_freeze(state))
            saved = time.monotonic()
    yield Progress(1.0)


def keep_freed_memory() -> None:
    """Tell glibc not to hand freed arrays back to the kernel, which would have to clear them anew.

    A step frees and allocates the same arrays again and again; a tenth of its time went there.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        trim_threshold, mmap_threshold = -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 1 << 30)


def begin(spec: TrainSpec, members: Sequence[Member], training: Training) -> TrainState:
    """The state before the first epoch."""
    flat = spec.layout.initial([m.seed for m in members], spec.dtype).to(training.device)
    n = len(members)
    return TrainState(
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


@dataclass(frozen=True)
class Update:
    """What one step of Adam needs: a minibatch, and the step sizes corrected for its count.

    ``rate`` (t, 1): the step size over 1 - beta1^count. ``second`` (): 1 - beta2^count.
    """

    batch: Batch
    rate: Tensor
    second: Tensor


def updates(
    spec: TrainSpec, state: TrainState, members: Sequence[Member], part: slice
) -> Iterator[Update]:
    """The steps of epoch ``state.epoch`` for the members at ``part``, positions in ``alive``."""
    indices, data, device = state.alive[part], spec.data, state.flat.device
    seeds, sizes = [members[i].seed for i in indices], spec.sizes
    chosen = torch.tensor(indices)
    rows = torch.stack(
        [data.order(seed, i, state.epoch, sizes) for seed, i in zip(seeds, indices, strict=True)]
    ).to(device)  # (t, steps, b)
    noise = {
        name: rng.normals(seeds, (name, state.epoch), (sizes.steps, *shape), state.flat)
        for name, shape in spec.noise.items()
    }
    hyper = {name: value[chosen].to(state.flat) for name, value in spec.hyper.items()}
    keep = data.kept(chosen)
    counts = torch.arange(1, sizes.steps + 1, dtype=torch.float64) + state.steps
    first, second = (1 - torch.tensor(beta, dtype=torch.float64) ** counts for beta in BETAS)
    rates = (spec.rates[chosen].double() / first[:, None]).to(state.flat)[
        ..., None
    ]  # (steps, t, 1)
    seconds = second.to(state.flat)
    for number in range(sizes.steps):
        of_step = {name: value[:, number] for name, value in noise.items()}
        batch = data.batch(rows[:, number], sizes.labelled, of_step, hyper, keep, state.epoch)
        yield Update(batch, rates[number], seconds[number])


def step(spec: TrainSpec, state: TrainState, update: Update, part: slice) -> dict[str, Tensor]:
    """One step of Adam of the members at ``part``; returns their logs."""
    flat = state.flat[part]
    leaf = flat.detach().requires_grad_()
    # The sum over members keeps their gradients apart: none reads another's parameters.
    loss, logs = spec.loss(spec.layout.views(leaf), update.batch)
    (grad,) = torch.autograd.grad(loss.sum(), leaf)
    grad.addcmul_(flat, spec.prior_mask.to(flat))
    if math.isfinite(spec.clip):
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
        grad.mul_(spec.clip / norm.clamp(min=spec.clip))
    momentum, square = state.momentum[part], state.square[part]
    momentum.lerp_(grad, 1 - BETAS[0])
    square.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
    scale = (square / update.second).sqrt_().add_(ADAM_EPS)
    flat.sub_((momentum / scale).mul_(update.rate))
    return logs


def recorded_steps() -> Callable[[TrainSpec, TrainState, Update, slice], dict[str, Tensor]]:
    """:func:`step` on a CUDA device, recorded as a graph for each pass.

    A graph serves until a member leaves, which replaces the tensors of the state, or the warm-up
    ends.
    """
    passes: dict[int, GraphedStep] = {}

    def run(spec: TrainSpec, state: TrainState, update: Update, part: slice) -> dict[str, Tensor]:
        graphed = passes.setdefault(part.start, GraphedStep())
        key = tuple(state.alive), update.batch.epoch <= spec.warmup
        return graphed(key, lambda inputs: step(spec, state, inputs, part), update)

    return run


def _accumulate(total: dict[str, Tensor], logs: dict[str, Tensor]) -> None:
    for name, value in logs.items():
        total[name] = total[name] + value if name in total else value


def _log(state: TrainState, means: list[dict[str, Tensor]]) -> None:
    """Append this epoch's means to the members' curves."""
    for name in means[0]:
        values = torch.cat([part[name] for part in means]).cpu()
        for index, value in zip(state.alive, values, strict=True):
            state.curves[index].setdefault(name, []).append(value)


def _review(
    spec: TrainSpec, state: TrainState, members: Sequence[Member], training: Training
) -> list[int]:
    """Score the members where it is time; remove those that end. Returns who ended."""
    last = state.epoch == training.epochs
    due = last or state.epoch % training.eval_every == 0
    finite = state.flat.isfinite().all(1).tolist()
    ended = []
    for row, index in enumerate(state.alive):
        began = time.perf_counter()
        if not finite[row]:
            state.ended[index] = ("not finite", f"parameters not finite at epoch {state.epoch}")
            ended.append(index)
        elif due:
            try:
                params = spec.layout.views(state.flat[row : row + 1])
                score = float(members[index].score(spec.fitted(index, params, {}, False)))
                watched = spec.watch(index, params) if spec.watch else {}
            except Exception as error:  # one member's error must not end the others
                state.ended[index] = (repr(error), traceback.format_exc())
                ended.append(index)
                continue
            scalars = {"scored_epoch": state.epoch, "tuning_score": score, **watched}
            for name, value in scalars.items():
                curve = state.curves[index].setdefault(name, [])
                curve.append(torch.tensor(value, dtype=torch.float64))
            score = float("-inf") if math.isnan(score) else score
            if state.epoch_of[index] == 0 or score > state.score[index]:
                state.score[index], state.epoch_of[index] = score, state.epoch
                state.best[row] = state.flat[row]
            waited = state.epoch - max(state.epoch_of[index], spec.warmup)
            if last or (training.patience is not None and waited >= training.patience):
                state.ended[index] = state.best[row].cpu().clone()
                ended.append(index)
        state.seconds[index] += time.perf_counter() - began
    if ended:
        rows = [row for row, index in enumerate(state.alive) if index not in ended]
        state.alive = [state.alive[row] for row in rows]
        for name in ("flat", "momentum", "square", "best"):
            setattr(state, name, getattr(state, name)[rows])
    return ended


def _report(spec: TrainSpec, state: TrainState, index: int) -> Event:
    """How member ``index`` ended."""
    end = state.ended[index]
    if isinstance(end, tuple):
        return Failed(index, end[0], end[1], state.seconds[index])
    curves = {name: torch.stack(values) for name, values in state.curves[index].items()}
    params = spec.layout.views(end[None])
    try:
        fitted = spec.fitted(index, params, curves, True)
    except Exception as error:  # as above
        return Failed(index, repr(error), traceback.format_exc(), state.seconds[index])
    score, epoch = state.score[index], state.epoch_of[index]
    return Finished(index, fitted, score, epoch, state.seconds[index])


def _freeze(state: TrainState) -> bytes:
    """All of the state. No generator is part of it: every draw derives from its epoch."""
    plain = {
        name: value.cpu() if isinstance(value, Tensor) else value
        for name, value in vars(state).items()
        if name != "curves"
    }
    plain["curves"] = [
        {name: torch.stack(values) for name, values in curves.items()} for curves in state.curves
    ]
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def _restore(checkpoint: bytes, spec: TrainSpec, training: Training) -> TrainState:
    plain = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    state = TrainState(**plain)
    if state.flat.shape[1] != sum(spec.layout.sizes) or len(state.seconds) != len(spec.rates):
        raise ValueError("the checkpoint belongs to another stack")
    for name in ("flat", "momentum", "square", "best"):
        setattr(state, name, getattr(state, name).to(training.device))
    state.curves = [
        {name: list(values.unbind()) for name, values in curves.items()}
        for curves in plain["curves"]
    ]
    return state

"""Time of a training step, as ratios measured in one run: fused and plain, stacked and looped.

    python -m benchmarks.training_step [--repeats 30]

Each ratio compares two ways to the same numbers, timed in turn so that other load slows both.
``step`` rows give milliseconds of one member's step, optimiser included; they are for orientation.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor

from datasets.base import Problem, Rows
from methods._training import decode, loop, nets, semisup_elbo
from methods._training.decode import Decoder
from methods._training.densities import DATA_LIMIT, gaussian, smooth_clamp
from methods._training.loop import Task
from methods._training.nets import Params
from methods._training.semisup import make_task
from methods.base import Member, Training
from methods.generative import m2, smvae

SHAPES = {"mfeat": ((76, 47), 10, 24, 1176), "mnist_hog": ((192, 192), 10, 100, 1040)}
"""Dimensions of views, classes, labelled and unlabelled rows."""


def problem(name: str) -> Problem:
    """Noise in the shape of data set ``name``."""
    dims, classes, known, unknown = SHAPES[name]
    rng, n = np.random.default_rng(0), known + unknown
    labels = np.where(np.arange(n) < known, rng.integers(classes, size=n), -1)

    def rows(count: int) -> Rows:
        views = tuple(rng.normal(size=(count, d)).astype(np.float32) for d in dims)
        return Rows(views, np.ones((count, len(dims)), bool), np.arange(count))

    names = tuple(str(k) for k in range(classes))
    return Problem(rows(n), labels, labels >= 0, ("a", "b"), names, rows(10))


def prepared(
    name: str, members: int, method: str = "smvae", **settings: object
) -> tuple[Task, list[Member]]:
    """A task of ``members`` equal members."""
    module = {"smvae": smvae, "m2": m2}[method]
    made, config = problem(name), module.Config(**settings)
    each = [Member(made, config, seed, lambda _: 0.0) for seed in range(members)]
    return make_task(each, module._recipe(config.resolved(), made), "cpu", torch.float32), each


def epoch(task: Task, members: list[Member]) -> Callable[[], None]:
    """A function that trains all members for one epoch."""
    stack = loop._begin(task, members, Training())
    stack.epoch = 1
    mask = task.layout.prior_mask(stack.flat) / task.data.n

    def run() -> None:
        width = task.members_per_pass or loop.CPU_PASS
        for start in range(0, len(members), width):
            part = slice(start, start + width)
            for batch, step in loop._epoch(task, stack, members, part):
                loop._step(task, stack, batch, part, step, mask)

    return run


def plain_log_likelihood(
    decoder: Decoder, p: Params, z: Tensor, base: Tensor, x: Tensor, weight: Tensor, keep: object
) -> Tensor:
    """What ``decode.log_likelihood`` computes, written plainly for autograd."""
    (t, samples, rows, _), first = z.shape, p[f"{decoder.name}.0.{decoder.part}"]
    pre = torch.matmul(z, first[:, None]) + base[:, None]
    out = nets.upper_layers(p, decoder.name, pre.flatten(1, 2), decoder.depth, decoder.activation)
    mean, raw = out.view(t, samples, rows, -1).chunk(2, -1)
    middle, half = (DATA_LIMIT + decoder.floor) / 2, (DATA_LIMIT - decoder.floor) / 2
    logvar = middle + smooth_clamp(raw - middle, half)
    return (weight * gaussian(x[:, None], mean, logvar)).sum((1, 2))


def timed(runs: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each run, taken in turn (one thread, so they are its own)."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = time.process_time()
            run()
            taken[name].append(time.process_time() - began)
    return {name: float(np.median(values)) for name, values in taken.items()}


def ratios(name: str, repeats: int) -> None:
    """Print what was measured on shape ``name``."""
    task, one = prepared(name, 1)
    steps = task.batches.steps
    fused = epoch(task, one)
    slow = epoch(task, one)

    def plain() -> None:
        with mock.patch.object(semisup_elbo, "log_likelihood", plain_log_likelihood):
            slow()

    found = timed({"fused": fused, "plain": plain}, repeats)
    print(f"{name}: plain / fused decoder          {found['plain'] / found['fused']:.2f}")
    for kind in ("softplus", "relu"):
        seconds = timed({kind: epoch(*prepared(name, 1, activation=kind))}, repeats)[kind]
        print(f"{name}: step, smvae, {kind:<8}          {1e3 * seconds / steps:.1f} ms")
    seconds = timed({"m2": epoch(*prepared(name, 1, "m2"))}, repeats)["m2"]
    print(f"{name}: step, m2                        {1e3 * seconds / steps:.1f} ms")
    task, four = prepared(name, 4)
    ways = {str(k): epoch(replace(task, members_per_pass=k), four) for k in (1, 2, 4)}
    alone = [epoch(*prepared(name, 1)) for _ in range(4)]

    def looped() -> None:
        for run in alone:
            run()

    ways["looped"] = looped
    found = timed(ways, max(3, repeats // 4))
    for k in (1, 2, 4):
        share = found[str(k)] / found["looped"]
        print(f"{name}: stack of 4, {k} a pass / looped    {share:.2f}")


def main() -> None:
    """Measure all shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    loop._keep_freed_memory()
    print(f"chunks of {decode.CHUNK_ROWS} rows, torch {torch.__version__}")
    for name in SHAPES:
        ratios(name, repeats)


if __name__ == "__main__":
    main()

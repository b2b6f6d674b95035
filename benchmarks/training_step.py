"""Time of a training step, as ratios measured in one run: fused and plain, stacked and looped.

    python -m benchmarks.training_step [--repeats 30] [--against CHECKOUT]

Each ratio compares two computations of the same numbers, timed in turn so that a busy machine slows
both. ``step`` rows give milliseconds of one member's step, optimiser included; they are for
orientation. ``--against`` names a checkout of another revision: its step is timed in a process of
its own that takes turns with this one, and the ratios of pairs are reported by their median.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._measure import medians
from datasets.base import Problem, Rows
from harness import registry
from methods._nn import fused_gaussian, trainer
from methods._nn.classifier import train_spec
from methods._nn.networks import MLP
from methods._nn.trainer import TrainSpec
from methods._ssvae.model import SemisupVAE
from methods.base import Member, Training

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
    name: str, members: int, method: str = "smvae", fused: bool = True, **settings: object
) -> tuple[TrainSpec, list[Member]]:
    """What ``members`` equal members ask of the trainer."""
    kind: Any = registry.load_method(method)
    data, config = problem(name), kind.Config(**settings)
    stack = [Member(data, config, seed, lambda _: 0.0) for seed in range(members)]
    spec = kind.spec(config, data)
    if not fused:
        model: SemisupVAE = spec.model
        assert isinstance(model.networks.decoder, MLP)
        decoder = replace(model.networks.decoder, fused=False)
        networks = replace(model.networks, decoder=decoder)
        spec = replace(spec, model=replace(model, networks=networks))
    return train_spec(stack, spec), stack


def epoch(spec: TrainSpec, members: list[Member]) -> Callable[[], None]:
    """A function that trains all members for one epoch."""
    state = trainer.begin(spec, members, Training())
    state.epoch = 1

    def run() -> None:
        width = spec.members_per_pass or trainer.CPU_PASS
        for start in range(0, len(members), width):
            part = slice(start, start + width)
            for update in trainer.updates(spec, state, members, part):
                trainer.step(spec, state, update, part)

    return run


def ratios(name: str, repeats: int) -> None:
    """Print what was measured on shape ``name``."""
    spec, stack = prepared(name, 1)
    runs = {"fused": epoch(spec, stack), "plain": epoch(*prepared(name, 1, fused=False))}
    seconds = medians(runs, repeats)
    print(f"{name}: plain / fused decoder          {seconds['plain'] / seconds['fused']:.2f}")
    steps = spec.sizes.steps
    for kind in ("softplus", "relu"):
        taken = medians({kind: epoch(*prepared(name, 1, activation=kind))}, repeats)[kind]
        print(f"{name}: step, smvae, {kind:<8}          {1e3 * taken / steps:.1f} ms")
    taken = medians({"m2": epoch(*prepared(name, 1, "m2"))}, repeats)["m2"]
    print(f"{name}: step, m2                        {1e3 * taken / steps:.1f} ms")
    spec, four = prepared(name, 4)
    stacked = {str(k): epoch(replace(spec, members_per_pass=k), four) for k in (1, 2, 4)}
    alone = [epoch(*prepared(name, 1)) for _ in range(4)]

    def looped() -> None:
        for run in alone:
            run()

    seconds = medians({**stacked, "looped": looped}, max(3, repeats // 4))
    for k in (1, 2, 4):
        share = seconds[str(k)] / seconds["looped"]
        print(f"{name}: stack of 4, {k} a pass / looped    {share:.2f}")


# ---------------------------------------------------------------- another revision

CASES = [f"{m} {name} {t}" for m in ("smvae", "m2") for name in SHAPES for t in (1, 4)]
SERVE = """
import sys, time, torch
torch.set_num_threads(1)
from benchmarks import training_step
if hasattr(training_step, "trainer"):
    training_step.trainer.keep_freed_memory()
else:  # revisions before docs/decisions/0070
    training_step.loop._keep_freed_memory()
runs = {}
for line in sys.stdin:
    method, shape, members = line.split()
    key = method, shape, members
    if key not in runs:
        runs[key] = training_step.epoch(*training_step.prepared(shape, int(members), method))
        runs[key]()
    began = time.process_time()
    runs[key]()
    print(time.process_time() - began, flush=True)
"""
"""Times one epoch for each line that it reads: method, shape, members."""


@contextmanager
def server(checkout: Path) -> Iterator[Callable[[str], float]]:
    """A process of ``checkout`` that answers with the processor seconds of an epoch."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    def ask(case: str) -> float:
        print(case, file=requests, flush=True)
        return float(answers.readline())

    try:
        yield ask
    finally:
        requests.close()
        process.wait()


def against(checkout: Path, repeats: int, cases: list[str]) -> None:
    """Print this revision's step in units of that of ``checkout``: median and quartiles."""
    here = Path(__file__).resolve().parents[1]
    with server(here) as ours, server(checkout.resolve()) as theirs:
        for case in cases:
            shares = [ours(case) / theirs(case) for _ in range(repeats)]
            low, middle, high = np.percentile(shares, [25, 50, 75])
            print(f"{case:<22} {middle:.3f}  ({low:.3f} to {high:.3f})", flush=True)


def main() -> None:
    """Measure all shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--against", type=Path, help="a checkout of another revision")
    parser.add_argument("--case", nargs="+", default=CASES, help="METHOD SHAPE MEMBERS, quoted")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.against:
        against(arguments.against, arguments.repeats, arguments.case)
        return
    trainer.keep_freed_memory()
    print(f"chunks of {fused_gaussian.CHUNK_ROWS} rows, torch {torch.__version__}")
    for name in SHAPES:
        ratios(name, arguments.repeats)


if __name__ == "__main__":
    main()

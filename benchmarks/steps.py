"""A training step of SMVAE: its share of the GEMM rate, stacks against loops, and what was tried.

    python -m benchmarks.steps [--repeats 7]

The rate of matrix products is that of square ones of 1024 in single precision, timed in turn with
the steps. FlopCounterMode counts the products of a step, forward and backward; all else that a step
does (exponentials, draws, Adam) counts as none.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._measure import Row, medians
from benchmarks.training_step import SHAPES, epoch, prepared
from methods._nn import fused_gaussian, trainer

SIDE = 1024
CHUNKS = (150, 300, 1200, 2400)


def products(run: Callable[[], None]) -> int:
    """Floating-point operations of the matrix products of ``run``."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def gemm() -> Callable[[], None]:
    """A product of two square matrices."""
    a, b, out = (torch.ones(SIDE, SIDE) for _ in range(3))
    return lambda: torch.mm(a, b, out=out)


def chunked(run: Callable[[], None], rows: int) -> Callable[[], None]:
    """``run`` with chunks of so many rows."""

    def changed() -> None:
        usual, fused_gaussian.CHUNK_ROWS = fused_gaussian.CHUNK_ROWS, rows
        try:
            run()
        finally:
            fused_gaussian.CHUNK_ROWS = usual

    return changed


def flushed(run: Callable[[], None]) -> Callable[[], None]:
    """``run`` with denormal numbers taken as zero."""

    def changed() -> None:
        torch.set_flush_denormal(True)
        try:
            run()
        finally:
            torch.set_flush_denormal(False)

    return changed


def rows(repeats: int) -> Iterator[Row]:
    """The measurements, shape by shape."""
    trainer.keep_freed_memory()
    for name in SHAPES:
        spec, four = prepared(name, 4)
        step, alone = epoch(spec, four), [epoch(*prepared(name, 1)) for _ in range(4)]
        count = products(step)

        def looped(alone: list[Callable[[], None]] = alone) -> None:
            for run in alone:
                run()

        tries = {f"chunks of {size} rows": chunked(step, size) for size in CHUNKS}
        tries["set_flush_denormal"] = flushed(step)
        tries["2 members a pass"] = epoch(replace(spec, members_per_pass=2), four)
        seconds = medians({"gemm": gemm(), "step": step, "looped": looped, **tries}, repeats)
        rate = 2 * SIDE**3 / seconds["gemm"]
        share = count / seconds["step"] / rate
        usual = f"4 members a pass, chunks of {fused_gaussian.CHUNK_ROWS} rows"
        yield Row(f"{name}: rate of matrix products", f"{rate / 1e9:.0f} GFLOP/s")
        yield Row(f"{name}: share of it that a step of SMVAE reaches, {usual}", f"{share:.0%}")
        stacked = seconds["step"] / seconds["looped"]
        yield Row(f"{name}: stack of 4 over a loop of 4", f"{stacked:.2f}")
        for what in tries:
            yield Row(f"{name}: {what}, over the usual", f"{seconds[what] / seconds['step']:.2f}")


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    torch.set_num_threads(1)
    for row in rows(parser.parse_args().repeats):
        print(f"{row.what:<85} {row.value}", flush=True)


if __name__ == "__main__":
    main()

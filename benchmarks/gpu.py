"""Speed on one GPU: ceilings, stacks against single fits, Table 2 and Figure 3 at full size.

    python -m benchmarks.gpu [--out gpu.md]            on a machine with a CUDA device
    python -m benchmarks.gpu --device cpu --smoke      the same code, tiny, anywhere

Needs torch, numpy, scipy, scikit-learn and pandas alone: fits run in this process, no report is
written. The data are simulated copies of SEED and DEAP. Wall time, since the processor waits for
the device; nothing else should run there.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._measure import Row
from benchmarks.training_step import SHAPES, problem
from harness import registry
from harness.plan import resolve
from harness.plan.plan import Plan, plan_cells, settle
from harness.plan.rows import Selection
from harness.run.driver import Driver
from harness.run.executors import Resources, open_executor
from harness.run.grouping import group_jobs
from harness.store import code_digest
from harness.store.store import Store
from methods._nn import trainer
from methods.base import Failed, Member, Training

DATA, PROTOCOLS = ("seed", "deap"), ("table2", "figure3")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    ``side``    of square matrices.     ``floats`` of a copied array.   ``repeats`` of both.
    ``stack``   members of a stack.     ``epochs`` that they train.     ``alone`` fits one by one.
    ``scale``   share of the subjects of a simulated copy.   ``budget``, ``rows`` of the tables.
    """

    side: int = 8192
    floats: int = 1 << 28
    repeats: int = 20
    stack: int = 100
    epochs: int = 50
    alone: int = 3
    scale: float = 1.0
    budget: str = "paper"
    rows: tuple[str, ...] = ()


SMOKE = Size(128, 1 << 16, 2, 2, 2, 1, 0.1, "smoke", ("smvae", "full_data"))


def seconds(run: Callable[[], object], device: str) -> float:
    """Wall time of ``run``, to the end of what it started on the device."""
    _wait(device)
    began = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def ceilings(size: Size, device: str) -> tuple[float, float]:
    """Operations a second of matrix products in single precision; bytes a second of a copy."""
    a, b = (torch.ones(size.side, size.side, device=device) for _ in range(2))
    source = torch.ones(size.floats, device=device)
    target = torch.empty_like(source)

    def products() -> None:
        for _ in range(size.repeats):
            torch.mm(a, b)

    def copies() -> None:
        for _ in range(size.repeats):
            target.copy_(source)

    products()
    copies()
    flops = 2 * size.side**3 * size.repeats / seconds(products, device)
    return flops, 8 * size.floats * size.repeats / seconds(copies, device)


def train(count: int, shape: str, epochs: int, device: str) -> None:
    """``count`` members of SMVAE in one stack. Raises RuntimeError where one fails."""
    kind = registry.load_method("smvae")
    assert registry.is_stacked(kind)
    data, config = problem(shape), kind.Config()
    members = [Member(data, config, seed, lambda _: 0.0) for seed in range(count)]
    training = Training(epochs, epochs, None, device)
    for event in kind.fit_stack(members, training):
        if isinstance(event, Failed):
            raise RuntimeError(event.reason)


@contextmanager
def plain_steps() -> Iterator[None]:
    """Steps started kernel by kernel, as on a CPU."""
    recorded = trainer.recorded_steps
    trainer.recorded_steps = lambda: trainer.step
    try:
        yield
    finally:
        trainer.recorded_steps = recorded


def stacks(size: Size, device: str) -> Iterator[Row]:
    """Trials a minute of SMVAE, stacked and one at a time, and the share of the ceilings."""
    flops, bandwidth = ceilings(size, device)
    yield Row("matrix products, single precision", f"{flops / 1e12:.2f} TFLOP/s")
    yield Row("copies, read and written", f"{bandwidth / 1e9:.0f} GB/s")
    for shape in SHAPES:
        with plain_steps(), FlopCounterMode(display=False) as counter:
            train(1, shape, 1, device)  # also warms the device up
        each = counter.get_total_flops() * size.epochs

        def singly(shape: str = shape) -> None:
            for _ in range(size.alone):
                train(1, shape, size.epochs, device)

        stacked = seconds(lambda s=shape: train(size.stack, s, size.epochs, device), device)
        alone = seconds(singly, device) / size.alone
        with plain_steps():
            plain = seconds(lambda s=shape: train(1, s, size.epochs, device), device)
        rates = [60 * size.stack / stacked, 60 / alone, 60 / plain]
        yield Row(
            f"{shape}: trials of {size.epochs} epochs a minute: {size.stack} stacked, one by one, "
            "one by one without CUDA graphs",
            f"{rates[0]:.1f}, {rates[1]:.1f}, {rates[2]:.1f}: "
            f"stacked {rates[0] / rates[1]:.1f} and {rates[0] / rates[2]:.1f} times as many",
        )
        share = each * size.stack / stacked / flops
        yield Row(f"{shape}: share of the rate of matrix products, stacked", f"{share:.1%}")


def tables(size: Size, device: str, folder: Path) -> Iterator[Row]:
    """Wall time of Table 2 and Figure 3 on simulated copies, from plan to stored records."""
    for key in DATA:
        import_module(f"datasets.{key}.simulate").write(folder / "data", size.scale, 0)
        data, split = resolve.open_dataset(key, folder / "data")
        for name in PROTOCOLS:
            protocol = registry.load_protocol(name)
            budget = resolve.choose(protocol, size.budget, (key,), None).budget
            splits, chosen = {data.key: split}, {name: protocol}
            cells = plan_cells(chosen, {data.key: data}, splits, budget, Selection(size.rows))
            plan = settle(Plan(cells, {data.key: data}, splits, budget), {})
            store = Store(folder / f"{name}-{key}")
            driver = Driver(store, {}, budget.name, lambda _: None)
            executor = open_executor("serial", plan.data, Resources(device))

            def run(driver=driver, plan=plan, executor=executor) -> None:
                driver.run(group_jobs(plan, device), executor)

            try:
                taken = seconds(run, device)
            finally:
                executor.close()
                store.close()
            ended = Counter(record.status for record in driver.records.values())
            states = ", ".join(f"{n} {status}" for status, n in sorted(ended.items()))
            yield Row(
                f"{name} on simulated {key}, {data.n} rows", f"{taken / 60:.1f} min; fits: {states}"
            )


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--smoke", action="store_true", help="tiny: a check that this runs")
    parser.add_argument("--out", type=Path, help="write the table to this file")
    parser.add_argument("--rows", nargs="+", help="only these rows of the tables (globs)")
    parser.add_argument("--stacks-only", action="store_true", help="without the tables")
    parser.add_argument("--scale", type=float, help="share of the subjects that are simulated")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no CUDA GPU here; use --device cpu --smoke for a check")
    size = SMOKE if asked.smoke else Size()
    size = replace(size, rows=tuple(asked.rows or size.rows), scale=asked.scale or size.scale)
    card = platform.machine() if asked.device == "cpu" else torch.cuda.get_device_name()
    lines = [f"{card}, torch {torch.__version__}, commit {code_digest.revision()}", ""]
    lines += ["| what | value |", "|---|---|"]
    print(lines[0], flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        parts = [stacks(size, asked.device)]
        if not asked.stacks_only:
            parts.append(tables(size, asked.device, Path(scratch)))
        for row in chain.from_iterable(parts):
            print(f"{row.what:<75} {row.value}", flush=True)
            lines.append(f"| {row.what} | {row.value} |")
    if asked.out:
        asked.out.write_text("\n".join([*lines, ""]), "utf-8")


if __name__ == "__main__":
    main()

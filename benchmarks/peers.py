r"""Our solvers beside public ones, in one run: ratios of processor time, each to its own tolerance.

    python -m benchmarks.peers [--repeats 5]

Peers of the lock are always measured, the others where their packages are found; elsewhere a line
says that they are not. They go into a folder beside the checkout, for .venv is locked:

    .venv/bin/python -m pip install --no-deps --target ../peers pyro-ppl==1.9.2 pyro-api==0.1.2 \
        opt_einsum==3.4.0 tqdm==4.70.1 cca-zoo==4.0.1 tensorly==0.10.0 lightning==2.6.6 \
        lightning-utilities==0.15.3 torchmetrics==1.9.0
    PYTHONPATH=../peers .venv/bin/python -m benchmarks.peers
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array
from torch import nn
from torch.utils.data import DataLoader

from benchmarks import training_step
from benchmarks._measure import Row, medians
from benchmarks._pyro_m2 import PyroM2
from benchmarks.graph_methods import problem
from harness import registry
from methods._nn import trainer
from methods._nn.classifier import merged
from methods.base import Member, Method, Training
from methods.graph._graphs import normalised
from methods.graph._joined import Joined
from methods.graph._propagate import conjugate_gradients, one_hot
from methods.graph.label_spreading import LabelSpreading
from methods.multiview.dcca import DCCA

ROWS = 2000
SHAPE, STACK, EPOCHS = "mfeat", 4, 10
"""Of the neural methods: the shape of data, members of a stack, epochs of a timed fit of DCCA."""


def label_spreading(repeats: int) -> Iterator[Row]:
    """The solve alone, on one graph: conjugate gradients, and scikit-learn's iteration."""
    from sklearn.semi_supervised import LabelSpreading as Peer

    made, _ = problem(ROWS)
    config = LabelSpreading.Config()
    graph, targets = Joined.of(made.rows, config), one_hot(made)
    weights = csr_array(graph.weights)

    def ours() -> np.ndarray:
        system = eye_array(made.rows.n) - config.alpha * normalised(weights)
        return conjugate_gradients(csr_array(system), targets, targets)[0]

    peer = Peer(kernel=lambda *_: weights.copy(), alpha=config.alpha, max_iter=1000)
    places, labels = np.arange(made.rows.n, dtype=float)[:, None], made.labels
    seconds = medians({"ours": ours, "peer": lambda: peer.fit(places, labels)}, repeats)
    hidden = ~made.labelled
    same = np.mean(ours().argmax(1)[hidden] == peer.label_distributions_.argmax(1)[hidden])
    ratio = seconds["peer"] / seconds["ours"]
    yield Row(
        f"scikit-learn's LabelSpreading (tolerance .001) over our solve (to rounding), {ROWS} rows",
        f"{ratio:.1f}; {same:.1%} of the unlabelled rows get one class",
    )


def soft_impute(repeats: int) -> Iterator[Row]:
    """One fit with default settings, each to its own end."""
    made, _ = problem(ROWS)
    present = made.rows.present.copy()
    present[::3, 1] = False
    views = tuple(np.where(present[:, [v]], x, np.nan) for v, x in enumerate(made.rows.views))
    rows = replace(made.rows, views=views, present=present)
    lacking = replace(made, rows=rows)
    runs: dict[str, Callable[[], object]] = {}
    for name in ("soft_impute_als", "soft_impute"):
        kind: type[Method] = registry.load_method(name)
        fit = kind(kind.Config()).fit
        runs[name] = lambda fit=fit: fit(lacking, np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = medians(runs, repeats)
    ratio = seconds["soft_impute"] / seconds["soft_impute_als"]
    yield Row(f"fancyimpute's SoftImpute over our softImpute-ALS, {ROWS} rows", f"{ratio:.1f}")


def pyro_m2(repeats: int) -> Iterator[Row]:
    """An epoch of M2, whose objective trains all nets from the start; arguments not validated."""
    spec, alone = training_step.prepared(SHAPE, 1, "m2", warmup_epochs=0)
    stack = training_step.prepared(SHAPE, STACK, "m2", warmup_epochs=0)
    config: Any = alone[0].config
    peer = PyroM2(config, merged(alone[0].problem), spec.sizes)
    names = "TraceEnum_ELBO", "JitTraceEnum_ELBO"
    runs = {name: peer.epoch(name) for name in names}
    runs |= {"ours": training_step.epoch(spec, alone), "stack": training_step.epoch(*stack)}
    trainer.keep_freed_memory()
    with peer.pyro.validation_enabled(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = medians(runs, repeats)
    for name in names:
        yield _ratio(f"Pyro's M2, {name}, over ours, a step, {SHAPE}", name, seconds)


def cca_zoo_dcca(repeats: int) -> Iterator[Row]:
    """Fits of ``EPOCHS`` epochs of DCCA: the same widths, minibatches and Adam.

    cca-zoo adds the squares of the correlations, in single precision, from eigenvectors; ours adds
    the correlations, in double precision, from Cholesky factors and singular values. Our fits end
    with a linear CCA, too short to show.
    """
    deep, lightning = import_module("cca_zoo.deep"), import_module("lightning.pytorch")
    data, config = training_step.problem(SHAPE), DCCA.Config()
    views = [torch.from_numpy(view) for view in data.rows.views]
    n, size = data.rows.n, min(data.rows.n, config.batch_rows)

    def ours(members: int) -> None:
        stack = [Member(data, config, seed, lambda _: 0.0) for seed in range(members)]
        for _ in DCCA.fit_stack(stack, Training(epochs=EPOCHS, eval_every=EPOCHS)):
            pass

    def model() -> Any:
        encoders = []
        for view in views:
            widths, layers = [view.shape[1], *config.hidden], []
            for a, b in zip(widths[:-1], widths[1:], strict=True):
                layers += [nn.Linear(a, b), nn.Softplus()]
            encoders.append(nn.Sequential(*layers, nn.Linear(widths[-1], config.latent)))
        return deep.DCCA(config.latent, encoders, config.learning_rate, reg_covar=1e-3)

    def steps() -> None:
        made = model()
        adam = made.configure_optimizers()
        for _ in range(EPOCHS * config.steps_per_epoch):
            rows = torch.randperm(n)[:size]
            adam.zero_grad()
            made.loss({"views": [view[rows] for view in views]})["objective"].backward()
            adam.step()

    def whole() -> None:
        cut = [torch.randperm(n)[:size].tolist() for _ in range(config.steps_per_epoch)]
        loader = DataLoader(deep.MultiviewDataset(views), batch_sampler=cut)
        quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
        settings = dict.fromkeys(quiet, False)
        lightning.Trainer(max_epochs=EPOCHS, accelerator="cpu", **settings).fit(model(), loader)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    runs = {"steps": steps, "whole": whole, "ours": lambda: ours(1), "stack": lambda: ours(STACK)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = medians(runs, repeats)
    for name, how in (("whole", "Lightning's Trainer and a DataLoader"), ("steps", "steps alone")):
        yield _ratio(f"cca-zoo's DCCA, {how}, over ours, an epoch, {SHAPE}", name, seconds)


def _ratio(what: str, peer: str, seconds: Mapping[str, float]) -> Row:
    """``peer`` over "ours", and over one member of "stack"."""
    single = seconds[peer] / seconds["ours"]
    stacked = seconds[peer] / (seconds["stack"] / STACK)
    return Row(what, f"{single:.2f}; over a member of a stack of {STACK} {stacked:.2f}")


@dataclass(frozen=True)
class Optional:
    """A peer outside the lock: what is measured, the modules that it needs, and its rows."""

    what: str
    modules: tuple[str, ...]
    rows: Callable[[int], Iterator[Row]]


OPTIONAL = (
    Optional("Pyro's M2 over ours, a step", ("pyro",), pyro_m2),
    Optional("cca-zoo's DCCA over ours, an epoch", ("cca_zoo", "lightning"), cca_zoo_dcca),
)
SVM_LIGHT = Row(
    "SVM-light's transductive SVM over ours (benchmarks.tsvm measures ours)",
    "not measured: the package svmlight 0.4 (2012) is for Python 2; the program svm_learn is "
    "needed, whose licence is for non-commercial use",
)


def optional(repeats: int) -> Iterator[Row]:
    """Peers outside the lock, or for each of them what a measurement lacks."""
    for peer in OPTIONAL:
        absent = [module for module in peer.modules if find_spec(module) is None]
        if absent:
            yield Row(peer.what, f"not measured: {', '.join(absent)} not installed")
        else:
            yield from peer.rows(repeats)
    yield SVM_LIGHT


def rows(repeats: int) -> Iterator[Row]:
    """The measurements."""
    yield from label_spreading(repeats)
    yield from soft_impute(repeats)
    yield from optional(repeats)


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    torch.set_num_threads(1)
    for row in rows(parser.parse_args().repeats):
        print(f"{row.what:<95} {row.value}", flush=True)


if __name__ == "__main__":
    main()

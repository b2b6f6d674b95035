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
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks import training_step
from benchmarks._measure import Row, medians
from benchmarks.graph_methods import problem
from harness import registry
from methods._nn import trainer
from methods._nn.classifier import merged
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT, smooth_clamp
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


class Perceptron(nn.Module):
    """As ``methods._nn.networks.MLP``, for one member: the first layer has a matrix an input."""

    def __init__(self, inputs: Sequence[int], hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        layers = [nn.Linear(width, hidden[0], bias=i == 0) for i, width in enumerate(inputs)]
        self.first = nn.ModuleList(layers)
        widths = [*hidden, outputs]
        self.upper = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Outputs of rows; inputs broadcast, so that what no label enters is computed once."""
        h = sum(layer(rows) for layer, rows in zip(self.first, inputs, strict=True))
        for layer in self.upper:
            h = layer(torch.relu(h))
        return h


def pyro_m2(repeats: int) -> Iterator[Row]:
    """An epoch of M2: the same objective, widths, bounds, minibatches and Adam.

    A single Adam on ``differentiable_loss``, without validation of arguments: less than what SVI
    and the default settings cost. Pyro draws KL(q(z|x,y) || p(z)) where ours has its closed form.
    """
    pyro, infer = import_module("pyro"), import_module("pyro.infer")
    dist, trace = pyro.distributions, pyro.poutine
    spec, alone = training_step.prepared(SHAPE, 1, "m2", warmup_epochs=0)  # U trains all nets
    config: Any = alone[0].config
    data, sizes = merged(alone[0].problem), spec.sizes
    known, x = torch.from_numpy(data.labelled), torch.from_numpy(data.rows.views[0])
    width, classes, latent = x.shape[1], data.n_classes, config.latent
    labelled, unlabelled = x[known], x[~known]
    onehot = torch.eye(classes)[torch.from_numpy(data.labels)[known]]
    encoder = Perceptron((width, classes), config.hidden, 2 * latent)
    decoder = Perceptron((latent, classes), config.hidden[::-1], 2 * width)
    classifier = Perceptron((width,), config.hidden, classes)
    nets = nn.ModuleList([encoder, decoder, classifier])
    share = 1 / (sizes.labelled + sizes.unlabelled)

    def gaussian(raw: Tensor, low: float, high: float) -> Any:
        mean, spread = raw.chunk(2, -1)
        middle, half = (high + low) / 2, (high - low) / 2
        logvar = middle + smooth_clamp(spread - middle, half)
        return dist.Normal(mean, (0.5 * logvar).exp()).to_event(1)

    def generated(name: str, x: Tensor, y: Tensor | None) -> None:
        with pyro.plate(name, len(x)), trace.scale(scale=share):
            y = pyro.sample(f"y_{name}", dist.OneHotCategorical(logits=x.new_zeros(classes)), obs=y)
            prior = dist.Normal(x.new_zeros(latent), 1.0).to_event(1)
            z = pyro.sample(f"z_{name}", prior)
            of_x = gaussian(decoder(z, y), config.logvar_floor, DATA_LIMIT)
            pyro.sample(f"x_{name}", of_x, obs=x)

    def model(x: Tensor, y: Tensor, others: Tensor) -> None:
        pyro.module("nets", nets)
        generated("labelled", x, y)
        generated("unlabelled", others, None)
        with pyro.plate("classified", len(x)), trace.scale(scale=config.c / len(x)):
            pyro.sample("q", dist.OneHotCategorical(logits=classifier(x)), obs=y)

    def guide(x: Tensor, y: Tensor, others: Tensor) -> None:
        with pyro.plate("labelled", len(x)), trace.scale(scale=share):
            pyro.sample("z_labelled", gaussian(encoder(x, y), -LATENT_LIMIT, LATENT_LIMIT))
        with pyro.plate("unlabelled", len(others)), trace.scale(scale=share):
            q = dist.OneHotCategorical(logits=classifier(others))
            y = pyro.sample("y_unlabelled", q, infer={"enumerate": "parallel"})
            of_z = gaussian(encoder(others, y), -LATENT_LIMIT, LATENT_LIMIT)
            pyro.sample("z_unlabelled", of_z)

    def theirs(elbo: Any) -> Callable[[], None]:
        decay = 1 / data.rows.n  # the N(0, 1) prior on weights
        adam = torch.optim.Adam(nets.parameters(), config.learning_rate, weight_decay=decay)

        def run() -> None:
            cut = torch.randperm(len(unlabelled)).split(sizes.unlabelled)[: sizes.steps]
            for rows in cut:
                first = torch.randperm(len(labelled))[: sizes.labelled]
                adam.zero_grad()
                batch = labelled[first], onehot[first], unlabelled[rows]
                elbo.differentiable_loss(model, guide, *batch).backward()
                adam.step()

        return run

    names = "TraceEnum_ELBO", "JitTraceEnum_ELBO"
    runs = {name: theirs(getattr(infer, name)(max_plate_nesting=1)) for name in names}
    stack = training_step.prepared(SHAPE, STACK, "m2", warmup_epochs=0)
    runs |= {"ours": training_step.epoch(spec, alone), "stack": training_step.epoch(*stack)}
    trainer.keep_freed_memory()
    with pyro.validation_enabled(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = medians(runs, repeats)
    for name in names:
        yield _ratio(f"Pyro's M2, {name}, over ours, a step, {SHAPE}", name, seconds)


def cca_zoo_dcca(repeats: int) -> Iterator[Row]:
    """Fits of ``EPOCHS`` epochs of DCCA: the same widths, minibatches and Adam.

    cca-zoo adds the squares of the correlations, in single precision, from eigenvectors; ours adds
    the correlations, in double precision, from Cholesky factors and singular values. Our fits end
    with a linear CCA, some hundredths of their time.
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

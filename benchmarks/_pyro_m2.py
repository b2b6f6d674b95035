"""M2 as a model and a guide of Pyro, for benchmarks.peers; the objective of methods.generative.m2.

Widths, bounds of log-variances, minibatches and Adam are ours. Pyro draws KL(q(z|x,y) || p(z)),
where ours has its closed form. Pyro is no dependency: it is imported when a model is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from datasets.base import Problem
from methods._nn.data import BatchSizes
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT, smooth_clamp
from methods.generative.m2 import Config


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


class PyroM2:
    """M2 of a Problem with one view, with ``sizes`` rows a minibatch."""

    def __init__(self, config: Config, data: Problem, sizes: BatchSizes) -> None:
        self.pyro, self.infer = import_module("pyro"), import_module("pyro.infer")
        self.dist, self.scale = self.pyro.distributions, self.pyro.poutine.scale
        self.config, self.data, self.sizes = config, data, sizes
        self.share = 1 / (sizes.labelled + sizes.unlabelled)
        (width,), classes, latent = data.dims, data.n_classes, config.latent
        self.encoder = Perceptron((width, classes), config.hidden, 2 * latent)
        self.decoder = Perceptron((latent, classes), config.hidden[::-1], 2 * width)
        self.classifier = Perceptron((width,), config.hidden, classes)
        self.nets = nn.ModuleList([self.encoder, self.decoder, self.classifier])

    def model(self, x: Tensor, y: Tensor, others: Tensor) -> None:
        """p(x, y, z) of labelled rows ``x`` and of ``others``, and c times the cross-entropy."""
        self.pyro.module("nets", self.nets)
        self._generated("labelled", x, y)
        self._generated("unlabelled", others, None)
        weight = self.config.c / len(x)
        with self.pyro.plate("classified", len(x)), self.scale(scale=weight):
            self.pyro.sample("q", self._classes(self.classifier(x)), obs=y)

    def guide(self, x: Tensor, y: Tensor, others: Tensor) -> None:
        """q(z|x,y), and q(y|x) of ``others``, whose classes are enumerated in parallel."""
        with self.pyro.plate("labelled", len(x)), self.scale(scale=self.share):
            self.pyro.sample("z_labelled", self._of_z(x, y))
        with self.pyro.plate("unlabelled", len(others)), self.scale(scale=self.share):
            q, how = self._classes(self.classifier(others)), {"enumerate": "parallel"}
            y = self.pyro.sample("y_unlabelled", q, infer=how)
            self.pyro.sample("z_unlabelled", self._of_z(others, y))

    def epoch(self, elbo: str) -> Callable[[], None]:
        """A function that trains for one epoch with the class ``elbo`` of pyro.infer.

        A single Adam on ``differentiable_loss``, which costs less than SVI and its optimisers.
        """
        objective = getattr(self.infer, elbo)(max_plate_nesting=1)
        model, guide = self.model, self.guide  # bound once: what is compiled is kept by their ids
        decay = 1 / self.data.rows.n  # the N(0, 1) prior on weights
        parameters, rate = self.nets.parameters(), self.config.learning_rate
        adam = torch.optim.Adam(parameters, rate, weight_decay=decay)

        def run() -> None:
            for batch in self._minibatches():
                adam.zero_grad()
                objective.differentiable_loss(model, guide, *batch).backward()
                adam.step()

        return run

    def _minibatches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Labelled rows, their labels as indicators, and unlabelled rows."""
        known, x = torch.from_numpy(self.data.labelled), torch.from_numpy(self.data.rows.views[0])
        onehot = torch.eye(self.data.n_classes)[torch.from_numpy(self.data.labels)[known]]
        labelled, unlabelled = x[known], x[~known]
        cut = torch.randperm(len(unlabelled)).split(self.sizes.unlabelled)
        for rows in cut[: self.sizes.steps]:
            first = torch.randperm(len(labelled))[: self.sizes.labelled]
            yield labelled[first], onehot[first], unlabelled[rows]

    def _generated(self, name: str, x: Tensor, y: Tensor | None) -> None:
        with self.pyro.plate(name, len(x)), self.scale(scale=self.share):
            uniform = self._classes(x.new_zeros(self.data.n_classes))
            y = self.pyro.sample(f"y_{name}", uniform, obs=y)
            prior = self.dist.Normal(x.new_zeros(self.config.latent), 1.0).to_event(1)
            z = self.pyro.sample(f"z_{name}", prior)
            of_x = self._gaussian(self.decoder(z, y), self.config.logvar_floor, DATA_LIMIT)
            self.pyro.sample(f"x_{name}", of_x, obs=x)

    def _classes(self, logits: Tensor) -> Any:
        return self.dist.OneHotCategorical(logits=logits)

    def _of_z(self, x: Tensor, y: Tensor) -> Any:
        return self._gaussian(self.encoder(x, y), -LATENT_LIMIT, LATENT_LIMIT)

    def _gaussian(self, raw: Tensor, low: float, high: float) -> Any:
        """A Gaussian from [mean, raw log-variance], the latter bent into (low, high)."""
        mean, spread = raw.chunk(2, -1)
        middle, half = (high + low) / 2, (high - low) / 2
        logvar = middle + smooth_clamp(spread - middle, half)
        return self.dist.Normal(mean, (0.5 * logvar).exp()).to_event(1)

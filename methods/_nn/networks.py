"""What a network is: a declaration of its parameters and a function that applies them.

A :class:`Network` holds no weights. It is an architecture: told the widths of its inputs and of its
output it declares parameters, and given these, stacked over members, it maps rows to rows. One
object therefore serves any number of views. :class:`MLP` is the one that all methods use unless
another is handed in (docs/extending.md).

Inputs have names, so that a network can treat features, labels and latent variables differently:
``x`` or ``x<v>`` views, ``y`` labels as indicators, ``z`` and ``a`` latent variables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methods._nn import fused_gaussian
from methods._nn.fused_gaussian import Target
from methods._nn.layers import Activation, Init, Parameter, Params, activate, dense

Inputs = Mapping[str, Tensor]
"""Rows that belong together, ``(t, r, n)`` by name, with equal t and r."""


class Network(ABC):
    """An architecture: parameters, and their application to rows.

    Only :meth:`parameters` and :meth:`apply` have to be written. The other methods follow from
    them exactly; a network overrides one to compute the same numbers faster.
    """

    @abstractmethod
    def parameters(self, inputs: Mapping[str, int], outputs: int) -> dict[str, Parameter]:
        """Parameters by name, for inputs of these widths and ``outputs`` columns."""

    @abstractmethod
    def apply(self, p: Params, inputs: Inputs) -> Tensor:
        """Outputs ``(t, r, outputs)`` of rows; a row's output depends on that row alone.

        ``p`` has the declared names, each ``(t, *shape)``. ``inputs`` are those declared and, while
        training, what :meth:`noise` asks for.
        """

    def noise(self) -> Mapping[str, int]:
        """Widths of standard normal draws that each row gets as further inputs while training.

        For dropout and the like; outside of training these inputs are not given. No such name may
        be that of another input.
        """
        return {}

    def given(self, p: Params, inputs: Inputs) -> Callable[[Inputs], Tensor]:
        """The function of the remaining inputs, for many calls with the same ``inputs``."""
        return lambda others: self.apply(p, {**inputs, **others})

    def per_class(self, p: Params, inputs: Inputs, onehot: Tensor) -> Tensor:
        """Outputs ``(t, r, .)`` for labelled rows, then for unlabelled rows once for every class.

        ``inputs`` have ``b`` rows, the labelled ones first; ``onehot`` (t, b_l, K) are the labels
        of these, and ``r = b_l + K (b - b_l)``: rows as :func:`repeat_classes` orders them.
        """
        rows = next(iter(inputs.values())).shape[1]
        return self.apply(p, _with_classes(inputs, onehot, rows))

    def log_likelihood(
        self, p: Params, z: Tensor, inputs: Inputs, onehot: Tensor | None, target: Target
    ) -> Tensor:
        """sum_{l,r} weight log N(x; mean, variance), (t,), for [mean, raw log-variance] = outputs.

        ``z`` (t, l, r, D) are samples of the input ``z``. ``inputs`` (t, b, .) and ``onehot`` as in
        :meth:`per_class`, with rows r; without ``onehot`` there are no classes and r = b.
        """
        (t, samples, rows, _), aligned = z.shape, inputs
        if onehot is not None:
            known, n_classes = onehot.shape[1:]
            aligned = _with_classes(inputs, onehot, known + (rows - known) // n_classes)
        repeated = {
            name: value[:, None].expand(-1, samples, -1, -1).flatten(1, 2)
            for name, value in aligned.items()
        }
        outputs = self.apply(p, {"z": z.flatten(1, 2), **repeated})
        return fused_gaussian.weighted(outputs.view(t, samples, rows, -1), target)


@dataclass(frozen=True)
class MLP(Network):
    """Multilayer perceptron with a linear output; no ``hidden`` layers make it linear.

    The first layer has one matrix for each input: their sum equals the layer on the concatenation,
    and a part that does not depend on the label is computed once instead of once per class.
    ``fused`` decodes with ``fused_gaussian``; False computes the same sum plainly.
    """

    hidden: tuple[int, ...] = (100, 50)
    activation: Activation = "softplus"
    init: Init = "glorot"
    fused: bool = True

    def parameters(self, inputs: Mapping[str, int], outputs: int) -> dict[str, Parameter]:
        """First layer ``0.<input>`` and ``0.b``, then ``1.W``, ``1.b`` and so on."""
        widths = [sum(inputs.values()), *self.hidden, outputs]
        first, bias = dense(widths[0], widths[1], self.init)
        declared = {f"0.{k}": Parameter((n, widths[1]), first.bound) for k, n in inputs.items()}
        declared["0.b"] = bias
        for i in range(1, len(widths) - 1):
            matrix, bias = dense(widths[i], widths[i + 1], self.init)
            declared |= {f"{i}.W": matrix, f"{i}.b": bias}
        return declared

    def apply(self, p: Params, inputs: Inputs) -> Tensor:
        return self._upper(p, _summed(p, p["0.b"], inputs))

    def given(self, p: Params, inputs: Inputs) -> Callable[[Inputs], Tensor]:
        first = _summed(p, p["0.b"], inputs)
        return lambda others: self._upper(p, _summed(p, first, others))

    def per_class(self, p: Params, inputs: Inputs, onehot: Tensor) -> Tensor:
        first = _summed(p, p["0.b"], inputs)
        return self._upper(p, over_labels(first, onehot, p["0.y"]))

    def log_likelihood(
        self, p: Params, z: Tensor, inputs: Inputs, onehot: Tensor | None, target: Target
    ) -> Tensor:
        rows = z.shape[2]
        if onehot is not None:
            known, n_classes = onehot.shape[1:]
            rows = known + (rows - known) // n_classes
        base = _summed(p, p["0.b"], inputs).expand(-1, rows, -1)  # the bias alone has one row
        if onehot is not None:
            base = over_labels(base, onehot, p["0.y"])
        weights = [p["0.z"], *(p[f"{i + 1}.{k}"] for i in range(len(self.hidden)) for k in "Wb")]
        decode = fused_gaussian.log_likelihood if self.fused else fused_gaussian.plain
        return decode(self.activation, weights, z, base, target)

    def _upper(self, p: Params, h: Tensor) -> Tensor:
        """From the first layer's sum (t, r, h) to the output."""
        for i in range(1, len(self.hidden) + 1):
            h = torch.baddbmm(p[f"{i}.b"], activate(h, self.activation), p[f"{i}.W"])
        return h


def _summed(p: Params, total: Tensor, inputs: Inputs) -> Tensor:
    """``total`` plus every input times its matrix of the first layer, (t, r, h)."""
    for name, rows in inputs.items():
        total = torch.baddbmm(total, rows, p[f"0.{name}"])
    return total


def named(name: str, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Parameters of a network as those of part ``name`` of a model."""
    return {f"{name}.{key}": parameter for key, parameter in parameters.items()}


def part(p: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of part ``name``, under the names of its network."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in p.items() if key.startswith(start)}


def over_labels(rows: Tensor, onehot: Tensor, embed: Tensor) -> Tensor:
    """``rows`` (t, b, h) plus each row's label embedding: (t, r, h), r = b_l + K b_u.

    Labelled rows come first with their own label ``onehot`` (t, b_l, K), then the unlabelled rows
    once for every class, class by class; ``embed`` (t, K, h).
    """
    (t, _, h), known = rows.shape, onehot.shape[1]
    first = torch.baddbmm(rows[:, :known], onehot, embed)
    rest = (rows[:, None, known:] + embed[:, :, None]).view(t, -1, h)
    return torch.cat([first, rest], 1)


def repeat_classes(rows: Tensor, known: int, n_classes: int) -> Tensor:
    """``rows`` (..., b, h) lined up with :func:`over_labels`: (..., b_l + K b_u, h)."""
    rest = rows[..., known:, :]
    return torch.cat([rows[..., :known, :], *[rest] * n_classes], -2)


def _with_classes(inputs: Inputs, onehot: Tensor, rows: int) -> dict[str, Tensor]:
    """``inputs`` of ``rows`` rows repeated over classes, and the label of each as input ``y``."""
    known, n_classes = onehot.shape[1:]
    classes = torch.eye(n_classes, dtype=onehot.dtype, device=onehot.device)
    rest = classes.repeat_interleave(rows - known, 0).expand(len(onehot), -1, -1)
    repeated = {key: repeat_classes(value, known, n_classes) for key, value in inputs.items()}
    return {**repeated, "y": torch.cat([onehot, rest], 1)}

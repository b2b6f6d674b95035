"""What the methods of the family share: settings, and from a model to a training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel, ClassifierSpec, fit, merged
from methods._nn.data import BatchSizes
from methods._nn.layers import Activation, Init
from methods._nn.minibatches import BATCHING, Batching, Minibatches, counts
from methods._ssvae.model import Networks, perceptrons
from methods.base import Config, Event, Member, Shape, StackedMethod, Training, hp


@dataclass(frozen=True)
class SemisupConfig(Config):
    """The settings that all semi-supervised VAEs share."""

    c: float = hp(
        0.5,
        "weight of mean cross-entropy",
        grid=(0.1, 0.5, 1.0),
        low=0,
        high=1000,
        batchable=True,
        tune=(0.03, 3.0),
    )
    hidden: tuple[int, ...] = hp((100, 50), "encoder and classifier layers; decoders mirror them")
    latent: int = hp(30, "width of z", low=1, high=1000, tune=(10, 60))
    activation: str = hp("relu", "nonlinearity", choices=("softplus", "relu"))
    init: str = hp("fan_in", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    warmup_epochs: int = hp(
        10, "first epochs, in which U does not train q(y|X)", low=0, high=100_000, tune=(0, 80)
    )
    logvar_floor: float = hp(
        -1.0, "least log-variance of decoded data", low=-6.0, high=5.0, tune=(-3.0, 0.0)
    )
    batching: str = hp("minibatch", "weights of L and U, see Minibatches", choices=BATCHING)
    batches_per_epoch: int = hp(10, "least minibatches of an epoch", low=1, high=100_000)
    batch: int | None = hp(
        100, "most unlabelled rows of a minibatch; None: no bound", low=1, tune=(50, 200)
    )
    labelled_rows: int = hp(
        24, "least labelled rows a minibatch, as far as there are", low=1, tune=(8, 48)
    )
    mc_samples: int = hp(1, "draws of each latent variable", low=1, high=100)
    learning_rate: float = hp(
        2e-3,
        "Adam's step size",
        grid=(2e-3, 8e-3),
        always=True,
        low=1e-6,
        high=1.0,
        batchable=True,
        tune=(1e-4, 3e-2),
    )
    clip: float = hp(0.0, "largest gradient norm (0: none)", low=0, high=1e9)
    weight_prior: bool = hp(True, "N(0, 1) prior on weights, mixture logits excepted")

    def networks(self) -> Networks:
        """The architectures: perceptrons, decoders mirrored."""
        activation, init = cast(Activation, self.activation), cast(Init, self.init)
        return perceptrons(tuple(self.hidden), activation, init)

    def model_settings(self) -> dict[str, Any]:
        """What the models of all semi-supervised VAEs are made with."""
        names = ("latent", "warmup_epochs", "logvar_floor")
        return {"networks": self.networks()} | {name: getattr(self, name) for name in names}

    def minibatches(self) -> Minibatches:
        """How minibatches are cut."""
        batching = cast(Batching, self.batching)
        return Minibatches(batching, self.batches_per_epoch, self.labelled_rows, self.batch)

    def shares(self, problem: Problem) -> tuple[float, float]:
        """Weights of mean L and mean U."""
        return self.minibatches().shares(*counts(problem))


class SemisupMethod(StackedMethod):
    """A semi-supervised VAE: an entry defines its model, the rest is inherited.

    ``merges`` has all views read as one.
    """

    merges: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def model(cls, config: Any, problem: Problem) -> ClassifierModel:
        """The model for a Problem, whose views are merged where ``merges``.

        ``config`` has its profile put in.
        """

    @classmethod
    def spec(cls, config: Any, problem: Problem) -> ClassifierSpec:
        """What is trained; ``config`` may still name a profile."""
        config = config.resolved()
        return ClassifierSpec(
            model=cls.model(config, merged(problem) if cls.merges else problem),
            minibatches=config.minibatches(),
            hyper=tuple(k for k in config.marked("batchable") if k != "learning_rate"),
            prior=float(config.weight_prior),
            clip=config.clip,
            warmup=config.warmup_epochs,
            mc_samples=config.mc_samples,
            merge=cls.merges,
            allow_absent=cls.can.missing_views,
        )

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        # What may differ between members is read from each: a profile is put into all.
        members = [replace(member, config=member.config.resolved()) for member in members]
        return fit(members, cls.spec(members[0].config, members[0].problem), training, state)

    @classmethod
    def warmup(cls, config: Any) -> int:
        return config.resolved().warmup_epochs

    @classmethod
    def cost(cls, shape: Shape, config: Any, training: Training) -> float:
        config = config.resolved()
        dims = (sum(shape.dims),) if cls.merges else shape.dims
        sizes = config.minibatches().sizes(shape.n_labelled, shape.n_unlabelled)
        step = step_cost(dims, shape.n_classes, sizes, config.hidden)
        return cls.effort(config) * step * sizes.steps * training.epochs

    @classmethod
    def effort(cls, config: Any) -> float:
        """Cost of a step, in those of a mixture with one draw; for plans only."""
        return 1.0


def step_cost(
    dims: tuple[int, ...], n_classes: int, sizes: BatchSizes, hidden: tuple[int, ...]
) -> float:
    """Rough core-seconds of one step: its multiplications, at the rate of small matrices."""
    components = len(dims)
    rows = sizes.labelled + n_classes * sizes.unlabelled
    inner = sum(a * b for a, b in zip((60, *hidden[::-1]), hidden[::-1], strict=False))
    heads = 2 * hidden[0] * sum(dims)
    decoders = components * rows * (heads + components * inner)
    encoders = components * rows * inner
    return 0.002 + 1.2e-10 * (decoders + encoders)

"""What --tune searches: every declared range holds its default's kind, and points stay inside."""

from __future__ import annotations

import dataclasses

import pytest

from harness import registry
from harness.plan.space import Range, in_words, point, points, space_of
from methods.base import Config, hp
from tests.contract.suite import METHODS


@dataclasses.dataclass(frozen=True)
class Declared(Config):
    rate: float = hp(0.01, "a rate", low=0, tune=(1e-4, 1.0))
    width: int = hp(30, "a width", low=1, tune=(10, 60))
    floor: float = hp(-1.0, "a floor", tune=(-3.0, 0.0))
    kernel: str = hp("linear", "a kernel", choices=("linear", "rbf"), grid=("linear", "rbf"))
    cost: float = hp(1.0, "a cost", grid=(0.1, 1.0, 10.0))
    depth: int = hp(2, "not searched")


SPACE = space_of(Declared)


def test_declared_ranges_come_before_grids_and_the_rest_keeps_its_default() -> None:
    assert {
        "rate": Range(1e-4, 1.0),
        "width": Range(10, 60, whole=True),
        "floor": Range(-3.0, 0.0),
        "kernel": ("linear", "rbf"),
        "cost": Range(0.1, 10.0),
    } == SPACE
    assert [name for name, axis in SPACE.items() if isinstance(axis, Range) and axis.log] == [
        "rate",
        "cost",
    ]
    assert space_of(Declared, ["rate", "kernel"]).keys() == {"width", "floor", "cost"}


@pytest.mark.parametrize("share", [0.0, 0.31, 0.999999])
def test_points_lie_inside_and_can_be_typed_again(share: float) -> None:
    made = point(SPACE, dict.fromkeys(SPACE, share))
    Declared(**made)
    for name, axis in SPACE.items():
        if isinstance(axis, Range):
            assert axis.low <= made[name] <= axis.high
            assert float(f"{made[name]:.3g}") == made[name]
    assert isinstance(made["width"], int)


def test_a_logarithmic_range_has_its_geometric_mean_in_the_middle() -> None:
    assert Range(1e-4, 1.0).value(0.5) == pytest.approx(1e-2)
    assert Range(-3.0, 0.0).value(0.5) == -1.5
    assert in_words(Range(0.1, 10.0)) == "0.1 to 10 (log)"


def test_points_fill_the_space_and_are_the_same_again() -> None:
    made = points(SPACE, 32, seed=3)
    assert made == points(SPACE, 32, seed=3)
    assert made[:8] == points(SPACE, 8, seed=3)  # more settings later keep those tried
    assert {p["kernel"] for p in made} == {"linear", "rbf"}
    quarters = [int((p["floor"] + 3) / 3 * 4 - 1e-9) for p in made]
    assert all(quarters.count(k) >= 6 for k in range(4))


@pytest.mark.parametrize("key", METHODS)
def test_every_method_takes_every_point_of_its_space(key: str) -> None:
    config = registry.load_method(key).Config
    for settings in points(space_of(config), 4, seed=0) if space_of(config) else []:
        config(**settings)

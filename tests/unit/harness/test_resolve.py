"""What the user names: specs of data sets, the choice of budget, refusals of one sentence."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from harness import registry
from harness.errors import UsageError
from harness.plan import resolve
from harness.plan.resolve import choose, data_root, device_of, licensed_found, open_dataset
from protocols.base import Protocol
from tests.helpers import tiny


class Toy(Protocol):
    """Lists nothing; names its data sets."""

    title = "Toy"
    datasets: ClassVar[dict[str, tuple[str, ...]]] = {
        "paper": ("mfeat", "watch"),
        "preview": ("mfeat",),
        "smoke": ("digits",),
    }

    def rows(self, view_names: Any, methods: Any) -> tuple:
        return ()

    def cells(self, data: Any, split: Any, budget: Any, methods: Any) -> tuple:
        return ()


# ---------------------------------------------------------------- specs


@pytest.mark.parametrize(
    ("spec", "key", "views", "split"),
    [
        ("digits", "digits:left,right", ("left", "right"), "stratified"),
        ("digits:right", "digits:right", ("right",), "stratified"),
        ("digits:right, left", "digits:right,left", ("right", "left"), "stratified"),
        ("watch", "watch:acc,gyr", ("acc", "gyr"), "person"),
        ("watch@window", "watch:acc,gyr@window", ("acc", "gyr"), "window"),
        ("watch:gyr@recording", "watch:gyr@recording", ("gyr",), "recording"),
    ],
)
def test_a_spec_names_data_views_and_split(
    spec: str, key: str, views: tuple[str, ...], split: str
) -> None:
    data, chosen = open_dataset(spec)
    assert (data.key, data.view_names, chosen) == (key, views, split)


def test_a_split_changes_the_name_but_not_the_content() -> None:
    plain, named = (open_dataset(spec)[0] for spec in ("watch", "watch@window"))
    assert plain.fingerprint == named.fingerprint
    assert plain.draw_key == named.draw_key == "watch"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("digit", "unknown dataset 'digit'; did you mean digits"),
        ("digits:top", "digits has no view 'top'; its views are: left, right"),
        ("digits:left,left", "named twice"),
        ("watch@week", "has no split 'week'; it offers: person, recording, window"),
        ("nowhere/none.npz", "none.npz"),
    ],
)
def test_a_wrong_spec_is_refused_in_a_sentence(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_dataset(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mine.npz", "me@home/mine.npz", "mine@home.npz"])
def test_a_path_may_hold_an_at(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    labels = np.arange(30) % 2
    np.savez(path, view_a=rng.normal(size=(30, 2)), view_b=rng.normal(size=(30, 3)), labels=labels)
    data, split = open_dataset(str(path))
    assert data.view_names == ("a", "b")
    again, same = open_dataset(f"{path}@{split}")
    assert again.fingerprint == data.fingerprint
    assert same == split


def own(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"view_{name}": np.random.default_rng(0).normal(size=(30, 2)) for name in "abc"}
    with path.open("wb") as file:
        np.savez(file, **arrays, labels=np.arange(30) % 2)
    return path


@pytest.mark.parametrize("name", ["DATA.NPZ", "mine.npz", "a:b.npz", "deep/er/mine.npz"])
def test_a_file_in_the_working_folder_needs_no_slash_and_takes_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    own(tmp_path / name)
    assert resolve.is_own_file(name)
    assert open_dataset(name)[0].view_names == ("a", "b", "c")
    data, split = open_dataset(f"{name}:c,a@stratified")
    assert (data.view_names, split) == (("c", "a"), "stratified")
    with pytest.raises(UsageError, match="its views are: a, b, c"):
        open_dataset(f"{name}:d")


def test_a_folder_is_a_data_set_unless_a_data_set_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "digits", "stratified"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"mine has no \.csv"):
        open_dataset("mine")
    with pytest.raises(UsageError, match=r"mine has no \.csv"):
        open_dataset("mine:a,b")
    assert open_dataset("digits@stratified")[0].key == "digits:left,right@stratified"
    assert not resolve.is_own_file("digits@stratified")


def test_options_of_a_file_stand_in_its_key(tmp_path: Path) -> None:
    path = own(tmp_path / "a.npz")
    options = resolve.data_options(["file.ignore=view_b"])
    assert options == {"file": {"ignore": "view_b"}}
    data, _ = open_dataset(f"{path}:c", options=options)
    assert data.key == "a:c+ignore=view_b"


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ("a.npz", "file"),
        ("in/a@b/x.mat:X1,X3@subject", "file"),
        ("mfeat:fac,zer@stratified", "mfeat"),
        ("watch", "watch"),
    ],
)
def test_options_of_own_files_are_used_where_a_path_is_named(spec: str, key: str) -> None:
    assert resolve.key_of(spec) == key
    resolve.check_options_used({key: {"labels": "gt"}}, [resolve.key_of(spec)], "table2")


# ---------------------------------------------------------------- budget and data


def test_without_licensed_data_open_data_stands_in() -> None:
    choice = choose(Toy(), None, (), None)
    assert (choice.budget.name, choice.specs) == ("preview", ("mfeat",))
    assert "no licensed data was found" in choice.why


@pytest.mark.parametrize("budget", ["paper", "preview", "smoke"])
def test_a_budget_that_is_named_is_obeyed(budget: str) -> None:
    choice = choose(Toy(), budget, (), None)
    assert choice.budget.name == budget
    assert choice.specs == Toy.datasets[budget]
    assert choice.why == "as given"


def test_what_a_budget_leaves_out_of_the_papers_data_sets_is_told() -> None:
    assert choose(Toy(), "preview", (), None).left_out == ("watch",)
    assert choose(Toy(), "paper", (), None).left_out == ()
    assert choose(Toy(), "preview", ("mfeat",), None).left_out == ()


def test_data_that_is_named_is_used() -> None:
    choice = choose(Toy(), None, ("watch@window", "digits"), None)
    assert choice.specs == ("watch@window", "digits")
    assert choice.budget.name == "preview"
    assert choose(Toy(), "smoke", ("watch",), None).specs == ("watch",)


@pytest.fixture
def licensed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root that holds the files of one of two licensed sets."""
    fakes = {}
    for name in ("sealed", "signed", "open"):
        fakes[name] = ModuleType(name)
        vars(fakes[name]).update(
            LICENSED=name != "open", found=lambda root, name=name: (root / name).exists()
        )
    real = registry.module
    keys = registry.entries("datasets") | {name: f"datasets.{name}" for name in fakes}
    monkeypatch.setattr(registry, "entries", lambda kind: keys)
    monkeypatch.setattr(registry, "module", lambda kind, key: fakes.get(key) or real(kind, key))
    (tmp_path / "sealed").touch()
    (tmp_path / "open").touch()  # files of the user, and no licence
    return tmp_path


def test_licensed_data_that_is_found_means_the_paper(licensed: Path) -> None:
    assert licensed_found(licensed) == ("sealed",)
    choice = choose(Toy(), None, (), licensed)
    assert (choice.budget.name, choice.specs) == ("paper", ("sealed",))
    assert str(licensed) in choice.why


def test_licensed_data_gives_way_to_what_is_asked(licensed: Path) -> None:
    for budget in ("preview", "smoke"):
        assert choose(Toy(), budget, (), licensed).specs == ("sealed",)
    named = choose(Toy(), None, ("mfeat",), licensed)
    assert (named.budget.name, named.specs) == ("preview", ("mfeat",))
    assert "no licensed data was found" not in named.why


def test_a_root_without_licensed_data_changes_nothing(licensed: Path) -> None:
    empty = licensed / "empty"
    empty.mkdir()
    assert choose(Toy(), None, (), empty).budget.name == "preview"
    assert licensed_found(None) == ()


def test_the_data_root_comes_from_the_flag_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, empty = tmp_path / "other", tmp_path / "empty"
    other.mkdir()
    empty.mkdir()
    (other / "s01.mat").touch()  # as of DEAP
    monkeypatch.delenv(resolve.DATA_ROOT, raising=False)
    assert data_root(None) is None
    monkeypatch.setenv(resolve.DATA_ROOT, str(tmp_path))
    assert data_root(None) == tmp_path
    assert data_root(str(other)) == other
    with pytest.raises(UsageError, match="is not a folder"):
        data_root(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"deap, eegmat, emoeeg_mc, seed.*s01.dat.*1_1.npz"):
        data_root(str(empty))
    assert data_root(str(empty), searched=False) == empty  # data sets are named
    with pytest.raises(UsageError, match="is not a folder"):
        data_root("")
    monkeypatch.setenv(resolve.DATA_ROOT, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=f"nowhere.*{resolve.DATA_ROOT}"):
        data_root(None)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert device_of("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == "cpu"
    with pytest.raises(UsageError, match="no CUDA GPU"):
        device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("auto") == device_of("cuda") == "cuda"


# ---------------------------------------------------------------- views that may be absent


def test_views_that_may_be_absent_are_told_to_the_figures_that_have_them() -> None:
    protocols = {name: registry.load_protocol(name) for name in ("table2", "figure3")}
    resolve.choose_missing(protocols, ("left",), 0.25)
    assert (protocols["figure3"].may_miss, protocols["figure3"].missing_at_test) == (
        ("left",),
        0.25,
    )
    assert protocols["table2"].may_miss == ()
    resolve.check_missing(protocols["table2"], tiny())


@pytest.mark.parametrize(
    ("names", "views", "at_test", "sentence"),
    [
        (("table2",), ("left",), 0.0, "table2 .*--missing-view"),
        (("figure3",), (), 1.5, "must lie in 0..1, not 1.5"),
        (("figure3",), (), float("nan"), "must lie in 0..1"),
    ],
)
def test_a_choice_of_absent_views_without_meaning_is_refused(
    names: tuple[str, ...], views: tuple[str, ...], at_test: float, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        resolve.choose_missing({n: registry.load_protocol(n) for n in names}, views, at_test)


def test_a_view_that_the_data_lack_cannot_be_absent() -> None:
    figure3 = registry.load_protocol("figure3")
    resolve.choose_missing({"figure3": figure3}, ("nose",), 0.0)
    with pytest.raises(UsageError, match="'nose' .*: a, b"):
        resolve.check_missing(figure3, tiny())


def test_one_view_cannot_be_missing() -> None:
    figure3, lone = registry.load_protocol("figure3"), tiny(dims=(4,))
    with pytest.raises(UsageError, match="single view"):
        resolve.left_out(figure3, lone, wanted=True)
    assert "single view" in resolve.left_out(figure3, lone, wanted=False)
    assert resolve.left_out(registry.load_protocol("table2"), lone, wanted=True) == ""


def test_a_data_set_that_a_protocol_has_no_use_for_is_refused_or_left_out() -> None:
    leak, digits = registry.load_protocol("split_leakage"), open_dataset("digits")[0]
    with pytest.raises(UsageError, match="digits:left,right"):
        resolve.left_out(leak, digits, wanted=True)
    assert "watch" in resolve.left_out(leak, digits, wanted=False)
    assert resolve.left_out(registry.load_protocol("table2"), digits, wanted=True) == ""


# ---------------------------------------------------------------- options of data sets


def test_options_are_sorted_by_data_set() -> None:
    given = ("eegmat.label=quality", "eegmat.rest=all")
    assert resolve.data_options(given) == {"eegmat": {"label": "quality", "rest": "all"}}
    assert resolve.data_options(()) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("eegmat", "takes KEY.NAME=VALUE"),
        ("eegmat.label", "takes KEY.NAME=VALUE"),
        (".label=task", "takes KEY.NAME=VALUE"),
        ("eegmut.label=task", "did you mean eegmat"),
        ("mfeat.rest=all", "mfeat has no options"),
    ],
)
def test_an_option_that_means_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        resolve.data_options((text,))


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"eegmat\.rest twice"):
        resolve.data_options(("eegmat.rest=all", "eegmat.rest=balanced"))


def test_two_data_sets_of_one_name_are_refused() -> None:
    known = {}
    assert resolve.add_dataset(known, tiny()).key in known
    resolve.add_dataset(known, tiny())
    with pytest.raises(UsageError, match="tiny; rename"):
        resolve.add_dataset(known, tiny(seed=1))

"""Classifiers of a user's own package: what they are called with, and that nothing is fetched."""

from __future__ import annotations

import hashlib
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from harness import registry
from methods import _pretrained
from methods._pretrained import NotHereError
from methods.base import SkipError
from tests.helpers import scenario, tiny, trial

KINDS = {"tabicl": "TabICLClassifier", "tabpfn": "TabPFNClassifier"}
every_kind = pytest.mark.parametrize("key", KINDS)


def problem() -> Any:
    return trial(tiny(), scenario("supervised"))[1:]


def fit(key: str, **config: Any) -> Any:
    method: Any = registry.load_method(key)
    return method(method.Config(**config)).fit(problem()[0], np.random.default_rng(0))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A package of each name whose classifier is a neighbour's; what it was called with."""
    seen: list[dict[str, Any]] = []

    class Neighbour(KNeighborsClassifier):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(1)
            seen.append(arguments)

    for key, kind in KINDS.items():
        module = ModuleType(key)
        module.__spec__ = importlib.machinery.ModuleSpec(key, None)
        setattr(module, kind, Neighbour)
        monkeypatch.setitem(sys.modules, key, module)
    monkeypatch.setattr(_pretrained, "version", lambda _: "9.9")
    return seen


@every_kind
def test_without_its_package_a_fit_is_skipped(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, key, None)  # as if it were not installed
    monkeypatch.setattr(_pretrained.importlib.util, "find_spec", lambda _: None)
    file = tmp_path / "weights"
    file.write_bytes(b"w")
    with pytest.raises(SkipError, match=key):
        fit(key, model_path=str(file))


@every_kind
@pytest.mark.parametrize("path", ["", "no/such/file"])
def test_without_a_checkpoint_a_fit_is_skipped_and_nothing_is_made(
    key: str, path: str, calls: list[dict[str, Any]]
) -> None:
    with pytest.raises(NotHereError, match=f"{key}.model_path"):
        fit(key, model_path=path)
    assert calls == []


@every_kind
def test_the_users_file_is_read_and_no_download_is_allowed(
    key: str, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"w")
    fitted = fit(key, model_path=str(file), estimators=3)
    (arguments,) = calls
    assert arguments["model_path"] == str(file)
    assert arguments["n_estimators"] == 3
    assert arguments["device"] == "cpu"
    assert arguments.get("allow_auto_download") is (False if key == "tabicl" else None)
    digest = hashlib.sha256(b"w").hexdigest()[:16]
    assert fitted.facts() == {"checkpoint": digest, "package": "9.9"}
    _, held_out = problem()
    assert np.mean(fitted.predict(held_out.test) == held_out.test_labels) > 0.5

"""The lock and the files of the checkout: plain pins, no machine's paths, small, clean ends."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES, MAX_BYTES_VENDORED = 1_000_000, 4_000_000  # open data travels in datasets/vendor/


def locked() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in pins}


def test_the_lock_is_plain_pins() -> None:
    # No hash, index line or local version: the same lock serves a CPU build and a CUDA build.
    pin = re.compile(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.!]*( ; .+)?")
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert not [line for line in lines if not line.startswith("#") and not pin.fullmatch(line)]
    assert not [name for name in locked() if name.startswith("nvidia-")]


def test_the_lock_pins_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    for requirement in map(Requirement, asked):
        version = locked().get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in constraints.txt: run `make lock`"
        assert version in requirement.specifier, f"{requirement} against {version}: `make lock`"


def test_nothing_installed_shadows_our_datasets() -> None:
    import datasets

    assert "datasets" not in locked()
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("datasets")
    assert Path(datasets.__file__ or "").is_relative_to(ROOT)


# ---------------------------------------------------------------- hygiene


def tracked() -> list[Path]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [
        path for path in map(ROOT.joinpath, filter(None, run.stdout.split("\0"))) if path.is_file()
    ]


def test_no_file_names_a_machine() -> None:
    folders = "|".join(("home", "root", "tmp", "Users", "work", "opt"))
    machine = re.compile(rf"(?<![\w.~}})\]/-])/(?:{folders})/\w")
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("anaconda", "org"),
        ("download", "pytorch", "org"),
    ]
    registry = re.compile("|".join(re.escape(".".join(host)) for host in hosts))
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8")
        assert not registry.search(text), f"{path} names a package registry"
        if "tests" not in path.relative_to(ROOT).parts:
            assert not (hit := machine.search(text)), f"{path} names {hit[0]}..."


def test_files_are_small_and_end_with_one_newline() -> None:
    for path in tracked():
        data = path.read_bytes()
        vendored = path.is_relative_to(ROOT / "datasets" / "vendor")
        assert len(data) <= (MAX_BYTES_VENDORED if vendored else MAX_BYTES), (
            f"{path} is {len(data)} bytes"
        )
        if data and b"\0" not in data:
            assert data.endswith(b"\n"), f"{path} lacks a last line end"
            assert not data.endswith(b"\n\n"), f"{path} ends in blank lines"
            assert b"\r\n" not in data, f"{path} has CRLF line ends"

"""Flags: one declaration; files and command line agree; what has no effect is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.options import (
    OF_FILES,
    ROOT,
    Options,
    flags,
    from_file,
    kinds,
    read,
    to_arguments,
    to_toml,
)


def test_every_option_is_a_flag_with_a_meaning_but_the_command() -> None:
    assert set(flags()) == {item.name for item in fields(Options)} - {"command"}
    assert all(len(flag.help) > 10 for flag in flags().values())
    names = [name for flag in flags().values() for name in (flag.name, *flag.old)]
    assert len(set(names)) == len(names)
    assert all(name.startswith("--") for name in names)
    assert kinds().keys() == flags().keys()


def test_what_is_not_given_has_its_default() -> None:
    options, given = read(["--protocol", "table2"])
    assert given == {"protocols": ("table2",)}
    assert options == Options(protocols=("table2",))


def test_values_are_typed_and_a_flag_may_be_repeated() -> None:
    options, _ = read(
        ["--protocol", "table2", "leak", "--protocol", "table1", "--label-percent", "2", "5.5"]
        + ["--trials", "3", "--gpus-per-job", ".25", "--results", "here", "--dry-run"]
    )
    assert options.protocols == ("table2", "leak", "table1")
    assert options.label_percent == (2.0, 5.5)
    assert (options.trials, options.gpus_per_job, options.dry_run) == (3, 0.25, True)
    assert options.results == Path("here")


# ---------------------------------------------------------------- settings files


def file_of(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_command_line_overrides_a_file(tmp_path: Path) -> None:
    held = 'protocol = ["table2"]\ntrials = 5\nlabel-percent = [2, 5]\nyes = true\nmethod = "svm"\n'
    config = file_of(tmp_path, held)
    options, _ = read(["--config", config, "--trials", "7", "--no-yes"])
    assert options == Options(
        protocols=("table2",), trials=7, label_percent=(2.0, 5.0), methods=("svm",),
        config=Path(config),
    )  # fmt: skip


GIVEN = {
    "protocols": ("table2", 'é\\"\n'),
    "settings": ("smvae.c=10", "smvae.hidden=200,100"),
    "label_percent": (2.0, 1e-30),
    "trials": 3,
    "budget": "smoke",
    "results": Path("a b/c"),
    "accept_stale": True,
    "yes": False,
}


def test_printed_settings_are_read_back_as_they_were(tmp_path: Path) -> None:
    assert from_file(Path(file_of(tmp_path, to_toml(GIVEN)))) == GIVEN


def test_every_flag_can_stand_in_a_file_and_as_arguments(tmp_path: Path) -> None:
    values = {str: "x", int: 3, float: 0.5, bool: True, Path: Path("p")}
    for name, kind in kinds().items():
        one = kind.choices[0] if kind.choices else values[kind.base]
        given = {name: (one, one) if kind.several else one}
        if name in OF_FILES:
            continue
        assert from_file(Path(file_of(tmp_path, to_toml(given)))) == given
        words = to_arguments(given)
        assert words[0] == flags()[name].name
        assert "--config" not in words


def test_what_a_file_prints_names_every_flag(tmp_path: Path) -> None:
    text = to_toml({"trials": 3})
    assert all(f"{flag.key}" in text for name, flag in flags().items() if name not in OF_FILES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trails = 3", "'trails'.*trials"),
        ('config = "other.toml"', "'config'"),
        ("trials = 0", "--trials .*1, not 0"),
        ("trials = 2.5", "trials .*2.5"),
        ("trials = true", "trials .*True"),
        ('trials = "3"', "trials .*'3'"),
        ("yes = 1", "yes .*true or false"),
        ('budget = "smok"', "budget .*smoke"),
        ("label-percent = ['2']", "label-percent .*'2'"),
        ("protocol = [1]", "protocol .*1"),
        ("results = 3", "results .*3"),
        ("trials 3", "not TOML"),
        ("out = 'x'", "--out .*--simulate"),
    ],
)
def test_a_file_that_means_nothing_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read(["--config", file_of(tmp_path, text)])


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(["--config", str(tmp_path / "no.toml")])
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not TOML"):
        read(["--config", str(tmp_path / "bad.toml")])


def test_a_file_may_hold_what_the_command_line_turns_to_another_purpose(tmp_path: Path) -> None:
    config = file_of(tmp_path, 'workers = 4\nprotocol = ["table2"]\n')
    assert read(["--config", config, "--executor", "serial"])[0].workers == 4
    assert read(["--config", config, "--list", "methods"])[0].listing == "methods"


# ---------------------------------------------------------------- refusals

RUN = ["--protocol", "table2"]


@pytest.mark.parametrize(
    ("argv", "flag", "other"),
    [
        ([*RUN, "--out", "x"], "--out", "--simulate"),
        ([*RUN, "--scale", ".5"], "--scale", "--simulate"),
        (["--check-data", "--out", "x"], "--out", "--check-data"),
        (["--simulate", "seed", "--out", "x", "--trials", "2"], "--trials", "--simulate"),
        (["--list", "methods", *RUN], "--protocol", "--list"),
        (["--list", "rows", *RUN, "--trials", "3"], "--trials", "--list rows"),
        (["--list", "settings", *RUN], "--protocol", "--list settings"),
        (["--check-data", "--dry-run"], "--dry-run", "--check-data"),
        (["--inspect", "x.mat", *RUN], "--protocol", "--inspect"),
        (["--inspect", "x.mat", "--trials", "3"], "--trials", "--inspect"),
        ([*RUN, "--executor", "serial", "--workers", "2"], "--workers", "--executor serial"),
        ([*RUN, "--device", "cpu", "--gpus-per-job", "1"], "--gpus-per-job", "--device cpu"),
        ([*RUN, "--report-only", "--force"], "--force", "--report-only"),
    ],
)
def test_a_flag_without_effect_is_refused(argv: list[str], flag: str, other: str) -> None:
    with pytest.raises(UsageError, match=f"^{flag} .*{other}"):
        read(argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["--simulate", "seed", "--out", "x", "--scale", ".5", "--seed", "3"],
        ["--check-data", "--data-root", "x", "--data-option", "seed.layout=mat"],
        ["--inspect", "x.mat", "--data-option", "file.labels=gt"],
        ["--inspect", "seed", "--data-root", "x"],
        ["--list", "rows", *RUN, "--dataset", "digits", "--method", "svm"],
        [*RUN, "--dry-run", "--yes", "--workers", "2"],  # the plan of exactly that command
        [*RUN, "--no-dry-run"],
    ],
)
def test_flags_with_an_effect_are_not(argv: list[str]) -> None:
    read(argv)


def test_a_former_name_works_and_says_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    options, given = read(["--make-twin", "seed", "--out", "x"])
    assert (options.simulate, options.out) == ("seed", Path("x"))
    assert "--simulate" in to_arguments(given)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert {"--make-twin", "--simulate"} <= set(said.split())


def test_a_value_without_a_flag_is_refused() -> None:
    with pytest.raises(UsageError, match="'table2' .*--protocol table2"):
        read(["table2"])


# ---------------------------------------------------------------- speed

LIGHT = "import sys, {0}; sys.exit(' '.join({1} & sys.modules.keys()) or 0)"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("run_all", {"numpy", "rich", "pandas", "scipy", "torch", "ray", "harness.experiment"}),
        ("harness.listing", {"pandas", "scipy", "torch", "ray", "matplotlib", "sklearn"}),
    ],
)
def test_nothing_slow_is_imported_before_it_is_needed(module: str, heavy: set[str]) -> None:
    program = LIGHT.format(module, heavy)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

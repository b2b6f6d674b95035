"""The command line in this process: what it refuses and prints. Reports are replaced."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import run_all
from harness import experiment, registry
from harness.options import flags
from harness.run import executors
from tests.system.command_line import (
    CHEAP,
    COMMAND,
    ROOT,
    SERIAL,
    SMOKE,
    CommandLine,
    lines,
    places,
)
from tests.unit.datasets.multiview_files import LAYOUTS

ONE = (*SMOKE, "--method", "majority", *SERIAL)


def nothing_written(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file()]


# ---------------------------------------------------------------- refusals

REFUSALS = [
    ([], r"name a --protocol, for example"),
    (["--protocol", "tabel2"], r"unknown protocol 'tabel2'; did you mean table2"),
    (["--protocol", "zzz"], r"unknown protocol 'zzz'; known: .*table2"),
    ([*SMOKE, "--dataset", "digit"], r"unknown dataset 'digit'; did you mean digits"),
    ([*SMOKE, "--dataset", ""], r"unknown dataset ''; known: .*digits"),
    ([*SMOKE, "--dataset", "digits:top"], r"digits has no view 'top'; its views are: left, right"),
    ([*SMOKE, "--dataset", "digits@leaky"], r"digits.* has no split 'leaky'; it offers: strat"),
    (["--protocol", "leak", "--dataset", "digits"], r"no two splits of digits\S+ differ by a leak"),
    (["--protocol", "leak", "--dataset", "watch@window"], r"every split of watch.*without @window"),
    ([*SMOKE, "--dataset", "/no/such.npz"], r"/no/such.npz.* no such file"),
    ([*SMOKE, "--method", "svn"], r"unknown method or row 'svn'; did you mean svm"),
    ([*SMOKE, "--method", "smvae_transductiv"], r"did you mean smvae_transductive"),
    ([*SMOKE, "--method", "svm", "zzz"], r"unknown method or row 'zzz'; known: .*svm_all_labels"),
    ([*SMOKE, "--method", ""], r"unknown method or row ''; known: "),
    ([*SMOKE, "--method", "zzz*"], r"no row matches zzz\*; --list rows"),
    ([*SMOKE, "--without", "zzz"], r"--without zzz matches no row; there are: .*svm_all_labels"),
    ([*ONE, "--without", "majority"], r"--without leaves no row of: majority"),
    (["--protocol", "table2", "--budget", "smok"], r"--budget: invalid choice: 'smok' .*'smoke'"),
    (["--protocl", "table2"], r"unknown argument '--protocl'; did you mean --protocol"),
    ([*ONE, "--trials", "0"], r"--trials must be at least 1, not 0"),
    ([*ONE, "--epochs", "0"], r"--epochs must be at least 1, not 0"),
    ([*ONE, "--trials", "-2"], r"--trials must be at least 1, not -2"),
    ([*ONE, "--trials", "two"], r"--trials: invalid int value: 'two'"),
    ([*ONE, "--label-percent", "0"], r"--label-percent must be above 0 .*, not 0"),
    ([*ONE, "--label-percent", "5", "101"], r"--label-percent must be .* at most 100, not 101"),
    ([*ONE, "--labels-per-class", "0"], r"--labels-per-class must be at least 1, not 0"),
    ([*ONE, "--labels-per-class", "4", "--label-percent", "5"], r"--labels-per-class both say"),
    ([*ONE, "--labels-per-class", "400"], r"1 of 1 planned draws .*can be at most \d+ here"),
    ([*SMOKE, "--dataset", "digits:left", "--method", "co_training"], r"needs more views"),
    ([*ONE, "--workers", "0"], r"--workers must be at least 1, not 0"),
    ([*ONE, "--gpus-per-job", "0"], r"--gpus-per-job must be a share .*, not 0"),
    ([*ONE, "--gpus-per-job", "-1"], r"--gpus-per-job must be a share .*, not -1"),
    ([*ONE, "--gpus-per-job", "nan"], r"--gpus-per-job must be a share .*, not nan"),
    ([*ONE, "--gpus-per-job", "1.5"], r"--gpus-per-job must be a share .*, not 1.5"),
    ([*ONE, "--address", "auto"], r"--address has no effect with --executor serial"),
    ([*ONE, "--data-root", ""], r"data root '' .* is not a folder"),
    ([*ONE, "--data-root", "docs"], r"no file of .*seed.* was found in docs or up to 6"),
    ([*SMOKE, "--dataset", "seed", "--data-root", "docs"], r"no EEG features of SEED.* in docs or"),
    ([*ONE, "--data-option", "seed.layout=mat"], r"seed\.layout .* not a data set of table2"),
    ([*ONE, "--data-option", "seed.foo=1"], r"seed has no setting 'foo'"),
    ([*ONE, "--data-option", "file.labels=gt"], r"file\.labels .* not a data set of table2"),
    ([*ONE, "--data-option", "file.foo=1"], r"file has no setting 'foo'"),
    (["--inspect", "absent.npz"], r"absent\.npz"),
    ([*ONE, "--set", "smvae.c=1"], r"smvae\.c has no effect"),
    ([*ONE, "--set", "majority.c=1"], r"majority has no setting 'c'"),
    (["--protocol", "figure2c", "--method", "svm"], r"figure2c has no row of svm; its rows: smvae"),
    ([*ONE, "--out", "x"], r"--out has no effect without --simulate"),
    ([*ONE, "--data-root", "/no/such/folder"], r"'/no/such/folder' .* is not a folder"),
    ([*ONE, "--fit-timeout", "0"], r"--fit-timeout must be .* above 0, not 0"),
    ([*ONE, "--fit-timeout", "-3"], r"--fit-timeout must be .* above 0, not -3"),
    ([*ONE, "--fit-timeout", "nan"], r"--fit-timeout must be .* above 0, not nan"),
    ([*ONE, "--fit-timeout", "inf"], r"--fit-timeout must be .* above 0, not inf"),
    ([*SMOKE, "--method", "svm", "--address", "127.0.0.1:1"], r"no Ray cluster answers at 127"),
    (
        [*SMOKE, "--method", "smvae", "--trials", "9999"],
        r"core-.*; add --yes .*--budget preview",
    ),
]


@pytest.mark.parametrize(("argv", "sentence"), REFUSALS)
def test_wrong_usage_is_one_sentence_status_2_and_leaves_nothing(
    argv: list[str],
    sentence: str,
    cli: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "9999" in argv:  # a plan that long takes its time: make every hour count for more
        argv = [*argv[:-1], "1"]
        monkeypatch.setattr(experiment, "CORE_HOURS_UNASKED", 1e-9)
    status, _, err = cli(*argv)
    assert status == 2
    assert re.search(sentence, err), err
    assert err.startswith("run_all.py: ")
    assert err.count("\n") == 1
    assert nothing_written(tmp_path)


def test_a_published_file_is_looked_into_and_run(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "cells.MAT"
    LAYOUTS["labels_disagree.mat"].write(path)
    status, out, err = cli("--inspect", str(path))
    assert (status, err) == (1, "")
    assert nothing_written(tmp_path / "reports")
    told = ("--data-option", "file.labels=gt")
    status, out, err = cli("--inspect", str(path), *told)
    assert (status, err) == (0, "")
    assert "view     X1: 8 features" in out
    status, out, err = cli(*ONE, "--dataset", f"{path}:X1,X3", *told)
    assert (status, err) == (0, "")
    assert "cells:X1,X3+labels=gt: labels are those in gt, not Y" in out


def test_the_guard_says_that_a_stopped_run_resumes(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "CORE_HOURS_UNASKED", 1e-9)
    status, _, err = cli(*ONE)
    assert status == 2
    assert "--yes" in err
    assert cli(*ONE, "--yes")[0] == 0


def test_a_dear_plan_asks_whatever_the_budget(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paper = ("--protocol", "table2", "--budget", "paper", "--dataset", "digits", "--method", "svm")
    monkeypatch.setattr(experiment, "CORE_HOURS_UNASKED", 1e-9)
    status, _, err = cli(*paper, *SERIAL)
    assert status == 2
    assert re.search(r"(core-minute|core-hour).*--yes", err)
    assert nothing_written(tmp_path)


def test_the_plan_chooses_the_executor_and_says_why(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = executors.open_executor

    def noted(name: str, *rest: Any) -> Any:
        opened.append(name)
        return real("serial", *rest)

    monkeypatch.setattr(executors, "open_executor", noted)
    one = (*SMOKE, "--method", "majority", "--force")
    _, cheap, _ = cli(*one)
    monkeypatch.setattr(executors, "SERIAL_SECONDS", 1e-9)
    _, costly, _ = cli(*one)
    _, forced, _ = cli(*one, *SERIAL)
    assert opened == ["serial", "ray", "serial"]
    for out, name in zip((cheap, costly, forced), opened, strict=True):
        assert re.search(rf"^executor: {name} \(.+\)$", out, re.M)


def test_cuda_without_a_gpu(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, _, err = cli(*ONE, "--device", "cuda")
    assert (status, err.count("\n")) == (2, 1)
    assert "torch sees no CUDA GPU here; use --device cpu" in err
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("flag", ["--results", "--reports"])
def test_a_folder_that_cannot_be_written(flag: str, cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    if flag == "--results":
        argv = [*ONE, *places(tmp_path)[2:], flag, str(tmp_path / "file" / "x")]
    else:
        argv = [*ONE, *places(tmp_path)[:2], flag, str(tmp_path / "file" / "x")]
    status = run_all.main(argv)
    assert status == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


# ---------------------------------------------------------------- instead of running


@pytest.mark.parametrize("kind", ["methods", "datasets", "protocols"])
def test_listing_prints_every_first_line(kind: Any, cli: CommandLine) -> None:
    status, out, _ = cli("--list", kind)
    assert status == 0
    for key, line in zip(registry.entries(kind), out.splitlines(), strict=True):
        assert line.split(maxsplit=1) == [key, registry.first_line(kind, key)]


def test_listing_loads_neither_torch_nor_ray_nor_any_entry() -> None:
    program = (
        "import sys, run_all\n"
        "for kind in ('methods', 'datasets', 'protocols'): run_all.main(['--list', kind])\n"
        "heavy = {'torch', 'ray', 'matplotlib', 'cvxpy', 'methods.kernel.svm', 'datasets.digits',"
        " 'protocols.table2'}\n"
        "sys.exit(f'loaded: {heavy & sys.modules.keys()}' if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_shows_every_flag_examples_and_statuses(cli: CommandLine) -> None:
    status, out, _ = cli("--help")
    assert status == 0
    for flag in flags().values():
        assert flag.name in out
    for word in ("examples:", "Ctrl-C", "130 interrupted", "SUPPRESS"):
        assert (word in out) == (word != "SUPPRESS")
    assert max(map(len, out.splitlines())) <= 100


def test_a_dry_run_plans_by_cell_and_writes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    status, out, _ = cli(*CHEAP, *SERIAL, "--dry-run")
    assert status == 0
    assert "SVM, all labels" in out
    assert out.count(" stale, ") == 4
    assert "plan: 4 cells, 11 fits: 0 stored, 11 to run, under a core-minute" in out
    assert nothing_written(tmp_path)


def test_a_setting_stands_in_the_row_s_title_and_a_file_repeats_the_run(
    cli: CommandLine, tmp_path: Path
) -> None:
    argv = [*SMOKE, "--method", "svm", *SERIAL, "--set", "svm.C=3", "svm.kernel=linear"]
    status, out, _ = cli(*argv, "--dry-run")
    assert status == 0
    assert "SVM (C = 3, kernel = linear)" in out
    assert re.search(r"plan: 2 cells, 2 fits", out)
    status, printed, _ = cli(*argv, "--print-config")
    assert status == 0
    (tmp_path / "mine.toml").write_text(printed, "utf-8")
    assert cli("--config", str(tmp_path / "mine.toml"), "--dry-run")[1] == out


def test_rows_are_listed_with_optional_ones(cli: CommandLine) -> None:
    status, out, _ = cli("--list", "rows", "--protocol", "table2", "--dataset", "digits")
    assert status == 0
    keys = [line.split()[0] for line in out.splitlines()[1:]]
    assert {"smvae", "m2_left", "smvae_authors2017_head", "sdgm_paper"} <= set(keys)
    assert len(keys) == len(set(keys))
    marked = {line.split()[0] for line in out.splitlines() if "optional" in line}
    assert "sdgm_paper" in marked
    assert "smvae" not in marked
    assert cli("--list", "rows")[0] == 2


def test_settings_are_listed_with_default_range_and_candidates(cli: CommandLine) -> None:
    status, out, _ = cli("--list", "settings", "--method", "smvae")
    assert status == 0
    lines = out.splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.split() == ["smvae.c", "=", "0.5"])
    assert "[0, 1000]" in lines[at + 1]
    assert "0.1, 0.5, 1" in lines[at + 1]
    assert not any(line.startswith("seed") for line in lines)
    assert "  deap.filter = either" in cli("--list", "settings")[1].splitlines()


def test_rows_are_left_out_by_name_and_the_flag_may_be_repeated(cli: CommandLine) -> None:
    leaving = ("--without", "svm_all_labels", "--without", "logistic*")
    status, out, _ = cli(*CHEAP, *SERIAL, *leaving, "--dry-run")
    assert status == 0
    assert "SVM, all labels" not in out
    assert "plan: 2 cells, 5 fits: 0 stored, 5 to run, under a core-minute" in out


def test_report_only_runs_nothing(cli: CommandLine, tmp_path: Path) -> None:
    status, out, _ = cli(*ONE, "--report-only")
    assert status == 0
    assert "1 to run" in out
    assert not lines(tmp_path)


def test_an_interrupt_while_modules_load_shows_no_traceback() -> None:
    program = (
        "import sys, run_all\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'harness.experiment': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "sys.exit(run_all.main(['--protocol', 'table2']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == (
        "interrupted: finished fits are stored\n"
        "rerun the command to resume: python run_all.py --protocol table2\n"
    )


def test_output_into_a_pipe_that_closes_shows_no_traceback() -> None:
    run = subprocess.Popen(
        [*COMMAND, "--list", "methods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    assert run.stderr.read() == ""
    run.stderr.close()
    assert run.wait(30) == 141  # as a shell tells of SIGPIPE; not 1, "a trial failed"

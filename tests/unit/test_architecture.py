"""Project rules, checked on the source: imports, entries, writers, sizes, the map of modules."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.contract.module_map import PAGE, modules, with_map

ROOT = Path(__file__).resolve().parents[2]
CODE = ("datasets", "methods", "protocols", "harness")

MAX_FUNCTION_LINES, MAX_PARAMETERS = 60, 7
# "path:function" -> why it may be larger. An entry that no longer needs it fails.
EXCUSED: dict[str, str] = {"methods/_config.py:hp": "one keyword for each property of a setting"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    """Every module that may be meant: `from a import b` yields both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


# ---------------------------------------------------------------- imports


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def contracts() -> dict[str, str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {c["id"]: c["name"] for c in config["tool"]["importlinter"]["contracts"]}


def test_import_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


PLANTED = {
    "datasets": ("datasets/_planted.py", "import protocols.base"),
    "protocols": ("protocols/_planted.py", "import datasets._planted"),
    "methods": ("methods/_planted.py", "from harness import registry"),
    "ray": ("harness/_planted.py", "def late():\n    import ray"),
    "report": ("harness/report/_planted.py", "from methods import base"),
    "layers": ("harness/store/_planted.py", "import harness.plan.job"),
    "results": ("harness/store/_planted.py", "import harness.report.format"),
}


def test_a_planted_violation_of_each_contract_is_caught(tmp_path: Path) -> None:
    assert PLANTED.keys() == contracts().keys()
    for folder in CODE:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, text in PLANTED.values():
        (tmp_path / path).write_text(text + "\n", "utf-8")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    report = " ".join(result.stdout.split())
    missed = [name for name in contracts().values() if f"{name} BROKEN" not in report]
    assert not missed, result.stdout


def arrows() -> dict[str, set[str]]:
    """Module -> modules of ours that it imports, wherever in the file, types included."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sources(*CODE)
    }
    found = {}
    for name, path in files.items():
        package = path.relative_to(ROOT).parent.parts
        targets = set(imported(parsed(path), package)) & files.keys()
        # `from a import b` names a too, which is imported only for its own names
        inner = {target for target in targets if any(t.startswith(target + ".") for t in targets)}
        found[name] = targets - inner - {name}
    return found


def circles(graph: dict[str, set[str]]) -> set[tuple[str, ...]]:
    """Sets of modules that import each other, sorted (strongly connected, two or more)."""
    reach = {name: _reached(graph, name) for name in graph}
    return {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def test_no_modules_import_each_other() -> None:
    assert not circles(arrows())


def test_the_circle_check_sees_one() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "c"}}
    assert circles(graph) == {("b", "c")}


def test_the_report_contract_covers_what_reads_records() -> None:
    # A contract may not name a module that does not exist yet; so it grows with the tree.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (report,) = (c for c in config["contracts"] if c["id"] == "report")
    readers = ("analysis", "report", "store/manifest", "store/record", "store/store")
    there = [name.replace("/", ".") for name in readers]
    assert sorted(report["source_modules"]) == sorted(f"harness.{name}" for name in there), (
        "pyproject.toml: list these in the source_modules of the contract 'report'"
    )


def test_every_folder_with_code_is_a_package() -> None:
    # A folder without __init__.py is invisible to the import contracts.
    folders = {path.parent for path in sources(*CODE) if "vendor" not in path.parts}
    assert not [name_of(f) for f in folders if not (f / "__init__.py").exists()]


def entries_imported(tree: ast.Module, package: tuple[str, ...], entries: set[str]) -> set[str]:
    return entries & set(imported(tree, package))


def test_no_method_imports_another() -> None:
    from harness.registry import entries

    known = set(entries("methods").values())
    for path in sources("methods"):
        package = path.relative_to(ROOT).parent.parts
        own = ".".join((*package, path.stem))
        found = entries_imported(parsed(path), package, known - {own})
        assert not found, f"{name_of(path)} imports the method {sorted(found)}"


@pytest.mark.parametrize(
    "text",
    ["import methods.kernel.svm", "from .svm import SVM", "from ..kernel import svm"],
)
def test_the_method_import_check_sees_every_spelling(text: str) -> None:
    seen = entries_imported(ast.parse(text), ("methods", "kernel"), {"methods.kernel.svm"})
    assert seen == {"methods.kernel.svm"}


def test_registry_stems_are_unique() -> None:
    from harness.registry import entries

    keys = [key for kind in ("datasets", "methods", "protocols") for key in entries(kind)]
    assert keys, "the registry finds no entry"
    assert len(keys) == len(set(keys)), sorted({key for key in keys if keys.count(key) > 1})


def test_the_command_line_imports_the_harness_only() -> None:
    script = ROOT / "run_all.py"
    heads = {name.split(".")[0] for name in imported(parsed(script), ())}
    assert heads <= {"harness", *sys.stdlib_module_names}


# ---------------------------------------------------------------- who writes files

WRITERS = {
    *("write_text", "write_bytes", "savefig", "savetxt", "to_csv", "to_parquet", "to_pickle"),
    *("to_json", "to_excel", "to_hdf", "touch", "save", "savez", "savez_compressed", "dump"),
}


def writes(tree: ast.Module) -> Iterator[int]:
    """Line of every call that opens a file for writing or writes one by name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in {"open", "fdopen", "NamedTemporaryFile"}:
            texts = [
                arg.value
                for arg in [*node.args, *(k.value for k in node.keywords)]
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            ]
            if any(re.fullmatch(r"[rbt]*[wax+][bt+]*", text) for text in texts):
                yield node.lineno
        elif name in WRITERS and not any(
            isinstance(arg, ast.Name) and arg.id == "buffer" for arg in node.args
        ):  # by convention `buffer` is a file in memory
            yield node.lineno


def test_only_the_store_and_the_renderer_write_files() -> None:
    # machine: it asks the kernel to forget a peak, by writing to /proc
    allowed = ("harness/store/", "harness/report/", "harness/run/resources")
    for path in [*sources("harness", "methods", "protocols"), *ROOT.glob("*.py")]:
        if not name_of(path).startswith(allowed):
            lines = list(writes(parsed(path)))
            assert not lines, f"{name_of(path)} writes a file, lines {lines}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open(path, 'a')", True),
        ("path.open(mode='wb')", True),
        ("np.savez(path, x=x)", True),
        ("json.dump(x, file)", True),
        ("open(path)", False),
        ("path.open('rb')", False),
        ("json.dumps(x)", False),
        ("torch.save(x, buffer)", False),
    ],
)
def test_the_writer_check_knows_a_writer(text: str, found: bool) -> None:
    assert bool(list(writes(ast.parse(text)))) is found


# ---------------------------------------------------------------- the map of modules


def test_the_map_names_every_module_and_no_other() -> None:
    page = PAGE.read_text("utf-8").partition("## Map of modules")[2]
    named = re.findall(r"^(?:- |\*\*)`([\w/]+(?:/|\.py))`", page, re.MULTILINE)
    there = [
        f"{path.parent.as_posix()}/" if path.name == "__init__.py" else path.as_posix()
        for path in modules()
    ]
    assert sorted(named) == sorted(there), "run: make docs"


def test_the_map_repeats_the_first_lines_of_the_modules() -> None:
    page = PAGE.read_text("utf-8")
    assert with_map(page) == page, "run: make docs"


def test_paths_in_the_text_of_the_page_exist() -> None:
    text = PAGE.read_text("utf-8").partition("## Map of modules")[0]
    paths = re.findall(r"`((?:datasets|protocols|methods|harness|tests|docs)/[\w./]+)`", text)
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


# ---------------------------------------------------------------- sizes


def oversized() -> Iterator[tuple[str, str]]:
    for path in [*sources(*CODE, "benchmarks", "tests"), *sorted(ROOT.glob("*.py"))]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{name_of(path)}:{node.name}"
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    yield where, f"{length} lines, alarm at {MAX_FUNCTION_LINES}"
                given = node.args
                names = [a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
                count = len([name for name in names if name not in {"self", "cls"}])
                if count > MAX_PARAMETERS:
                    yield where, f"{count} parameters, alarm at {MAX_PARAMETERS}"


def test_functions_and_signatures_stay_small() -> None:
    found = dict(oversized())
    assert not {where: why for where, why in found.items() if where not in EXCUSED}
    assert EXCUSED.keys() <= found.keys(), "an excuse is no longer needed: remove it"

"""One page per method, ``docs/methods/<key>.md``: its docstring, settings, and what it is held to.

Everything on a page is read from the source: docstring, ``Config``, the rows of Table 2 that use
the method, and the modules of ``tests/oracle/`` that name it in ``METHODS``. After a change:
``make docs`` rewrites the pages.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any

from harness import registry
from harness.plan.cards import method_cards
from methods._sklearn import SklearnMethod
from methods.base import Can

FOLDER = registry.ROOT / "docs" / "methods"
ORACLES = registry.ROOT / "tests" / "oracle"
CAN = {
    "classify": "classifies",
    "represent": "gives codes to a classifier behind it",
    "impute": "fills absent views",
    "unlabelled": "learns from unlabelled rows",
    "missing_views": "reads rows with absent views",
}
VIEWS = ("first view", "second view")


def pages() -> dict[str, str]:
    """File name -> text of every page, the index included."""
    keys = registry.entries("methods")
    found = {f"{key}.md": page(key) for key in keys}
    lines = [f"- [{registry.first_line('methods', key)}]({key}.md)" for key in keys]
    found["README.md"] = "\n".join(
        ["# Methods", "", "Written by `make docs` from the sources; edit those.", "", *lines, ""]
    )
    return found


def page(key: str) -> str:
    """The page of one method, Markdown."""
    module, method = registry.module("methods", key), registry.load_method(key)
    first, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n")
    source = registry.entries("methods")[key].replace(".", "/") + ".py"
    parts = [
        f"# {first}",
        "",
        f"Key `{key}`, version {method.version}, [{source}](../../{source}).",
        "",
        rest.strip(),
        "",
        f"{_sentence(method.can)} Sources: {'; '.join(method.cites)}.",
        "",
        "## Rows of Table 2",
        "",
        *_rows(key),
        "",
        "## Settings",
        "",
        *_settings(method.Config),
        "",
        "## Held against",
        "",
        *_held(key, method),
        "",
    ]
    return "\n".join(parts)


def oracles(key: str) -> list[Path]:
    """Modules of ``tests/oracle/`` that vouch for a method."""
    return [path for path in sorted(ORACLES.glob("test_*.py")) if key in named(path)]


def named(path: Path) -> tuple[str, ...]:
    """The keys in a module's ``METHODS``; it is read, not imported."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METHODS":
            return tuple(ast.literal_eval(node.value))
    return ()


def _sentence(can: Can) -> str:
    said = [words for name, words in CAN.items() if getattr(can, name)]
    said += [] if can.inductive else ["answers rows of its own Problem only"]
    said += [] if can.missing_views else ["refuses rows with absent views"]
    return f"It {', '.join(said)}."


def _rows(key: str) -> list[str]:
    rows = registry.load_protocol("table2").rows(VIEWS, method_cards())
    using = [row for row in rows if any(stage.key == key for stage in row.recipe)]
    lines = [
        f"- {row.title} (`{row.key}`, {row.paradigm}"
        + (", in the paper)" if row.published else ", run when named)" if row.optional else ")")
        for row in using
    ]
    return lines or ["None."]


def _settings(config: Any) -> list[str]:
    lines = ["| setting | default | legal | tried | meaning |", "| --- | --- | --- | --- | --- |"]
    for item in dataclasses.fields(config):
        legal = item.metadata
        span = ", ".join(_say(value) for value in legal["choices"])
        if not span and (legal["low"] is not None or legal["high"] is not None):
            low, high = ("" if legal[end] is None else f"{legal[end]:g}" for end in ("low", "high"))
            span = f"{low} … {high}".strip()
        tried = ", ".join(_say(value) for value in legal["grid"])
        doc = str(legal["doc"]).replace("|", "\\|")
        lines.append(f"| `{item.name}` | {_say(item.default)} | {span} | {tried} | {doc} |")
    return lines if len(lines) > 2 else ["None."]


def _say(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}" if _number(value) else str(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _held(key: str, method: type) -> list[str]:
    lines = []
    for path in oracles(key):
        tree = ast.parse(path.read_text("utf-8"))
        first = (ast.get_docstring(tree) or "").split("\n", 1)[0]
        lines += [f"[{path.name}](../../tests/oracle/{path.name}): {first}", ""]
        lines += [
            f"- {node.name.removeprefix('test_').replace('_', ' ')}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        lines.append("")
    if issubclass(method, SklearnMethod):
        lines += [
            "The estimator is scikit-learn's; the contract suite holds what surrounds it.",
            "",
        ]
    return lines[:-1] or ["Nothing but the contract suite."]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8")
    print(f"docs/methods: {len(written)} pages")

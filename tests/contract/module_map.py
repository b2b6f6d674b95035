"""The map of modules in docs/architecture.md, written by ``make docs`` from their first lines."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/architecture.md"
FOLDERS = ("datasets", "protocols", "methods", "harness")
START, END = "<!-- modules -->\n", "<!-- end of modules -->\n"


def modules() -> list[Path]:
    """Every module of the four code folders, relative to the checkout."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(
        (path.relative_to(ROOT) for path in paths),
        key=lambda path: (FOLDERS.index(path.parts[0]), path.parent, path),
    )


def module_map() -> str:
    """A list for each folder: the package's first line, then each module's, with its path."""
    lines: list[str] = []
    for path in modules():
        docstring = ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8"))) or ""
        first = docstring.partition("\n")[0].replace("``", "`")
        if path.name == "__init__.py":
            lines += ["", f"**`{path.parent}/`** {first}", ""]
        else:
            lines.append(f"- `{path}`: {first}")
    return "\n".join([*lines, "", ""]).lstrip("\n")


def with_map(page: str) -> str:
    """``page`` with the map between its two marks replaced by the present one."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{module_map()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text("utf-8")), "utf-8")

"""A report as Markdown, LaTeX, CSV and lines of a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from harness.report.meta import DatasetNote
from harness.report.model import Cell, Report, Row, Section, Table

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "±": r"$\pm$", "–": "--", "—": "---", "−": "$-$", "×": r"$\times$", "†": r"\dag{}",
    "‡": r"\ddag{}", "λ": r"$\lambda$", "’": "'", "“": "``", "”": "''", "…": r"\dots{}",
    "→": r"$\rightarrow$", "↑": r"$\uparrow$", "∝": r"$\propto$", "\u0302": r"\textasciicircum{}",
    "\n": " ", "\u00a0": "~",
    "Ħ": "H", "ħ": "h", "ĸ": "k", "Ŀ": "L", "ŀ": "l", "ŉ": "'n", "Ŧ": "T", "ŧ": "t",  # not in T1
}  # fmt: skip


def csv(table: pd.DataFrame, notes: Sequence[DatasetNote] = ()) -> str:
    """``table`` as CSV: six decimals at most, empty where there is nothing, Unix line ends.

    The kind of the data sets in ``notes`` follows their key, so that simulated data are never
    taken for the real data.
    """
    if "kind" not in table.columns and "dataset" in table.columns:
        table = table.copy()
        kinds = {note.key: note.kind for note in notes}
        place = table.columns.to_list().index("dataset") + 1
        table.insert(place, "kind", table["dataset"].map(kinds))
    return table.round(6).to_csv(index=False, lineterminator="\n")


def terminal(report: Report) -> list[str]:
    """The tables of the paper's layout as lines of plain text."""
    lines = []
    for section in report.sections:
        lines += [section.summary] if section.summary else []
        for table in section.main_tables():
            lines += [f"  {table.title}"] if len(section.main_tables()) > 1 else []
            rows = [[cell.text for cell in row.cells] for row in (Row(table.heads), *table.rows)]
            wide = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
            groups = ["", *(row.group for row in table.rows)]
            for before, group, row in zip(["", *groups], groups, rows, strict=False):
                texts = (
                    text.rjust(width) if number else text.ljust(width)
                    for text, width, number in zip(row, wide, table.numeric(), strict=True)
                )
                lines += [f"  {group}:"] if group != before else []
                lines.append(("    " if any(groups) else "  ") + "  ".join(texts).rstrip())
    return lines


# ---------------------------------------------------------------- Markdown


def markdown(report: Report) -> str:
    """The report's tables and notes for a README or an issue."""
    lines = [f"# {md(report.meta.title)}", "", f"{md(report.spent)}.", ""]
    for section in report.sections:
        blocks = section.exported()
        lines += [f"## {md(section.title)}", ""] if blocks else []
        lines += [f"**{md(stamp)}**\n" for stamp in section.stamps]
        for block in blocks:
            if isinstance(block, Table):
                # A table with a caption of its own, or one behind its title on the page.
                lines += [f"### {md(block.title)}", ""] if block.fold else []
                lines += [*_md_table(block), ""]
            else:
                lines += [*(f"- {md(text)}" for text in block.lines), ""]
    lines += [f"- {md(note)}" for note in report.meta.footnotes]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def _md_table(table: Table) -> list[str]:
    grouped = any(row.group for row in table.rows)
    lines = [
        _md_row([*([""] if grouped else []), *map(_md_head, table.heads)]),
        _md_row(
            [*(["---"] if grouped else []), *("---:" if n else "---" for n in table.numeric())]
        ),
    ]
    for row, new in _with_groups(table.rows):
        group = [f"*{md(row.group)}*" if new else ""] if grouped else []
        lines.append(_md_row([*group, *map(_md_cell, row.cells)]))
    return [*lines, *(["", md(table.note)] if table.note else [])]


def _md_head(head: Cell) -> str:
    return md(head.text + (f" ({head.note})" if head.note else ""))


def _md_cell(cell: Cell) -> str:
    text = f"**{md(cell.text)}**" if cell.bold else md(cell.text)
    text += " †" if cell.stale else ""
    text += f" ({md(cell.note)})" if cell.note else ""
    text += f", {md(cell.badge)}" if cell.badge and not cell.gap else ""
    return text + (f" (paper {md(cell.paper)})" if cell.paper else "")


def _md_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def md(text: str) -> str:
    """``text`` safe in Markdown, on one line."""
    flat = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_[]<>|#" else c for c in flat)


# ---------------------------------------------------------------- LaTeX


def latex(report: Report) -> str:
    """The tables of the paper's layout in one ``table``; needs booktabs and graphicx."""
    parts = [(s, t) for s in report.sections for t in s.main_tables()]
    grouped = any(row.group for _, table in parts for row in table.rows)
    width = max((len(table.heads) for _, table in parts), default=1)
    columns = "l" * (1 + grouped) + "c" * (width - 1)
    rows: list[str] = []
    for i, (section, table) in enumerate(parts):
        rows.append(r"\toprule" if i == 0 else r"\midrule[\heavyrulewidth]")
        rows += _tex_part(_name_of(section, table), table, len(columns), grouped)
    stamps = dict.fromkeys(stamp for s in report.sections for stamp in s.stamps)
    title = ". ".join(tex(text) for text in (_unnumbered(report.meta.title), *stamps))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs,graphicx}, and with pdflatex \\usepackage[T1]{fontenc};",
            "% compiles with pdflatex, xelatex and lualatex; shrinks to the width of the line",
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{title}. {tex(report.spent)}.}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            "",
            r"\smallskip\raggedright\footnotesize",
            *(f"{tex(note)}\\par" for note in (*_notes(report), *report.meta.footnotes)),
            r"\end{table}",
            "",
        ]
    )


def tabular(table: Table) -> str:
    """One table as a ``tabular``, to paste into an article; needs booktabs."""
    grouped = any(row.group for row in table.rows)
    columns = "l" * (1 + grouped) + "".join("c" if n else "l" for n in table.numeric()[1:])
    name = table.heads[0].text or table.title
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += _tex_part(name, table, len(columns), grouped)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def markdown_table(table: Table) -> str:
    """One table in Markdown."""
    return "\n".join([*_md_table(table), ""])


def _notes(report: Report) -> list[str]:
    """Notes of one data set in a line that begins with its name, then those of several."""
    count = Counter(text for section in report.sections for text in section.notes())
    lines = []
    for section in report.sections:
        own = [text for text in section.notes() if count[text] == 1]
        name = f"{section.title}: " if section.anchor else ""
        lines += [name + " ".join(own)] if own else []
    return [*lines, *(text for text, times in count.items() if times > 1)]


def tex(text: str) -> str:
    """``text`` safe in LaTeX; letters that pdflatex may not know lose their accents or become ?."""
    parts = ("".join(_TEX.get(c) or _plain(c) for c in part) for part in text.split("--"))
    return "-{}-".join(parts)  # LaTeX would draw the two hyphens of a flag as one dash


def _plain(character: str) -> str:
    if ord(character) < 0x17F:
        return character
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _unnumbered(title: str) -> str:
    """A title without the ``Table 2:`` that LaTeX counts itself."""
    rest = re.sub(r"^(Table|Figure) \w+: ", "", title)
    return rest[:1].upper() + rest[1:]


def _name_of(section: Section, table: Table) -> str:
    """The data set, or where a section has several tables their titles."""
    title = table.title if len(section.main_tables()) > 1 else ""
    return " — ".join(filter(None, (section.name, title))) or table.heads[0].text or table.title


def _tex_part(name: str, table: Table, width: int, grouped: bool) -> list[str]:
    """A table with its heads, the first of which is its name."""
    first = [rf"\textbf{{{tex(name)}}}"]
    first += [tex(_head(table.heads[0]))] if grouped else []
    rows = [_tex_row([*first, *(tex(_head(head)) for head in table.heads[1:])], width), r"\midrule"]
    for i, (row, new) in enumerate(_with_groups(table.rows)):
        if new and i:
            rows.append(r"\midrule")
        group = [tex(row.group) if new else ""] if grouped else []
        rows.append(
            _tex_row([*group, tex(row.cells[0].text), *map(_tex_cell, row.cells[1:])], width)
        )
        if any(cell.paper for cell in row.cells):
            paper = [_tex_paper(cell) for cell in row.cells[1:]]
            name = r"\quad{\scriptsize paper}"
            rows.append(_tex_row([*([""] if grouped else []), name, *paper], width))
    return rows


def _head(head: Cell) -> str:
    return head.text + (f" ({head.note})" if head.note else "")


def _tex_row(cells: Sequence[str], width: int) -> str:
    return " & ".join([*cells, *[""] * (width - len(cells))]) + r" \\"


def _tex_cell(cell: Cell) -> str:
    text = _tex_number(cell.text, bold=cell.bold)
    if "incomplete" in cell.css.split():
        text = rf"\emph{{{text}}}"
    return (text or "--") + (r"\,\dag" if cell.stale else "")


def _tex_paper(cell: Cell) -> str:
    return rf"{{\scriptsize {_tex_number(cell.paper)}}}" if cell.paper else ""


def _tex_number(text: str, *, bold: bool = False) -> str:
    """Numbers in mathematics, words as they are."""
    if not re.fullmatch(r"[+−]?[\d.]+(±[\d.]+)?", text):
        return tex(text)
    number = text.replace("±", r"\pm ").replace("−", "-")
    return rf"$\mathbf{{{number}}}$" if bold else f"${number}$"


def _with_groups(rows: Sequence[Row]) -> Iterable[tuple[Row, bool]]:
    """Rows, and whether each begins a group."""
    for i, row in enumerate(rows):
        yield row, bool(row.group) and (i == 0 or rows[i - 1].group != row.group)

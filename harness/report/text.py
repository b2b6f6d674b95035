"""The table as Markdown and LaTeX, and both lists of numbers as CSV. Text from structs only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

from harness.report.meta import DatasetNote
from harness.report.model import Block, Cell, DatasetPart, Line, NumberTable, Report

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "±": r"$\pm$", "–": "--", "—": "---", "−": "$-$", "×": r"$\times$", "†": r"\dag{}",
    "‡": r"\ddag{}", "λ": r"$\lambda$", "’": "'", "“": "``", "”": "''", "…": r"\dots{}",
    "\n": " ", "\u00a0": "~",
    "Ħ": "H", "ħ": "h", "ĸ": "k", "Ŀ": "L", "ŀ": "l", "ŉ": "'n", "Ŧ": "T", "ŧ": "t",  # not in T1
}  # fmt: skip


def csv(table: pd.DataFrame, notes: Sequence[DatasetNote] = ()) -> str:
    """``table`` as CSV: six decimals at most, empty where there is nothing, Unix line ends.

    The kind of the data sets in ``notes`` follows their key, so that simulated data are never
    taken for the real data.
    """
    if notes:
        table = table.copy()
        kinds = {note.key: note.kind for note in notes}
        place = table.columns.to_list().index("dataset") + 1
        table.insert(place, "kind", table["dataset"].map(kinds))
    return table.round(6).to_csv(index=False, lineterminator="\n")


def markdown(report: Report) -> str:
    """The report's tables for a README or an issue."""
    lines = [f"# {md(report.meta.title)}", "", f"Budget: {md(report.meta.budget)}.", ""]
    for part in report.parts:
        lines += [f"## {md(part.note.title)}", ""]
        lines += [f"**{md(stamp)}**\n" for stamp in part.stamps]
        heads = [f"{c.title} ({c.labels})" if c.labels else c.title for c in part.columns]
        lines.append(md_row(["", "Algorithm", *heads]))
        lines.append(md_row(["---", "---", *["---:"] * len(heads)]))
        for block in part.blocks:
            lines += _md_block(block)
        lines += ["", f"{md(part.labels_line)} {md(part.progress)}.", ""]
        lines += [md(part.note.what_varies)]
        chosen = (f"Chosen by {text}" for text in part.selections)
        lines += ["", *(f"- {md(text)}" for text in (*part.legend, *chosen)), ""]
        lines += [_md_failure(part)] if part.failures else []
        for table in part.further:
            lines += [*md_table(table, 3), ""]
    lines += [f"- {md(note)}" for note in report.meta.footnotes]
    return "\n".join(lines).rstrip("\n") + "\n"


def terminal(report: Report) -> list[str]:
    """The report's tables as lines of plain text."""
    lines = []
    for part in report.parts:
        rows = [
            (line.title, [c.number for c in line.cells]) for b in part.blocks for line in b.lines
        ]
        wide = max((len(title) for title, _ in rows), default=0)
        lines += [f"{part.note.title}: {part.progress}"]
        lines += [f"  {'':<{wide}}  " + "  ".join(f"{c.short:>10}" for c in part.columns)]
        lines += [
            f"  {title:<{wide}}  " + "  ".join(f"{n:>10}" for n in own) for title, own in rows
        ]
    return lines


def latex(report: Report) -> str:
    """The report's tables in the paper's layout; needs booktabs and graphicx."""
    width = max((len(part.columns) for part in report.parts), default=1)
    rows: list[str] = []
    for i, part in enumerate(report.parts):
        rows += [r"\toprule" if i == 0 else r"\midrule[\heavyrulewidth]", *_tex_part(part, width)]
    stamps = dict.fromkeys(stamp for part in report.parts for stamp in part.stamps)
    caption = ". ".join(tex(text) for text in (unnumbered(report.meta.title), *stamps))
    notes = [
        tex(f"{part.note.title}: {part.labels_line} {part.note.what_varies}")
        for part in report.parts
    ]
    legend = dict.fromkeys(text for part in report.parts for text in part.legend)
    notes += [tex(text) for text in (*legend, *report.meta.footnotes)]
    title = f"{caption}. Budget: {tex(report.meta.budget)}."
    return tex_table(title, "ll" + "c" * width, rows, notes)


def tex_table(caption: str, columns: str, rows: Sequence[str], notes: Iterable[str]) -> str:
    """A LaTeX table with its notes below; every argument is LaTeX already."""
    return "\n".join(
        [
            "% needs \\usepackage{booktabs,graphicx}, and with pdflatex \\usepackage[T1]{fontenc};",
            "% compiles with pdflatex, xelatex and lualatex; shrinks to the width of the line",
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{caption}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            "",
            r"\smallskip\raggedright\footnotesize",
            *(f"{note}\\par" for note in notes),
            r"\end{table}",
            "",
        ]
    )


def unnumbered(title: str) -> str:
    """A title without the ``Table 2:`` that LaTeX counts itself."""
    rest = re.sub(r"^(Table|Figure) \w+: ", "", title)
    return rest[:1].upper() + rest[1:]


def tex(text: str) -> str:
    """``text`` safe in LaTeX; letters that pdflatex may not know lose their accents or become ?."""
    return "".join(_TEX.get(character) or _plain(character) for character in text)


def _plain(character: str) -> str:
    if ord(character) < 0x17F:
        return character
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _tex_part(part: DatasetPart, width: int) -> list[str]:
    heads = [c.title + (f" ({c.labels})" if c.labels else "") for c in part.columns]
    title = part.note.paper_name or part.note.title
    mark = " [SIMULATED]" if part.note.kind == "simulated" else ""
    rows = [_tex_row([rf"\textbf{{{tex(title + mark)}}}", "Algorithms", *map(tex, heads)], width)]
    for block in part.blocks:
        rows.append(r"\midrule")
        for i, line in enumerate(block.lines):
            name = tex(block.title) if i == 0 else ""
            rows.append(_tex_row([name, _tex_title(line), *map(_tex_cell, line.cells)], width))
            if any(cell.published for cell in line.cells):
                paper = [_tex_small(cell.published) for cell in line.cells]
                rows.append(_tex_row(["", r"\quad{\scriptsize paper}", *paper], width))
    return rows


def _tex_row(cells: Sequence[str], width: int) -> str:
    return " & ".join([*cells, *[""] * (width + 2 - len(cells))]) + r" \\"


def _tex_title(line: Line) -> str:
    return tex(line.title) + (r"\,\ddag" if line.ceiling else "")


def _tex_cell(cell: Cell) -> str:
    if cell.state != "complete":
        return r"\emph{" + cell.number + "}" if cell.number else "--"
    number = cell.number.replace("±", r"\pm ")
    text = rf"$\mathbf{{{number}}}$" if cell.best else f"${number}$"
    return text + (r"\,\dag" if cell.stale else "")


def _tex_small(number: str) -> str:
    return rf"{{\scriptsize ${number.replace('±', chr(92) + 'pm ')}$}}" if number else ""


def _md_block(block: Block) -> Iterable[str]:
    for i, line in enumerate(block.lines):
        name = f"*{md(block.title)}*" if i == 0 else ""
        title = md(line.title) + (" ‡" if line.ceiling else "")
        yield md_row([name, title, *map(_md_cell, line.cells)])


def _md_cell(cell: Cell) -> str:
    if cell.state == "absent":
        return ""
    text = f"**{cell.number}**" if cell.best else cell.number
    text += " †" if cell.stale else ""
    text += f" ({cell.failed} failed)" if cell.failed else ""
    return text + (f" (paper {cell.published})" if cell.published else "")


def _md_failure(part: DatasetPart) -> str:
    lines = ["Trials without a number:", ""]
    for failure in part.failures:
        text = f"{failure.row} ({failure.block}), {failure.column}, {failure.trials}: "
        text += failure.status + (f", {failure.reason}" if failure.reason else "")
        lines.append(f"- {md(text)}")
    return "\n".join(lines) + "\n"


def md_row(cells: Iterable[str]) -> str:
    """A line of a Markdown table, of cells that are Markdown."""
    return "| " + " | ".join(cells) + " |"


def md_rule(words: int, numbers: int) -> str:
    """The line under the heads: columns of words, then columns of numbers."""
    return md_row([*["---"] * words, *["---:"] * numbers])


def md_table(shown: NumberTable, level: int) -> list[str]:
    """A table with its heading of that level and its note, as lines."""
    lines = ["", f"{'#' * level} {md(shown.title)}", ""]
    lines += [md_row(map(md, shown.heads)), md_rule(shown.left, len(shown.heads) - shown.left)]
    lines += [md_row(map(md, line)) for line in shown.lines]
    return lines + (["", md(shown.note)] if shown.note else [])


def md(text: str) -> str:
    """``text`` safe in Markdown, on one line."""
    flat = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_[]<>|#" else c for c in flat)

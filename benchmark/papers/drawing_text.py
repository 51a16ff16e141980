"""What the writers say of a paper's figures: where the drawing is, how to have it, or why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ..text import latex_text, markdown_cell
from .drawing import PaperFigure

__all__ = ["latex_figures", "markdown_figures", "plain_figures", "state"]

#: What draws them; the paper's name and the runs stand in the command that made the tables.
_HOW = "drawn with --figures DIR"
#: What would end the argument of ``\\detokenize`` or start a comment in it.
_ODD = set("{}%#\\^~")


def state(figure: PaperFigure, pictures: Mapping[str, str]) -> str:
    """In words: where it is, how to have it, or why it is not drawn.

    Args:
        figure: Which.
        pictures: Path of the PNG by the number of a figure that was drawn.
    """
    if figure.number in pictures:
        return f"drawn: {pictures[figure.number]}"
    return figure.why_not or _HOW


def plain_figures(figures: Sequence[PaperFigure], pictures: Mapping[str, str]) -> list[str]:
    """One line for each figure."""
    return [f"{f.name}. {f.title}: {state(f, pictures)}" for f in figures]


def markdown_figures(figures: Sequence[PaperFigure], pictures: Mapping[str, str]) -> str:
    """A section of its own; a drawing is linked by the path it was given."""
    if not figures:
        return ""
    out = ["\n## Figures\n\n"]
    for figure in figures:
        out.append(f"**{markdown_cell(figure.name)}. {markdown_cell(figure.title)}**  \n")
        if figure.note and not figure.why_not:
            out.append(f"{markdown_cell(figure.note)}  \n")
        if figure.number in pictures:
            path = quote(pictures[figure.number])
            out.append(f"![{markdown_cell(figure.name)}]({path})\n\n")
        elif figure.command:
            out.append(f"not drawn: run: `{figure.command.replace('`', '')}`\n\n")
        else:
            out.append(f"{markdown_cell(state(figure, pictures))}\n\n")
    return "".join(out)


def latex_figures(
    figures: Sequence[PaperFigure],
    pictures: Mapping[str, str],
) -> str:
    """Floats of the drawings (``graphicx`` is needed then), a line of the others.

    Args:
        figures: Which.
        pictures: Path of the PNG by the number of a figure that was drawn.
    """
    out = ["\n% The drawings need \\usepackage{graphicx}.\n"] if pictures else []
    for figure in figures:
        path = pictures.get(figure.number)
        if path is None or _ODD & set(path):
            out.append(
                f"\n{latex_text(f'{figure.name}. {figure.title}: {state(figure, pictures)}')}\n"
            )
            continue
        note = f" {figure.note}" if figure.note else ""
        caption = latex_text(f"{figure.name}. {figure.title}.{note}")
        out += [
            "\n\\begin{figure}\n\\centering\n",
            f"\\includegraphics[width=\\linewidth]{{\\detokenize{{{path}}}}}\n",
            f"\\caption{{{caption}}}\n\\end{{figure}}\n",
        ]
    return "".join(out)

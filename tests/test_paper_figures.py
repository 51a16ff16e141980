"""A paper's figures: which are drawn, what is said of the others, and how writers mention them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError
from benchmark.papers.drawing import Drawn, PaperFigure, draw_all, figures_of
from benchmark.papers.layout import PaperReport
from benchmark.papers.published import Paper, PublishedFigure
from benchmark.papers.text import csv_text, latex, markdown, rich_view

PAPER = Paper(
    "some2020", "Some, 2020", "ten hearts", {}, (),
    {"1": PublishedFigure("1", "A heart", unquantitative="images"),
     "2": PublishedFigure("2", "A line")},
)  # fmt: skip


def line() -> Any:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def cannot() -> Any:
    raise DataError("No case has scar.", "Name other runs.")


FIGURES = figures_of(
    PAPER,
    {"2": [PaperFigure("2a", "A line", "Ours is straight.", draw=line),
           PaperFigure("2b", "B_line", draw=cannot),
           PaperFigure("2c", "C line", command="bench run -m x")]},
)  # fmt: skip
REPORT = PaperReport(PAPER, ("head",), (), FIGURES)


def drawn(folder: Path) -> list[Drawn]:
    return list(draw_all("some2020", FIGURES, folder))


def test_figures_keep_the_papers_order_and_images_say_why_they_are_not_drawn() -> None:
    assert [figure.number for figure in FIGURES] == ["1", "2a", "2b", "2c"]
    assert FIGURES[0].why_not == "not drawn: not quantitative (images)"
    assert FIGURES[1].why_not == ""
    assert FIGURES[3].why_not == "not drawn: no run yet; run: bench run -m x"


def test_a_figure_that_the_paper_does_not_have_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="no figure 7"):
        figures_of(PAPER, {"2": FIGURES[1], "7": FIGURES[1]})
    with pytest.raises(KeyError, match="2"):
        figures_of(PAPER, {})


def test_each_panel_is_a_png_and_an_svg_and_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    first, panel, failed, lacking = drawn(tmp_path / "new" / "folder")
    assert [path.name for path in panel.files] == ["some2020-fig2a.png", "some2020-fig2a.svg"]
    assert panel.files[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in panel.files[1].read_bytes()
    assert failed.why_not == "not drawn: No case has scar. Name other runs."
    assert not first.files
    assert not lacking.files
    assert {path.suffix for path in (tmp_path / "new" / "folder").iterdir()} == {".png", ".svg"}


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (drawn(tmp_path / name)[1].files for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="no folder to draw into"):
        drawn(tmp_path / "file")


def test_writers_tell_of_every_figure() -> None:
    text = markdown(REPORT)
    assert "**Figure 1. A heart**  \nnot drawn: not quantitative (images)\n" in text
    assert "**Figure 2a. A line**  \nOurs is straight.  \ndrawn with --figures DIR\n" in text
    assert "**Figure 2b. B\\_line**" in text
    assert "run: `bench run -m x`" in text
    tex = latex(REPORT)
    assert "Figure 2b. B\\_line: drawn with --figures DIR" in tex
    assert "includegraphics" not in tex
    lines = list(csv.DictReader(io.StringIO(csv_text(REPORT))))
    assert [one["table"] for one in lines] == ["Figure 1", "Figure 2a", "Figure 2b", "Figure 2c"]
    assert lines[3]["command"] == "bench run -m x"
    assert lines[1]["note"] == "Ours is straight."


def test_drawings_are_linked_where_they_lie() -> None:
    pictures = {"2a": "out dir/some2020-fig2a.png"}
    assert "![Figure 2a](out%20dir/some2020-fig2a.png)" in markdown(REPORT, pictures=pictures)
    tex = latex(REPORT, pictures=pictures)
    assert "\\includegraphics[width=\\linewidth]{\\detokenize{out dir/some2020-fig2a.png}}" in tex
    assert tex.count("\\begin{figure}") == 1
    odd = latex(REPORT, pictures={"2a": "50%/x.png"})
    assert "includegraphics[" not in odd
    assert "drawn: 50\\%/x.png" in odd


def test_a_name_with_a_line_s_end_stays_in_latex_s_comment() -> None:
    tex = latex(PaperReport(PAPER, ("runs on x\n\\input{y}",), (), ()))
    assert tex.splitlines() == ["% runs on x \\input{y}"]


def test_the_terminal_lists_them_on_one_line_each() -> None:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=60).print(rich_view(REPORT, pictures={"2a": "a/b.png"}), crop=False)
    shown = out.getvalue().splitlines()
    assert "Figure 2a. A line: drawn: a/b.png" in shown
    assert "Figure 2c. C line: not drawn: no run yet; run: bench run -m x" in shown

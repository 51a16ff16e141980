"""A paper's table in a terminal: numbers are never broken, however narrow it is."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from benchmark.papers.terminal import Wide

HEADER = ["", "Cases: ours", *(f"3D CNN, slope {i}: ours" if not j else "published"
                               for i in range(6) for j in range(2))]  # fmt: skip
LINES = [[f"Vendor {n} (n = 50)", "8", *(f"{n}.{i}{j} [{n}.0{i}, {n}.9{i}]" for i in range(6)
                                         for j in range(2))] for n in range(3)]  # fmt: skip


def shown(table: Wide, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(table, crop=False)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 150])
def test_every_number_stands_whole_and_no_line_is_too_long(width: int) -> None:
    text = shown(Wide("Slopes", HEADER, LINES), width)
    assert max(map(len, text.splitlines())) <= width
    words = set(re.findall(r"[\d.]+", text))
    wanted = {word for line in LINES for cell in line for word in re.findall(r"[\d.]+", cell)}
    assert wanted <= words


def test_what_fits_is_one_table_and_what_does_not_keeps_pairs_together() -> None:
    table = Wide("Slopes", HEADER, LINES)
    assert len(table.parts(400)) == 1
    parts = table.parts(100)
    assert len(parts) > 1
    assert [i for part in parts for i in part] == list(range(1, len(HEADER)))
    assert all(HEADER[part[0]] != "published" for part in parts)
    text = shown(table, 100)
    assert text.count("Slopes\n") == 1
    assert text.count("Vendor 2") == len(parts)


def test_a_table_narrower_than_its_words_and_one_without_rows_are_still_shown() -> None:
    assert len(Wide("Slopes", HEADER, LINES).parts(10)) == 7
    assert "Cases: ours" in shown(Wide("Slopes", HEADER, []), 300)

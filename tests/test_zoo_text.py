"""The hostile zoo: words of strangers, in everything that shows them.

Titles, messages, sites, parameters and case ids go through the commands that make text, tables,
pages and files of runs: nothing in them is acted on, and each output stays what it is.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_text import IDS, WORDS

from benchmark.cli._app import app, run_app
from benchmark.plain import LONGEST, one_line, printable, told
from benchmark.text import csv_cell, csv_table, latex_text, markdown_cell, markdown_table


def ran(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """What a command that must succeed printed, all of it printable."""
    code = run_app(app, list(map(str, words)))
    out, err = capsys.readouterr()
    assert code == 0, err
    assert all(line.isprintable() for line in f"{out}\n{err}".split("\n"))
    return str(out)


def spoilt(make_run: Any, word: str) -> list[Path]:
    """Two runs in which every free text is the word."""
    return [
        make_run(
            name,
            [make_run.score("a", 0.5 + shift), make_run.score("b", 0.7),
             make_run.score("c", None, "error", message=word)],
            cases={"a": {"site": word, "vendor": word, "patient": word}, "b": {"pathology": word},
                   "c": {"status": "error", "message": word}},
            method_record={"asked": {"x": word}, "parameters": {"x": word}, "summary": word,
                           "version": word, "needs": [word], "distribution": word},
            dataset_record={"title": word, "licence": word, "citation": word, "version": word},
            record={"provenance": {"versions": {word: word}, "git": {"commit": word},
                                   "platform": word}, "split_source": word},
        )
        for name, shift in (("one", 0.0), ("two", 0.1))
    ]  # fmt: skip


class Tags(HTMLParser):
    """The elements of a page, and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", WORDS)
def test_words_are_words_in_every_output(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / "out"
    runs = spoilt(make_run, WORDS[name])
    ran(capsys, "show", runs[0])
    boards = ("--out", out, "--leaderboards", tmp_path / "boards")
    ran(capsys, "leaderboard", *runs, *boards, "--no-html")
    ran(capsys, "compare", *runs)
    ran(capsys, "export", *runs, "--to", "csv", "-o", tmp_path / "tidy.csv")
    ran(capsys, "export", *runs, "--to", "latex", "-o", tmp_path / "table.tex")
    assert json.loads(ran(capsys, "show", runs[0], "--json"))

    # a spreadsheet computes no text
    for path in (out / "toy.csv", tmp_path / "tidy.csv"):
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or float(cell) <= 0
    # a table of Markdown has the cells of its head in every row, and no line of its own
    markdown = (out / "toy.md").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in markdown.split("\n"))
    assert "<img" not in markdown
    assert "\n# Heading" not in markdown
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    # LaTeX reads no file and runs nothing
    tex = (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert r"\input" not in tex
    assert r"\write" not in tex
    assert all(line.isprintable() for line in tex.split("\n"))


def test_words_are_words_where_runs_are_accepted_checked_and_listed(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = " ".join(w for w in WORDS.values() if len(w) < 1000)
    runs, boards = spoilt(make_run, word), tmp_path / "boards"
    ran(capsys, "accept", runs[0], "--leaderboards", boards)
    (entry,) = boards.rglob("*.json")
    ran(capsys, "show", entry)
    ran(capsys, "runs", tmp_path / "runs")
    json.loads(ran(capsys, "runs", tmp_path / "runs", "--json"))
    junit, markdown = tmp_path / "check.xml", tmp_path / "check.md"
    words = ["check", runs[0], "--baseline", boards, "--junit", junit, "--markdown", markdown]
    code = run_app(app, list(map(str, words)))
    out, err = capsys.readouterr()
    assert code in (0, 1, 3), err
    assert all(line.isprintable() for line in f"{out}\n{err}".split("\n"))
    assert not any(line.startswith(("::", "error: fake")) for line in out.split("\n"))
    ElementTree.parse(junit)
    text = markdown.read_text(encoding="utf-8")
    assert all(line.isprintable() for line in text.split("\n"))
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_words_are_words_in_the_page(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = spoilt(make_run, " ".join(w for w in WORDS.values() if len(w) < 1000))
    ran(capsys, "leaderboard", *runs, "--out", tmp_path / "out", "--leaderboards", tmp_path)
    page = (tmp_path / "out" / "toy.html").read_text(encoding="utf-8")
    tags = Tags(page).found
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert not any((a.get("href") or "").lower().startswith("javascript") for _, a in tags)
    assert not any((a.get("src") or "x").startswith(("x", "http")) for t, a in tags if t == "img")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


def test_strange_ids_are_the_same_ids_in_every_output(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("one", [make_run.score(case, 0.5) for case in IDS])
    other = make_run("two", [make_run.score(case, 0.6) for case in IDS])
    shown = ran(capsys, "show", run, "--worst", str(len(IDS)), "--json")
    assert set(IDS) <= set(re.findall(r'"case": "((?:[^"\\]|\\.)*)"', json.dumps(
        json.loads(shown), ensure_ascii=False)))  # fmt: skip
    ran(capsys, "show", run, "--worst", str(len(IDS)))
    ran(capsys, "compare", run, other)
    ran(capsys, "leaderboard", run, other, "--out", tmp_path / "o", "--leaderboards", tmp_path)
    ran(capsys, "export", run, "--to", "csv", "-o", tmp_path / "tidy.csv")
    text = (tmp_path / "tidy.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["case"] for row in rows} == {csv_cell(case) for case in IDS}
    assert {row["case"].removeprefix("'") for row in rows} == {c.removeprefix("'") for c in IDS}


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("+x", "'+x"), ("-x", "'-x"), ("@x", "'@x"), ("\t=x", "'\t=x"),
     ("\r=x", "'\r=x"), ("-1.5", "-1.5"), ("+3", "+3"), ("-inf", "-inf"), ("a=b", "a=b"), ("", ""),
     (-1.5, -1.5), (None, None)],
)  # fmt: skip
def test_a_cell_that_would_be_computed_is_text(text: object, cell: object) -> None:
    assert csv_cell(text) == cell
    assert csv_table(["a"], [[text]]).startswith("a\n")


@pytest.mark.parametrize("name", WORDS)
def test_a_word_is_one_cell_of_markdown_and_one_line_of_latex(name: str) -> None:
    word = WORDS[name]
    table = markdown_table(["a", "b"], [[markdown_cell(word), "1"]])
    assert table.count("\n") == 3
    assert table.isascii() or all(line.isprintable() for line in table.split("\n"))
    assert len(re.findall(r"(?<!\\)\|", table.splitlines()[2])) == 3
    assert latex_text(word).isprintable()


def test_one_line_keeps_what_can_be_shown_and_says_what_it_cut() -> None:
    assert one_line("plain words, \u00e9\u00e8") == "plain words, \u00e9\u00e8"
    assert one_line("a\n\t b\u2028c") == "a b c"
    assert one_line("\x1b[31m\x00\udcff\u202e") == r"\x1b[31m\x00\udcff\u202e"
    assert one_line("x" * LONGEST) == "x" * LONGEST
    assert one_line("x" * 3_000_000) == "x" * LONGEST + "... (3,000,000 characters)"
    assert printable("a\nb\x1b\r") == "a\nb\\x1b\\r"
    assert printable("a\nb") == "a\nb"


def test_an_exception_that_cannot_speak_is_told_all_the_same() -> None:
    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert told(ValueError("a\nb")) == "a b"
    assert told(Mute()) == "(no message: its __str__ raised RuntimeError)"


def test_a_message_on_the_terminal_is_printable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["show"], ["leaderboard"], ["accept"], ["rerun"]):
        assert run_app(app, [*command, str(tmp_path / "x\x1b[2J\ny")]) == 2
        err = capsys.readouterr().err
        assert "\x1b" not in err
        assert r"\x1b" in err

"""bench history: what git remembers of the accepted entries, and what must not be joined."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.drift.history import history
from benchmark.drift.history_text import text, words
from benchmark.entries import build_entry, write_entry
from benchmark.errors import DataError, UsageError
from benchmark.figures import Mark, history_lines, svg_text
from benchmark.table import Quantity, read_runs

DICE = Quantity("scar", "dice")


@pytest.fixture(autouse=True)
def _nobody(monkeypatch, tmp_path):
    """No configuration of the user's, and a name for commits."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


class Repository:
    """A git repository with leaderboards, one second between commits."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.board = top / "leaderboards"
        self.board.mkdir(parents=True)
        self.time = 1_700_000_000
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        stamp = f"{self.time} +0000"
        who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "A",
               "GIT_COMMITTER_EMAIL": "a@x", "GIT_COMMITTER_DATE": stamp,
               "GIT_AUTHOR_DATE": f"{self.time - 60} +0000"}  # fmt: skip
        done = subprocess.run(["git", *words], cwd=self.top, env={**os.environ, **who},
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    def commit(self) -> str:
        self.time += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path / "repo")


@pytest.fixture
def entry(make_run, repository) -> Callable[..., Path]:
    """Accept three seeds with these values of scar dice: ``entry("jdl", [0.1, 0.2, 0.3])``."""

    def make(method: str = "jdl", means: Any = (0.5, 0.5, 0.5), **more: Any) -> Path:
        record = {"metric_cards": {"dice": more.pop("card", "dice-1")}}
        facts = {"fingerprint": more.pop("data", "f" * 64)}
        trains = {"trains": True, "code": more.pop("code", "c1")}
        cases = more.pop("cases", "ab")
        paths = [
            make_run(method, [make_run.score(case, mean) for case in cases], seed=seed,
                     record=record, dataset_record=facts, method_record=trains, **more)
            for seed, mean in enumerate(means)
        ]  # fmt: skip
        return write_entry(repository.board, build_entry(read_runs(paths)))

    return make


def told(repository: Repository, **more: Any) -> list[tuple[Any, ...]]:
    found = history(repository.board, "toy", DICE)
    return [(p.label, p.mean, p.changed, p.removed) for p in found.points]


def test_every_accepted_version_is_a_point_with_its_seeds(entry, repository):
    entry(means=(0.4, 0.5, 0.75))
    first = repository.commit()
    entry(means=(0.5, 0.5, 0.5), code="c2")
    entry("mtl", (0.25, 0.25, 0.25))
    second = repository.commit()
    found = history(repository.board, "toy")
    assert found.quantity == DICE
    assert [(p.commit, p.label) for p in found.points] == [
        (first, "jdl"), (second, "jdl"), (second, "mtl"),
    ]  # fmt: skip
    one, two, _ = found.points
    assert one.mean == pytest.approx(0.55)
    assert (one.low, one.high, one.seeds, one.n_cases) == (0.4, 0.75, 3, 2)
    assert two.changed == ("code",)
    assert two.joined
    assert one.committed.timestamp() == 1_700_000_060
    assert one.authored.timestamp() == 1_700_000_000
    assert (found.notes, found.skipped) == ((), ())


@pytest.mark.parametrize(
    ("change", "name"),
    [({"card": "dice-2"}, "definition"), ({"data": "0" * 64}, "data"), ({"cases": "abc"}, "cases")],
)
def test_what_was_measured_otherwise_is_not_joined(entry, repository, change, name):
    entry()
    repository.commit()
    entry(**change)
    repository.commit()
    found = history(repository.board, "toy", DICE)
    assert found.points[1].changed == (name,)
    assert not found.points[1].joined
    assert f"{name} (not comparable with before)" in text(found)


def test_a_renamed_file_is_the_same_entry(entry, repository):
    path = entry()
    repository.commit()
    repository.git("mv", str(path), str(path.with_name("another.json")))
    repository.commit()
    assert told(repository) == [("jdl", 0.5, (), False)]
    repository.git("mv", str(repository.board / "toy"), str(repository.board / "moved"))
    repository.commit()
    assert told(repository) == [("jdl", 0.5, (), False)]


def test_another_change_of_the_file_is_no_point(entry, repository):
    path = entry()
    repository.commit()
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    repository.commit()
    assert len(told(repository)) == 1


def test_a_removed_entry_says_so_and_may_come_back(entry, repository):
    path = entry()
    repository.commit()
    path.unlink()
    repository.commit()
    entry()
    repository.commit()
    assert told(repository) == [
        ("jdl", 0.5, (), False), ("jdl", None, (), True), ("jdl", 0.5, (), False),
    ]  # fmt: skip
    assert "removed" in text(history(repository.board, "toy", DICE))


def test_damaged_and_foreign_versions_are_named_and_skipped(entry, repository):
    path = entry()
    repository.commit()
    good = path.read_text()
    path.write_text(good[:-40])
    damaged = repository.commit()
    path.write_text(good.replace('"format":1', '"format":99', 1))
    repository.commit()
    path.write_text('{"kind": "something"}')
    repository.commit()
    path.write_text(good.replace('"runs":[', '"runs":[],"old":[', 1))
    repository.commit()
    path.write_text(good.replace("0.5", '"x"'))
    repository.commit()
    entry(means=(0.6, 0.6, 0.6))
    repository.commit()
    found = history(repository.board, "toy", DICE)
    assert [p.mean for p in found.points] == pytest.approx([0.5, 0.6])
    reasons = [one.reason for one in found.skipped]
    for part, reason in zip(
        ("not valid JSON", "format 99", "no leaderboard entry", "holds no run", ""), reasons,
        strict=True,
    ):  # fmt: skip
        assert part in reason
    assert words(found)[0].startswith(f"skipped: {damaged[:9]} leaderboards/toy/jdl.json: ")


def test_a_merge_counts_when_the_branch_came_to_hold_it(entry, repository):
    entry(means=(0.3, 0.3, 0.3))
    repository.commit()
    repository.git("checkout", "-q", "-b", "side")
    entry(means=(0.4, 0.4, 0.4))
    repository.commit()
    entry(means=(0.5, 0.5, 0.5))
    repository.commit()
    repository.git("checkout", "-q", "main")
    entry("mtl", (0.1, 0.1, 0.1))
    repository.commit()
    repository.time += 60
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    merged = repository.git("rev-parse", "HEAD")
    found = history(repository.board, "toy", DICE)
    assert [(p.label, p.mean) for p in found.points] == [
        ("jdl", pytest.approx(0.3)), ("mtl", pytest.approx(0.1)), ("jdl", pytest.approx(0.5)),
    ]  # fmt: skip
    assert found.points[-1].commit == merged


def test_a_shallow_clone_says_what_it_lacks(entry, repository, tmp_path):
    for mean in (0.4, 0.5):
        entry(means=(mean,) * 3)
        repository.commit()
    subprocess.run(["git", "clone", "-q", "--depth", "1", repository.top.as_uri(), "clone"],
                   cwd=tmp_path, check=True, capture_output=True)  # fmt: skip
    found = history(tmp_path / "clone" / "leaderboards", "toy", DICE)
    assert [p.mean for p in found.points] == pytest.approx([0.5])
    assert found.notes[0].startswith("This clone is shallow")


def test_what_is_not_committed_yet_is_shown_as_such(entry, repository):
    entry()
    repository.commit()
    entry(means=(0.75,) * 3)
    found = history(repository.board, "toy", DICE)
    assert [(p.commit == "", p.mean) for p in found.points] == [(False, 0.5), (True, 0.75)]
    assert "not committed" in text(found)
    assert found.notes == ("The newest entries are not committed yet.",)


def test_a_stranger_s_repository_runs_nothing(entry, repository, tmp_path):
    """Hooks, pagers, diff drivers, text conversion, signatures and file monitors are programs."""
    entry()
    repository.commit()
    spy = tmp_path / "spy.sh"
    spy.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    spy.chmod(0o755)
    for key in ("core.pager", "diff.external", "core.fsmonitor", "gpg.program", "diff.x.textconv",
                "diff.x.command", "core.sshCommand", "core.editor"):  # fmt: skip
        repository.git("config", key, str(spy))
    repository.git("config", "log.showSignature", "true")
    (repository.top / ".git/info/attributes").write_text("*.json diff=x\n")
    assert len(history(repository.board, "toy", DICE).points) == 1
    assert not (tmp_path / "ran").exists()


def test_names_that_look_like_options_or_patterns_are_names(make_run, repository):
    for name in ("-n1", "[mn]", "--output=x"):
        run = make_run("m", [make_run.score("a", 0.5)], dataset=name)
        write_entry(repository.board, build_entry(read_runs([run])))
    repository.commit()
    for name in ("-n1", "[mn]", "--output=x"):
        assert [p.mean for p in history(repository.board, name, DICE).points] == [0.5]


def test_what_has_no_history_is_a_sentence(entry, repository, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no commit yet"):
        history(repository.board, "toy")
    repository.commit()
    with pytest.raises(UsageError, match="git knows no entry of 'toy'"):
        history(repository.board, "toy")
    with pytest.raises(UsageError, match="no folder"):
        history(tmp_path / "nowhere", "toy")
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(UsageError, match="no git repository"):
        history(outside, "toy")
    (repository.top / ".git/HEAD").write_text("ref: refs/heads/\x00\n")
    with pytest.raises((DataError, UsageError)):
        history(repository.board, "toy")
    monkeypatch.setenv("PATH", str(outside))
    with pytest.raises(UsageError, match="git is not installed"):
        history(repository.board, "toy")


def test_the_command_prints_a_table_and_draws(entry, repository, monkeypatch, capsys):
    for code, mean in (("c1", 0.4), ("c2", 0.5)):
        entry(means=(mean,) * 3, code=code)
        entry("mtl", (0.25,) * 3, code=code)
        repository.commit()
    monkeypatch.chdir(repository.board)  # a folder of the repository, and not its top
    words = ["history", "-d", "toy", "--leaderboards", ".", "--metric", "dice", "-m", "jdl"]
    for name in ("a.svg", "b.svg", "a.png"):
        assert run_app(app, [*words, "-o", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith("scar dice of toy, mean over cases and seeds\n")
    assert "mtl" not in out
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert "not committed" not in out
    assert run_app(app, [*words, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [p["mean"] for p in content["points"]] == pytest.approx([0.4, 0.5])
    assert content["points"][0]["committed"].startswith("2023-11-14T")
    for more, part in ((["-m", "nobody"], "There are: jdl, mtl."), (["--metric", "dise"], "dise")):
        assert run_app(app, ["history", "-d", "toy", "--leaderboards", ".", *more]) == 2
        assert part in capsys.readouterr().err


def test_no_line_is_drawn_to_what_was_measured_otherwise():
    def lines(joined: bool) -> list[Any]:
        marks = [Mark(0, 0.4), Mark(1, 0.5, 0.45, 0.55, joined)]
        figure = history_lines({"jdl": marks}, ["one", "two"], label="scar dice")
        drawn = figure.axes[0].get_lines()
        return [line for line in drawn if list(line.get_xdata()) == [0, 1]]

    assert len(lines(True)) == 1
    assert lines(False) == []


def test_a_figure_holds_any_names_and_any_number_of_versions():
    nasty = '$\\frac{1}{0}$ <script>alert("x")</script> \x1b'
    series = {nasty + str(i): [Mark(j, i + j / 9) for j in range(40)] for i in range(20)}
    made = svg_text(history_lines(series, [nasty] * 40, label=nasty, title=nasty))
    assert "<script" not in made
    assert "Nothing to draw" in svg_text(history_lines({}, [], label="scar dice"))


def test_a_method_that_stands_as_it_was_goes_on_dotted_until_it_is_removed():
    series = {"jdl": [Mark(0, 0.4)], "mtl": [Mark(2, 0.3)]}
    for removed, count in (((), 1), (("jdl",), 0)):
        figure = history_lines(series, ["1", "2", "3"], label="x", removed=removed)
        dotted = [line for line in figure.axes[0].get_lines()
                  if line.get_linestyle() == ":" and len(line.get_xdata())]  # fmt: skip
        assert len(dotted) == count

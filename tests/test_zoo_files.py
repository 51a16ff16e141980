"""The hostile zoo: files that are damaged, lie, or are made to do harm.

Of the masks one command is shown all: each is the prediction, or the reference, of a case of its
own, healthy ones beside them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from zoo_files import MASKS, NO_FILES, healthy_mask
from zoo_keeper import Specimen

from benchmark.cli._app import app, run_app

HEALTHY = ("_first", "middle", "zlast")
Told = tuple[int, str, str]


def scored(folder: Path, capsys: pytest.CaptureFixture[str], side: str) -> tuple[Told, Any]:
    """``bench score`` on the zoo as predictions or references; the rows of scar Dice by case."""
    for name in ("reference", "prediction"):
        (folder / name).mkdir(parents=True)
        for case in HEALTHY:
            healthy_mask(folder / name / f"{case}.nii.gz")
    other = "reference" if side == "prediction" else "prediction"
    for one in MASKS:
        assert one.make is not None
        one.make(folder / side / f"{one.name}.nii.gz")
        if one.name == "dims_huge":  # on another grid it would be refused before it is read
            one.make(folder / other / f"{one.name}.nii.gz")
        elif one.name not in NO_FILES or side == "prediction":
            healthy_mask(folder / other / f"{one.name}.nii.gz")
    words = ["score", "-r", folder / "reference", "-p", folder / "prediction", "-o", folder / "out"]
    code = run_app(app, [*map(str, words), "--metric", "dice", "--jobs", "1"])
    captured = capsys.readouterr()
    assert code == 4, captured.err
    rows = pq.read_table(folder / "out" / "scores.parquet").to_pylist()
    found = {
        r["case"]: r
        for r in rows
        if (r["metric"], r["region"], r["level"]) == ("dice", "scar", "volume")
    }
    return (code, captured.out, captured.err), found


@pytest.mark.parametrize("side", ["prediction", "reference"])
def test_each_mask_is_named_with_the_reason_and_the_healthy_ones_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], side: str
) -> None:
    before = sorted(p.name for p in Path.cwd().iterdir())
    tracemalloc.start()
    (code, out, err), rows = scored(tmp_path / "zoo", capsys, side)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == 4
    assert "Traceback" not in out + err
    assert peak < 2**28  # nobody unpacked a bomb
    for case in HEALTHY:
        assert (rows[case]["status"], rows[case]["value"]) == ("ok", 1.0)
    wrong = []
    for one in MASKS:
        if one.name in NO_FILES and side == "reference":
            assert one.name not in rows  # what is no file is no case
            continue
        row = rows[one.name]
        said = row["message"]
        expected = one.status
        right = row["status"] == expected and re.search(one.says, said)
        if expected == "error":
            right = (
                right
                and (f"{one.name}.nii.gz" in said or f"{one.name!r}" in said)
                and said in out + err
            )
        if not right:
            wrong.append((one.name, row["status"], said))
    assert wrong == []
    assert sorted(p.name for p in Path.cwd().iterdir()) == before
    assert not list(tmp_path.rglob("owned"))


def test_a_mask_on_another_grid_refuses_the_whole_set_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import nibabel as nib
    import numpy as np

    for name in ("r", "p"):
        (tmp_path / name).mkdir()
        for case in ("a", "b"):
            healthy_mask(tmp_path / name / f"{case}.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((6, 8, 4), np.uint8), np.eye(4)), tmp_path / "p/b.nii.gz")
    words = ["score", "-r", tmp_path / "r", "-p", tmp_path / "p", "-o", tmp_path / "o"]
    assert run_app(app, list(map(str, words))) == 2
    assert "b.nii.gz does not lie on its reference" in capsys.readouterr().err
    assert not (tmp_path / "o" / "scores.parquet").exists()


@pytest.mark.parametrize(
    "name",
    ["new\nline", "esc\x1b[2J", "\U0001f49a", "-rf", "a" * 240, "=cmd()", "half\udcff", "$(id)",
     "%s%n", "a;b", " ", "‮gnp.a", "con", "a b"],
    ids=lambda name: ascii(name)[1:12],
)  # fmt: skip
def test_whatever_a_file_is_called_it_is_scored_or_refused_in_printable_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for folder in ("r", "p"):
        (tmp_path / folder).mkdir()
        healthy_mask(tmp_path / folder / "good.nii.gz")
        try:
            shutil.copy(tmp_path / folder / "good.nii.gz", tmp_path / folder / f"{name}.nii.gz")
        except OSError:
            pytest.skip("this file system does not take the name")
    words = ["score", "-r", tmp_path / "r", "-p", tmp_path / "p", "-o", tmp_path / "o"]
    code = run_app(app, [*map(str, words), "--metric", "dice"])
    out, err = capsys.readouterr()
    assert code in (0, 2)
    assert "unexpected" not in err
    assert all(line.isprintable() for line in f"{out}\n{err}".split("\n"))
    if code == 0:
        rows = pq.read_table(tmp_path / "o" / "scores.parquet").to_pylist()
        assert {r["case"] for r in rows} == {"good", name}
        text = (tmp_path / "o" / "scores.csv").read_text(encoding="utf-8")
        assert not re.search(r"^[=+@-]", text, re.MULTILINE)
    assert {p.name for p in tmp_path.iterdir()} <= {"r", "p", "o"}


CONTOURS = {
    "nan": '[[0, "endo", [[NaN, 1], [2, 2], [3, 1]]]]',
    "infinite": '[[0, "endo", [[1e999, 1], [2, 2], [3, 1]]]]',
    "deep": "[" * 1_000_000,
    "nested": "[" * 100_000 + "]" * 100_000,
    "kind": '[[0, "rm -rf", [[1, 1], [2, 2], [3, 1]]]]',
    "slice": '[[1e99, "endo", [[1, 1], [2, 2], [3, 1]]]]',
    "text": '[[0, "endo", [["1", "1"], ["2", "2"], ["3", "1"]]]]',
    "object": '{"__class__": "os.system"}',
    "yaml": "!!python/object/apply:os.system ['touch owned']",
    "digits": "[" + "9" * 100_000 + "]",
    "nulls": "\x00\x00\x00",
    "many": '[[0, "endo", [' + ",".join(["[1, 1]"] * 30_000) + "]]]",
}


@pytest.mark.parametrize("name", CONTOURS)
def test_contours_that_are_none_cost_their_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for folder in ("r", "p"):
        (tmp_path / folder).mkdir()
        for case in ("bad", "good"):
            healthy_mask(tmp_path / folder / f"{case}.nii.gz")
    for folder in ("rc", "pc"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "good.json").write_text("[]")
    (tmp_path / "pc" / "bad.json").write_text(CONTOURS[name])
    words = ["score", "-r", tmp_path / "r", "-p", tmp_path / "p", "-o", tmp_path / "o",
             "--reference-contours", tmp_path / "rc", "--contours", tmp_path / "pc"]  # fmt: skip
    code = run_app(app, [*map(str, words), "--metric", "dice"])
    out, err = capsys.readouterr()
    assert code == 4, err
    assert "bad.json" in out + err
    rows = pq.read_table(tmp_path / "o" / "scores.parquet").to_pylist()
    dice = {r["case"]: (r["status"], r["value"]) for r in rows if r["metric"] == "dice"
            and r["region"] == "scar" and r["level"] == "volume"}  # fmt: skip
    assert dice == {"bad": ("error", None), "good": ("ok", 1.0)}
    assert not (tmp_path / "owned").exists()


DEEP = "[" * 200_000
SPLITS = {
    "unknown": ('{"test": ["nobody"]}', "no case 'nobody'"),
    "twice": ('{"test": ["a"], "train": ["t"], "test": ["b"]}', "'test' is there 2 times"),
    "role": ('{"boss": ["a"]}', "no role"),
    "number": ('{"test": [7]}', "no case 7"),
    "objects": ('{"test": [{"a": 1}]}', "no case"),
    "text": ('{"test": "a"}', "must be a list"),
    "list": ("[1]", "is no split"),
    "nulls": ("\x00", "not valid JSON"),
    "deep": (DEEP, "not valid JSON"),
    "escape": ('{"\\u001b[2J": []}', "no role"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_that_is_none_is_one_clear_line(tmp_path: Path, name: str) -> None:
    from benchmark.errors import DataError
    from benchmark.splits import read_split
    from benchmark.types import CaseInfo

    text, says = SPLITS[name]
    path = tmp_path / "split.json"
    path.write_text(text)
    index = [CaseInfo("t", "train"), CaseInfo("a", "test"), CaseInfo("b", "test")]
    with pytest.raises(DataError, match=re.escape(says)) as caught:
        read_split(path, index)
    assert "split.json" in str(caught.value)


CLAIMS = {
    "nulls": "\x00",
    "deep": "claim = " + "[" * 50_000,
    "type": "claim = 7",
    "keys": "[[claim]]\npaper = 'p'\nsays = 's'\nbetter = 'a'\nworse = 'b'\nevil = 1",
    "twice": "claim = []\nclaim = []",
    "empty": "",
    "date": "claim = 1979-05-27",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_that_are_none_are_one_clear_line(tmp_path: Path, name: str) -> None:
    from benchmark.claims import read_claims
    from benchmark.errors import DataError

    path = tmp_path / "lge.claims.toml"
    path.write_text(CLAIMS[name])
    with pytest.raises(DataError, match=r"lge\.claims\.toml"):
        read_claims(path)


@pytest.mark.parametrize(
    "text",
    ["scar=$(id)", "scar=" + "9" * 5000, "=3", "scar=3=4", "scar=3;scar=3", "\x1b[2J=1", ";;;",
     "scar=-1", "s" * 100_000],
    ids=lambda text: ascii(text)[1:12],
)  # fmt: skip
def test_a_label_map_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    for folder in ("r", "p"):
        (tmp_path / folder).mkdir()
        healthy_mask(tmp_path / folder / "a.nii.gz")
    words = ["score", "-r", tmp_path / "r", "-p", tmp_path / "p", "-o", tmp_path / "o"]
    code = run_app(app, [*map(str, words), "--metric", "dice", "--labels", text])
    out, err = capsys.readouterr()
    assert code == 2
    assert err.startswith("bench: ")
    assert "unexpected" not in err
    assert all(line.isprintable() for line in f"{out}\n{err}".split("\n"))


def _json(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        content = json.loads((run / "record.json").read_text())
        change(content)
        (run / "record.json").write_text(json.dumps(content))

    return spoil


def _record(text: str) -> Callable[[Path], None]:
    return lambda run: (run / "record.json").write_text(text) and None


def _table(name: str, **columns: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        import pyarrow as pa

        table = pq.read_table(run / f"{name}.parquet")
        for column, value in columns.items():
            at = table.schema.get_field_index(column)
            table = table.set_column(at, column, pa.array([value(i) for i in range(len(table))]))
        pq.write_table(table, run / f"{name}.parquet")

    return spoil


#: What becomes of a run folder, and what the line that refuses it must hold.
RUNS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "nulls": (_record("\x00" * 100), "record.json is not valid JSON"),
    "cut": (_record('{"format": 1, "meth'), "record.json is not valid JSON"),
    "deep": (_record(DEEP), "record.json is not valid JSON"),
    "list": (_record("[]"), "no run record"),
    "future": (_json(lambda c: c.update(format=99)), "format 99"),
    "digits": (_json(lambda c: c.update(seed=10**400)), "no run record|record.json|seed"),
    "name_up": (_json(lambda c: c["dataset"].update(name="../../owned")), "dataset.name"),
    "method_up": (_json(lambda c: c["method"].update(name="../../owned")), "method.name"),
    "group_up": (_json(lambda c: c.update(group="/../../x")), "group"),
    "name_escape": (_json(lambda c: c["method"].update(name="\x1b[2J")), "method.name"),
    "text_seed": (_json(lambda c: c.update(seed="many")), "seed"),
    "case_up": (_table("cases", case=lambda i: f"../../etc/{i}"), "not in its case table"),
    "case_number": (_table("cases", case=lambda i: i), "holds int64 in the column case"),
    "text_value": (_table("scores", value=lambda i: "high"), "scores.parquet|value"),
    "level_number": (_table("scores", level=lambda i: 3), "scores.parquet|level"),
    "parquet_cut": (lambda run: (run / "scores.parquet").write_bytes(b"PAR1" + bytes(40)),
                    "scores.parquet cannot be read"),
    "parquet_none": (lambda run: (run / "scores.parquet").write_bytes(b""),
                     "scores.parquet cannot be read"),
    "parquet_pickle": (lambda run: (run / "cases.parquet").write_bytes(b"cos\nsystem\n."),
                       "cases.parquet cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_spoiled_run_is_refused_by_name_and_leads_nowhere(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    rows = [make_run.score("a", 0.5), make_run.score("b", 0.7)]
    make_run("good", rows)
    spoiled = make_run("bad", rows)
    spoil, says = RUNS[name]
    spoil(spoiled)
    boards = tmp_path / "deep" / "down" / "boards"
    before = {p for p in tmp_path.rglob("*") if boards not in p.parents}
    for words in (
        ["show", spoiled],
        ["leaderboard", "-d", "toy", "--runs", tmp_path / "runs", "--leaderboards", boards],
        ["accept", spoiled, "--leaderboards", boards],
        ["export", spoiled, "--to", "csv", "-o", boards / "x.csv"],
    ):
        code = run_app(app, list(map(str, words)))
        out, err = capsys.readouterr()
        assert code == 2, (words, out, err)
        assert err.startswith("bench: ")
        assert "unexpected" not in err, (words, err)
        assert all(line.isprintable() for line in f"{out}\n{err}".split("\n"))
        if words[0] == "show":
            assert re.search(says, err)
            assert "bad-" in err
    after = {p for p in tmp_path.rglob("*") if boards not in p.parents and boards != p}
    assert {p for p in after - before if "deep" not in p.parts} == set()


ENTRIES = {
    "nulls": "\x00",
    "deep": DEEP,
    "kind": '{"kind": "evil"}',
    "format": '{"kind": "scarbench leaderboard entry", "format": 1e400}',
    "runs": '{"kind": "scarbench leaderboard entry", "format": 1, "runs": 7}',
    "run": '{"kind": "scarbench leaderboard entry", "format": 1, "runs": [{"name": "x"}]}',
    "huge": "[" + "0," * 1_500_000 + "0]",
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_is_none_is_one_clear_line(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "boards" / "toy" / "evil.json"
    path.parent.mkdir(parents=True)
    path.write_text(ENTRIES[name])
    assert run_app(app, ["show", str(path)]) == 2
    err = capsys.readouterr().err
    assert "evil.json" in err
    assert "unexpected" not in err


def _first(entry: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any] = entry["runs"][0]
    return run


#: What becomes of an accepted entry.
FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "data_up": lambda e: _first(e)["record"]["dataset"].update(name="../../owned"),
    "method_up": lambda e: _first(e)["record"]["method"].update(name="/etc/owned"),
    "method_escape": lambda e: _first(e)["record"]["method"].update(name="\x1b[2J"),
    "case_number": lambda e: _first(e)["cases"].update(case=[1, 2]),
    "case_list": lambda e: _first(e)["cases"].update(case=[["a"], ["b"]]),
    "case_short": lambda e: _first(e)["cases"].update(case=["a"]),
    "case_twice": lambda e: _first(e)["cases"].update(case=["a", "a"]),
    "patient_object": lambda e: _first(e)["cases"].update(patient=[{}, {}]),
    "status_number": lambda e: _first(e)["cases"].update(status=[1, 2]),
    "value_text": lambda e: _first(e)["scores"][0].update(values=["high", "low"]),
    "value_list": lambda e: _first(e)["scores"][0].update(values=[[0.5], [0.7]]),
    "value_huge": lambda e: _first(e)["scores"][0].update(values=[10**400, 0]),
    "values_many": lambda e: _first(e)["scores"][0].update(values=[0.5] * 9),
    "metric_number": lambda e: _first(e)["scores"][0].update(metric=7),
    "metric_list": lambda e: _first(e)["scores"][0].update(metric=["dice"]),
    "scores_none": lambda e: _first(e).update(scores=None),
    "no_run": lambda e: e.update(runs=[]),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_entry_is_refused_by_whatever_reads_it(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    boards, out = tmp_path / "boards", tmp_path / "deep" / "out"
    run = make_run("good", [make_run.score("a", 0.5), make_run.score("b", 0.7)])
    assert run_app(app, ["accept", str(run), "--leaderboards", str(boards)]) == 0
    (path,) = boards.rglob("*.json")
    entry = json.loads(path.read_text())
    FORGED[name](entry)
    path.write_text(json.dumps(entry))
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    for words in (
        ["show", path],
        ["leaderboard", path, "--out", out],
        ["leaderboard", "-d", "toy", "--runs", tmp_path / "none", "--leaderboards", boards,
         "--out", out],
        ["compare", path, run],
        ["export", path, "--to", "csv", "-o", out / "x.csv"],
        ["check", run, "--baseline", boards],
    ):  # fmt: skip
        code = run_app(app, list(map(str, words)))
        said = "\n".join(capsys.readouterr())
        assert code in (2, 3), (words, said)
        assert "unexpected" not in said, (words, said)
        assert all(line.isprintable() for line in said.split("\n"))
    assert [p for p in sorted(tmp_path.rglob("*")) if p not in before and out not in p.parents] in (
        [], [out.parent], [out.parent, out]
    )  # fmt: skip


def test_specimens_have_names_of_their_own() -> None:
    names = [one.name for one in MASKS]
    assert len(names) == len(set(names)) >= 40
    assert all(isinstance(one, Specimen) for one in MASKS)

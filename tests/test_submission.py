"""Packing runs: complete, the same bytes each time, nothing of its author's machine in it."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmark.cli._app import app
from benchmark.entries import build_entry, write_entry
from benchmark.errors import DataError, UsageError
from benchmark.store import file_hash, folder_hashes
from benchmark.submission import submit
from benchmark.submission.card import (
    Card,
    MethodFacts,
    Pretrained,
    TrainedOn,
    card_text,
    open_fields,
    read_card,
)
from benchmark.submission.layout import limit_of
from benchmark.submission.manifest import read_manifest
from benchmark.submission.strict import strict_json, strict_toml
from benchmark.submission.texts import card_markdown
from benchmark.submission.toml_text import toml_text
from benchmark.table import read_runs

WHOLE = {
    "description": "It thresholds.", "authors": ["A. B."], "contact": "a@b.org",
    "code": "https://example.org/code/v1", "licence": "MIT",
}  # fmt: skip


@pytest.fixture
def runs(run, plugins):
    """Three seeds of a method that learns, on toy rings."""
    method = plugins.trained()
    return [run(method, seed=seed).path for seed in range(3)]


def completed(path: Path) -> None:
    """Fill in what is open in a method.toml, as a person would."""
    text = path.read_text()
    for key, value in WHOLE.items():
        empty = "[]" if isinstance(value, list) else '""'
        assert f"{key} = {empty}" in text
        text = text.replace(f"{key} = {empty}", f"{key} = {json.dumps(value)}")
    path.write_text(text.replace("everything_is_listed = false", "everything_is_listed = true"))


def test_a_submission_holds_the_entry_the_predictions_and_the_hash_of_each_file(runs, tmp_path):
    done = submit(read_runs(runs, ["volume"]), tmp_path / "sub")
    names = set(folder_hashes(done.folder))
    assert {n for n in names if "/" not in n} == {
        "submission.json", "entry.json", "method.toml", "METHOD.md", "PULL_REQUEST.md"
    }  # fmt: skip
    assert {n for n in names if "/" in n} == {
        f"predictions/seed-{seed}/{case}.nii.gz" for seed in range(3) for case in "abcx"
    }
    manifest = read_manifest(done.folder / "submission.json")
    assert set(manifest.files) == names - {"submission.json"}
    for name, facts in manifest.files.items():
        assert facts.sha256 == file_hash(done.folder / name)
        assert facts.bytes == (done.folder / name).stat().st_size
    accepted = write_entry(tmp_path / "boards", build_entry(read_runs(runs, ["volume"])))
    assert accepted.read_bytes() == (done.folder / "entry.json").read_bytes()
    assert done.predictions == 12
    assert [(r.seed, r.cases, r.predictions) for r in manifest.runs] == [
        (0, 4, 4), (1, 4, 4), (2, 4, 4)
    ]  # fmt: skip


def test_the_same_runs_give_the_same_bytes_in_whatever_order_they_are_named(runs, tmp_path):
    one = submit(read_runs(runs, ["volume"]), tmp_path / "one" / "sub").folder
    other = submit(read_runs(runs[::-1], ["volume"]), tmp_path / "other" / "sub").folder
    assert folder_hashes(one) == folder_hashes(other)
    again = submit(read_runs(runs, ["volume"]), one).folder
    assert folder_hashes(again) == folder_hashes(other)


def test_no_path_of_its_authors_machine_and_no_weights_are_in_it(runs, tmp_path):
    folder = submit(read_runs(runs, ["volume"]), tmp_path / "sub").folder
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes()
            assert limit_of(path.relative_to(folder).as_posix()) is not None
    assert not list(folder.rglob("threshold.txt"))
    assert not list(tmp_path.glob(".sub*"))


def test_what_only_the_authors_know_is_open_and_named_until_they_say_it(runs, tmp_path):
    read = read_runs(runs, ["volume"])
    done = submit(read, tmp_path / "sub")
    assert set(done.open_fields) == {
        "method.description", "method.authors", "method.contact", "method.code", "method.licence",
        "training.everything_is_listed",
    }  # fmt: skip
    assert "Not said yet" in (done.folder / "METHOD.md").read_text()
    assert "- [ ] `method.authors`" in (done.folder / "PULL_REQUEST.md").read_text()
    completed(done.folder / "method.toml")
    done = submit(read, tmp_path / "sub")
    assert done.open_fields == {}
    card = read_card(done.folder / "method.toml")
    assert (card.method.authors, card.method.licence) == (["A. B."], "MIT")
    assert "OPEN" not in (done.folder / "method.toml").read_text()
    assert "Still open" not in (done.folder / "PULL_REQUEST.md").read_text()
    assert "<https://example.org/code/v1>" in (done.folder / "METHOD.md").read_text()


def test_the_card_says_who_was_learnt_from(runs, tmp_path):
    card = read_card(submit(read_runs(runs, ["volume"]), tmp_path / "sub").folder / "method.toml")
    assert [(d.dataset, d.used_for, d.cases, d.patients) for d in card.training.data] == [
        ("toy", "training", ["t1", "t2"], ["p-t1", "p-t2"]),
        ("toy", "choosing the best epoch", ["v1"], ["p-v1"]),
    ]
    assert card.parameters == {"threshold": 500.0}


def test_predictions_stay_at_home_where_data_must_not_be_passed_on(runs, tmp_path):
    read = read_runs(runs, ["volume"])
    for one in read:
        one.record.dataset.redistributable = False
        one.record.dataset.licence = "CC BY-NC-SA 4.0"
    done = submit(read, tmp_path / "sub")
    assert done.predictions == 0
    assert not (done.folder / "predictions").exists()
    assert "--with-predictions" in done.notes[0]
    done = submit(read, tmp_path / "sub", with_predictions=True)
    assert done.predictions == 12
    assert "WARNING" in done.notes[0]
    assert "CC BY-NC-SA 4.0" in done.notes[0]


def test_a_prediction_that_is_not_the_one_scored_is_not_submitted(runs, tmp_path):
    (runs[1] / "predictions" / "b.nii.gz").write_bytes(b"other")
    with pytest.raises(DataError, match=r"b\.nii\.gz is not the file that was scored"):
        submit(read_runs(runs, ["volume"]), tmp_path / "sub")
    assert not (tmp_path / "sub").exists()
    assert not list(tmp_path.glob(".sub*"))
    (runs[1] / "predictions" / "b.nii.gz").unlink()
    with pytest.raises(DataError, match="is not the file that was scored"):
        submit(read_runs(runs, ["volume"]), tmp_path / "sub")


def test_a_folder_that_is_no_submission_is_never_replaced(runs, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds 'thesis\.tex'"):
        submit(read_runs(runs, ["volume"]), out)
    assert (out / "thesis.tex").read_text() == "years of work"
    folder = submit(read_runs(runs, ["volume"]), tmp_path / "sub").folder
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'notes\.txt'"):
        submit(read_runs(runs, ["volume"]), folder)


def test_two_seeds_are_no_submission(runs, tmp_path):
    with pytest.raises(DataError, match="2 of the 3 seeds"):
        submit(read_runs(runs[:2], ["volume"]), tmp_path / "sub")


def test_bench_submit_names_what_is_open(runs, tmp_path):
    out = tmp_path / "sub"
    result = CliRunner().invoke(app, ["submit", *map(str, runs), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "method.authors: everybody who made it" in result.output
    assert f"written: {out} (3 runs, 12 files of predictions)" in result.output
    result = CliRunner().invoke(app, ["submit", *map(str, runs), "--out", str(out), "--json"])
    told = json.loads(result.stdout)
    assert told["predictions"] == 12
    assert "method.code" in told["open_fields"]


def test_what_authors_write_cannot_become_markup():
    card = Card(
        method=MethodFacts(
            name="a|b<script>alert(1)</script>", description="# big\n\n![x](http://evil/x.png)",
            authors=["=cmd|' /C calc'!A0", "[me](javascript:alert(1))"],
            code="javascript:alert(1)", paper="https://a.org/x)[y](http://evil",
        )
    )  # fmt: skip
    text = card_markdown(card)
    assert "<script" not in text
    assert "![x]" not in text
    assert "[me](" not in text
    assert "<javascript" not in text
    assert "\n# big" not in text
    assert r"a\|b&lt;script&gt;" in text


def test_open_fields_name_pretrained_weights_that_nobody_explained():
    card = Card(method=MethodFacts(name="m"))
    card.training.pretrained.append(Pretrained(weights="resnet50"))
    card.training.data.append(TrainedOn(dataset="private"))
    missing = open_fields(card)
    assert missing["training.pretrained.0.trained_on"] == "what resnet50 learnt from"
    assert "private" in missing["training.data.0.cases"]


TEXT = st.text(max_size=20)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(TEXT, PLAIN, max_size=5))
def test_any_plain_content_comes_back_from_toml(content):
    assert tomllib.loads(toml_text(content, {})) == json.loads(json.dumps(content))


@given(TEXT, st.lists(TEXT, max_size=3), TEXT)
def test_any_card_comes_back_from_its_file(name, authors, description):
    import tempfile

    card = Card(
        method=MethodFacts(name=f"m{name}", authors=authors, description=description),
        parameters={"a": 1.5, "b": [1, 2], "c": {"d": description}},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "method.toml"
        path.write_bytes(card_text(card).encode())
        assert read_card(path) == card


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e999}', "no finite number"),
        ('{"a": 1, "a": 2}', "key 'a' is there twice"),
        ('{"b": {"a": 1, "a": 1}}', "key 'a' is there twice"),
        ("[" * 100_000, "not valid JSON"),
        ("{", "not valid JSON"),
    ],
)
def test_json_that_two_readers_may_read_differently_is_refused(text, said, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        strict_json(path, 1_000_000)


def test_files_beyond_their_limit_and_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b" " * 101)
    with pytest.raises(DataError, match="more than the 100 bytes"):
        strict_json(path, 100)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no UTF-8"):
        strict_json(path, 100)
    path.write_text("a = nan")
    with pytest.raises(DataError, match="no finite number"):
        strict_toml(path, 100)


@pytest.mark.parametrize(
    "name",
    [
        "predictions/seed-0/../../x.nii.gz", "/etc/passwd", "../submission.json", "model.pt",
        "predictions/seed-0/a.nii", "predictions/seed-0/a.pkl", "predictions/seed-0/.a.nii.gz",
        "predictions/seed-0/a\n.nii.gz", "predictions/seed-x/a.nii.gz", "predictions/a.nii.gz",
        "predictions/seed-0/probability-brain/a.nii.gz", "predictions/seed-0/contours/a.nii.gz",
        "predictions/seed-0/contours/deeper/a.json", "predictions/seed-0/con.nii.gz",
        "predictions\\seed-0\\a.nii.gz", "", "predictions/seed-0/.nii.gz", "Submission.json",
    ],
)  # fmt: skip
def test_no_other_name_belongs_in_a_submission(name):
    assert limit_of(name) is None


@given(st.text(max_size=60))
def test_a_name_that_belongs_in_a_submission_stays_in_it(name):
    for whole in (name, f"predictions/seed-0/{name}", f"predictions/seed-0/{name}.nii.gz"):
        if limit_of(whole) is not None:
            assert ".." not in whole.split("/")
            assert not whole.startswith("/")
            assert "\\" not in whole
            assert whole.isprintable()

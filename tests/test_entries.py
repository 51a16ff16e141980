"""Accepted entries: complete, small, and without a pixel."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark import entries
from benchmark.cli._app import app
from benchmark.entries import build_entry, load_entry, write_entry
from benchmark.errors import DataError
from benchmark.leaderboard import leaderboard
from benchmark.leaderboard_text import csv_text, markdown
from benchmark.table import Quantity, load_runs, read_runs

TRAINS = {"trains": True, "parameters": {"epochs": 3}}


@pytest.fixture
def seeds(make_run):
    """Three seeds of a trained method over cases with every kind of value."""
    paths = []
    for seed in range(3):
        rows = [
            make_run.score("a", 0.1 + seed / 7),
            make_run.score("b", 0.0, "pred_empty"),
            make_run.score("c", None, "both_empty"),
            make_run.score("a", 4.5, metric="hd95"),
            make_run.score("b", None, "pred_empty", metric="hd95"),
            make_run.score("c", None, "error", metric="hd95", message="boom"),
            make_run.score("a", 0.2, level="slice", slice=0),
        ]
        features = [*make_run.scar("a", 5.0, 3.0), *make_run.scar("c", 0.0, None)]
        features.append({**features[0], "feature": "scar_mass_g"})
        paths.append(
            make_run(
                "jdl", rows, seed=seed, features=features, method_record=TRAINS,
                cases={"a": {"vendor": "V", "message": "x" * 999}},
                record={
                    "provenance": {
                        "argv": ["--data-root", "/home/me/data"], "python": "3.11", "user": "me"
                    },
                    "stages": {"train": {"seconds": 9.0}},
                },
                dataset_record={"parameters": {"root": "/home/me/emidec"}},
            )
        )  # fmt: skip
    return paths


def test_an_entry_gives_the_same_rows_as_the_run_folders(seeds, tmp_path):
    path = write_entry(tmp_path / "boards", build_entry(read_runs(seeds)))
    assert path == tmp_path / "boards" / "toy" / "jdl.json"
    key = ["run", "case", "metric"]
    folders = load_runs(seeds, ["volume"]).drop(columns=["case_message"])
    entry = load_runs([path]).drop(columns=["case_message"])
    for table in (folders, entry):
        for name in table.columns[table.dtypes == "category"]:
            table[name] = table[name].astype("object")
    pd.testing.assert_frame_equal(
        folders.sort_values(key, ignore_index=True), entry.sort_values(key, ignore_index=True)
    )


def test_an_entry_gives_the_same_leaderboard_as_the_run_folders(seeds, tmp_path):
    columns = [Quantity("scar", "dice"), Quantity("scar", "hd95", "3d")]
    path = write_entry(tmp_path, build_entry(read_runs(seeds)))
    boards = [
        leaderboard(read_runs(paths), columns=columns, resamples=50) for paths in (seeds, [path])
    ]
    assert csv_text(boards[0]) == csv_text(boards[1])
    assert markdown(boards[0]) == markdown(boards[1])
    assert boards[0].panel == boards[1].panel


def test_the_runs_of_an_entry_do_not_count_twice_beside_their_folders(seeds, tmp_path):
    path = write_entry(tmp_path, build_entry(read_runs(seeds)))
    assert len(read_runs([path, *seeds])) == 3


def test_a_run_repeated_on_another_machine_stands_for_that_of_the_entry(seeds, tmp_path):
    """Another machine means another key: the same experiment and seed under another name."""
    path = write_entry(tmp_path / "boards", build_entry(read_runs(seeds)))
    mine = seeds[1].rename(seeds[1].with_name("jdl-elsewhere"))
    with pytest.raises(DataError, match="same seed 1"):
        read_runs([path, mine])
    found = read_runs([mine], entries=[path])
    assert [(run.record.seed, run.source) for run in found] == [(0, path), (1, mine), (2, path)]


def test_the_same_runs_give_the_same_bytes(seeds, tmp_path):
    one = write_entry(tmp_path / "1", build_entry(read_runs(seeds))).read_bytes()
    two = write_entry(tmp_path / "2", build_entry(read_runs(seeds)[::-1])).read_bytes()
    assert one == two
    again = write_entry(tmp_path / "3", json.loads(one)).read_bytes()
    assert again == one


def keys_of(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}".lstrip(".")
            yield from keys_of(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, path)


def test_only_what_is_allowed_is_in_an_entry(seeds, tmp_path):
    """No pixel, no mask, no path, no user: columns and keys beyond the lists stay out."""
    for path in seeds:
        frame = pd.read_parquet(path / "cases.parquet")
        frame["mask"] = "0101110"
        frame.to_parquet(path / "cases.parquet")
    text = write_entry(tmp_path, build_entry(read_runs(seeds))).read_text()
    entry = json.loads(text)
    keys = set(keys_of(entry))
    assert {k for k in keys if k.count(".") == 0} == {
        "kind", "format", "method", "dataset", "group", "runs"
    }  # fmt: skip
    assert {k for k in keys if k.startswith("runs.") and k.count(".") == 1} == {
        "runs.name", "runs.record", "runs.cases", "runs.scores", "runs.features"
    }  # fmt: skip
    cases = {k.rpartition(".")[2] for k in keys if k.startswith("runs.cases.")}
    assert cases == set(entries.CASE_KEYS)
    assert {k.split(".")[2] for k in keys if k.startswith("runs.scores.")} == {
        *entries.SCORE_KEYS, "values", "status", "message", "worst"
    }  # fmt: skip
    assert {k.split(".")[3] for k in keys if k.startswith("runs.record.provenance.")} == {"python"}
    for secret in ("/home", "--data-root", "0101110", "x" * 201, "scar_mass_g"):
        assert secret not in text
    assert '"root":"emidec"' in text


def test_messages_name_no_path_of_their_author(make_run, tmp_path):
    said = "Failed. What it printed is in /home/me/runs/toy/x-1/plugin.log."
    rows = [make_run.score("a", None, "error", message=said), make_run.score("b", 0.5)]
    path = make_run("x", rows, cases={"a": {"message": said, "status": "error"}},
                    features=[{**make_run.scar("a", 5.0, None)[1], "message": said}])  # fmt: skip
    text = write_entry(tmp_path, build_entry(read_runs([path]))).read_text()
    assert "/home" not in text
    assert text.count("What it printed is in plugin.log.") == 3


def test_a_trial_of_a_search_is_no_entry(make_run):
    trial = make_run("x", [make_run.score("a", 0.5)], record={"evaluated": ["validation"]})
    with pytest.raises(DataError, match=r"validation cases alone: a trial of a search"):
        build_entry(read_runs([trial]))


def test_a_trained_method_needs_three_seeds(seeds):
    with pytest.raises(DataError, match=r"has 2 of the 3 seeds.*--seeds 3"):
        build_entry(read_runs(seeds[:2]))


def test_a_method_without_training_needs_one(make_run):
    entry = build_entry(read_runs([make_run("otsu", [make_run.score("a", 0.5)])]))
    assert len(entry["runs"]) == 1


def test_all_folds_of_every_seed_are_needed(make_run):
    runs = read_runs(
        make_run("x", [make_run.score("a", 0.5)], record={"fold": fold, "folds": 3})
        for fold in (0, 2)
    )
    with pytest.raises(DataError, match=r"lacks \(seed, fold\) \[\(0, 1\)\]"):
        build_entry(runs)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"record": {"group": "other"}}, "experiment"),
        ({"dataset_record": {"fingerprint": "e" * 64}}, "data fingerprint"),
        ({"method_record": {"code": "new"}}, "code"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(make_run, change, what):
    one = make_run("x", [make_run.score("a", 0.5)])
    two = make_run("x", [make_run.score("a", 0.5)], seed=1, **change)
    with pytest.raises(DataError, match=f"differ in their {what}"):
        build_entry(read_runs([one, two]))


def test_an_entry_of_no_runs_is_refused():
    with pytest.raises(DataError, match="needs runs"):
        build_entry([])


def test_a_value_that_is_there_twice_is_refused(make_run):
    runs = read_runs([make_run("x", [make_run.score("a", 0.5), make_run.score("a", 0.6)])])
    with pytest.raises(DataError, match=r"'a' has .* twice"):
        build_entry(runs)


def test_too_large_an_entry_is_neither_written_nor_read(seeds, tmp_path, monkeypatch):
    entry = build_entry(read_runs(seeds))
    path = write_entry(tmp_path, entry)
    size = path.stat().st_size
    monkeypatch.setattr(entries, "MAX_BYTES", size)
    assert len(load_entry(path)) == 3
    monkeypatch.setattr(entries, "MAX_BYTES", size - 1)
    with pytest.raises(DataError, match="are allowed"):
        write_entry(tmp_path / "more", entry)
    assert not (tmp_path / "more").exists()
    with pytest.raises(DataError, match="larger than"):
        load_entry(path)


def test_parameters_that_were_asked_for_make_another_file(make_run, tmp_path):
    path = make_run("otsu", [make_run.score("a", 0.5)], method_record={"asked": {"k": 2}},
                    record={"group": "0123456789ab"})  # fmt: skip
    assert write_entry(tmp_path, build_entry(read_runs([path]))).name == "otsu-01234567.json"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("python /home/me/p.py {images} {output}", "python p.py {images} {output}"),
        ("sh run.sh --m=/data/m/w.pth {images}/x", "sh run.sh --m=w.pth {images}/x"),
        ("a ../b/c ~/d/e f/g 3 / 4 and/or /", "a c e f/g 3 / 4 and/or /"),
        ("/home/me/masks/", "masks"),
        ("sh -c '/home/me/p.py {images}' -v /home/me/w:/d/w", "sh -c 'p.py {images}' -v w"),
        ('python "/home/me/my dir/p.py" {images}', 'python "my dir/p.py" {images}'),
        ("cavity=1;scar=3,4", "cavity=1;scar=3,4"),
    ],
)
def test_paths_within_a_command_tell_nothing_of_their_author(make_run, asked, kept):
    path = make_run("x", [make_run.score("a", 0.5)], method_record={"parameters": {"c": asked}})
    (packed,) = build_entry(read_runs([path]))["runs"]
    assert packed["record"]["method"]["parameters"] == {"c": kept}


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda run: run["cases"]["case"].__setitem__(0, None), "cases.case holds None"),
        (lambda run: run["cases"]["case"].__setitem__(0, 3), "cases.case holds 'int'"),
        (lambda run: run["cases"]["case"].__setitem__(0, ["a"]), "cases.case holds 'list'"),
        (lambda run: run["cases"]["role"].__setitem__(0, None), "cases.role holds None"),
        (
            lambda run: run["cases"]["patient"].__setitem__(0, {"a": []}),
            "cases.patient holds 'dict'",
        ),
        (lambda run: run["cases"].pop("role"), "cases lacks role"),
        (lambda run: run["cases"].update(role="test"), "cases.role is no list"),
        (lambda run: run["scores"][0].update(region=["scar"]), "scores.region holds 'list'"),
        (lambda run: run["scores"][0]["values"].__setitem__(0, "0.9"), "scores.values holds '0.9'"),
        (lambda run: run["scores"][0].update(worst={"0": [[1]]}), "scores.worst holds 'list'"),
        (lambda run: run["scores"][0].update(status={"ok": [99]}), "damaged"),
        (lambda run: run["features"][0].update(feature={"x": 1}), "features.feature holds 'dict'"),
    ],
)
def test_an_entry_with_a_cell_that_is_none_is_one_clear_error(seeds, tmp_path, forge, told):
    """Not a fault deep in whatever reads the table."""
    path = write_entry(tmp_path / "boards", build_entry(read_runs(seeds)))
    entry = json.loads(path.read_text())
    forge(entry["runs"][0])
    path.write_text(json.dumps(entry))
    with pytest.raises(DataError, match=f"damaged: .*{told}" if told != "damaged" else told):
        load_entry(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "is no leaderboard entry"),
        ('{"kind": "scarbench leaderboard entry", "format": 2}', "format 2"),
        ('{"kind": "scarbench leaderboard entry", "format": 1}', "damaged"),
        ('{"kind": "scarbench leaderboard entry", "format": 1, "runs": [3]}', "damaged"),
        (
            '{"kind": "scarbench leaderboard entry", "format": 1, "runs": [{"name": "x", '
            '"record": {}, "cases": {"case": [], "patient": [], "role": [], "status": []}, '
            '"scores": [], "features": []}]}',
            "damaged: Field required",
        ),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_damaged_or_forged_entry_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_entry(path)


def test_the_committed_table_is_that_of_the_committed_entries(tmp_path):
    committed = Path(__file__).parents[1] / "leaderboards"
    for page in sorted(committed.glob("*.md")):
        done = CliRunner().invoke(
            app,
            ["leaderboard", "--dataset", page.stem, "--runs", str(tmp_path / "none"),
             "--leaderboards", str(committed), "--out", str(tmp_path)],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        for name in (page.name, f"{page.stem}.csv"):
            assert (tmp_path / name).read_bytes() == (committed / name).read_bytes(), name

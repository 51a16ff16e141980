"""Stored probabilities: what is read, what is refused, and what becomes of them in scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError, UsageError
from benchmark.evaluate import evaluate
from benchmark.experiment import rerun
from benchmark.metrics.cards import cards
from benchmark.nifti import write_probabilities
from benchmark.overview import overview
from benchmark.probabilities import StoredProbabilities, read_probabilities
from benchmark.progress import Reporter
from benchmark.scored_arrays import score
from benchmark.types import Region, Volume

Run = Callable[..., Any]
SPACING = (1.5, 1.25, 8.0)
SHAPE = (3, 16, 12)
CALIBRATION = ["brier", "ece"]
#: Sure of everything but one voxel in 255 steps, as networks are not.
SOFT = """
p = np.clip((image - 300) / 400, 0, 1).astype(np.float32)
return Segmentation(np.where(p > 0.5, 3, 0), (), {Region.SCAR: p})
"""


def save(path: Path, voxels: np.ndarray, slope: float | None = None) -> Path:
    """``(slice, row, column)`` into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(np.ascontiguousarray(voxels.T), np.diag([*SPACING, 1.0]))
    image.header.set_slope_inter(slope, None if slope is None else 0)
    nib.save(image, path)
    return path


def raw(path: Path, voxels: np.ndarray, slope: float) -> Path:
    """Bytes with a slope, none of them scaled by nibabel on the way."""
    save(path, voxels)
    content = bytearray(path.read_bytes())
    content[112:116] = np.float32(slope).tobytes()
    content[116:120] = np.float32(0).tobytes()
    path.write_bytes(bytes(content))
    return path


def heart() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 4:12, 3:9] = 2
    labels[:2, 6:8, 4:7] = 3
    return labels


# --- reading ---


def test_what_a_run_stores_is_read_as_the_steps_that_were_written(tmp_path: Path) -> None:
    values = np.arange(256).reshape(1, 16, 16) / 255
    like = Volume(np.zeros(values.shape), (8.0, 1.25, 1.5))
    write_probabilities(tmp_path / "a.nii.gz", values, like)
    found, grid = read_probabilities(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.float64
    assert grid.spacing == (8.0, 1.25, 1.5)


def test_bytes_without_a_slope_are_the_same_steps(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for path in (
        save(tmp_path / "plain.nii.gz", levels),
        raw(tmp_path / "one.nii", levels, 1.0),
        raw(tmp_path / "scaled.nii", levels, 1 / 255),
    ):
        np.testing.assert_array_equal(read_probabilities(path)[0], levels / 255.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_values(tmp_path: Path, dtype: Any) -> None:
    values = np.random.default_rng(1).random(SHAPE).astype(dtype)
    values[0, 0, :2] = 0, 1
    found = read_probabilities(save(tmp_path / "a.nii.gz", values))[0]
    np.testing.assert_array_equal(found, values)
    # a rounding beyond the bounds, as a softmax in float32 leaves it
    values[0, 0, :2] = -1e-7, 1 + 1e-7
    found = read_probabilities(save(tmp_path / "a.nii.gz", values))[0]
    assert found[0, 0, :2].tolist() == [0.0, 1.0]


def test_scaled_integers_of_other_steps_keep_their_values(tmp_path: Path) -> None:
    levels = np.arange(101, dtype=np.int16).reshape(1, 1, 101)
    found = read_probabilities(raw(tmp_path / "a.nii", levels, 0.01))[0]
    np.testing.assert_allclose(found, levels / 100, atol=1e-6)


@pytest.mark.parametrize(
    ("voxels", "says"),
    [
        (np.full(SHAPE, 1.5), "holds 1.5, which is no probability; 576 of 576 voxels"),
        (np.full(SHAPE, -0.1), "holds -0.1"),
        (np.full(SHAPE, np.nan), "holds nan"),
        (np.full(SHAPE, 100, np.int16), "whole numbers of type int16"),
        (heart() > 2, "looks like a mask"),
    ],
)
def test_what_is_no_probability_is_refused(tmp_path: Path, voxels: np.ndarray, says: str) -> None:
    voxels = voxels.astype(np.uint8) if voxels.dtype == bool else voxels
    path = save(tmp_path / "a.nii.gz", voxels)
    with pytest.raises(DataError) as caught:
        read_probabilities(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.fix


def test_nothing_at_all_is_a_probability_of_zero(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.zeros(SHAPE, np.uint8))
    assert not read_probabilities(path)[0].any()


def test_folders_are_named_after_regions(tmp_path: Path) -> None:
    for name in ("scar", "myocardium"):
        save(tmp_path / name / "a.nii.gz", np.zeros(SHAPE))
    stored = StoredProbabilities(tmp_path)
    assert list(stored.files) == [Region.MYOCARDIUM, Region.SCAR]
    # a run's folder: whatever else is in it is not looked at
    for name in ("probability-lv", "contours"):
        save(tmp_path / name / "a.nii.gz", np.zeros(SHAPE))
    assert list(StoredProbabilities(tmp_path).files) == [Region.LV]


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        StoredProbabilities(tmp_path / "nowhere")
    with pytest.raises(DataError, match="has no folder of a region"):
        StoredProbabilities(tmp_path)
    (tmp_path / "scars").mkdir()
    with pytest.raises(DataError, match=r"scars is named after no region.*'scar'"):
        StoredProbabilities(tmp_path)
    (tmp_path / "scars").rename(tmp_path / "scar")
    with pytest.raises(DataError, match=r"scar probability folder .* holds no"):
        StoredProbabilities(tmp_path)


# --- bench score ---


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two cases, predicted right, with probabilities of the scar of 0.8 and 0.6 in it."""
    for name, sure in (("a", 0.8), ("b", 0.6)):
        save(tmp_path / "ref" / f"{name}.nii.gz", heart())
        save(tmp_path / "pred" / f"{name}.nii.gz", heart())
        save(tmp_path / "maps" / "scar" / f"{name}.nii.gz", np.where(heart() == 3, sure, 0.0))
    return tmp_path


def scored(folder: Path, **options: Any) -> tuple[Any, pd.DataFrame]:
    given = {"probabilities": folder / "maps", **options}
    summary = evaluate(folder / "ref", folder / "pred", folder / "out", **given)
    rows = pd.read_parquet(folder / "out" / "scores.parquet")
    return summary, rows[(rows["region"] == "scar") & (rows["level"] == "volume")]


def test_stored_probabilities_are_measured(folders: Path) -> None:
    summary, rows = scored(folders)
    assert (summary.scored, summary.failed) == (2, {})
    found = rows[rows["metric"].isin(CALIBRATION)].set_index(["case", "metric"])["value"]
    share = (heart() == 3).mean()  # 10 mm around the heart is all of this image
    for case, sure in (("a", 0.8), ("b", 0.6)):
        assert found[case, "brier"] == pytest.approx(share * (1 - sure) ** 2)
        assert found[case, "ece"] == pytest.approx(share * (1 - sure))
        direct = score(
            heart(), heart(), (8.0, 1.25, 1.5), metrics=CALIBRATION, regions=["scar"],
            probabilities={"scar": np.where(heart() == 3, sure, 0.0)},
        )  # fmt: skip
        assert direct["value"].tolist() == found[case].tolist()


def test_without_them_tables_are_what_they_were(folders: Path) -> None:
    _, more = scored(folders)
    evaluate(folders / "ref", folders / "pred", folders / "plain")
    plain = pd.read_parquet(folders / "plain" / "scores.parquet")
    assert not set(plain["metric"]) & set(CALIBRATION)
    assert set(more["metric"]) - set(plain["metric"]) == set(CALIBRATION)
    whole = pd.read_parquet(folders / "out" / "scores.parquet")
    rest = whole[~whole["metric"].isin(CALIBRATION)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, plain)
    lines = overview(folders / "out" / "scores.parquet")
    told = [one for one in lines if one.metric not in CALIBRATION]
    assert told == overview(folders / "plain" / "scores.parquet")
    assert [(one.region, one.metric) for one in lines if one not in told] == [
        ("scar", name) for name in CALIBRATION
    ]


def test_a_case_without_a_map_is_told_and_counts_as_the_worst(folders: Path) -> None:
    (folders / "maps" / "scar" / "b.nii.gz").unlink()
    summary, rows = scored(folders)
    assert (summary.scored, summary.missing) == (2, ())
    rows = rows[rows["case"] == "b"].set_index("metric")
    assert rows.loc["dice", "value"] == 1.0
    for name in CALIBRATION:
        assert rows.loc[name, "status"] == "no_prediction"
        assert "no file of this case among the probabilities of scar" in rows.loc[name, "message"]
        assert pd.isna(rows.loc[name, "value"])
        assert rows.loc[name, "worst"] == 1.0


def test_a_map_that_cannot_be_read_is_a_failure_and_the_labels_are_scored(folders: Path) -> None:
    save(folders / "maps" / "scar" / "b.nii.gz", np.full(SHAPE, 7.0))
    summary, rows = scored(folders)
    assert (summary.scored, summary.failed, list(summary.incomplete)) == (2, {}, ["b"])
    assert "holds 7, which is no probability" in summary.incomplete["b"]
    rows = rows[rows["case"] == "b"].set_index("metric")
    assert (rows.loc["dice", "status"], rows.loc["ece", "status"]) == ("ok", "error")
    assert rows.loc["ece", "message"] == summary.incomplete["b"]
    assert scored(folders, jobs=2)[0].incomplete == summary.incomplete


def test_the_exit_code_tells_of_a_map_but_not_that_nothing_was_measured(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for case in "ab":
        (folders / "maps" / "scar" / f"{case}.nii.gz").write_bytes(b"no map")
    words = ["score", "-r", "ref", "-p", "pred", "-o", "out", "--probabilities", "maps"]
    words = [str(folders / w) if w in ("ref", "pred", "out", "maps") else w for w in words]
    assert run_app(app, words) == 4
    told = capsys.readouterr()
    assert "2 of 2 cases scored" in told.out
    assert f"error: probabilities of a: {folders / 'maps' / 'scar' / 'a.nii.gz'}" in told.err
    assert run_app(app, [*words, "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert (found["scored"], found["failed"], list(found["incomplete"])) == (2, {}, ["a", "b"])


def test_maps_that_fit_no_reference_stop_everything(folders: Path) -> None:
    save(folders / "maps" / "scar" / "z.nii.gz", np.zeros(SHAPE))
    save(folders / "maps" / "scar" / "b.nii.gz", np.zeros((3, 16, 11)))
    with pytest.raises(DataError) as caught:
        scored(folders)
    assert "z.nii.gz belongs to no reference case" in str(caught.value)
    assert "of scar, does not lie on its reference" in str(caught.value)
    assert not (folders / "out" / "scores.parquet").exists()


def test_calibration_without_probabilities_says_what_to_add(folders: Path) -> None:
    with pytest.raises(UsageError, match=r"ece needs probabilities\..*--probabilities"):
        scored(folders, probabilities=None, metrics=["ece"])


def test_the_command_line_takes_probabilities_and_extras(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["brier", "budget_missed_ml", "surfel_nsd@2mm"]
    words = [w for name in asked for w in ("--metric", name)]
    place = [folders / name for name in ("ref", "pred", "out", "maps")]
    options = ["-r", place[0], "-p", place[1], "-o", place[2], "--probabilities", place[3], *words]
    assert run_app(app, ["score", *map(str, options)]) == 0
    rows = pd.read_parquet(folders / "out" / "scores.parquet")
    assert list(rows["metric"].unique()) == asked
    out = capsys.readouterr().out
    assert "2 of 2 cases scored" in out
    told = [line.split()[:2] for line in out.splitlines() if line.startswith("scar")]
    assert told == [["scar", name] for name in asked]


def test_listing_says_when_a_metric_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app, ["list", "metrics", "--json"]) == 0
    listed = {m["name"]: m["computed"] for m in json.loads(capsys.readouterr().out)["metrics"]}
    assert (listed["dice"], listed["ece"]) == ("always", "with probabilities")
    assert listed["budget_missed"] == listed["surfel_hd"] == "if asked for"
    assert run_app(app, ["explain", "surfel_hd"]) == 0
    assert "computed   if asked for" in capsys.readouterr().out


def test_the_metrics_that_were_asked_for_are_shown_in_their_order(folders: Path) -> None:
    asked = ["iou", "hd", "budget_missed", "iou"]
    summary, _ = scored(folders, metrics=asked, probabilities=None)
    lines = overview(summary.files["scores"], metrics=asked)
    told = [(one.metric, one.mean, one.n_total) for one in lines if one.region == "scar"]
    assert told == [("iou", 1.0, 2), ("hd (3d)", 0.0, 2), ("budget_missed", 0.0, 2)]


# --- bench run ---


def volume_rows(path: Path) -> pd.DataFrame:
    rows = pd.read_parquet(path / "scores.parquet")
    chosen = rows[(rows["region"] == "scar") & (rows["level"] == "volume")]
    return chosen.set_index(["case", "metric"])


def test_a_run_that_keeps_probabilities_measures_them(run: Run, plugins: Any) -> None:
    method = plugins.method(SOFT)
    plain, kept = run(method), run(method, probabilities=True)
    assert not set(plain.record.metric_cards) & set(CALIBRATION)
    assert set(kept.record.metric_cards) - set(plain.record.metric_cards) == set(CALIBRATION)
    assert kept.record.metric_cards["ece"] == cards()["ece"].hash
    without, rows = volume_rows(plain.path), volume_rows(kept.path)
    assert set(rows.index) - set(without.index) == {
        (case, name) for case in "abcx" for name in CALIBRATION
    }
    # what is measured is what was stored
    case = "b"
    stored = read_probabilities(kept.path / "predictions" / "probability-scar" / "b.nii.gz")[0]
    from benchmark.plan import resolve

    reference = resolve("datasets", plugins.toy(), {}).plugin.load(case).reference.labels
    expected = score(
        reference, reference, (10.0, 1.5, 1.5), metrics=CALIBRATION, regions=["scar"],
        probabilities={"scar": stored},
    )["value"]  # fmt: skip
    assert [rows.loc[(case, name), "value"] for name in CALIBRATION] == expected.tolist()
    assert 0 < expected[0] < 0.05


def test_a_run_without_kept_probabilities_has_no_rows_of_them(run: Run, plugins: Any) -> None:
    hard = run(plugins.method(), probabilities=True)  # it gives none
    assert not set(hard.record.metric_cards) & set(CALIBRATION)
    assert not set(volume_rows(hard.path).index.get_level_values("metric")) & set(CALIBRATION)


def test_a_case_without_probabilities_or_answer_counts_as_the_worst(run: Run, plugins: Any) -> None:
    body = (
        "if study.id == 'c':\n    raise ValueError('no idea')\n"
        "p = np.full(image.shape, 0.25, np.float32)\n"
        "given = {} if study.id == 'b' else {Region.SCAR: p}\n"
        "return Segmentation(np.where(image > 500, 3, 0), (), given)"
    )
    rows = volume_rows(run(plugins.method(body), probabilities=True).path)
    found = {case: rows.loc[(case, "ece")] for case in "abcx"}
    assert [found[case]["status"] for case in "abcx"] == ["ok", "no_prediction", "error", "ok"]
    assert found["b"]["message"] == "the method gave no probabilities of scar here"
    assert [found[case]["worst"] for case in "bc"] == [1.0, 1.0]
    assert rows.loc[("b", "dice"), "status"] == "ok"


def test_scores_depend_on_the_probabilities(run: Run, plugins: Any, tmp_path: Path) -> None:
    """The labels are the same, so nothing but the maps says that scores are stale."""
    method = plugins.method(SOFT)
    kept = run(method, probabilities=True)
    assert run(method, probabilities=True).cached
    before = volume_rows(kept.path)
    facts = kept.path / "predictions" / "b.json"
    name = "predictions/probability-scar/b.nii.gz"
    shutil.copy(kept.path / name.replace("/b.", "/a."), kept.path / name)
    row = json.loads(facts.read_text())
    from benchmark.store import file_hash

    row["files"][name] = file_hash(kept.path / name)
    facts.write_text(json.dumps(row))
    again = run(method, probabilities=True)
    assert not again.cached
    after = volume_rows(again.path)
    changed = before["value"].ne(after["value"]) & before["value"].notna()
    assert set(before.index[changed]) == {("b", "brier"), ("b", "ece")}


def test_a_damaged_map_is_predicted_again(run: Run, plugins: Any, monkeypatch: Any) -> None:
    method = plugins.method(SOFT)
    kept = run(method, probabilities=True)
    map_ = kept.path / "predictions" / "probability-scar" / "a.nii.gz"
    content, before = map_.read_bytes(), volume_rows(kept.path)
    map_.write_bytes(b"")
    again = run(method, probabilities=True)
    assert map_.read_bytes() == content
    pd.testing.assert_frame_equal(volume_rows(again.path), before)


def test_a_repetition_measures_them_again(run: Run, plugins: Any) -> None:
    kept = run(plugins.method(SOFT), probabilities=True)
    again = rerun(kept.path, Reporter())
    assert (again.reproduced, again.differing) == (True, 0)
    names = set(volume_rows(again.result.path).index.get_level_values("metric"))
    assert set(CALIBRATION) <= names
    plain = rerun(run(plugins.method(SOFT)).path, Reporter())
    assert plain.reproduced
    assert not (plain.result.path / "predictions" / "probability-scar").exists()


def test_what_a_run_stored_can_be_scored_from_its_folder(
    run: Run, plugins: Any, tmp_path: Path
) -> None:
    from benchmark.plan import resolve

    kept = run(plugins.method(SOFT), probabilities=True)
    data = resolve("datasets", plugins.toy(), {}).plugin
    place = kept.path / "predictions"
    evaluate(data, place, tmp_path / "out", roles=["test", "external"], probabilities=place)
    there, here = volume_rows(kept.path), volume_rows(tmp_path / "out")
    for name in ("dice", *CALIBRATION):
        a, b = (t.xs(name, level="metric")["value"] for t in (there, here))
        pd.testing.assert_series_equal(a, b)


def test_the_better_calibrated_method_wins(run: Run, plugins: Any) -> None:
    """Same labels; in readers of tables the smaller error is the better one."""
    from benchmark.compare import compare
    from benchmark.leaderboard import leaderboard
    from benchmark.table import Quantity, read_runs, tidy

    blunt = "return Segmentation(np.where(image > 500, 3, 0), (), {Region.SCAR: SURE})"
    halves = "np.where(image > 500, np.float32(1), np.float32(0.5))"
    paths = [
        run(plugins.method(body, name=name), probabilities=True).path
        for name, body in (("soft", SOFT), ("blunt", blunt.replace("SURE", halves)))
    ]
    table = tidy(read_runs(paths))
    for name in CALIBRATION:
        [row] = compare(table, region="scar", metric=name).to_dict("records")
        assert (row["better"], row["unit"]) == ("lower", "")
        board = leaderboard(read_runs(paths), columns=(Quantity("scar", name),), resamples=50)
        assert [(r.rank, r.label) for r in board.rows] == [(1, "soft"), (2, "blunt")]
        assert board.rows[0].cells[0].mean < board.rows[1].cells[0].mean
        assert dict(board.metric_cards) == {name: cards()[name].hash}

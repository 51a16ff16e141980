"""Scoring folders of masks: hand values, rows for failing cases, errors for unfit sets."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmark.datasets.emidec import Emidec
from benchmark.errors import DataError, UsageError
from benchmark.evaluate import evaluate
from benchmark.labels import parse_labels
from benchmark.masks import find_files
from benchmark.nifti import write_labels
from benchmark.plan import resolve
from benchmark.plugins import Dataset
from benchmark.scoring import SCORES, TABLES, ScoreTask, arrow_schema

ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")

SPACING = (1.5, 1.25, 8.0)


def save(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = SPACING) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)


def heart(shift: int = 0) -> np.ndarray:
    """(x, y, z): a 6 x 4 block of cavity in two slices, with 4 x 2 of scar; moved along x."""
    labels = np.zeros((12, 8, 3), np.uint8)
    labels[2 + shift : 8 + shift, 2:6, :2] = 1
    labels[3 + shift : 7 + shift, 3:5, :2] = 3
    return labels


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Three references, three predictions: the same, moved by one voxel, moved by two."""
    for shift, name in enumerate(("a", "b", "c")):
        save(tmp_path / "ref" / f"{name}.nii.gz", heart())
        save(tmp_path / "pred" / f"{name}.nii.gz", heart(shift))
    return tmp_path / "ref", tmp_path / "pred", tmp_path / "out"


def table(out: Path, name: str = "scores") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return rows


def value(rows: list[dict[str, Any]], **where: Any) -> float | None:
    found = [r for r in rows if all(r[k] == v for k, v in where.items())]
    assert len(found) == 1, (where, found)
    result: float | None = found[0]["value"]
    return result


def test_moved_blocks_score_what_a_hand_computes(folders: tuple[Path, Path, Path]) -> None:
    summary = evaluate(*folders)
    rows = table(folders[2])
    scar = {"region": "scar", "level": "volume"}
    # 4 voxels wide, moved by 0, 1, 2: 4, 3, 2 of 4 overlap.
    for case, dice in (("a", 1.0), ("b", 0.75), ("c", 0.5)):
        assert value(rows, case=case, metric="dice", **scar) == dice
    # Along x, where a voxel is 1.5 mm.
    for case, distance in (("a", 0.0), ("b", 1.5), ("c", 3.0)):
        assert value(rows, case=case, metric="hd", dim="3d", **scar) == distance
    assert value(rows, case="c", metric="volume_error_ml", **scar) == 0
    features = table(folders[2], "features")
    volume = value(features, case="b", source="prediction", level="volume", feature="scar_ml")
    assert volume == pytest.approx(16 * 1.5 * 1.25 * 8 / 1000)
    counts = table(folders[2], "counts")
    assert sum(r["voxels"] for r in counts if r["case"] == "b") == 12 * 8 * 3
    assert (summary.cases, summary.scored, summary.missing, summary.failed) == (3, 3, (), {})
    assert summary.notes == ()


def test_the_csv_holds_the_rows_of_the_parquet_exactly(folders: tuple[Path, Path, Path]) -> None:
    summary = evaluate(*folders)
    with summary.files["csv"].open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = table(folders[2])
    assert [list(line) for line in lines[:1]] == [list(SCORES)]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line == {k: "" if v is None else str(v) for k, v in row.items()}
    for name, columns in TABLES.items():
        schema = pq.read_schema(summary.files[name])
        assert schema.equals(arrow_schema(columns), check_metadata=True)


def test_the_same_input_gives_the_same_bytes(folders: tuple[Path, Path, Path]) -> None:
    reference, prediction, out = folders
    first = evaluate(reference, prediction, out / "1").files
    second = evaluate(reference, prediction, out / "2").files
    for name in first:
        assert first[name].read_bytes() == second[name].read_bytes()
    assert sorted(p.name for p in (out / "1").iterdir()) == [
        "counts.parquet",
        "features.parquet",
        "scores.csv",
        "scores.parquet",
    ]


def test_a_missing_prediction_is_rows_without_values(folders: tuple[Path, Path, Path]) -> None:
    (folders[1] / "b.nii.gz").unlink()
    summary = evaluate(*folders)
    assert summary.missing == ("b",)
    assert summary.scored == 2
    rows = table(folders[2])
    assert {r["case"] for r in rows} == {"a", "b", "c"}
    dice = [r for r in rows if (r["case"], r["metric"], r["level"]) == ("b", "dice", "volume")]
    scar = next(r for r in dice if r["region"] == "scar")
    assert (scar["value"], scar["status"], scar["worst"]) == (None, "no_prediction", 0.0)
    assert all(r["value"] is None for r in rows if r["case"] == "b")


def break_prediction(path: Path, how: str) -> None:
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "4-D":
        save(path, np.zeros((12, 8, 3, 2), np.uint8))
    else:
        save(path, heart().astype(np.float32) + np.float32(0.25 if how == "fraction" else 9))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "is a damaged gzip file"),
        ("empty", "is empty"),
        ("4-D", "has 4 axes"),
        ("fraction", "holds 0.25 where labels are whole numbers"),
        ("unknown", "holds the unknown label 9, 10, 12; known are 0, 1, 2, 3, 4"),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_a_case_that_cannot_be_read_is_an_error_row_and_the_others_go_on(
    folders: tuple[Path, Path, Path], how: str, message: str, side: int
) -> None:
    break_prediction(folders[side] / "b.nii.gz", how)
    summary = evaluate(*folders)
    assert list(summary.failed) == ["b"]
    assert message in summary.failed["b"]
    assert str(folders[side] / "b.nii.gz") in summary.failed["b"]
    rows = table(folders[2])
    broken = [r for r in rows if r["case"] == "b"]
    assert broken
    assert {r["value"] for r in broken} == {None}
    worst = {r["worst"] for r in broken if r["metric"] in ("hd", "absolute_volume_error_ml")}
    if side == 0:
        # nothing is known of its field of view, so no policy may put a number in
        assert {r["worst"] for r in broken} == {None}
    else:
        assert {w is None for w in worst} == {True, False}
    dice = [r for r in broken if (r["metric"], r["region"]) == ("dice", "scar")]
    assert {r["status"] for r in dice if r["level"] == "volume"} == {"error"}
    assert message in dice[0]["message"]
    assert value(rows, case="c", region="scar", metric="dice", level="volume") == 0.5


def test_predictions_that_do_not_fit_are_all_named_and_nothing_is_written(
    folders: tuple[Path, Path, Path],
) -> None:
    _, prediction, out = folders
    save(prediction / "a.nii.gz", heart()[:-1])
    save(prediction / "b.nii.gz", heart(), spacing=(1.5, 1.25, 10.0))
    save(prediction / "c.nii.gz", heart().transpose(1, 0, 2), spacing=(1.25, 1.5, 8.0))
    save(prediction / "bb.nii.gz", heart())
    with pytest.raises(DataError) as caught:
        evaluate(*folders)
    lines = caught.value.problem.splitlines()
    assert lines[0] == "4 predictions do not fit:"
    assert lines[1] == (
        f"{prediction / 'bb.nii.gz'} belongs to no reference case. Did you mean 'b'?"
    )
    expected = (
        "expected is 12x8x3 voxels of 1.5x1.25x8 mm (x, y, z), axes to R, A, S, from (0, 0, 0)."
    )
    assert lines[2].startswith(f"{prediction / 'a.nii.gz'} does not lie on its reference: ")
    assert "its shape is another: it has 11x8x3 voxels" in lines[2]
    assert "its spacing is another: it has 12x8x3 voxels of 1.5x1.25x10 mm" in lines[3]
    assert "its axes look swapped, (y, x, z) for (x, y, z): it has 8x12x3 voxels" in lines[4]
    assert all(line.endswith(expected) for line in lines[2:])
    assert list(out.iterdir()) == []


def test_two_files_for_one_case_are_refused(folders: tuple[Path, Path, Path]) -> None:
    save(folders[1] / "b.nii", heart())
    with pytest.raises(DataError, match=r"several files for one case: b\.nii and b\.nii\.gz\."):
        evaluate(*folders)


def test_empty_and_missing_folders_are_named(folders: tuple[Path, Path, Path]) -> None:
    reference, prediction, out = folders
    (out / "void").mkdir(parents=True)
    with pytest.raises(DataError, match=r"prediction folder .*void holds no \.nii\.gz"):
        evaluate(reference, out / "void", out)
    with pytest.raises(DataError, match=r"reference folder .*void holds no \.nii\.gz"):
        evaluate(out / "void", prediction, out)
    with pytest.raises(DataError, match=r"prediction folder .*gone does not exist"):
        evaluate(reference, out / "gone", out)
    with pytest.raises(DataError, match=r"prediction folder .*a\.nii\.gz is not a folder"):
        evaluate(reference, prediction / "a.nii.gz", out)


def test_an_output_that_cannot_be_written_is_known_before_any_scoring(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, prediction, out = folders
    out.write_text("a file is in the way")

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("scored before the output was tried")

    monkeypatch.setattr("benchmark.casework.score_case", never)
    with pytest.raises(DataError, match=r"out.scores\.parquet cannot be written"):
        evaluate(reference, prediction, out)


def test_an_unknown_metric_is_a_usage_error(folders: tuple[Path, Path, Path]) -> None:
    with pytest.raises(UsageError, match="dcie"):
        evaluate(*folders, metrics=["dcie"])


def test_only_the_metrics_asked_for_are_scored(folders: tuple[Path, Path, Path]) -> None:
    evaluate(*folders, metrics=["dice"])
    assert {r["metric"] for r in table(folders[2])} == {"dice"}


def test_each_side_may_have_codes_of_its_own(folders: tuple[Path, Path, Path]) -> None:
    reference, prediction, out = folders
    for name in "abc":
        save(reference / f"{name}.nii.gz", heart().astype(np.int16) * 100)
    labels = parse_labels("cavity=100;scar=300")
    evaluate(reference, prediction, out, labels=labels, prediction_labels=parse_labels("scar=1,3"))
    rows = table(out)
    found = next(
        r
        for r in rows
        if (r["case"], r["region"], r["metric"], r["level"]) == ("a", "scar", "dice", "volume")
    )
    assert found["value"] == pytest.approx(2 * 16 / (16 + 48))
    cavity = [r for r in rows if r["region"] == "cavity"]
    assert {r["status"] for r in cavity} == {"not_applicable"}
    myocardium = [r for r in rows if r["region"] == "myocardium"]
    assert {r["status"] for r in myocardium} == {"not_applicable"}


def test_what_needs_an_image_is_not_applicable_without_one(
    folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    reference, prediction, out = folders
    labels = parse_labels("myocardium=1;scar=3")
    evaluate(reference, prediction, out, labels=labels)
    assert {r["status"] for r in table(out) if r["region"] == "core_scar"} == {"not_applicable"}
    intensities = np.where(heart() == 3, 900, 100).astype(np.int16)
    for name in "ab":
        save(tmp_path / "images" / f"{name}_0000.nii.gz", intensities)
    evaluate(reference, prediction, out, labels=labels, images=tmp_path / "images")
    core = [r for r in table(out) if r["region"] == "core_scar" and r["level"] == "volume"]
    dice = {r["case"]: r for r in core if r["metric"] == "dice"}
    assert dice["a"]["value"] == 1.0
    assert dice["c"]["status"] == "not_applicable"


def test_images_on_another_grid_or_with_other_names_are_noticed(
    folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    reference, prediction, out = folders
    save(tmp_path / "images" / "b.nii.gz", np.zeros((12, 8, 4), np.int16))
    summary = evaluate(reference, prediction, out, images=tmp_path / "images")
    assert "images/b.nii.gz does not lie on its reference: its shape" in summary.failed["b"]
    save(tmp_path / "other" / "x.nii.gz", np.zeros((12, 8, 3), np.int16))
    with pytest.raises(DataError, match=r"No image in .* there are x for a, b, c"):
        evaluate(reference, prediction, out, images=tmp_path / "other")


def test_the_emidec_layout_is_found_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("Case_N001", "Case_P002"):
        for part in ("Images", "Contours"):
            save(tmp_path / "official" / name / part / f"{name}.nii.gz", heart())
    (tmp_path / "official" / "Case P002.txt").write_text("Age : 50")
    (tmp_path / "official" / ".hidden.nii.gz").touch()
    found = find_files(tmp_path, "reference", "Contours")
    assert list(found) == ["Case_N001", "Case_P002"]
    assert found["Case_P002"].parent.name == "Contours"
    assert find_files(tmp_path, "image", "Images")["Case_P002"].parent.name == "Images"


def test_torch_is_not_imported() -> None:
    code = "import sys, benchmark.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_emidec
def test_emidec_against_itself_is_perfect_and_one_voxel_to_the_side_is_the_spacing(
    tmp_path: Path,
) -> None:
    folder = EMIDEC / "emidec-dataset-1.0.1"
    cases = ("Case_N016", "Case_P063")
    overlap: dict[str, float] = {}
    for name in cases:
        source = folder / name / "Contours" / f"{name}.nii.gz"
        image = nib.load(source)
        labels = np.asanyarray(image.dataobj)
        moved = np.roll(labels, 1, axis=0)
        reference = tmp_path / "ref" / name / "Contours" / f"{name}.nii.gz"
        reference.parent.mkdir(parents=True)
        reference.symlink_to(source)
        (tmp_path / "same").mkdir(exist_ok=True)
        (tmp_path / "same" / f"{name}.nii.gz").symlink_to(source)
        (tmp_path / "moved").mkdir(exist_ok=True)
        shifted = nib.Nifti1Image(moved, image.affine, image.header)
        nib.save(shifted, tmp_path / "moved" / f"{name}.nii")
        both = ((labels > 0) & (moved > 0)).sum()
        overlap[name] = float(2 * both / ((labels > 0).sum() + (moved > 0).sum()))
    summary = evaluate(tmp_path / "ref", tmp_path / "same", tmp_path / "out")
    assert summary.scored == 2
    assert summary.notes[0].startswith("2 of 2 cases: The affine says a spacing of 1x1x1 mm")
    same = table(tmp_path / "out")
    assert {r["value"] for r in same if r["metric"] == "dice"} == {1.0, None}
    assert {r["value"] for r in same if r["metric"] == "hd"} == {0.0, None}
    evaluate(tmp_path / "ref", tmp_path / "moved", tmp_path / "out")
    rows = table(tmp_path / "out")
    for name, spacing in (("Case_N016", 1.40625), ("Case_P063", 1.75)):
        where = {"case": name, "region": "lv", "level": "volume"}
        assert value(rows, metric="dice", **where) == pytest.approx(overlap[name], abs=1e-12)
        assert value(rows, metric="hd", dim="3d", **where) == pytest.approx(spacing, abs=1e-6)


def test_a_spacing_nobody_has_is_the_fault_of_its_case(folders: tuple[Path, Path, Path]) -> None:
    for folder in folders[:2]:
        save(folder / "b.nii.gz", heart(), (1.5, 1.25, 2e6))
    summary = evaluate(*folders)
    assert list(summary.failed) == ["b"]
    assert str(folders[0] / "b.nii.gz") in summary.failed["b"]
    assert summary.scored == 2


def test_what_does_not_fit_together_is_the_fault_of_its_case(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(**given: Any) -> ScoreTask:
        if given["case"] == "b":
            raise DataError("They do not fit.")
        return ScoreTask(**given)

    monkeypatch.setattr("benchmark.casework.ScoreTask", task)
    summary = evaluate(*folders)
    path = folders[1] / "b.nii.gz"
    assert summary.failed == {"b": f"{path} cannot be scored: They do not fit."}
    rows = [r for r in table(folders[2]) if r["case"] == "b"]
    assert {r["status"] for r in rows} == {"error", "not_applicable"}  # no image


@needs_emidec
def test_a_data_set_gives_references_apex_and_images(tmp_path: Path) -> None:
    data = Emidec(data_root=EMIDEC)
    prediction = tmp_path / "pred"
    prediction.mkdir()
    (prediction / "Case_P050.nii.gz").symlink_to(data.files("Case_P050")[1])
    (prediction / "Case_P002.nii.gz").symlink_to(data.files("Case_P002")[1])
    summary = evaluate(data, prediction, tmp_path / "out", roles=["validation"], metrics=["dice"])
    # Case_P002 is known, though of another role: neither scored nor extra.
    assert (summary.cases, summary.scored, len(summary.missing)) == (8, 1, 7)
    rows = [r for r in table(tmp_path / "out") if r["case"] == "Case_P050"]
    assert value(rows, region="core_scar", level="volume") == 1.0
    assert value(rows, region="lv", level="apex") == 1.0


def test_whatever_a_strangers_data_set_raises_is_the_row_of_its_case(
    tmp_path: Path, plugins: Any
) -> None:
    text = Path(plugins.toy()).read_text().replace("raise DataError(", "raise ValueError(")
    broken = resolve("datasets", plugins.file("odd", text), {"unreadable": "b"}).plugin
    assert isinstance(broken, Dataset)
    prediction = tmp_path / "pred"
    prediction.mkdir()
    for case in "ab":
        study = resolve("datasets", plugins.toy(), {}).plugin.load(case).study
        write_labels(prediction / f"{case}.nii.gz", np.zeros((3, 20, 18), np.uint8), study.target)
    summary = evaluate(broken, prediction, tmp_path / "out", roles=["test"], metrics=["dice"])
    assert list(summary.failed) == ["b"]
    assert "ValueError" in summary.failed["b"]
    assert (summary.cases, summary.missing) == (3, ("c",))

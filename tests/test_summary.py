"""nnU-Net's summary.json: read, and held against the masks that it is said to be of."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from benchmark.cli._app import app, run_app
from benchmark.errors import DataError
from benchmark.labels import CANONICAL, parse_labels
from benchmark.presets import read_summary
from benchmark.presets.summary import region_of
from benchmark.regions import Region

SPACING = (10.0, 1.5, 1.5)


def heart() -> np.ndarray[Any, np.dtype[np.uint8]]:
    labels = np.zeros((3, 20, 20), dtype=np.uint8)
    labels[1:, 5:15, 5:15] = 2
    labels[1:, 8:12, 8:12] = 1
    labels[1, 5:8, 5:9] = 3
    return labels


def write(folder: Path, **cases: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    folder.mkdir()
    for name, labels in cases.items():
        affine = np.diag([*SPACING[::-1], 1.0])
        nib.save(nib.Nifti1Image(labels.T, affine), folder / f"{name}.nii.gz")


def counted(
    reference: np.ndarray[Any, Any], prediction: np.ndarray[Any, Any], codes: tuple[int, ...]
) -> dict[str, float]:
    """What nnU-Net writes, computed here by hand."""
    r, p = np.isin(reference, codes), np.isin(prediction, codes)
    tp, fp, fn = int((r & p).sum()), int((~r & p).sum()), int((r & ~p).sum())
    tn, either = int((~r & ~p).sum()), tp + fp + fn
    return {
        "Dice": 2 * tp / (either + tp) if either else math.nan,
        "IoU": tp / either if either else math.nan,
        "FP": fp, "TP": tp, "FN": fn, "TN": tn, "n_pred": tp + fp, "n_ref": tp + fn,
    }  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three references, two predictions (one without scar), and the summary of those two."""
    monkeypatch.chdir(tmp_path)
    without = np.where(heart() == 3, 2, heart()).astype(np.uint8)
    references = {"a": heart(), "b": without, "c": heart()}
    predictions = {"a": np.roll(heart(), 1, axis=2), "b": without}
    write(tmp_path / "r", **references)
    write(tmp_path / "p", **predictions)
    keys: dict[str, tuple[int, ...]] = {
        "1": (1,), "3": (3,), "(2, 3)": (2, 3), "(1, 2, 3)": (1, 2, 3),
    }  # fmt: skip
    entries = [
        {
            "prediction_file": f"/elsewhere/p/{name}.nii.gz",
            "reference_file": f"/elsewhere/r/{name}.nii.gz",
            "metrics": {
                k: counted(references[name], predictions[name], v) for k, v in keys.items()
            },
        }
        for name in predictions
    ]
    content = {"foreground_mean": {}, "mean": {}, "metric_per_case": entries}
    (tmp_path / "summary.json").write_text(json.dumps(content))
    return tmp_path


def bench(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    words = ["score", "-r", "r", "-p", "p", "-o", "s", "--metric", "dice", *more]
    code = run_app(app, [*words, "--summary", "summary.json"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


LABELS = ("--labels", "cavity=1;myocardium=2;scar=3")


def test_numbers_come_in_the_files_order(folders: Path) -> None:
    numbers = read_summary(folders / "summary.json")
    assert len(numbers) == 2 * 4 * 8
    first = numbers[0]
    assert (first.case, first.codes, first.metric) == ("a", (1,), "Dice")
    assert first.value == 0.75  # four columns, one off
    scar = [n.value for n in numbers if n.case == "b" and n.codes == (3,) and n.metric == "Dice"]
    assert len(scar) == 1
    assert math.isnan(scar[0])


@pytest.mark.parametrize(
    ("codes", "labels", "region"),
    [
        ((1,), "cavity=1;myocardium=2;scar=3", Region.CAVITY),
        ((2, 3), "cavity=1;myocardium=2;scar=3", Region.MYOCARDIUM),
        ((1, 2, 3), "cavity=1;myocardium=2;scar=3", Region.LV),
        ((3,), "cavity=1;myocardium=2;scar=3", Region.SCAR),
        ((2,), "cavity=1;myocardium=2;scar=3", None),
        ((3,), "cavity=1;myocardium=2;scar=3,4", None),
        ((4, 3), "cavity=1;myocardium=2;scar=3,4", Region.SCAR),
        ((2,), "cavity=1;myocardium=2", Region.MYOCARDIUM),
        ((2,), "myocardium=2", Region.MYOCARDIUM),
        ((9,), "myocardium=2", None),
        ((3,), str(CANONICAL), None),
        ((4,), str(CANONICAL), Region.MVO),
    ],
)
def test_codes_are_a_region_if_no_other_code_is_part_of_it(
    codes: tuple[int, ...], labels: str, region: Region | None
) -> None:
    assert region_of(codes, parse_labels(labels)) == region


def test_a_summary_of_these_masks_differs_in_what_it_does_not_know_alone(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = bench(capsys, *LABELS, "--json")
    assert code == 0
    found = json.loads(out, parse_constant=pytest.fail)["summary"]
    assert found["compared"] == 64
    assert [(d["case"], d["quantity"]) for d in found["differences"]] == [("c", "")]
    assert "not in the summary" in found["differences"][0]["reason"]
    (folders / "r" / "c.nii.gz").unlink()
    _, out, _ = bench(capsys, *LABELS)
    assert "summary.json: all 64 numbers are those of the masks" in out
    assert (folders / "s" / "preset-nnunet.csv").is_file()


def test_every_difference_is_named(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((folders / "summary.json").read_text())
    a, b = content["metric_per_case"]
    a["metrics"]["3"]["Dice"] = 0.5
    b["metrics"]["3"]["Dice"] = 1.0  # nnU-Net has no number there
    a["metrics"]["3"]["Recall"] = 0.5
    a["metrics"]["2"] = {"Dice": 0.1}
    b["prediction_file"] = "C:\\masks\\b.nii.gz"
    content["metric_per_case"].append({**a, "prediction_file": "x/z.nii.gz"})
    (folders / "summary.json").write_text(json.dumps(content))
    code, out, _ = bench(capsys, *LABELS, "--json")
    assert code == 0
    found = json.loads(out)["summary"]
    told = {(d["case"], d["quantity"]): d for d in found["differences"]}
    assert set(told) == {
        ("z", ""), ("c", ""), ("", "code 2"), ("a", "scar Dice"), ("b", "scar Dice"),
        ("a", "scar Recall"),
    }  # fmt: skip
    assert found["compared"] == 64
    assert told["a", "scar Dice"]["summary"] == 0.5
    assert told["a", "scar Dice"]["masks"] == pytest.approx(0.75)
    assert told["b", "scar Dice"]["masks"] == "nan"
    assert "not among the references" in told["z", ""]["reason"]
    _, out, _ = bench(capsys, *LABELS)
    assert "6 differences" in out


def test_without_the_meaning_of_the_codes_scar_is_no_region(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Canonical labels have a fourth code, which is part of scar.
    _, out, _ = bench(capsys, "--json")
    told = json.loads(out)["summary"]["differences"]
    assert {d["quantity"] for d in told} == {"", "code 3", "codes 2, 3", "codes 1, 2, 3"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read as JSON"),
        pytest.param("[" * 100_000, "cannot be read as JSON", id="deep"),
        ("[]", "metric_per_case"),
        ('{"metric_per_case": [{"metrics": {}}]}', "entry 0 .* no 'prediction_file'"),
        ('{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"scar": {}}}]}', "'scar'"),
        (
            '{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"1": {"Dice": "x"}}}]}',
            "Dice of 1 is 'x'",
        ),
        (
            '{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {}}, '
            '{"prediction_file": "b/a.nii.gz", "metrics": {}}]}',
            "'a' is there twice",
        ),
        ("[" * 100_000, "cannot be read as JSON"),
        (
            '{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"1": {"TP": 1'
            + "0" * 400
            + "}}}]}",
            "TP of 1 is too large",
        ),
        (
            '{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"'
            + "1" * 5000
            + '": {}}}]}',
            "is no label",
        ),
    ],
)
def test_what_is_no_summary_is_named(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "summary.json"
    path.write_text(content)
    with pytest.raises(DataError, match=says) as error:
        read_summary(path)
    assert str(path) in str(error.value)


def test_a_summary_that_is_not_there_stops_before_anything_is_written(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "summary.json").unlink()
    code, _, err = bench(capsys, *LABELS)
    assert code == 2
    assert "summary.json" in err
    assert not (folders / "s").exists()

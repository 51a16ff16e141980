"""A folder of label maps as a method: every case has a mask, or counts as the worst."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark import Region, Study, Volume
from benchmark.closure import hash_files
from benchmark.errors import DataError, NoPredictionError, UsageError
from benchmark.methods.predictions import Predictions
from benchmark.nifti import read_labels, write_labels, write_probabilities
from benchmark.registry import create

Run = Callable[..., Any]


def study(name: str = "a", shape: tuple[int, int, int] = (2, 3, 4)) -> Study:
    return Study(name, {"lge": Volume(np.zeros(shape, dtype=np.int16), (8.0, 1.5, 1.5))})


def put(folder: Path, labels: np.ndarray, name: str = "a") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.nii.gz"
    write_labels(path, labels, study(shape=labels.shape).target)
    return path


LABELS = np.arange(24).reshape(2, 3, 4) % 4


def test_the_label_map_of_the_study_is_the_answer(tmp_path: Path) -> None:
    put(tmp_path, LABELS)
    put(tmp_path, np.zeros_like(LABELS), "b")
    answer = Predictions(folder=tmp_path).predict(study())
    np.testing.assert_array_equal(answer.labels, LABELS)
    assert answer.probabilities is None
    assert Predictions(folder=tmp_path).produces == {
        Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR,
    }  # fmt: skip


def test_codes_are_mapped_and_the_regions_are_those_named(tmp_path: Path) -> None:
    image = nib.Nifti1Image((LABELS.T * 10).astype(np.uint8), np.diag([1.5, 1.5, 8.0, 1.0]))
    nib.save(image, tmp_path / "a.nii")
    method = Predictions(folder=tmp_path, labels="background=10;myocardium=20;scar=30")
    labels = np.asarray(method.predict(study()).labels)
    np.testing.assert_array_equal(labels, np.array([0, 0, 2, 3])[LABELS])
    assert method.produces == {Region.MYOCARDIUM, Region.SCAR}
    with pytest.raises(DataError, match="unknown label 10"):
        Predictions(folder=tmp_path).predict(study())


def test_the_layout_of_emidec_is_found(tmp_path: Path) -> None:
    path = put(tmp_path / "a" / "Contours", LABELS)
    method = Predictions(folder=tmp_path)
    assert method.predict(study()).labels is not None
    assert list(method.files()) == [path]


def test_a_map_that_is_not_there_or_not_of_the_study_is_told(tmp_path: Path) -> None:
    put(tmp_path, LABELS)
    method = Predictions(folder=tmp_path)
    with pytest.raises(NoPredictionError, match=r"no label map of 'b'\. Add b\.nii\.gz"):
        method.predict(study("b"))
    with pytest.raises(DataError, match=r"a\.nii\.gz does not lie on the image of 'a'"):
        method.predict(study("a", (2, 3, 5)))
    (tmp_path / "c.nii.gz").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"c\.nii\.gz"):
        Predictions(folder=tmp_path).predict(study("c"))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "folder: Field required"),
        ({"folder": "no-such"}, "no-such is not a folder"),
        ({"folder": ".", "probabilities": "no-such"}, "no-such is not a folder"),
        ({"folder": ".", "labels": "scar"}, "'scar' in labels 'scar'"),
    ],
)
def test_parameters_that_cannot_work_are_refused(values: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        create("methods", "predictions", values)


def test_an_empty_folder_or_two_maps_of_a_case_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.nii\.gz"):
        Predictions(folder=tmp_path).files()
    put(tmp_path, LABELS).with_name("a.nii").touch()
    with pytest.raises(DataError, match="several files for one case"):
        Predictions(folder=tmp_path).files()


@pytest.mark.parametrize("prefix", ["", "probability-"])
def test_probabilities_are_given_where_there_are_any(tmp_path: Path, prefix: str) -> None:
    put(tmp_path / "masks", LABELS)
    put(tmp_path / "masks", LABELS, "b")
    values = np.linspace(0, 1, 24).reshape(2, 3, 4)
    (tmp_path / "maps" / f"{prefix}scar").mkdir(parents=True)
    path = tmp_path / "maps" / f"{prefix}scar" / "a.nii.gz"
    write_probabilities(path, values, study().target)
    method = Predictions(folder=tmp_path / "masks", probabilities=tmp_path / "maps")
    given = method.predict(study()).probabilities
    assert given is not None
    assert set(given) == {Region.SCAR}
    np.testing.assert_allclose(given[Region.SCAR], values, atol=0.5 / 255 + 1e-6)
    assert method.predict(study("b")).probabilities == {}
    assert path in method.files()
    write_probabilities(path, values[:1], study(shape=(1, 3, 4)).target)
    with pytest.raises(DataError, match=r"scar.*a\.nii\.gz does not lie on the image of 'a'"):
        method.predict(study())


def test_the_maps_are_part_of_the_key(tmp_path: Path) -> None:
    put(tmp_path, LABELS)
    before = hash_files(Predictions(folder=tmp_path).files())
    put(tmp_path, 3 - LABELS)
    changed = hash_files(Predictions(folder=tmp_path).files())
    put(tmp_path, LABELS, "b")
    added = hash_files(Predictions(folder=tmp_path).files())
    assert len({before, changed, added}) == 3


def test_the_predictions_of_a_run_score_as_they_did_and_a_missing_one_as_the_worst(
    run: Run, plugins: Any
) -> None:
    first = run(plugins.method(rest="needs = frozenset()"), probabilities=False)
    folder = first.path / "predictions"
    asked = {"folder": str(folder), "labels": "scar=3"}
    second = run("predictions", settings=asked)
    assert second.cases == {"ok": 4}
    tables = [
        pd.read_parquet(r.path / "scores.parquet").drop(columns="message") for r in (first, second)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert (second.record.method.trains, second.record.method.needs) == (False, [])
    (folder / "b.nii.gz").unlink()
    third = run("predictions", settings=asked)
    assert third.cases == {"ok": 3, "no_prediction": 1}
    assert third.path != second.path
    cases = pd.read_parquet(third.path / "cases.parquet").set_index("case")
    assert cases.message["b"] == f"{folder} has no label map of 'b'. Add b.nii.gz."
    scores = pd.read_parquet(third.path / "scores.parquet")
    mine = scores[(scores.case == "b") & (scores.metric == "dice") & (scores.region == "scar")]
    assert set(mine.status) == {"no_prediction"}
    assert read_labels(folder / "a.nii.gz").labels.any()

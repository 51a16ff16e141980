"""Anybody's data in nnU-Net's raw layout: files, labels, channels, roles, and what can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from benchmark.datasets.folder import Folder
from benchmark.errors import DataError, UsageError
from benchmark.types import Region

JSON = {
    "channel_names": {"0": "LGE"},
    "labels": {"background": 0, "LV blood pool": 1, "myocardium": 2, "scar": 3, "no-reflow": 4},
    "numTraining": 3,
    "file_ending": ".nii.gz",
}


def save(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = (1.5, 1.25, 8.0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)


def add(
    root: Path, name: str, part: str = "Tr", channels: int = 1, ending: str = ".nii.gz"
) -> None:
    for n in range(channels):
        image = np.full((5, 4, 3), 10 * (n + 1), np.int16)
        save(root / f"images{part}" / f"{name}_{n:04d}{ending}", image)
    labels = np.zeros((5, 4, 3), np.uint8)
    labels[1:4, 1, 1] = 1, 2, 3
    save(root / f"labels{part}" / f"{name}{ending}", labels)


def write_json(root: Path, **changes: Any) -> None:
    root.mkdir(exist_ok=True)
    content = {k: v for k, v in {**JSON, **changes}.items() if v is not None}
    (root / "dataset.json").write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three training cases."""
    write_json(tmp_path / "d")
    for name in ("a_01", "b", "c"):
        add(tmp_path / "d", name)
    return tmp_path / "d"


def roles(data: Folder) -> dict[str, str]:
    return {info.id: info.role for info in data.index()}


def refusal(data: Folder) -> str:
    with pytest.raises((DataError, UsageError)) as caught:
        data.index()
    return str(caught.value)


def test_a_case_is_its_channels_and_canonical_labels(root: Path) -> None:
    data = Folder(data_root=root)
    case = data.load("a_01")
    assert [info.id for info in data.index()] == ["a_01", "b", "c"]
    assert case.study.target.spacing == (8.0, 1.25, 1.5)
    assert case.study.images["lge"].shape == (3, 4, 5)
    assert case.reference.labels is not None
    assert case.reference.labels[1, 1].tolist() == [0, 1, 2, 3, 0]
    assert case.study.apex is None
    assert [p.name for p in data.files("a_01")] == [
        "a_01_0000.nii.gz",
        "a_01.nii.gz",
        "dataset.json",
    ]


def test_annotates_follows_from_the_labels_there_are(root: Path) -> None:
    every = {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR, Region.MVO}
    assert Folder(data_root=root).annotates == every
    assert Folder(data_root=root, labels="scar=3;background=1,2").annotates == {Region.SCAR}


def test_nested_regions_and_codes_of_nnunet_1_are_understood(root: Path) -> None:
    write_json(root, labels={"background": 0, "LV": [1, 2, 3], "myo": [2, 3], "scar": [3]})
    nested = Folder(data_root=root).load("b").reference.labels
    old = {"0": "background", "1": "scar", "2": "myo", "3": "cavity"}
    write_json(root, labels=old, channel_names=None, modality={"0": "MRI"}, file_ending=None)
    coded = Folder(data_root=root).load("b").reference.labels
    assert nested is not None
    assert coded is not None
    assert nested[1, 1].tolist() == [0, 1, 2, 3, 0]
    assert coded[1, 1].tolist() == [0, 3, 2, 1, 0]


def test_the_parameters_say_what_codes_and_channels_mean(root: Path) -> None:
    write_json(root, channel_names={"0": "foo", "1": "bar"}, labels={"background": 0, "x": 1})
    for name in ("a_01", "b", "c"):
        add(root, name, channels=2)
    data = Folder(data_root=root, labels="myocardium=1,2;scar=3", channels="1=lge; 0=cine")
    case = data.load("c")
    assert {m: int(v.voxels.max()) for m, v in case.study.images.items()} == {"lge": 20, "cine": 10}
    assert data.annotates == {Region.MYOCARDIUM, Region.SCAR}
    one = Folder(data_root=root, labels="myocardium=1,2;scar=3", channels="1=lge")
    assert list(one.load("c").study.images) == ["lge"]
    assert Folder(data_root=root, apex="last", channels="0=lge", labels="scar=1,2,3").load(
        "c"
    ).study.apex == ("last")


def test_labelled_test_cases_are_tested_on_and_unlabelled_ones_left_out(root: Path) -> None:
    add(root, "t", part="Ts")
    add(root, "u", part="Ts")
    (root / "labelsTs" / "u.nii.gz").unlink()
    found = roles(Folder(data_root=root))
    assert found["t"] == "test"
    assert "u" not in found
    assert {found[name] for name in ("a_01", "b", "c")} <= {"train", "validation"}
    assert Folder(data_root=root).load("t").study.id == "t"


def test_a_fold_decides_and_its_val_is_tested_on_where_nothing_else_is(root: Path) -> None:
    folds = [{"train": ["a_01", "b"], "val": ["c"]}, {"train": ["c"], "val": ["b"]}]
    (root / "splits_final.json").write_text(json.dumps(folds))
    assert roles(Folder(data_root=root)) == {"a_01": "train", "b": "train", "c": "test"}
    assert roles(Folder(data_root=root, fold=1)) == {"b": "test", "c": "train"}
    add(root, "t", part="Ts")
    assert roles(Folder(data_root=root, fold=1)) == {"b": "validation", "c": "train", "t": "test"}
    (root / "mine.json").write_text(json.dumps(folds[1:]))
    assert roles(Folder(data_root=root, splits=root / "mine.json"))["b"] == "validation"


def test_without_a_split_a_role_depends_on_the_name_alone(root: Path) -> None:
    for number in range(60):
        add(root, f"n{number:02d}")
    found = roles(Folder(data_root=root))
    assert {r: list(found.values()).count(r) for r in ("train", "validation", "test")} == {
        "train": 40,
        "validation": 9,
        "test": 14,
    }
    for path in [*root.glob("*/n*"), *root.glob("*/a*")]:
        path.unlink()
    assert roles(Folder(data_root=root)) == {name: found[name] for name in ("b", "c")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"background": 0, "liver": 1}}, "has a label 'liver' (code 1) whose meaning"),
        ({"labels": {"background": 0, "scar": "x"}}, "has the label 'background': 0"),
        ({"labels": {}}, "has no 'labels'"),
        ({"channel_names": None}, "has no 'channel_names'"),
        ({"channel_names": {"0": "CT"}}, "has the channel 'CT' (0), no known modality"),
        (
            {"channel_names": {"0": "LGE", "1": "PSIR"}},
            "two channels of one modality: 0=lge",
        ),
        ({"channel_names": {"a": "LGE"}}, "has channels ['a']"),
        ({"file_ending": ".png"}, "has file_ending '.png'"),
        ({"channel_names": {"0": "LGE", "1": "cine"}}, "a_01_0000.nii.gz lacks its channel _0001."),
    ],
)
def test_a_dataset_json_that_does_not_do_is_explained(
    root: Path, changes: dict[str, Any], message: str
) -> None:
    write_json(root, **changes)
    assert message in refusal(Folder(data_root=root))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_dataset_json_that_is_none_is_named(root: Path, text: str) -> None:
    (root / "dataset.json").write_text(text)
    assert "dataset.json " in refusal(Folder(data_root=root))
    (root / "dataset.json").unlink()
    assert "dataset.json does not exist" in refusal(Folder(data_root=root))


def test_missing_partners_are_all_named(root: Path) -> None:
    (root / "labelsTr" / "b.nii.gz").unlink()
    (root / "imagesTr" / "c_0000.nii.gz").unlink()
    message = refusal(Folder(data_root=root))
    assert "b_0000.nii.gz has no label file." in message
    assert "c.nii.gz has no image." in message
    with pytest.raises(DataError, match=r"b_0000\.nii\.gz has no label file\."):
        Folder(data_root=root).load("b")


def test_a_name_in_both_parts_is_refused(root: Path) -> None:
    add(root, "b", part="Ts")
    assert "b is in imagesTr and in imagesTs." in refusal(Folder(data_root=root))


def test_no_folder_an_empty_one_and_no_root_are_told_apart(tmp_path: Path) -> None:
    assert "with --data-root" in refusal(Folder())
    assert "none is not a folder" in refusal(Folder(data_root=tmp_path / "none"))
    write_json(tmp_path / "d")
    assert "has no case with image and labels" in refusal(Folder(data_root=tmp_path / "d"))


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        ([], 0, "has 0 folds, no fold 0"),
        ([{"train": ["b"]}], 0, "has no list 'val' in fold 0"),
        ([{"train": ["b"], "val": ["b"]}], 0, "has b in train and in val of fold 0"),
        ([{"train": ["b"], "val": ["zz"]}], 0, "names zz, which"),
    ],
)
def test_a_split_that_does_not_fit_is_explained(
    root: Path, folds: list[Any], fold: int, message: str
) -> None:
    (root / "splits_final.json").write_text(json.dumps(folds))
    assert message in refusal(Folder(data_root=root, fold=fold))


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ("0=xray", "'0=xray' in channels"),
        ("lge", "'lge' in channels"),
        ("7=lge", "has no channel 7"),
    ],
)
def test_channels_that_do_not_fit_are_explained(root: Path, channels: str, message: str) -> None:
    assert message in refusal(Folder(data_root=root, channels=channels))


def test_a_misaligned_or_unknown_label_is_named_when_the_case_is_loaded(root: Path) -> None:
    path = root / "labelsTr" / "b.nii.gz"
    save(path, np.zeros((5, 4, 3), np.uint8), spacing=(1.5, 1.25, 10))
    with pytest.raises(DataError, match=r"b\.nii\.gz does not lie on the image of 'b': its sp"):
        Folder(data_root=root).load("b")
    save(path, np.full((5, 4, 3), 9, np.uint8))
    with pytest.raises(DataError, match=r"b\.nii\.gz holds the unknown label 9; known are 0, 1, 2"):
        Folder(data_root=root).load("b")
    with pytest.raises(DataError, match=r"no case 'cc'\. Did you mean 'c'"):
        Folder(data_root=root).load("cc")


def test_channels_on_different_grids_are_refused(root: Path) -> None:
    write_json(root, channel_names={"0": "LGE", "1": "cine"})
    add(root, "b", channels=2)
    save(root / "imagesTr" / "b_0001.nii.gz", np.zeros((5, 4, 2), np.int16))
    with pytest.raises(DataError, match=r"b_0001\.nii\.gz does not lie on the image of 'b'"):
        Folder(data_root=root).load("b")


def test_unpacked_files_are_read(tmp_path: Path) -> None:
    write_json(tmp_path / "d", file_ending=".nii")
    add(tmp_path / "d", "a", ending=".nii")
    assert Folder(data_root=tmp_path / "d").load("a").study.id == "a"


def test_scans_of_one_patient_share_a_role(root: Path) -> None:
    """Two frames of one heart must not part into training and test."""
    for patient in range(12):
        for frame in (1, 9):
            add(root, f"p{patient:02d}_frame{frame}")
    for name in ("b", "c"):
        for path in root.glob(f"*/{name}*"):
            path.unlink()
    data = Folder(data_root=root, patient=r"([a-z]\d*)_")
    found = {info.id: (info.patient, info.role) for info in data.index()}
    assert found["p03_frame1"] == found["p03_frame9"]
    assert found["p03_frame1"][0] == "p03"
    assert len({role for _, role in found.values()}) > 1
    for strange in ("x", "x*", r"(?:(q\d+)_)?"):
        assert "finds nothing in the case" in refusal(Folder(data_root=root, patient=strange))
    assert "several groups" in refusal(Folder(data_root=root, patient=r"([a-z])(\d*)"))
    assert "no regular expression" in refusal(Folder(data_root=root, patient="("))

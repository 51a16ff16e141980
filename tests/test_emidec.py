"""EMIDEC: layout, split, clinical text, faults; and the real 64 cases where they are."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmark.datasets.emidec import Emidec
from benchmark.errors import DataError
from benchmark.types import Region

ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")


def save(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = (1.5, 1.25, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(voxels, np.diag([-1.0, -1, 1, 1]))
    image.header.set_zooms((*spacing, 1.0)[: voxels.ndim])
    nib.save(image, path)


def add_case(folder: Path, name: str, suffix: str = ".nii.gz") -> None:
    labels = np.zeros((6, 5, 4), np.uint8)
    labels[1:5, 1:4] = 2
    labels[2:4, 2], labels[1, 1] = 1, 3
    image = np.arange(120, dtype=np.float64).reshape(6, 5, 4)
    save(folder / name / "Images" / f"{name}{suffix}", image)
    save(folder / name / "Contours" / f"{name}{suffix}", labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases in the official layout."""
    root = tmp_path / "downloads" / "emidec" / "emidec-dataset-1.0.1"
    for name in ("Case_P001", "Case_N006"):
        add_case(root, name)
    return root


def test_a_case_has_pixdim_spacing_int16_voxels_and_canonical_labels(folder: Path) -> None:
    case = Emidec(data_root=folder).load("Case_P001")
    image = case.study.images["lge"]
    assert image.spacing == (10.0, 1.25, 1.5)
    assert image.shape == (4, 5, 6)
    assert image.voxels.dtype == np.int16
    assert image.voxels[1, 2, 3] == 3 * 20 + 2 * 4 + 1
    assert case.reference.labels is not None
    assert case.reference.labels[0, 1, 1] == 3
    assert case.study.apex == "first"
    assert case.study.attributes["pathology"] == "infarction"


def test_the_folder_is_found_one_or_two_levels_above(folder: Path) -> None:
    for root in (folder, folder.parent, folder.parent.parent):
        assert [i.id for i in Emidec(data_root=root).index()] == ["Case_N006", "Case_P001"]


def test_two_copies_below_the_root_are_not_guessed_between(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "copy")
    with pytest.raises(DataError, match=r"holds 2 folders with cases: .*copy, .*1\.0\.1"):
        Emidec(data_root=folder.parent).index()


def test_unpacked_files_are_read_too(folder: Path) -> None:
    add_case(folder, "Case_N007", suffix=".nii")
    data = Emidec(data_root=folder)
    assert data.load("Case_N007").study.target.spacing == (10.0, 1.25, 1.5)
    assert [p.name for p in data.files("Case_N007")] == ["Case_N007.nii", "Case_N007.nii"]


def test_cases_without_a_letter_belong_to_the_test_set_and_are_not_listed(folder: Path) -> None:
    save(folder / "Case_101" / "Images" / "Case_101.nii.gz", np.zeros((6, 5, 4)))
    assert [i.id for i in Emidec(data_root=folder).index()] == ["Case_N006", "Case_P001"]


def test_clinical_text_becomes_attributes_and_a_line_without_a_colon_is_ignored(
    folder: Path,
) -> None:
    text = (
        "Case P001\nSex :  M\nAGE : 54\nArterial hypertension :N\nTroponin : 0,35\nKillip max :\n"
    )
    (folder / "Case P001.txt").write_text(text)
    data = Emidec(data_root=folder)
    attributes = {
        "sex": "M",
        "age": 54,
        "arterial_hypertension": "N",
        "troponin": 0.35,
        "killip_max": None,
        "site": "dijon",
        "vendor": "siemens",
        "pathology": "infarction",
    }
    by_id = {i.id: i for i in data.index()}
    assert by_id["Case_P001"].attributes == attributes
    assert data.load("Case_P001").study.attributes == attributes
    assert by_id["Case_N006"].attributes["pathology"] == "normal"
    assert data.files("Case_P001")[-1] == folder / "Case P001.txt"


def test_bytes_that_are_no_utf8_do_not_stop_the_clinical_text(folder: Path) -> None:
    (folder / "Case P001.txt").write_bytes("Remarque : décès\nAge : 60".encode("latin-1"))
    index = Emidec(data_root=folder).index()
    assert index[1].attributes["age"] == 60


def test_no_root_says_where_the_data_are() -> None:
    with pytest.raises(
        DataError, match=r"not part of scarbench\. Give .*--data-root; .*emidec\.com"
    ):
        Emidec().index()


def test_a_root_that_is_no_folder_or_holds_no_case_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone is not a folder"):
        Emidec(data_root=tmp_path / "gone").index()
    with pytest.raises(DataError, match="holds no folder such as Case_N006"):
        Emidec(data_root=tmp_path).index()


def test_every_unpaired_case_is_named_at_once(folder: Path) -> None:
    add_case(folder, "Case_N009")
    add_case(folder, "Case_N010")
    (folder / "Case_N009" / "Contours" / "Case_N009.nii.gz").unlink()
    (folder / "Case_P001" / "Images" / "Case_P001.nii.gz").unlink()
    shutil.rmtree(folder / "Case_N010")
    (folder / "Case_N010").mkdir()
    data = Emidec(data_root=folder)
    with pytest.raises(DataError) as caught:
        data.index()
    message = str(caught.value)
    assert message.startswith("3 of 4 cases are incomplete: ")
    assert "Case_N009.nii.gz has no contour: Contours/Case_N009.nii.gz is missing." in message
    assert "Case_P001.nii.gz has no image: Images/Case_P001.nii.gz is missing." in message
    assert "Case_N010 has neither Images/" in message
    with pytest.raises(DataError, match="has no contour"):
        data.load("Case_N009")


def test_an_unknown_case_suggests_near_ones(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no case 'Case_P011'\. Did you mean 'Case_P001'"):
        Emidec(data_root=folder).load("Case_P011")


@pytest.mark.parametrize(
    ("part", "voxels", "message"),
    [
        ("Images", np.zeros((6, 5, 4, 3)), "has 4 axes, shape (6, 5, 4, 3)"),
        ("Contours", np.ones((6, 4, 4), np.uint8), "does not lie on its image: its shape"),
        ("Contours", np.ones((5, 6, 4), np.uint8), "axes look swapped, (y, x, z) for (x, y, z)"),
        ("Contours", np.full((6, 5, 4), 5, np.uint8), "holds the unknown label 5"),
        ("Contours", np.zeros((6, 5, 4), np.uint8), "is background throughout"),
    ],
)
def test_a_bad_file_is_named_when_its_case_is_loaded(
    folder: Path, part: str, voxels: np.ndarray, message: str
) -> None:
    path = folder / "Case_P001" / part / "Case_P001.nii.gz"
    save(path, voxels)
    with pytest.raises(DataError) as caught:
        Emidec(data_root=folder).load("Case_P001")
    assert str(path) in caught.value.problem
    assert message in caught.value.problem


def test_a_damaged_file_is_named_when_its_case_is_loaded(folder: Path) -> None:
    path = folder / "Case_P001" / "Images" / "Case_P001.nii.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"Case_P001\.nii\.gz is a damaged gzip"):
        Emidec(data_root=folder).load("Case_P001")


def test_a_role_does_not_depend_on_which_cases_are_present(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        add_case(tmp_path / "all", f"Case_P00{number}")
    roles = {i.id: i.role for i in Emidec(data_root=tmp_path / "all").index()}
    for name in roles:
        shutil.copytree(tmp_path / "all" / name, tmp_path / name / name)
        assert Emidec(data_root=tmp_path / name).index()[0].role == roles[name]


def test_the_roles_of_some_cases_are_what_was_committed(tmp_path: Path) -> None:
    committed = {
        "Case_N013": "train",
        "Case_P002": "test",
        "Case_P050": "validation",
        "Case_P100": "train",
    }
    for name in committed:
        add_case(tmp_path, name)
    assert {i.id: i.role for i in Emidec(data_root=tmp_path).index()} == committed


@needs_emidec
def test_the_64_cases_part_as_documented() -> None:
    index = Emidec(data_root=EMIDEC).index()
    assert Counter((i.role, i.stratum) for i in index) == {
        ("train", "normal"): 12,
        ("validation", "normal"): 3,
        ("test", "normal"): 7,
        ("train", "infarction"): 22,
        ("validation", "infarction"): 5,
        ("test", "infarction"): 15,
    }


@needs_emidec
def test_all_64_cases_load_and_slice_0_is_the_apex() -> None:
    data = Emidec(data_root=EMIDEC)
    cavity_grows = ventricle_grows = scarred = 0
    for info in data.index():
        case = data.load(info.id)
        image, labels = case.study.target, case.reference.labels
        assert labels is not None
        source = nib.load(data.files(info.id)[0])
        assert image.spacing == tuple(float(v) for v in source.header.get_zooms()[::-1])
        assert 1.3 < image.spacing[1] == image.spacing[2] < 1.9
        assert 8 <= image.spacing[0] < 13.1
        assert image.voxels.dtype == np.int16
        assert 0 <= image.voxels.min() < image.voxels.max() <= 4095
        has_scar = bool(Region.SCAR.mask(labels).any())
        assert has_scar == (info.attributes["pathology"] == "infarction")
        scarred += has_scar
        cavity = Region.CAVITY.mask(labels).sum(axis=(1, 2))
        ventricle = Region.LV.mask(labels).sum(axis=(1, 2))
        cavity_grows += bool(cavity[0] < cavity[-1])
        ventricle_grows += bool(ventricle[0] < ventricle[-1])
    assert (cavity_grows, ventricle_grows, scarred) == (64, 63, 42)

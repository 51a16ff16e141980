"""EMIDEC: LGE short-axis stacks after myocardial infarction, and normal ones, with contours.

The official layout is read as it is unpacked: ``Case_P002/Images/Case_P002.nii.gz``,
``Case_P002/Contours/Case_P002.nii.gz``, and beside the case folders ``Case P002.txt`` with clinical
data. Its test set has no contours and is not listed.

* The spacing is in ``pixdim`` only; the affine is diag(-1, -1, 1) and says 1 mm everywhere.
* Slice 0 is the apex: in the 64 cases this was checked on, the cavity of the first slice is smaller
  than that of the last in all, the whole ventricle in 63.
* The split is a hash of the case id, about 53 % train, 12 % validation, 35 % test, so that nobody
  moves whichever cases are present. Its salt was chosen, before any method was trained, such that
  those 64 cases part 12/3/7 (normal) and 22/5/15 (infarction), with like shares of scar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from benchmark.errors import DataError, near_misses
from benchmark.grid import Grid, same_grid
from benchmark.nifti import SUFFIXES, read_image, read_labels
from benchmark.plugins import Dataset
from benchmark.types import Attribute, Case, CaseInfo, Region, Segmentation, Study

from ._split import hashed_role

_CASE = re.compile(r"Case_([NP])\d{3}")
_PATHOLOGY = {"N": "normal", "P": "infarction"}
_ORIGIN = {"site": "dijon", "vendor": "siemens"}
_APEX: Literal["first"] = "first"
_SALT, _TRAIN, _VALIDATION = "emidec-8859:", 0.53, 0.12
_WHERE = "Give the folder that holds the Case_* folders with --data-root; http://emidec.com has it."


class Emidec(Dataset):
    """The training set of the EMIDEC challenge, or any part of it."""

    annotates: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR, Region.MVO}
    )
    title: ClassVar[str] = "EMIDEC"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = (
        "Lalande A. et al. Emidec: A Database Usable for the Automatic Evaluation of Myocardial "
        "Infarction from Delayed-Enhancement Cardiac MRI. Data 2020; 5(4):89."
    )

    data_root: Path | None = Field(
        None, description="Folder of the Case_* folders, or one or two levels above it"
    )

    def index(self) -> Sequence[CaseInfo]:
        """Every case with a contour, by id; clinical data as attributes.

        Raises:
            DataError: No data there, or images without contours and contours without images.
        """
        folder = self._folder()
        found = {path.name: _pair(path) for path in sorted(folder.iterdir()) if _is_case(path)}
        faults = [_unpaired(folder / name, *pair) for name, pair in found.items() if None in pair]
        if faults:
            raise DataError(
                f"{len(faults)} of {len(found)} cases are incomplete: {' '.join(faults)}",
                "Unpack those cases again, or remove their folders.",
            )
        return [self._info(folder, name) for name in found]

    def load(self, case_id: str) -> Case:
        """One case: the image as int16 (EMIDEC writes whole numbers as float64) and its labels.

        Raises:
            DataError: A file is missing, unreadable or not 3-D, holds other labels than 0 to 4, or
                image and contour do not lie on one grid.
        """
        image_path, labels_path = self._paths(case_id)
        image, drawn = read_image(image_path), read_labels(labels_path)
        difference = same_grid(drawn.grid, Grid.of(image))
        if difference is not None:
            raise DataError(
                f"{labels_path} does not lie on its image: {difference}",
                f"Unpack {case_id} again, or remove its folder.",
            )
        if not np.any(drawn.labels):
            raise DataError(f"{labels_path} is background throughout.", f"Unpack {case_id} again.")
        attributes = self._info(self._folder(), case_id).attributes
        study = Study(case_id, {"lge": image}, attributes, apex=_APEX)
        return Case(study, Segmentation(drawn.labels))

    def files(self, case_id: str) -> Sequence[Path]:
        """Image, contour and, where there is one, the clinical text."""
        text = _clinical_path(self._folder(), case_id)
        return [*self._paths(case_id), *([text] if text else [])]

    def _folder(self) -> Path:
        """The folder that holds the case folders.

        Raises:
            DataError: There is none, or more than one.
        """
        if self.data_root is None:
            raise DataError("The data set emidec is not part of scarbench.", _WHERE)
        root = self.data_root.expanduser()
        if not root.is_dir():
            raise DataError(f"{root} is not a folder.", _WHERE)
        for pattern in ("Case_*", "*/Case_*", "*/*/Case_*"):
            holders = sorted({path.parent for path in root.glob(pattern) if _is_case(path)})
            if len(holders) > 1:
                raise DataError(
                    f"{root} holds {len(holders)} folders with cases: "
                    f"{', '.join(map(str, holders[:4]))}.",
                    "Give one of them with --data-root.",
                )
            if holders:
                return holders[0]
        raise DataError(f"{root} holds no folder such as Case_N006 or Case_P001.", _WHERE)

    def _paths(self, case_id: str) -> tuple[Path, Path]:
        """Image and contour of a case.

        Raises:
            DataError: There is no such case, or one of the two is missing.
        """
        folder = self._folder()
        if not _is_case(folder / case_id):
            known = [path.name for path in folder.iterdir() if _is_case(path)]
            raise DataError(f"{folder} has no case {case_id!r}.", near_misses(case_id, known))
        image, contour = _pair(folder / case_id)
        if image is None or contour is None:
            fault = _unpaired(folder / case_id, image, contour)
            raise DataError(fault, f"Unpack {case_id} again, or remove its folder.")
        return image, contour

    @staticmethod
    def _info(folder: Path, case_id: str) -> CaseInfo:
        pathology = _PATHOLOGY[case_id.removeprefix("Case_")[0]]
        text = _clinical_path(folder, case_id)
        return CaseInfo(
            case_id,
            hashed_role(case_id, _SALT, _TRAIN, _VALIDATION),
            stratum=pathology,
            attributes={**(_clinical(text) if text else {}), **_ORIGIN, "pathology": pathology},
        )


def _is_case(path: Path) -> bool:
    return bool(_CASE.fullmatch(path.name)) and path.is_dir()


def _pair(case: Path) -> tuple[Path | None, Path | None]:
    """Image and contour of a case folder, each packed or not; None where there is none."""
    image, contour = (
        next((f for s in SUFFIXES if (f := case / part / f"{case.name}{s}").is_file()), None)
        for part in ("Images", "Contours")
    )
    return image, contour


def _unpaired(case: Path, image: Path | None, contour: Path | None) -> str:
    if image is None and contour is None:
        return f"{case} has neither Images/{case.name}.nii.gz nor Contours/{case.name}.nii.gz."
    if contour is None:
        return f"{image} has no contour: Contours/{case.name}.nii.gz is missing."
    return f"{contour} has no image: Images/{case.name}.nii.gz is missing."


def _clinical_path(folder: Path, case_id: str) -> Path | None:
    """``Case P001.txt`` (or ``Case_P001.txt``), beside the case folder or in it."""
    names = (f"{case_id.replace('_', ' ')}.txt", f"{case_id}.txt")
    places = (place / name for place in (folder, folder / case_id) for name in names)
    return next((path for path in places if path.is_file()), None)


def _clinical(path: Path) -> Mapping[str, Attribute]:
    """``Key : value`` lines as attributes, ``Arterial hypertension`` as ``arterial_hypertension``.

    Numbers become numbers, an empty value None; a line without a colon is a heading and ignored,
    since nothing that is scored depends on these files.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    found: dict[str, Attribute] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        name = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
        if colon and name:
            found[name] = _value(value.strip())
    return found


def _value(text: str) -> Attribute:
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?\d*[.,]\d+", text):
        return float(text.replace(",", "."))
    return text or None

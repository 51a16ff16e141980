"""Folder: anybody's data in nnU-Net's raw layout, without a line of code.

``imagesTr/NAME_0000.nii.gz`` (one file per channel), ``labelsTr/NAME.nii.gz``, ``dataset.json``
with ``channel_names``, ``labels`` (codes, or lists of codes for regions) and ``file_ending``;
``imagesTs`` and ``labelsTs`` where there are both. nnU-Net 1's ``dataset.json`` is read as well.

Roles. Labelled ``Ts`` cases are tested on. ``Tr`` cases follow fold ``fold`` of
``splits_final.json``, which leaves out those it does not name; without labelled ``Ts`` cases its
``val`` is what is tested on, as in nnU-Net's cross-validation. Without that file a hash of the
case's name decides, which no other case can change: 80 % train and 20 % validate, or, without
labelled ``Ts`` cases, 60 % train, 15 % validate, 25 % test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmark.errors import DataError, UsageError, near_misses
from benchmark.grid import Grid, same_grid
from benchmark.labels import LabelMap, named_labels, parse_labels
from benchmark.nifti import read_image, read_labels
from benchmark.plugins import Dataset
from benchmark.types import Case, CaseInfo, Region, Role, Segmentation, Study

from ._nnunet import CaseFiles, Layout, read_layout, read_splits
from ._split import hashed_role

_SALT = "folder:"
_WHERE = "Give the folder that holds dataset.json, imagesTr and labelsTr with --data-root."
_MODALITIES = {
    "lge": "lge|de|psir|late gadolinium enhancement|delayed enhancement|mri|mr",
    "cine": "cine|bssfp|ssfp",
    "t1": "t1|t1 map|t1 mapping",
    "t2": "t2|t2 map|t2 mapping",
    "t1_weighted": "t1w|t1 weighted",
    "t2_weighted": "t2w|t2 weighted|stir",
}


class Folder(Dataset):
    """Cases of a folder in nnU-Net's raw layout."""

    data_root: Path | None = Field(None, description="Folder of dataset.json and imagesTr")
    labels: str = Field("", description="Meaning of the codes: 'cavity=1;myocardium=2;scar=3,4'")
    channels: str = Field("", description="Modality by channel: '0=lge;1=cine', no others")
    splits: Path | None = Field(None, description="Instead of data_root/splits_final.json")
    fold: int = Field(0, ge=0, description="Which fold of the splits")
    apex: Literal["first", "last"] | None = Field(None, description="Which slice is the apex")
    patient: str = Field(
        "", description="Regular expression whose group is the patient in a case's name"
    )

    @property
    def annotates(self) -> frozenset[Region]:  # type: ignore[override]
        """The regions that its labels speak about, known only once dataset.json is read.

        Raises:
            DataError: As :meth:`index`.
        """
        return self._labels(self._layout()).regions

    def index(self) -> Sequence[CaseInfo]:
        """Every labelled case, ``Tr`` before ``Ts``, each by name.

        Raises:
            DataError: No data there, images without labels or labels without images, labels or
                channels of unknown meaning, or a split that names cases which are not there.
        """
        layout = self._layout()
        self._labels(layout)
        channels = self._channels(layout)
        training = layout.cases("Tr")
        # Test images without labels are nothing to score, and usual.
        testing = {name: files for name, files in layout.cases("Ts").items() if files.labels}
        faults = [
            fault
            for files in (*training.values(), *testing.values())
            if (fault := files.fault(channels))
        ]
        faults += [f"{n} is in imagesTr and in imagesTs." for n in training if n in testing]
        if faults:
            more = f" And {len(faults) - 10} more." if len(faults) > 10 else ""
            raise DataError(f"{' '.join(faults[:10])}{more}", "Add or remove the files named.")
        if not training and not testing:
            raise DataError(f"{layout.root} has no case with image and labels.", _WHERE)
        roles = self._roles(layout, list(training), bool(testing))
        roles |= dict.fromkeys(testing, "test")
        return [CaseInfo(name, role, self._patient(name)) for name, role in roles.items()]

    def load(self, case_id: str) -> Case:
        """One case; its labels as canonical labels.

        Raises:
            DataError: A file is missing, unreadable or not 3-D, holds an unknown code, or the
                channels and the labels do not lie on one grid.
        """
        layout = self._layout()
        labels, channels = self._labels(layout), self._channels(layout)
        files, label_path = self._files(layout, case_id)
        images = {modality: read_image(files.images[n]) for n, modality in channels.items()}
        study = Study(case_id, images, apex=self.apex)
        drawn = read_labels(label_path, labels.codes.keys())
        grids = {files.images[n]: Grid.of(images[channels[n]]) for n in channels}
        for path, grid in {**grids, label_path: drawn.grid}.items():
            difference = same_grid(grid, Grid.of(study.target))
            if difference is not None:
                raise DataError(
                    f"{path} does not lie on the image of {case_id!r}: {difference}",
                    "Resample it to that image.",
                )
        return Case(study, Segmentation(labels.apply(drawn.labels)))

    def files(self, case_id: str) -> Sequence[Path]:
        """The images, the labels, and dataset.json, which says what they mean."""
        layout = self._layout()
        files, labels = self._files(layout, case_id)
        return [*files.images.values(), labels, layout.json]

    def _layout(self) -> Layout:
        if self.data_root is None:
            raise DataError("The data set folder needs a folder.", _WHERE)
        root = self.data_root.expanduser()
        if not root.is_dir():
            raise DataError(f"{root} is not a folder.", _WHERE)
        return read_layout(root)

    def _patient(self, case_id: str) -> str:
        """Whose case it is.

        Raises:
            UsageError: The expression is none, or does not match.
        """
        if not self.patient:
            return case_id
        try:
            match = re.match(self.patient, case_id)
        except re.error as error:
            raise UsageError(
                f"patient={self.patient!r} is no regular expression: {error}."
            ) from None
        found = match and (match[1] if match.re.groups else match[0])
        if match is None or match.re.groups > 1 or not found:
            what = "has several groups" if match and match.re.groups > 1 else "finds nothing"
            raise UsageError(
                f"patient={self.patient!r} {what} in the case {case_id!r}.",
                "Let it, or its one group, match what in every case's name is the patient; (?:...) "
                "groups without being one.",
            )
        return found

    def _files(self, layout: Layout, case_id: str) -> tuple[CaseFiles, Path]:
        """The files of a labelled case, which may lie in either part, and its label file.

        Raises:
            DataError: There is no such case, or a file of it is missing.
        """
        training, testing = (layout.case(case_id, part) for part in ("Tr", "Ts"))
        files = testing if testing.labels and not training.images else training
        if not files.images and files.labels is None:
            known = [*layout.cases("Tr"), *layout.cases("Ts")]
            raise DataError(f"{layout.root} has no case {case_id!r}.", near_misses(case_id, known))
        fault = files.fault(self._channels(layout))
        if fault or files.labels is None:
            raise DataError(fault or "", "Add the missing file, or remove the case.")
        return files, files.labels

    def _labels(self, layout: Layout) -> LabelMap:
        if self.labels:
            return parse_labels(self.labels)
        return named_labels(layout.labels, str(layout.json))

    def _channels(self, layout: Layout) -> dict[int, str]:
        """Modality by channel number, as the parameter or the channels' names have it.

        Raises:
            UsageError, DataError: A channel whose modality is not known, or two of one modality.
        """
        found = dict(self._asked(layout)) if self.channels else {}
        if not self.channels:
            for number, name in layout.channels.items():
                words = re.sub(r"[\s_\-]+", " ", name.strip().lower())
                modality = next((m for m, n in _MODALITIES.items() if words in n.split("|")), None)
                if modality is None:
                    raise DataError(
                        f"{layout.json} has the channel {name!r} ({number}), no known modality.",
                        f"Say what it is with channels, such as '{number}=lge'.",
                    )
                found[number] = modality
        if len(set(found.values())) < len(found):
            raise DataError(
                f"{layout.json} has two channels of one modality: "
                f"{', '.join(f'{n}={m}' for n, m in found.items())}.",
                "Keep one of them with channels, such as '0=lge'.",
            )
        return found

    def _asked(self, layout: Layout) -> Iterator[tuple[int, str]]:
        for part in filter(None, map(str.strip, self.channels.split(";"))):
            number, _, modality = map(str.strip, part.partition("="))
            if not number.isdecimal() or modality not in _MODALITIES:
                raise UsageError(
                    f"{part!r} in channels {self.channels!r} is not NUMBER=MODALITY.",
                    f"Modalities are {', '.join(_MODALITIES)}; write for instance '0=lge'.",
                )
            if int(number) not in layout.channels:
                raise UsageError(
                    f"{layout.json} has no channel {number}.",
                    f"It has {', '.join(f'{n} ({name})' for n, name in layout.channels.items())}.",
                )
            yield int(number), modality

    def _roles(self, layout: Layout, names: Sequence[str], tested: bool) -> dict[str, Role]:
        """Roles of the ``Tr`` cases; ``tested`` is whether there are others to test on."""
        path = self.splits or layout.root / "splits_final.json"
        if self.splits is None and not path.is_file():
            train, validation = (0.8, 0.2) if tested else (0.6, 0.15)
            # by patient, so that no two scans of one are parted
            return {n: hashed_role(self._patient(n), _SALT, train, validation) for n in names}
        train_ids, held_out = read_splits(path.expanduser(), self.fold)
        unknown = sorted({*train_ids, *held_out} - set(names))
        if unknown:
            raise DataError(
                f"{path} names {', '.join(unknown[:5])}{' ...' if len(unknown) > 5 else ''}, "
                f"which {layout.root / 'imagesTr'} lacks.",
                "Add those cases, or give another file with splits.",
            )
        rest: Role = "validation" if tested else "test"
        chosen: dict[str, Role] = dict.fromkeys(held_out, rest)
        chosen.update(dict.fromkeys(train_ids, "train"))
        return {name: chosen[name] for name in names if name in chosen}

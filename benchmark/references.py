"""Where references come from when stored masks are scored: a folder of files, or a data set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from inspect import getfile
from pathlib import Path
from typing import Any, Literal, Protocol

from .clinical.insertion import UNKNOWN, Insertion, insertion_of
from .closure import files_of, hash_files
from .contours.files import checked_contours, find_contours, read_contours
from .errors import BenchError, DataError
from .grid import Grid, same_grid
from .labels import LabelMap
from .masks import find_files
from .nifti import read_grid, read_image, read_labels
from .plugins import Dataset
from .relaxation import MapKind, map_of
from .types import Contour, Labels, Region, Role, Volume

__all__ = ["DatasetReferences", "FolderReferences", "Reference", "References", "file_stamp"]

Apex = Literal["first", "last"] | None


def file_stamp(path: Path | None) -> list[int] | None:
    """Changes when a file is written to or replaced; None if there is none.

    The time of the last change of its inode is in it, which no program can set back.
    """
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


@dataclass(frozen=True, eq=False)
class Reference:
    """One case's reference, with what scoring needs beside it."""

    labels: Labels
    grid: Grid
    image: Volume | None = None
    apex: Apex = None
    slice_positions: tuple[float, ...] | None = None
    contours: tuple[Contour, ...] = ()
    mapped: MapKind | None = None
    insertion: Insertion | str = UNKNOWN


class References(Protocol):
    """The list that drives scoring, and a way to load each of it."""

    @property
    def ids(self) -> Sequence[str]:
        """The cases to score, in their order."""

    @property
    def known(self) -> Collection[str]:
        """Cases that may have a prediction, to be scored or not."""

    @property
    def annotates(self) -> frozenset[Region]:
        """The regions that the references say something about."""

    @property
    def threads(self) -> bool:
        """Whether cases may be loaded in threads and in other processes."""

    @property
    def identity(self) -> Any:
        """All but files that a loaded case depends on, as JSON takes it; None if unknown."""

    def stamp(self, case: str) -> Any:
        """Changes, as JSON takes it, when a file of the case does; None where nobody knows."""

    def contoured(self, case: str) -> bool:
        """Whether the case is known to have contours, though it may not be possible to load it."""

    def grid(self, case: str) -> Grid:
        """Where the labels of a case lie.

        Raises:
            BenchError: They cannot be read.
        """

    def load(self, case: str) -> Reference:
        """A case.

        Raises:
            BenchError: It cannot be read.
        """


@dataclass(frozen=True)
class FolderReferences:
    """Label files named as their cases, in codes of their own, with or without images.

    Args:
        folder: Flat, or as EMIDEC has it.
        labels: What the codes mean.
        images: A folder with an image for each case, for what needs intensities.
        apex: Which slice is at the apex.
        contours: A folder with contours as JSON for some cases or all, beside the labels.

    Raises:
        DataError: A folder is missing or empty, has several files for one case, or contours of
            none.
    """

    folder: Path
    labels: LabelMap
    images: Path | None = None
    apex: Apex = None
    contours: Path | None = None
    _files: dict[str, Path] = field(init=False, repr=False)
    _images: dict[str, Path] = field(init=False, repr=False)
    _contours: dict[str, Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        files = find_files(self.folder, "reference", "Contours")
        images = {} if self.images is None else find_files(self.images, "image", "Images")
        if images and not images.keys() & files.keys():
            raise DataError(
                f"No image in {self.images} has the name of a reference: there are "
                f"{', '.join(list(images)[:3])} for {', '.join(list(files)[:3])}.",
                "Name each image as its case; it may end in _0000.",
            )
        object.__setattr__(self, "_files", files)
        object.__setattr__(self, "_images", images)
        object.__setattr__(self, "_contours", find_contours(self.contours, files))

    @property
    def ids(self) -> Sequence[str]:
        """Every case that has a file, by name."""
        return tuple(self._files)

    @property
    def known(self) -> Collection[str]:
        """The same."""
        return self._files.keys()

    @property
    def annotates(self) -> frozenset[Region]:
        """What the label map speaks about."""
        return self.labels.regions

    @property
    def threads(self) -> bool:
        """They may: it is our own code that reads them."""
        return True

    @property
    def identity(self) -> Any:
        """The codes and the apex."""
        return [dict(self.labels.codes), self.apex]

    def stamp(self, case: str) -> Any:
        """Stamps of the files of labels, image and contours."""
        found = (files.get(case) for files in (self._files, self._images, self._contours))
        return [file_stamp(path) for path in found]

    def contoured(self, case: str) -> bool:
        """Whether it has a file of them."""
        return case in self._contours

    def grid(self, case: str) -> Grid:
        """Where the labels of a case lie, from the header alone.

        Raises:
            DataError: It cannot be read.
        """
        return read_grid(self._files[case])

    def load(self, case: str) -> Reference:
        """Canonical labels and, where there are any, image and contours.

        Raises:
            DataError: A file cannot be read or holds an unknown code, or the image or a contour
                lies elsewhere.
        """
        drawn = read_labels(self._files[case], self.labels.codes.keys())
        image = read_image(self._images[case]) if case in self._images else None
        difference = None if image is None else same_grid(Grid.of(image), drawn.grid)
        if difference is not None:
            raise DataError(f"{self._images[case]} does not lie on its reference: {difference}")
        labels, path = self.labels.apply(drawn.labels), self._contours.get(case)
        contours = read_contours(path, labels.shape) if path else ()
        return Reference(labels, drawn.grid, image, self.apex, contours=contours)


@dataclass(frozen=True)
class DatasetReferences:
    """The cases of a data set.

    Args:
        dataset: Where they come from.
        roles: Score only cases of these roles; all by default.

    Raises:
        DataError: The data are not there, or no case has one of the roles.
    """

    dataset: Dataset
    roles: Collection[Role] | None = None
    ids: Sequence[str] = field(init=False)
    known: Collection[str] = field(init=False)
    annotates: frozenset[Region] = field(init=False)

    def __post_init__(self) -> None:
        index = self.dataset.index()
        ids = tuple(i.id for i in index if self.roles is None or i.role in self.roles)
        if not ids:
            asked = "" if self.roles is None else f" with role {' or '.join(sorted(self.roles))}"
            raise DataError(f"The data set has no case{asked}.")
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "known", frozenset(i.id for i in index))
        object.__setattr__(self, "annotates", frozenset(self.dataset.annotates))

    @property
    def threads(self) -> bool:
        """They may not: a stranger's code may hold a file or a data base open."""
        return False

    @property
    def identity(self) -> Any:
        """Parameters and code of the data set."""
        kind = type(self.dataset)
        try:
            code = hash_files(files_of(Path(getfile(kind)), kind.__module__))
            return [kind.__qualname__, code, self.dataset.model_dump(mode="json")]
        except (OSError, SyntaxError, TypeError, ValueError):
            return None  # it has no source to read: nobody knows whether it is still the same

    def stamp(self, case: str) -> Any:
        """Stamps of the files that the data set names; None if it names none, or other things.

        A path that leads to no file, or to a folder whose files may change while it does not, says
        nothing about what a case is made of.
        """
        try:
            paths = [Path(path) for path in self.dataset.files(case)]
            stamps = [file_stamp(path) if path.is_file() else None for path in paths]
        except Exception:  # a stranger's data set may raise anything; loading will say so
            return None
        return stamps if stamps and None not in stamps else None

    def contoured(self, case: str) -> bool:
        """Nobody knows before it is loaded."""
        return False

    def grid(self, case: str) -> Grid:
        """Where the study's target image lies.

        Raises:
            BenchError: The case cannot be loaded.
        """
        return self.load(case).grid

    def load(self, case: str) -> Reference:
        """The case's reference and target image.

        Raises:
            BenchError: The case cannot be loaded, or has contours only, or off its grid.
        """
        try:
            found = self.dataset.load(case)
        except BenchError:
            raise
        except Exception as error:  # a stranger's data set may raise anything
            raise DataError(
                f"Case {case!r} cannot be read: {type(error).__name__}: {error}."
            ) from error
        labels, target = found.reference.labels, found.study.target
        if labels is None:
            raise DataError(f"The reference of {case!r} has contours only, no labels.")
        contours = found.reference.contours
        checked_contours(contours, target.shape)
        apex, positions = found.study.apex, target.slice_positions
        mapped = map_of(found.study)
        insertion = insertion_of(found.study)
        grid = Grid.of(target)
        return Reference(labels, grid, target, apex, positions, contours, mapped, insertion)

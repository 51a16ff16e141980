"""Which files of a folder belong to which case."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import DataError
from .nifti import file_stem

__all__ = ["find_files"]

_CHANNEL = re.compile(r"(.+)_0000")


def find_files(folder: Path, what: str, subfolder: str) -> dict[str, Path]:
    """The NIfTI files of a folder by case, ordered by case.

    They lie in the folder itself, named ``CASE.nii.gz`` or ``CASE.nii``; or, where none does, as in
    EMIDEC in ``CASE/<subfolder>/CASE.nii.gz``, up to two levels further down. Other files are left
    alone.

    Args:
        folder: Where to look.
        what: What they are, for the messages: ``reference``, ``prediction`` or ``image``; the
            name of an image may end in ``_0000``, as nnU-Net has it.
        subfolder: ``Contours`` or ``Images``.

    Raises:
        DataError: No such folder, nothing in it, or several files for one case.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"The {what} folder {folder} {problem}.", "Check the path.")
    patterns = ("*.nii*", *(f"{'*/' * depth}*/{subfolder}/*.nii*" for depth in range(3)))
    for pattern in patterns:
        found: dict[str, list[Path]] = {}
        for path in sorted(folder.glob(pattern)):
            stem = file_stem(path)
            if stem is None or stem.startswith(".") or not path.is_file():
                continue
            channel = _CHANNEL.fullmatch(stem) if what == "image" else None
            found.setdefault(channel[1] if channel else stem, []).append(path)
        twice = [paths for _, paths in sorted(found.items()) if len(paths) > 1]
        if twice:
            raise DataError(
                f"The {what} folder {folder} has several files for one case: "
                f"{'; '.join(' and '.join(p.name for p in paths) for paths in twice[:5])}.",
                "Keep one of each.",
            )
        if found:
            return {case: paths[0] for case, paths in sorted(found.items())}
    raise DataError(
        f"The {what} folder {folder} holds no .nii.gz or .nii file.",
        "Give the folder of the files, each named as its case.",
    )

"""What lies under the name of a case's file and is none: a folder, a pipe, a link to nowhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

__all__ = ["no_files"]

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def no_files(folder: Path, cases: Collection[str]) -> dict[str, str]:
    """Why there is no file of a case although something is called as if it were.

    Nothing is opened: of a pipe or a device nobody knows when it would end.

    Args:
        folder: Where the files ``CASE.nii.gz`` or ``CASE.nii`` should lie.
        cases: Those that none was found of.
    """
    found = {}
    for case in cases:
        for path in (folder / f"{case}.nii.gz", folder / f"{case}.nii"):
            try:
                kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
            except OSError as error:
                if not os.path.lexists(path):
                    continue
                kind = f"a link that leads nowhere ({error.strerror})"
            if kind is not None:
                found[case] = f"{path} is {kind}, no file."
                break
    return found

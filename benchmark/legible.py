"""Whether something is there, where the answer may also be that nobody may look.

``Path.exists`` and ``Path.glob`` say that nothing is there, or break, as the version of Python has
it. A run that is left out in silence changes a table, so here it is an error that names it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from .errors import DataError

__all__ = ["inside", "is_there", "unreadable"]

#: What the system says of a path that leads nowhere.
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP, errno.ENAMETOOLONG)
_SYSTEMS_OWN = "lost+found"


def unreadable(path: Path, error: OSError) -> DataError:
    """The error a user reads when ``path`` cannot be read."""
    return DataError(
        f"{path} cannot be read: {error.strerror or error}.",
        "Ask its owner, or whoever owns the folders above it, to let you.",
    )


def is_there(path: Path, of: Path | None = None) -> bool:
    """Whether there is a ``path``.

    Args:
        path: A file or a folder.
        of: What to name instead of it in the error: the folder it belongs to.

    Raises:
        DataError: It cannot be told.
    """
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists answers without an error
    except OSError as error:
        if error.errno in _NOWHERE:
            return False
        raise unreadable(of or path, error) from None
    return True


def inside(folder: Path) -> list[Path]:
    """What is in ``folder``, sorted; nothing where there is no such folder.

    Not what is hidden, nor what a file system puts into its topmost folder: no run is there.

    Raises:
        DataError: It cannot be listed.
    """
    try:
        found = [p for p in folder.iterdir() if p.name[0] != "." and p.name != _SYSTEMS_OWN]
    except OSError as error:
        if error.errno in _NOWHERE:
            return []
        raise unreadable(folder, error) from None
    return sorted(found)

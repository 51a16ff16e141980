"""What may lie in a submission, and how large: whatever else does is not ours and is refused."""

from __future__ import annotations

import re

from ..errors import DataError
from ..types import Region, checked_id

__all__ = ["CARD", "CARD_TEXT", "ENTRY", "MANIFEST", "MAX_FILES", "MAX_TOTAL", "PRINTS",
           "PULL_REQUEST", "limit_of", "run_folder"]  # fmt: skip

MANIFEST = "submission.json"
ENTRY = "entry.json"
CARD = "method.toml"
CARD_TEXT = "METHOD.md"
PULL_REQUEST = "PULL_REQUEST.md"
#: Fingerprints of what was trained on, for data that the organiser does not have by name.
PRINTS = "training-prints.json"

_MB = 1_000_000
#: Bytes that a file may have, by name. The entry's is that of :mod:`benchmark.entries`.
_LIMITS = {MANIFEST: 64 * _MB, ENTRY: 2 * _MB, CARD: 16 * _MB, CARD_TEXT: 4 * _MB,
           PULL_REQUEST: 1 * _MB, PRINTS: 64 * _MB}  # fmt: skip
#: Of a label map or a map of probabilities, packed; what it may unpack to follows from its case.
_IMAGE = 256 * _MB
_CONTOURS = 100 * _MB
#: Of a whole submission: 100,000 files and 16 GB are five seeds of 10,000 cases with one map each.
MAX_FILES = 100_000
MAX_TOTAL = 16_000 * _MB
_RUN = re.compile(r"seed-\d{1,10}(-fold-\d{1,4})?")
_MAPS = frozenset(f"probability-{region}" for region in Region)


def run_folder(seed: int, fold: int | None) -> str:
    """Where the predictions of a run lie: ``predictions/seed-0``, ``predictions/seed-0-fold-2``."""
    return f"predictions/seed-{seed}" + ("" if fold is None else f"-fold-{fold}")


def limit_of(name: str) -> int | None:
    """How many bytes the file ``name`` may have; None where no such file belongs in a submission.

    Args:
        name: Relative, with ``/`` between its parts.
    """
    if name in _LIMITS:
        return _LIMITS[name]
    parts = name.split("/")
    if len(parts) not in (3, 4) or parts[0] != "predictions" or not _RUN.fullmatch(parts[1]):
        return None
    inner = parts[2] if len(parts) == 4 else ""
    suffix = ".json" if inner == "contours" else ".nii.gz"
    if inner not in ("", "contours") and inner not in _MAPS:
        return None
    if not parts[-1].endswith(suffix) or not _is_id(parts[-1].removesuffix(suffix)):
        return None
    return _CONTOURS if suffix == ".json" else _IMAGE


def _is_id(name: str) -> bool:
    try:
        checked_id(name)
    except DataError:
        return False
    return True

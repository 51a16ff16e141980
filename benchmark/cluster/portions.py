"""Some cases of a scoring, small enough to be sent: their paths, and nothing of other cases.

A worker elsewhere has a working directory of its own, so paths go out absolute. What it says of a
file must be what this process would have said, to the byte: it gets the paths as they were typed
too, and puts those into its messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..casework import ReadCase, Work
from ..probabilities import StoredProbabilities
from ..references import FolderReferences
from ..scoring import CaseScores

__all__ = ["Portion", "portion"]


class _Absolute:
    """Files of some cases under their absolute paths, and what each was typed as."""

    def __init__(self, cases: Mapping[str, object]) -> None:
        self._cases = cases
        self._here = Path.cwd()
        self.typed: dict[str, str] = {}

    def __call__(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Of ``files``, those of the cases."""
        found = {case: self._here / files[case] for case in self._cases if case in files}
        self.typed |= {str(p): str(files[c]) for c, p in found.items() if p != files[c]}
        return found


class _FolderPart(FolderReferences):
    """Some cases of a folder, without a look at the folder again."""

    def __init__(self, whole: FolderReferences, absolute: _Absolute) -> None:
        for name, value in vars(whole).items():
            files = name in ("_files", "_images", "_contours")
            object.__setattr__(self, name, absolute(value) if files else value)


class _MapsPart(StoredProbabilities):
    """The probability maps of some cases."""

    def __init__(self, whole: StoredProbabilities, absolute: _Absolute) -> None:
        object.__setattr__(self, "folder", whole.folder)
        files = {region: absolute(held) for region, held in whole.files.items()}
        object.__setattr__(self, "files", files)


@dataclass(frozen=True, eq=False)
class Portion:
    """Cases to score wherever their files can be seen; it pickles to a few hundred bytes each.

    Attributes:
        work: What to do, of these cases alone.
        keys: Key by case, as in :func:`benchmark.workers.score_all`.
        typed: What messages call a file, by its absolute path, where these differ.
    """

    work: Work
    keys: Mapping[str, bytes | None]
    typed: Mapping[str, str]

    def score(self, case: ReadCase) -> CaseScores:
        """The rows of a case, with the files in their messages called as they were typed."""
        scores = self.work.score(case)
        if case.fault or case.doubt:
            for row in (*scores.scores, *scores.counts, *scores.features):
                if row.get("message"):
                    row["message"] = self.told(row["message"])
        return scores

    def told(self, message: str) -> str:
        """``message`` with files called as they were typed."""
        for absolute, typed in self.typed.items():
            message = message.replace(absolute, typed)
        return message

    def of(self, cases: Mapping[str, bytes | None]) -> Portion:
        """The same of fewer cases."""
        part = portion(self.work, cases)
        return replace(part, typed=self.typed)


def portion(work: Work, keys: Mapping[str, bytes | None]) -> Portion:
    """The part of ``work`` that concerns the cases of ``keys``.

    Args:
        work: Of a folder of references: a data set's code stays in the process it is in.
        keys: Key by case.
    """
    assert isinstance(work.source, FolderReferences)
    absolute = _Absolute(keys)
    part = replace(
        work,
        source=_FolderPart(work.source, absolute),
        found=absolute(work.found),
        outlines=absolute(work.outlines),
        maps=None if work.maps is None else _MapsPart(work.maps, absolute),
    )
    return Portion(part, dict(keys), absolute.typed)

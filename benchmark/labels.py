"""What the codes of somebody's label files mean, in canonical labels.

One notation at the prompt and for data sets: ``cavity=1;myocardium=2;scar=3,4``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, UsageError
from .types import Label, Labels, Region

__all__ = ["CANONICAL", "LabelMap", "label_named", "named_labels", "parse_labels"]

_EXAMPLE = "Write for instance 'cavity=1;myocardium=2;scar=3,4'; codes left out are not allowed."
#: Names that data sets give, in lower case, words separated by one space.
_SYNONYMS: Mapping[Label, frozenset[str]] = MappingProxyType(
    {
        Label.BACKGROUND: frozenset(
            {"background", "bg", "rv", "right ventricle", "rv cavity", "rv blood pool", "other"}
        ),
        Label.CAVITY: frozenset(
            {"cavity", "lv cavity", "blood pool", "bloodpool", "lv blood pool", "lv", "lvc", "lvbp"}
            | {"left ventricle", "left ventricular cavity", "lv blood", "blood", "endocardium"}
        ),
        Label.MYOCARDIUM: frozenset(
            {"myocardium", "myo", "lv myocardium", "lv myo", "lvm", "lvmyo", "normal myocardium"}
            | {"healthy myocardium", "left ventricular myocardium", "muscle"}
        ),
        Label.SCAR: frozenset(
            {"scar", "scars", "lv scar", "infarction", "infarct", "mi", "myocardial infarction"}
            | {"enhancement", "lge", "fibrosis", "late gadolinium enhancement"}
        ),
        Label.MVO: frozenset(
            {"mvo", "no reflow", "noreflow", "microvascular obstruction", "pmo", "nr"}
        ),
    }
)


@dataclass(frozen=True)
class LabelMap:
    """Canonical labels by code; a code that is not in it may not occur.

    Attributes:
        codes: Code in the file -> canonical label; 0 is background unless it says otherwise.
    """

    codes: Mapping[int, Label]

    def __post_init__(self) -> None:
        ordered = dict(sorted({0: Label.BACKGROUND, **self.codes}.items()))
        object.__setattr__(self, "codes", MappingProxyType(ordered))

    @property
    def regions(self) -> frozenset[Region]:
        """The regions that labels mapped so say something about."""
        present = set(self.codes.values())
        found = {Region(label.name.lower()) for label in present if label is not Label.BACKGROUND}
        if {Label.CAVITY, Label.MYOCARDIUM} <= present:
            found.add(Region.LV)
        return frozenset(found)

    def apply(self, labels: NDArray[Any]) -> Labels:
        """``labels`` (any shape, integers, every value a code of the map) as canonical labels."""
        codes = np.array(list(self.codes), dtype=np.int64)
        if codes.tolist() == [int(label) for label in self.codes.values()] and codes[-1] < 256:
            return np.asarray(labels, dtype=np.uint8)
        targets = np.array(list(self.codes.values()), dtype=np.uint8)
        return np.asarray(targets[np.searchsorted(codes, labels)], dtype=np.uint8)

    def __str__(self) -> str:
        codes: dict[Label, list[str]] = {}
        for code, label in self.codes.items():
            codes.setdefault(label, []).append(str(code))
        return ";".join(f"{label.name.lower()}={','.join(codes[label])}" for label in sorted(codes))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.codes),)


#: Canonical labels as they are.
CANONICAL = LabelMap({int(label): label for label in Label})


def label_named(name: str) -> Label | None:
    """The canonical label that a data set's name for one of its labels means, or None."""
    words = re.sub(r"[\s_\-]+", " ", name.strip().lower())
    return next((label for label, names in _SYNONYMS.items() if words in names), None)


def parse_labels(text: str) -> LabelMap:
    """``cavity=1;myocardium=2;scar=3,4`` as a map.

    Raises:
        UsageError: A part that is not ``name=code,code``, an unknown name, a code that is no whole
            number from 0 on, or a code given twice.
    """
    codes: dict[int, Label] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, values = part.partition("=")
        label = label_named(name)
        if not equals or label is None:
            known = ", ".join(label.name.lower() for label in Label)
            raise UsageError(f"{part!r} in labels {text!r} does not give one of {known}.", _EXAMPLE)
        for value in map(str.strip, values.split(",")):
            if not re.fullmatch(r"\d{1,9}", value):
                raise UsageError(
                    f"{value!r} in labels {text!r} is no whole number from 0 on.", _EXAMPLE
                )
            if int(value) in codes:
                raise UsageError(f"Code {int(value)} is given twice in labels {text!r}.", _EXAMPLE)
            codes[int(value)] = label
    if not any(codes.values()):
        raise UsageError(f"Labels {text!r} name nothing to score.", _EXAMPLE)
    return LabelMap(codes)


def named_labels(names: Mapping[str, Sequence[int]], source: str) -> LabelMap:
    """A map from a data set's own names, each with its codes.

    A code may belong to several names, as in nnU-Net's region-based training (whole ventricle
    1, 2, 3; myocardium 2, 3; scar 3): the innermost counts, scar before myocardium before cavity.

    Args:
        names: Name -> codes.
        source: Where they come from, for the messages.

    Raises:
        DataError: A name whose meaning is not known.
    """
    codes: dict[int, Label] = {}
    for name, values in names.items():
        label = label_named(name)
        if label is None:
            raise DataError(
                f"{source} has a label {name!r} (code {', '.join(map(str, values))}) whose meaning "
                "is not known.",
                "Say what the codes mean with labels, such as 'cavity=1;myocardium=2;scar=3,4'; "
                "'background=5' leaves a code out.",
            )
        for value in values:
            codes[value] = max(label, codes.get(value, Label.BACKGROUND))
    if not any(codes.values()):
        raise DataError(f"{source} names no label of the left ventricle: {', '.join(names)}.")
    return LabelMap(codes)

"""What a metric is: a function of one pair of masks, and the card that says what it means.

Nothing here imports an array library, so that listing cards costs nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..errors import PluginError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .distances import Distances

__all__ = ["COMPUTE", "DIMS", "STATUSES", "Card", "Dim", "Metric", "Pair", "Status",
           "card_key", "metric"]  # fmt: skip

Status = Literal[
    "ok", "both_empty", "pred_empty", "ref_empty", "no_prediction", "not_applicable", "error"
]
#: Every row of a score table has one of these; all but ``ok`` say why a value may be missing.
STATUSES: tuple[Status, ...] = (
    "ok",
    "both_empty",
    "pred_empty",
    "ref_empty",
    "no_prediction",
    "not_applicable",
    "error",
)
Dim = Literal["3d", "slice", "inplane3d", "contour"]
DIMS: tuple[Dim, ...] = ("3d", "slice", "inplane3d", "contour")
Compute = Literal["compute"]
#: What a card says where a status does not fix the value: the function is called.
COMPUTE: Compute = "compute"


def card_key(name: str, dim: str | None) -> str:
    """Which card defines ``name`` in geometry ``dim``: contours have cards of their own."""
    return f"{name}@contour" if dim == "contour" else name


@dataclass(frozen=True)
class Card:
    """The definition of a metric; two numbers may be compared only if their cards' hashes agree.

    Args:
        name: What tables call it.
        title: What people call it.
        formula: In terms of tp, fp, fn, tn, or of the two sets of surface distances.
        unit: Empty, ``mm``, ``mL`` or ``%``.
        better: ``higher``, ``lower``, ``zero``: the nearer to zero, on either side, the better; or
            ``none``: it describes the case and ranks nobody.
        bounds: Least and greatest value; None is unbounded.
        reads: What the function needs of its :class:`Pair` beside counts.
        dims: The geometries it is measured in; empty where geometry plays no part.
        surface: What counts as surface, for surface metrics.
        field: The region of the image that is counted, where that changes the number.
        both_empty: Value when both masks are empty.
        pred_empty: Value when only the compared mask is empty.
        ref_empty: Value when only the reference mask is empty.
        best: Value of a perfect answer, for the policy ``both_empty_is_perfect``.
        worst: What the policy ``worst_case`` puts in place of a missing value: a number,
            ``diagonal`` (of the uncropped field of view), ``as_empty`` (what an empty answer
            gets, unless that would be right), or None: it stays missing.
        source: Where the definition comes from.
        notes: What a reader of the number has to know beside.
        version: Raised whenever numbers change although the card would not.
        extra: Left out unless it is asked for by name. It says when the number is computed, not
            what it means, and so is no part of the hash.
    """

    name: str
    title: str
    formula: str
    unit: Literal["", "mm", "mL", "%"]
    better: Literal["higher", "lower", "zero", "none"]
    bounds: tuple[float | None, float | None]
    reads: Literal[
        "counts", "distances", "masks", "myocardium", "heart", "probabilities", "contours"
    ] = "counts"
    dims: tuple[Dim, ...] = ()
    surface: str = ""
    field: str = "whole field of view"
    both_empty: float | Compute | None = None
    pred_empty: float | Compute | None = None
    ref_empty: float | Compute | None = None
    best: float = 0.0
    worst: float | Literal["diagonal", "as_empty"] | None = None
    source: str = ""
    notes: str = ""
    version: int = 1
    extra: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier() and not self.name.replace("@", "_").isidentifier():
            raise PluginError(f"{self.name!r} cannot name a metric.", "Use letters, digits, '_'.")
        unknown = sorted(set(self.dims) - set(DIMS))
        if unknown:
            raise PluginError(f"Metric {self.name}: no dim {unknown}.", f"There are {DIMS}.")
        if (self.reads in ("distances", "contours")) != bool(self.dims):
            raise PluginError(
                f"Metric {self.name} reads {self.reads} and has dims {self.dims}.",
                "Metrics of distances name their dims; others have none.",
            )

    @property
    def key(self) -> str:
        """What a record calls it: its name, and of contours ``hd@contour``."""
        return card_key(self.name, "contour" if self.reads == "contours" else None)

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits over every field but ``extra``."""
        fields = {name: value for name, value in asdict(self).items() if name != "extra"}
        text = json.dumps(fields, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def rule(self, status: Status) -> float | Compute | None:
        """The value that ``status`` fixes, None where it is null, or :data:`COMPUTE`."""
        rules: Mapping[str, float | Compute | None] = {
            "ok": COMPUTE,
            "both_empty": self.both_empty,
            "pred_empty": self.pred_empty,
            "ref_empty": self.ref_empty,
        }
        return rules.get(status)

    @property
    def rules(self) -> dict[Status, float | Compute | None]:
        """What it does for each of the :data:`STATUSES`."""
        return {status: self.rule(status) for status in STATUSES}

    def as_dict(self) -> dict[str, Any]:
        """Every field, the hash and the rule of every status, ready for JSON."""
        return {**asdict(self), "hash": self.hash, "rules": self.rules}


@dataclass(frozen=True, eq=False)
class Pair:
    """Two masks of one region in one place (a volume or a slice), as a metric sees them.

    Attributes:
        tp: Voxels in both masks.
        fp: Voxels in the compared mask only.
        fn: Voxels in the reference mask only.
        tn: All other voxels of the field of view.
        spacing: (z, y, x) in mm.
        distances: Surface distances, given only to a metric that reads them.
        masks: Gives both masks, reference first, ``(slice, row, column)`` bool, cropped in plane.
        myocardium: Voxels of the reference's myocardium, scar included, in the same place;
            given only to a metric that reads it, and then at least 1.
        heart: All classes that both sides speak about, in the reference and in the compared map,
            as ``masks``; given only to a metric that reads them.
        forecast: The reference mask and the probabilities of the region that the compared side
            gives, float64 of the same shape, near the heart; given only to a metric that reads
            them.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    spacing: tuple[float, float, float]
    masks: Callable[[], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    given: Distances | None = None
    myocardium: int | None = None
    hearts: Callable[[], tuple[NDArray[np.bool_], NDArray[np.bool_]]] | None = None
    forecasts: Callable[[], tuple[NDArray[np.bool_], NDArray[np.float64]]] | None = None

    @property
    def reference(self) -> int:
        """Voxels of the reference mask."""
        return self.tp + self.fn

    @property
    def compared(self) -> int:
        """Voxels of the compared mask."""
        return self.tp + self.fp

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in mL, slice gap included."""
        z, y, x = self.spacing
        return z * y * x / 1000.0

    @property
    def distances(self) -> Distances:
        """Surface distances in mm, both ways.

        Raises:
            PluginError: The metric's card does not say that it reads distances.
        """
        if self.given is None:
            raise PluginError(
                "This metric asks for distances.", "Put reads='distances' and its dims on its card."
            )
        return self.given

    @property
    def heart(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where either map has any class that both sides speak about.

        Raises:
            PluginError: The metric's card does not say that it reads the heart.
        """
        if self.hearts is None:
            raise PluginError("This metric asks for the heart.", "Put reads='heart' on its card.")
        return self.hearts()

    @property
    def forecast(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """The reference mask near the heart, and the probabilities there.

        Raises:
            PluginError: The metric's card does not say that it reads probabilities.
        """
        if self.forecasts is None:
            raise PluginError(
                "This metric asks for probabilities.", "Put reads='probabilities' on its card."
            )
        return self.forecasts()


@dataclass(frozen=True)
class Metric:
    """A card and the function it defines; call it with a :class:`Pair`."""

    card: Card
    function: Callable[[Pair], float | None]

    def __call__(self, pair: Pair) -> float | None:
        """The value, which must be finite, or None where it is undefined."""
        return self.function(pair)


def metric(card: Card) -> Callable[[Callable[[Pair], float | None]], Metric]:
    """Make a :class:`Metric` of a function: ``@metric(Card(...))``."""
    return lambda function: Metric(card, function)

"""Errors of volume, from voxel counts alone; always compared minus reference, never rounded.

A volume is a number whether or not a mask is empty, so one-sided misses keep their value.
"""

from __future__ import annotations

from .definition import COMPUTE, Card, Pair, metric

__all__ = [
    "absolute_volume_error_ml",
    "emidec_volume_ratio",
    "volume_error_ml",
    "volume_error_percent",
]


@metric(
    Card(
        name="volume_error_ml",
        title="Volume error, signed",
        formula="(fp - fn) * voxel volume: prediction - reference",
        unit="mL",
        better="zero",
        bounds=(None, None),
        both_empty=0.0,
        pred_empty=COMPUTE,
        ref_empty=COMPUTE,
        best=0.0,
        worst="as_empty",
        source="Bland and Altman 1986 (sign: test minus reference)",
        notes="Positive is too large. Its mean is a bias: rank by absolute_volume_error_ml, since "
        "errors of both signs cancel in a mean. Voxel volume includes the slice gap.",
    )
)
def volume_error_ml(pair: Pair) -> float:
    """Volume of the compared mask minus that of the reference, in mL."""
    return (pair.fp - pair.fn) * pair.voxel_ml


@metric(
    Card(
        name="absolute_volume_error_ml",
        title="Volume error, absolute",
        formula="|fp - fn| * voxel volume",
        unit="mL",
        better="lower",
        bounds=(0.0, None),
        both_empty=0.0,
        pred_empty=COMPUTE,
        ref_empty=COMPUTE,
        best=0.0,
        worst="as_empty",
        source="popescu2022 Table 2 (mean absolute error, there normalised)",
    )
)
def absolute_volume_error_ml(pair: Pair) -> float:
    """Size of the volume error, in mL."""
    return abs(pair.fp - pair.fn) * pair.voxel_ml


@metric(
    Card(
        name="volume_error_percent",
        title="Volume error, signed, as a share of the reference volume",
        formula="100 * (fp - fn) / (tp + fn): prediction - reference",
        unit="%",
        better="zero",
        bounds=(-100.0, None),
        both_empty=0.0,
        pred_empty=COMPUTE,
        ref_empty=None,
        best=0.0,
        worst="as_empty",
        source="popescu2022 Table 2 (normalised by the reference volume)",
        notes="Without reference volume it is infinite: null, under every policy. Not EMIDEC's "
        "volume ratio, which divides by the myocardium.",
    )
)
def volume_error_percent(pair: Pair) -> float:
    """Volume error as a percentage of the reference volume."""
    return 100 * (pair.fp - pair.fn) / (pair.tp + pair.fn)


@metric(
    Card(
        name="emidec_volume_ratio",
        title="Volume error, absolute, as a share of the reference's myocardium (EMIDEC)",
        formula="|fp - fn| / voxels of the reference's myocardium, scar and no-reflow included",
        unit="",
        better="lower",
        bounds=(0.0, None),
        reads="myocardium",
        both_empty=0.0,
        pred_empty=COMPUTE,
        ref_empty=COMPUTE,
        best=0.0,
        worst="as_empty",
        source="EMIDEC challenge, official evaluation code; Lalande et al. 2022",
        notes="Both volumes are divided by the reference's myocardium: not the difference of the "
        "two burdens, in which each is divided by its own. EMIDEC's infarction holds no-reflow, as "
        "our region scar does (its first evaluation code left it out). not_applicable where the "
        "reference does not annotate myocardium, and in a slice where it has none.",
    )
)
def emidec_volume_ratio(pair: Pair) -> float | None:
    """Size of the volume error, as a share of the reference's myocardium."""
    return abs(pair.fp - pair.fn) / pair.myocardium if pair.myocardium else None

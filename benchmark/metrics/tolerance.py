"""How much of both surfaces lies within a tolerance of the other.

An overlap of surfaces: higher is better, one mask empty is a complete miss and scores 0, and with
both empty there is nothing to score. What the three geometries mean stands in
:mod:`benchmark.metrics.surface`.
"""

from __future__ import annotations

from .definition import Card, Metric, Pair, metric
from .surface import SURFACE

__all__ = ["nsd_1mm", "nsd_2mm", "nsd_3mm", "within"]

# Distances that equal the tolerance on paper (two voxels of 1 mm) may lie a rounding beyond it.
_ROUNDING = 1e-9


def within(tolerance: float) -> float:
    """The greatest distance in mm that counts as within ``tolerance`` mm."""
    return tolerance * (1.0 + _ROUNDING)


def _nsd(tau: float) -> Metric:
    """The normalised surface distance at a tolerance of ``tau`` mm."""
    near = within(tau)

    @metric(
        Card(
            name=f"nsd@{tau:g}mm",
            title=f"Normalised surface distance at {tau:g} mm (surface Dice)",
            formula=f"(|d(R -> P) <= {tau:g} mm| + |d(P -> R) <= {tau:g} mm|) / (|R| + |P|)",
            unit="",
            better="higher",
            bounds=(0.0, 1.0),
            reads="distances",
            dims=("3d", "slice", "inplane3d"),
            surface=SURFACE,
            field="does not matter",
            pred_empty=0.0,
            ref_empty=0.0,
            best=1.0,
            worst=0.0,
            source="Nikolov et al. 2021; Maier-Hein et al. 2024 (Metrics Reloaded)",
            notes="Both directions pooled, each surface voxel counting once: the surfel version of "
            "the same name weighs by area and gives other numbers. A distance is within tau up to "
            "tau * (1 + 1e-9). dim=slice over a volume pools the slices; all surface of a slice "
            "with one mask empty counts as too far, so the value exists. Over a third of the "
            "ventricle it is the mean of the slices' values.",
        )
    )
    def nsd(pair: Pair) -> float:
        """Share of both surfaces within tau of the other."""
        pooled = pair.distances.pooled
        return int(pooled.searchsorted(near, side="right")) / len(pooled)

    return nsd


nsd_1mm, nsd_2mm, nsd_3mm = _nsd(1.0), _nsd(2.0), _nsd(3.0)

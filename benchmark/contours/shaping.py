"""What is done to a contour's points: convex hull, elongation, spline."""

from __future__ import annotations

import math

import numpy as np

from .tracing import Points, signed_area

__all__ = ["QUANTISATION", "area", "convex_hull", "elongation", "spline"]

#: Root mean square error, in pixels, of a boundary rounded to whole pixels: that of a uniform error
#: in half a pixel to either side.
QUANTISATION = math.sqrt(1 / 12)


def area(points: Points) -> float:
    """The enclosed area in square pixels, whichever way the points run."""
    return abs(signed_area(points))


def elongation(
    points: Points, pixel_mm: tuple[float, float] = (1.0, 1.0), margin: float = 0.0
) -> float:
    """Longer over shorter side of the box around the points, in mm; infinite for a line.

    The box is parallel to the image, as where mapping2023 speaks of a width-height ratio.

    Args:
        points: ``(n, 2)`` (row, column).
        pixel_mm: Height and width of a pixel.
        margin: Pixels to add to both sides: 1 for points that are centres of boundary pixels.
    """
    extent = (points.max(axis=0) - points.min(axis=0) + margin) * pixel_mm
    shorter, longer = sorted(extent.tolist())
    return float(longer / shorter) if shorter > 0 else float("inf")


def convex_hull(points: Points) -> Points:
    """The corners of the convex hull, clockwise on the screen, none on a line between others.

    Fewer than three where all points lie on one line.
    """
    unique = np.unique(points, axis=0).tolist()
    if len(unique) < 3:
        return np.array(unique, dtype=np.float64)
    halves = []
    for ordered in (unique, unique[::-1]):
        half: list[list[float]] = []
        for point in ordered:
            while len(half) > 1 and _turn(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    # Ascending rows first, then back: counter-clockwise, as columns grow to the right.
    hull = np.array(halves[0] + halves[1], dtype=np.float64)
    return hull if signed_area(hull) >= 0 else hull[::-1].copy()


def _turn(a: list[float], b: list[float], c: list[float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def spline(points: Points, step: float = 0.25, smoothing: float = QUANTISATION) -> Points:
    """A closed cubic B-spline along the points, sampled between them.

    Of all curves that pass the points at ``smoothing`` it is the one that bends least (Reinsch,
    Smoothing by spline functions, 1967), over the length along the polygon. It does not depend on
    where the points begin, as it does where knots are chosen one after the other. mapping2023 calls
    its spline smooth and does not say how smooth: a curve forced through points that were rounded
    to pixels swings between them, on digital disks of radius 10 to 30 by 1.2 to 2.5 pixels, where
    the default stays within 0.4.

    Args:
        points: ``(n, 2)``, ordered.
        step: The greatest distance, in pixels along the polygon, between two samples.
        smoothing: How far, as root mean square in pixels, the curve passes the points; at 0 it
            passes through each of them, and they are among the samples. The default is the error
            that points on a pixel grid have to begin with. What is no larger than that shrinks to
            its centre.

    Returns:
        The samples; the points themselves where fewer than three differ.
    """
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    if len(np.unique(points, axis=0)) < 3:
        return points
    from scipy.interpolate import make_interp_spline

    lengths = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    knots = _smoothed(points, lengths, smoothing) if smoothing > 0 else points
    at = np.concatenate([[0.0], np.cumsum(lengths)])
    curve = make_interp_spline(at, np.concatenate([knots, knots[:1]]), k=3, bc_type="periodic")
    where = np.concatenate(
        [
            start + length * np.arange(n) / n
            for start, length, n in zip(
                at[:-1], lengths, np.ceil(lengths / step).astype(int).tolist(), strict=True
            )
        ]
    )
    sampled: Points = curve(where)
    return sampled


def _smoothed(points: Points, lengths: Points, smoothing: float) -> Points:
    """Where the closed smoothing spline passes each point.

    With second derivatives g at the points, R g = Q' f, and the bending is f' Q R^-1 Q' f = f' K f:
    minimising |f - p|^2 + weight f' K f gives f = (1 + weight K)^-1 p.
    """
    n = len(points)
    index, after = np.arange(n), np.roll(np.arange(n), -1)
    r, q = np.zeros((n, n)), np.zeros((n, n))
    # Added edge by edge, which is right for three points too, whose neighbours are neighbours.
    np.add.at(r, (index, index), lengths / 3)
    np.add.at(r, (after, after), lengths / 3)
    np.add.at(r, (index, after), lengths / 6)
    np.add.at(r, (after, index), lengths / 6)
    np.add.at(q, (index, index), -1 / lengths)
    np.add.at(q, (after, after), -1 / lengths)
    np.add.at(q, (index, after), 1 / lengths)
    np.add.at(q, (after, index), 1 / lengths)
    bending, modes = np.linalg.eigh(q @ np.linalg.solve(r, q))
    bending = np.maximum(bending, 0.0)
    amplitudes = modes.T @ points
    power = (amplitudes**2).sum(axis=1)
    allowed = n * smoothing**2
    # A constant does not bend and is never taken away; all the rest may be.
    rest = bending > 1e-9 * bending[-1]
    if power[rest].sum() <= allowed:
        return np.broadcast_to(points.mean(axis=0), points.shape)

    def passed(log_weight: float) -> float:
        share = np.exp(log_weight) * bending[rest]
        return float(power[rest] @ (share / (1 + share)) ** 2)

    # What the spline takes away grows with the weight: halve the interval until floats end.
    low, high = -60.0 - math.log(bending[-1]), 60.0 - math.log(bending[rest][0])
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if passed(middle) < allowed else (low, middle)
    kept = np.where(rest, 1 / (1 + np.exp(low) * bending), 1.0)
    smoothed: Points = modes @ (kept[:, None] * amplitudes)
    return smoothed

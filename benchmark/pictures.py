"""Cropped overlays of a case: every slice in grey, the reference's contours above the prediction's.

Written by the score stage; whoever reads a run later uses the files. The colours are those of
fahmy2021's figures: myocardium red, scar yellow.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .errors import DataError
from .types import Labels, Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import TransformedBbox

__all__ = ["COLOURS", "overlay"]

#: Region -> colour and line width in points, in the order of drawing.
COLOURS = {Region.MYOCARDIUM: ("#ff3b30", 0.8), Region.SCAR: ("#ffe600", 0.8)}
_NO_REFLOW = "#00d5ff"
_SIDE = 112  # pixels of one panel
_MARGIN_MM = 14.0
_LEAST_MM = 80.0
_PER_BAND = 6  # slices beside each other
_DPI = 100
_LEAST_WIDTH = 360  # pixels; the line below needs them
_HEAD, _GAP = 16, 12  # pixels
_BEHIND = {"facecolor": "black", "edgecolor": "none", "pad": 1.0}
_GREYS = 32  # with 216 colours for contours they fit a palette


def overlay(
    path: Path,
    image: NDArray[Any],
    reference: Labels,
    prediction: Labels | None,
    spacing: tuple[float, float, float],
    title: str = "",
) -> None:
    """Write a PNG of all slices: reference above, prediction below, the same crop for both.

    The crop follows the reference's heart (the prediction's where the reference is empty), so
    that all methods' pictures of a case are alike; a prediction that leaves it is told in words.
    The same arrays give the same bytes.

    Args:
        path: Where to.
        image: ``(slice, row, column)``.
        reference: Canonical labels of the same shape.
        prediction: The same, or None if there is none.
        spacing: (z, y, x) in mm.
        title: Stands at the top; by default the file's name.

    Raises:
        DataError: The shapes differ, or the file cannot be written.
    """
    shapes = {image.shape, reference.shape, *([] if prediction is None else [prediction.shape])}
    if len(shapes) > 1 or image.ndim != 3:
        raise DataError(f"{path.name}: a picture needs three stacks of one shape, not {shapes}.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    crop = _Crop(reference, prediction, spacing)
    # Bands of equal length: 7 slices are 4 and 3, not 6 and 1.
    across = -(-len(image) // -(-len(image) // _PER_BAND))
    bands = [range(i, min(i + across, len(image))) for i in range(0, len(image), across)]
    width = max(across * (_SIDE + 2) + _HEAD, _LEAST_WIDTH)
    height = _HEAD + len(bands) * (2 * (_SIDE + 2) + _GAP) + 2
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="black")
    canvas: Any = FigureCanvasAgg(figure)
    # One axes of pixels for everything: an axes per panel costs more than all the drawing.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    window = _window(image, crop)
    rows = (("reference", reference), ("prediction", prediction))
    for b, band in enumerate(bands):
        for r, (name, labels) in enumerate(rows):
            top = _HEAD + b * (2 * (_SIDE + 2) + _GAP) + r * (_SIDE + 2)
            _text(axes, _HEAD / 2, top + _SIDE / 2, name, rotation=90)
            for k, z in enumerate(band):
                left = _HEAD + k * (_SIDE + 2)
                _panel(axes, crop, image[z], window, (left, top))
                if labels is not None:
                    _contours(axes, crop, labels[z], (left, top))
                if r == 0:
                    _text(axes, left + 3, top + 8, str(z), ha="left", bbox=_BEHIND)
            if labels is None:
                middle = (_HEAD + len(band) * _SIDE / 2, top + _SIDE / 2)
                _text(axes, *middle, "no prediction", bbox=_BEHIND)
    outside = crop.outside(prediction)
    _text(axes, _HEAD, _HEAD / 2, title or path.stem, ha="left")
    at = _HEAD
    for name, colour in (*((r.value, c) for r, (c, _) in COLOURS.items()), ("mvo", _NO_REFLOW)):
        _text(axes, at, height - _GAP / 2, name, ha="left", color=colour)
        at += 6 * len(name) + 8
    if outside:
        words = f"{outside:,} predicted voxels lie outside the picture"
        _text(axes, width - 4, height - _GAP / 2, words, ha="right", color="#ff9f0a")
    canvas.draw()
    with replacing(path) as temporary:
        _write_png(temporary, np.asarray(canvas.buffer_rgba())[..., :3])


class _Crop:
    """A square in the plane, in pixels of the image, and the way from there into a panel."""

    def __init__(
        self, reference: Labels, prediction: Labels | None, spacing: tuple[float, float, float]
    ) -> None:
        self.spacing = np.array(spacing[1:])
        heart = np.argwhere(reference)[:, 1:]
        if not len(heart) and prediction is not None:
            heart = np.argwhere(prediction)[:, 1:]
        extent = np.array(reference.shape[1:], dtype=np.float64)
        low, high = np.zeros(2), extent - 1
        if len(heart):
            low, high = heart.min(axis=0).astype(np.float64), heart.max(axis=0).astype(np.float64)
            side = float(((high - low + 1) * self.spacing).max()) + 2 * _MARGIN_MM
        else:
            side = 2 * _LEAST_MM
        # Never more than the whole image: there is nothing to see beyond it.
        side = min(max(side, _LEAST_MM), float((extent * self.spacing).max()))
        self.per_mm = _SIDE / side
        self.start = (low + high) / 2 - side / 2 / self.spacing

    def to_panel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(row, column) of the image, in pixels of a panel."""
        scaled: NDArray[np.float64] = (points - self.start) * self.spacing * self.per_mm
        return scaled

    def box(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The part of the image that is seen."""
        stop = self.start + _SIDE / (self.spacing * self.per_mm)
        low = np.clip(np.floor(self.start).astype(int), 0, shape)
        high = np.clip(np.ceil(stop).astype(int) + 1, 0, shape)
        return slice(low[0], high[0]), slice(low[1], high[1])

    def outside(self, labels: Labels | None) -> int:
        """How many labelled voxels are not seen."""
        if labels is None:
            return 0
        rows, columns = self.box(labels.shape[1:])
        return int(np.count_nonzero(labels) - np.count_nonzero(labels[:, rows, columns]))


def _window(image: NDArray[Any], crop: _Crop) -> tuple[float, float]:
    """Black and white of all slices alike: 1st and 99.5th percentile of what is seen."""
    rows, columns = crop.box(image.shape[1:])
    low, high = np.percentile(image[:, rows, columns], [1, 99.5])
    return float(low), float(high) if high > low else float(low) + 1.0


def _panel(
    axes: Axes, crop: _Crop, image: NDArray[Any], window: tuple[float, float], at: tuple[int, int]
) -> None:
    rows, columns = crop.box(image.shape)
    seen = image[rows, columns].astype(np.float64)
    if not seen.size:
        return
    top_left = crop.to_panel(np.array([rows.start, columns.start]) - 0.5)
    bottom_right = crop.to_panel(np.array([rows.stop, columns.stop]) - 0.5)
    left, top = at
    extent = (left + top_left[1], left + bottom_right[1], top + bottom_right[0], top + top_left[0])
    # Fewer greys than 256: noise that nobody sees does not compress.
    grey = np.clip((seen - window[0]) / (window[1] - window[0]), 0, 1)
    shown = axes.imshow(
        np.round(grey * (_GREYS - 1)), cmap="gray", vmin=0, vmax=_GREYS - 1,
        extent=extent, interpolation="nearest", aspect="auto",
    )  # fmt: skip
    shown.set_clip_box(_frame(axes, at))


def _contours(axes: Axes, crop: _Crop, labels: Labels, at: tuple[int, int]) -> None:
    from contourpy import contour_generator
    from matplotlib.collections import LineCollection

    left, top = at
    styles = [(Region.MVO, _NO_REFLOW, 0.6), *((r, *s) for r, s in COLOURS.items())]
    for region, colour, line in styles:
        # A rim of background closes contours at the image's edge.
        mask = np.pad(region.mask(labels), 1).astype(np.float64)
        if not mask.any():
            continue
        lines: Any = contour_generator(z=mask).lines(0.5)
        curves = [crop.to_panel(curve[:, ::-1] - 1)[:, ::-1] + (left, top) for curve in lines]
        drawn = LineCollection(curves, colors=colour, linewidths=line * 72 / _DPI * 1.4)
        axes.add_collection(drawn, autolim=False)
        drawn.set_clip_box(_frame(axes, at))  # after adding, which sets its own


def _frame(axes: Axes, at: tuple[int, int]) -> TransformedBbox:
    """The panel whose upper left corner is ``at``: nothing is drawn beyond it."""
    from matplotlib.transforms import Bbox, TransformedBbox

    left, top = at
    return TransformedBbox(Bbox.from_extents(left, top, left + _SIDE, top + _SIDE), axes.transData)


def _text(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    plain = {"color": "#d0d0d0", "fontsize": 7, "ha": "center", "va": "center"}
    # Case ids are a stranger's: a dollar sign must not start mathematics.
    axes.text(x, y, words, parse_math=False, **{**plain, **style})


def _write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """An indexed PNG: greys as they are, colours on a 6x6x6 cube; a third of the bytes of RGB."""
    wide = rgb.astype(np.uint16)
    grey = (wide[..., 0] == wide[..., 1]) & (wide[..., 1] == wide[..., 2])
    cube = (wide * 5 + 127) // 255
    index = _GREYS + cube[..., 0] * 36 + cube[..., 1] * 6 + cube[..., 2]
    index = np.where(grey, (wide[..., 0] * (_GREYS - 1) + 127) // 255, index).astype(np.uint8)
    shades = np.round(np.arange(_GREYS) * 255 / (_GREYS - 1))
    steps = np.arange(6) * 51
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    palette = np.concatenate([np.repeat(shades[:, None], 3, axis=1), colours]).astype(np.uint8)
    height, width = index.shape
    # Every line starts with its filter: none, the best for an index.
    lines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), index], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette.tobytes()),
              (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]  # fmt: skip
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, body in chunks:
            checksum = zlib.crc32(name + body)
            file.write(struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum))

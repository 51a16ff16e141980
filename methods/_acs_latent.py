"""The latent space of popescu2022: codes of anatomical myocardia, and the way to the nearest.

"The ground truth 16-dimensional representations of the myocardial segmentations were modeled as
points coming from a mixture of 5 Gaussian distributions ... New samples were drawn from this
mixture and kept only if, once decoded, they passed anatomical checks. ... This increased the size
of the latent space by sampling an additional 10,000 points."

"The 16-dimensional representation of a predicted myocardial segmentation was not guaranteed to
decode to an anatomically correct image. The 'correction' consisted of moving in the direction of
the nearest neighbor in the latent space by the smallest distance possible such that the decoding
becomes anatomically correct ... This guarantees anatomical correctness of the predicted myocardium
mask." So every prediction becomes its decoding, moved or not.

The checks are in millimetres and codes have none: what was valid with one pixel size need not be
with another, nor where the image's edge cuts the square. So nothing is taken for valid that was not
checked as the very mask it is returned as, with the study's pixels on the study's grid: neighbours
are tried from the nearest on until one is valid there, and where none is the answer is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.errors import PluginError

from ._acs_anatomy import Limits, Spacing, failed
from ._acs_autoencoder import AnatomicalAutoencoder, corner, cut, pasted
from ._acs_mixture import fit_gaussians

__all__ = ["GRID", "HALVINGS", "Correction", "LatentSpace"]

Mask = NDArray[np.bool_]
Codes = NDArray[np.float64]

#: The steps that are tried in turn are 0, 1 / GRID, 2 / GRID and so on to 1.
GRID = 32
#: Then the interval below the first valid one is halved so often: the step that is found is valid,
#: and one less by ``1 / (GRID * 2**HALVINGS)`` is not.
HALVINGS = 6
#: Codes that are decoded, or drawn, at once: of many, and on the way of one mask.
_BATCH, _FEW = 128, 8
#: Draws for each point that is wanted, at most: below one in so many, the space stays smaller.
_TRIES = 50


@dataclass(frozen=True)
class Correction:
    """What became of a mask.

    Attributes:
        mask: ``(row, column)`` bool; either empty or valid.
        step: How far it went to its neighbour, from 0, not at all, to 1, all the way.
        valid_before: Whether the mask that was given is itself valid.
        neighbour: Number of the point it went towards; -1 where it did not move.
        reason: Why ``mask`` is empty; empty where it is not.
    """

    mask: Mask
    step: float
    valid_before: bool
    neighbour: int = -1
    reason: str = ""


@dataclass(frozen=True)
class LatentSpace:
    """Codes that decode to anatomical masks.

    Attributes:
        points: ``(n, latent)`` float64: codes of training masks first, then those drawn.
        limits: What they were checked by.
        spacing: The (row, column) mm with which those drawn were checked: the median of training.
        trained: How many of them are codes of training masks.
        tried: How many were drawn for the rest to pass.
        components: Gaussians in the mixture they were drawn from.
    """

    points: Codes
    limits: Limits
    spacing: tuple[float, float]
    trained: int
    tried: int
    components: int

    @property
    def sampled(self) -> int:
        """How many points were drawn from the mixture and passed."""
        return len(self.points) - self.trained

    @property
    def acceptance(self) -> float:
        """The share of those drawn that passed; 0 where none was drawn."""
        return self.sampled / self.tried if self.tried else 0.0

    @classmethod
    def fit(
        cls,
        autoencoder: AnatomicalAutoencoder,
        masks: Sequence[NDArray[Any]],
        spacings: Sequence[Spacing],
        limits: Limits,
        *,
        points: int = 10_000,
        components: int = 5,
        seed: int = 0,
    ) -> LatentSpace:
        """Fill the space with the training masks and ``points`` more.

        The mixture is that of all training masks; those of them are points themselves whose
        decoding passes the checks, with the mask's own pixel size. At most ``50 * points`` are
        drawn: a space whose decoder seldom draws a heart ends with fewer, see :attr:`sampled`.

        Args:
            autoencoder: Trained.
            masks: ``(row, column)`` each, of any shape; empty ones are left out.
            spacings: ``(row, column)`` mm of each mask.
            limits: Of the checks.
            points: How many to draw.
            components: Gaussians at most; fewer where there are too few masks for them.
            seed: Decides the mixture's beginning and the draws.

        Raises:
            DataError: Fewer than two masks have any myocardium, or all have the same code.
            PluginError: No point passed.
        """
        known = [(m, s) for m, s in zip(masks, spacings, strict=True) if np.any(m)]
        size = autoencoder.size
        squares = [cut(np.asarray(m) != 0, corner(m, size), size) for m, _ in known]
        codes = _encoded(autoencoder, squares)
        mixture = fit_gaussians(codes, components, seed)
        decoded = _decoded(autoencoder, codes)
        own = [
            code
            for code, mask, (_, pixel) in zip(codes, decoded, known, strict=True)
            if not failed(mask, pixel, limits)
        ]
        middle = np.median([s for _, s in known], axis=0)
        spacing = float(middle[0]), float(middle[1])
        rng = np.random.default_rng([seed, 1])
        drawn: list[Codes] = []
        tried = 0
        while len(drawn) < points and tried < _TRIES * points:
            some = mixture.draw(min(_BATCH, _TRIES * points - tried), rng)
            for code, mask in zip(some, _decoded(autoencoder, some), strict=True):
                if len(drawn) == points:
                    break
                tried += 1
                if not failed(mask, spacing, limits):
                    drawn.append(code)
        if not own and not drawn:
            raise PluginError(
                f"The autoencoder decodes none of {len(known)} training masks and {tried} draws to "
                "an anatomical myocardium.",
                "Train it for longer, or on more slices.",
            )
        return cls(np.stack([*own, *drawn]), limits, spacing, len(own), tried, len(mixture.weights))

    def state_dict(self) -> dict[str, Tensor]:
        """The space as tensors, for a file of weights; see :meth:`from_state`."""
        return {
            "points": torch.from_numpy(self.points.copy()),
            "limits": torch.tensor(self.limits.numbers(), dtype=torch.float64),
            "spacing": torch.tensor(self.spacing, dtype=torch.float64),
            "counts": torch.tensor([self.trained, self.tried, self.components]),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> LatentSpace:
        """The space that :meth:`state_dict` gave.

        Raises:
            PluginError: ``state`` is not of a latent space.
        """
        try:
            points = state["points"].double().cpu().numpy()
            limits = Limits(*state["limits"].double().tolist())
            (dy, dx), counts = state["spacing"].double().tolist(), state["counts"].tolist()
            trained, tried, components = (int(c) for c in counts)
        except (KeyError, TypeError, ValueError) as error:
            raise PluginError(
                f"The file of weights holds no latent space ({error}).", "Train the method again."
            ) from error
        if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
            raise PluginError(
                f"The file of weights holds a latent space of shape {points.shape}.",
                "Train the method again.",
            )
        return cls(points, limits, (dy, dx), trained, tried, components)

    def correct(
        self,
        autoencoder: AnatomicalAutoencoder,
        mask: NDArray[Any],
        spacing: Spacing,
        *,
        keep_valid: bool = False,
    ) -> Correction:
        """The decoding of a mask, moved as little as makes it anatomical.

        The step is the first valid one of 0, 1/32, ... 1, then made smaller by halving the interval
        below it six times. A valid step between two invalid ones of these is not seen. What lies
        beyond the autoencoder's square about the mask is lost.

        Args:
            autoencoder: The one the space was made with.
            mask: ``(row, column)`` of any shape; an empty one stays so.
            spacing: ``(row, column)`` in mm.
            keep_valid: Return a mask that is valid as it is. The paper replaces each by its
                decoding; but where the checks ask for nothing, that costs what the codes lose.

        Returns:
            A mask that is valid by :func:`._acs_anatomy.failed` on the grid of ``mask`` with
            ``spacing``, or an empty one with the reason.
        """
        given = np.asarray(mask) != 0
        if not given.any():
            return Correction(given, 0.0, valid_before=False, reason="no myocardium was segmented")
        valid_before = not failed(given, spacing, self.limits)
        if valid_before and keep_valid:
            return Correction(given, 0.0, valid_before)
        at = corner(given, autoencoder.size)
        start = _encoded(autoencoder, [cut(given, at, autoencoder.size)])[0]

        def tried(codes: Codes) -> Iterator[Mask | None]:
            """Each code's mask on the grid of the study, or None where it is not valid."""
            for begin in range(0, len(codes), _FEW):  # the first ones will mostly do
                for square in _decoded(autoencoder, codes[begin : begin + _FEW]):
                    whole = pasted(square, at, given.shape)
                    yield None if failed(whole, spacing, self.limits) else whole

        def towards(end: Codes, steps: Sequence[float]) -> Codes:
            return np.stack([(1 - t) * start + t * end for t in steps])

        (found,) = tried(start[None])
        if found is not None:
            return Correction(found, 0.0, valid_before)
        neighbour, found = self._nearest(start, tried)
        if found is None:
            n, (dy, dx) = len(self.points), spacing
            reason = f"none of {n} anatomical masks is one here, with pixels of {dy:g} x {dx:g} mm"
            return Correction(np.zeros_like(given), 0.0, valid_before, reason=reason)
        end, low, high = self.points[neighbour], 1 - 1 / GRID, 1.0
        steps = [i / GRID for i in range(1, GRID)]
        for step, valid in zip(steps, tried(towards(end, steps)), strict=True):
            if valid is not None:
                found, low, high = valid, step - 1 / GRID, step
                break
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            (valid,) = tried(towards(end, [middle]))
            if valid is None:
                low = middle
            else:
                found, high = valid, middle
        return Correction(found, high, valid_before, neighbour)

    def _nearest(self, code: Codes, tried: Any) -> tuple[int, Mask | None]:
        """The nearest point that is valid here, and its mask; -1 and None where none is."""
        order = np.argsort(((self.points - code) ** 2).sum(axis=1), kind="stable")
        for begin in range(0, len(order), _BATCH):
            some = order[begin : begin + _BATCH]
            for index, mask in zip(some, tried(self.points[some]), strict=True):
                if mask is not None:
                    return int(index), mask
        return -1, None


def _encoded(autoencoder: AnatomicalAutoencoder, squares: Sequence[Mask]) -> Codes:
    """``(n, latent)`` float64."""
    if not squares:
        return np.zeros((0, autoencoder.latent))
    stack = torch.from_numpy(np.stack(squares)[:, None]).float()
    return _run(autoencoder, autoencoder.encode, stack).astype(np.float64)


def _decoded(autoencoder: AnatomicalAutoencoder, codes: Codes) -> Mask:
    """``(n, size, size)`` bool."""
    logits = _run(autoencoder, autoencoder.decode, torch.from_numpy(codes).float())
    return np.asarray(logits[:, 0] > 0)


def _run(autoencoder: AnatomicalAutoencoder, half: Any, inputs: Tensor) -> NDArray[np.float32]:
    device = next(autoencoder.parameters()).device
    autoencoder.eval()
    with torch.inference_mode():
        parts = [half(part.to(device)).float().cpu() for part in torch.split(inputs, _BATCH)]
    return np.asarray(torch.cat(parts).numpy())

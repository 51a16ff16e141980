"""Which seeds of a run are held against which of the entry, and what chance has in it."""

from __future__ import annotations

from dataclasses import dataclass

from .sides import Side

__all__ = ["Pairing", "paired_seeds"]


@dataclass(frozen=True)
class Pairing:
    """The seeds that are compared.

    Attributes:
        then: Of the entry.
        now: Of the run.
        exact: Whether nothing was learnt anew, so that any difference is one of the code: the
            method learns nothing, or the models are the same files.
        matched: Whether ``then`` and ``now`` are the same seeds, so that values can be equal.
        says: What is compared with what, as a sentence.
    """

    then: tuple[int, ...]
    now: tuple[int, ...]
    exact: bool
    matched: bool
    says: str

    @property
    def explains(self) -> str:
        """What a tolerance is made of."""
        return (
            "what is tolerated of the same model"
            if self.exact
            else "what rounding and seeds explain"
        )


def paired_seeds(entry: Side, run: Side) -> Pairing:
    """The sharpest comparison there is.

    The models of the same seed being the same files, seed is compared with seed and no difference
    is chance. Otherwise all seeds of the run are compared with all of the entry: training that
    differs in a last digit (another number of threads, another version) ends as far away as with
    another seed, so that the same seed trained anew is no better a partner than another.
    """
    if not (entry.trains or run.trains):
        matched = entry.seeds == run.seeds
        return Pairing(entry.seeds, run.seeds, True, matched, "the method learns nothing")
    common = tuple(seed for seed in run.seeds if seed in entry.seeds)
    kept = all(
        entry.models[seed] is not None and entry.models[seed] == run.models[seed] for seed in common
    )
    if common == run.seeds and kept:
        return Pairing(common, common, True, True,
                       f"the same models of seeds {_text(common)}")  # fmt: skip
    if common == run.seeds:
        # The same seeds may still have ended at the same values.
        return Pairing(entry.seeds, run.seeds, False, common == entry.seeds,
                       f"seeds {_text(common)}, trained anew")  # fmt: skip
    return Pairing(entry.seeds, run.seeds, False, False,
                   f"seeds {_text(run.seeds)} with the entry's {_text(entry.seeds)}")  # fmt: skip


def _text(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))

"""Which data the methods of a table saw: numbers of other data are no comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .results import Run, unique_labels

__all__ = ["caution", "data_seen"]


def data_seen(
    runs: Sequence[Run], labels: Collection[str] | None = None
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The methods' labels by the fingerprints of the data that they were tested on, sorted.

    A method has one fingerprint per fold: methods that saw the same set may be compared.

    Args:
        runs: Of one data set.
        labels: Only these of the labels that :func:`.unique_labels` gives; all by default.
    """
    shown = unique_labels(runs)
    prints: dict[str, set[str]] = {}
    for run in runs:
        label = shown[run.dataset, run.record.group]
        prints.setdefault(label, set()).add(run.record.dataset.fingerprint)
    seen: dict[tuple[str, ...], list[str]] = {}
    for label, held in prints.items():
        if labels is None or label in labels:
            seen.setdefault(tuple(sorted(held)), []).append(label)
    return {held: tuple(names) for held, names in sorted(seen.items())}


def caution(seen: Mapping[tuple[str, ...], Sequence[str]]) -> str:
    """What must be said where not all saw the same data; empty where they did.

    Args:
        seen: What :func:`data_seen` gave.
    """
    if len(seen) < 2:
        return ""
    each = "; ".join(
        f"{' '.join(p[:12] for p in held)}: {', '.join(labels)}" for held, labels in seen.items()
    )
    return f"CAUTION: the methods saw different versions or parts of the data ({each})."

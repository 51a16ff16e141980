"""Every number the project reports, each with the card that defines it.

Adding a metric is one function under one card, in a module of this package or in anybody's
distribution under the entry point group ``benchmark.metrics``::

    @metric(Card(name="dice", title="Dice coefficient", ...))
    def dice(pair: Pair) -> float:
        return 2 * pair.tp / (2 * pair.tp + pair.fp + pair.fn)

``benchmark.metrics.cards`` lists them without loading what computes them.
"""

from .definition import Card, Metric, Pair, metric

__all__ = ["Card", "Metric", "Pair", "metric"]

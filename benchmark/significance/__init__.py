"""Tests between methods: paired, of rates, of groups, of slopes; letters and power.

Every function takes plain numbers, one value per patient unless it says otherwise, and gives an
outcome for whatever numbers: where there is no test, ``p`` is None (NaN in a matrix) and a note
says why. :mod:`.matrix` makes whole tables of tests and is imported by its own name, for it stands
above :mod:`benchmark.compare`, which uses this package.
"""

from __future__ import annotations

from .classes import DiceClasses, dice_classes
from .difference import Difference, bootstrap_difference
from .exchange import RESAMPLES as EXCHANGES
from .exchange import exchange_p, permutation
from .groups import dscf, games_howell, kruskal, tukey, welch_anova
from .holm import holm
from .letters import letters
from .paired import Paired, paired, per_patient, wilcoxon, wilcoxon_p
from .power import Power, smallest_difference
from .rates import chi_square, fisher_exact, mcnemar
from .result import Test
from .slopes import fisher_z, unpaired_and_paired, welch_slopes, welch_t

__all__ = [
    "EXCHANGES",
    "DiceClasses",
    "Difference",
    "Paired",
    "Power",
    "Test",
    "bootstrap_difference",
    "chi_square",
    "dice_classes",
    "dscf",
    "exchange_p",
    "fisher_exact",
    "fisher_z",
    "games_howell",
    "holm",
    "kruskal",
    "letters",
    "mcnemar",
    "paired",
    "per_patient",
    "permutation",
    "smallest_difference",
    "tukey",
    "unpaired_and_paired",
    "welch_anova",
    "welch_slopes",
    "welch_t",
    "wilcoxon",
    "wilcoxon_p",
]

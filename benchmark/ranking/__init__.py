"""Ranks of methods, and whether they would stand with other patients, a scheme or a policy."""

from __future__ import annotations

from .matrices import CaseMatrix, case_matrix
from .overview import Consensus, consensus, rank_table, rank_table_markdown
from .pairs import pairwise_p
from .rank_stability import RankStability
from .schemes import (
    Ranking,
    Scheme,
    aggregate_then_rank,
    case_ranks,
    rank_then_aggregate,
    test_based,
)
from .stability import ranking, stabilities, stability
from .standings import Standing, ranks, standings

__all__ = [
    "CaseMatrix",
    "Consensus",
    "RankStability",
    "Ranking",
    "Scheme",
    "Standing",
    "aggregate_then_rank",
    "case_matrix",
    "case_ranks",
    "consensus",
    "pairwise_p",
    "rank_table",
    "rank_table_markdown",
    "rank_then_aggregate",
    "ranking",
    "ranks",
    "stabilities",
    "stability",
    "standings",
    "test_based",
]

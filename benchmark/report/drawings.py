"""Figures of the page."""

from __future__ import annotations
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    uri: str
    width: int
    height: int
    alt: str
    caption: str


def agreement_figures(board, members):
    return {row.label: [] for row in board.rows}


def agreement_table(board, members):
    return None


def cost_figures(board):
    return []


def rank_figures(board, means):
    return [], ()


def value_figures(board, values):
    return []

"""Records in other programs' files: tidy CSV, challengeR's CSV, nnU-Net's summary.json, LaTeX."""

from __future__ import annotations

from .challenger import challenger_csv
from .latex import latex_table
from .nnunet import nnunet_summary, summary_text
from .tidy_csv import tidy_csv

__all__ = ["challenger_csv", "latex_table", "nnunet_summary", "summary_text", "tidy_csv"]

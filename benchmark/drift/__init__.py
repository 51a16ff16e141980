"""Whether a run has become worse than the accepted entry: verdicts, never an average alone."""

from __future__ import annotations

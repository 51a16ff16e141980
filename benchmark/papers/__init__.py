"""Each source paper's published numbers, and the layout of its tables filled from runs.

The numbers are data (``<paper>.toml``, read by :mod:`.published`); a module called as its paper
knows which runs fill which cells; :mod:`.text` writes the tables.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .published import known_papers, load

if TYPE_CHECKING:
    from ..policies import Policy
    from ..results import Run
    from .layout import PaperReport

__all__ = ["known_papers", "load", "report"]


def report(
    paper: str, runs: Sequence[Run], *, roles: Collection[str] = ("test",), policy: Policy
) -> PaperReport:
    """A paper's tables, our numbers beside the published ones.

    Args:
        paper: Its short name.
        runs: What to fill them from.
        roles: Cases of which roles.
        policy: What undefined values count as.

    Raises:
        UsageError: There is no such paper, or the runs do not tell which fills what.
        DataError: The runs are of other data than the paper's tables are about.
    """
    load(paper)  # names what was probably meant
    module: Any = import_module(f".{paper}", __package__)
    found: PaperReport = module.report(runs, roles=roles, policy=policy)
    return found

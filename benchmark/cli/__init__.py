"""The command line: names and paths in, text out.

Exit codes: 0 done; 1 done, and the answer is no (not reproduced, contract broken); 2 what was asked
or given does not fit, nothing was computed; 3 nothing was measured; 4 done, but some cases failed;
130 interrupted.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run ``bench``; a user's mistake is one sentence, never a traceback (``--debug`` shows it)."""
    from ._app import app, run_app

    sys.exit(run_app(app, sys.argv[1:]))

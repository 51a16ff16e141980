"""A stranger's words on one line of ours: nothing in them that a terminal or a log acts on.

Names, messages and reasons come from plugins and files. Whatever they hold, they must neither
start a line that looks like ours, nor paint the terminal, nor fill it.
"""

from __future__ import annotations

__all__ = ["LONGEST", "one_line", "printable", "told"]

#: Characters of a message that are shown; the whole of it is in the log, where there is one.
LONGEST = 500


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""``text`` on one line of at most about ``longest`` characters.

    White space of any kind becomes single spaces; what is not printable (escapes, null bytes,
    halves of surrogate pairs, marks that turn the direction of writing) becomes ``\x1b`` and the
    like. What is cut off is said.
    """
    start = text[: 4 * longest]  # of a message of a gigabyte the rest is never looked at
    flat = " ".join(start.split())
    shown = printable(flat)
    cut = len(text) > len(start) or len(shown) > longest
    return f"{shown[:longest]}... ({len(text):,} characters)" if cut else shown


def printable(text: str) -> str:
    """``text`` with everything escaped that is neither printable nor the end of a line."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def told(error: BaseException) -> str:
    """What an exception says, as :func:`one_line` has it; what it is where it cannot even say."""
    try:
        text = str(error)
    except Exception as fault:  # a stranger's __str__ may raise anything
        return f"(no message: its __str__ raised {type(fault).__name__})"
    return one_line(text)

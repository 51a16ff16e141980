"""What git says of the JSON files in ``leaderboards/``.

git is asked with fixed arguments, and nothing of the repository is run: no hook, pager, external
diff, text conversion or signature check.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import DataError, UsageError

__all__ = ["Version", "blobs", "is_shallow", "uncommitted", "versions"]

#: Lines of a repository's own configuration that would run a program, or change what is printed.
_GIT = (
    "git", "--no-pager", "-c", "log.showSignature=false", "-c", "core.fsmonitor=false",
    "-c", "core.quotePath=false", "-c", "core.commitGraph=false", "-c", "diff.renames=true",
)  # fmt: skip
#: Seconds after which a git that waits for something is given up.
_PATIENCE = 300


@dataclass(frozen=True)
class Version:
    """A file as a commit left it.

    Attributes:
        commit: Its hash; empty for a file that is not committed.
        committed: When it was committed.
        authored: When it was written.
        path: Of the file, in the repository.
        blob: Name of its content; empty where the file was removed.
    """

    commit: str
    committed: datetime
    authored: datetime
    path: str
    blob: str


def is_shallow(folder: Path) -> bool:
    """Whether the clone lacks what came before some commit."""
    return _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"


def versions(folder: Path) -> Iterator[Version]:
    """Every change of a JSON file in a folder of a data set, the oldest first; removals last."""
    out = _git(
        folder, "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "-z",
        "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-show-signature",
        "--no-color", "--no-notes", "--format=%x01%H %ct %at", "--", ":(glob)./*/*.json",
    )  # fmt: skip
    for block in out.split(b"\x01")[1:]:
        head, _, rest = block.partition(b"\x00")
        commit, committed, authored = head.split()
        fields = [field.lstrip(b"\n") for field in rest.split(b"\x00")]
        fields = [field for field in fields if field]
        found = []
        for about, path in zip(fields[::2], fields[1::2], strict=False):
            blob, status = about.split(b" ")[3:5]
            gone = status.startswith(b"D")
            found.append(Version(
                commit.decode(), _when(committed), _when(authored),
                path.decode("utf-8", errors="replace"), "" if gone else blob.decode(),
            ))  # fmt: skip
        # A rename is a removal and an addition: the addition first, or the entry would seem gone.
        yield from sorted(found, key=lambda v: (not v.blob, v.path))


def _when(seconds: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):  # a commit may say anything of its time
        return datetime.fromtimestamp(0, UTC)


def blobs(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The content of these objects; those that are not there are left out."""
    wanted = list(dict.fromkeys(names))
    out = _git(folder, "cat-file", "--batch", given="".join(f"{n}\n" for n in wanted).encode())
    found: dict[str, bytes] = {}
    at = 0
    for name in wanted:
        end = out.index(b"\n", at)
        head = out[at:end].split()
        at = end + 1
        if len(head) != 3:  # "<name> missing"
            continue
        size = int(head[2])
        found[name] = out[at : at + size]
        at += size + 1
    return found


def uncommitted(
    folder: Path, known: Sequence[Version], held: dict[str, bytes]
) -> Iterator[tuple[Version, bytes | None]]:
    """Files as they lie there, where they are not what the last commit has."""
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    last = {version.path: version for version in known}
    now = datetime.now(UTC)
    for path in sorted(folder.glob("*/*.json")):
        try:
            name = path.resolve().relative_to(top.resolve()).as_posix()
            content = path.read_bytes()
        except (OSError, ValueError):
            continue
        before = last.get(name)
        if before is None or held.get(before.blob, b"").split() != content.split():
            yield Version("", now, now, name, "-"), content


def _git(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    """What git prints.

    Raises:
        UsageError: There is no git, or the folder is in no repository.
        DataError: It fails.
    """
    # Not another repository's, not a question, not what is not here.
    dropped = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF")
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
                    "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat"}  # fmt: skip
    try:
        done = subprocess.run(
            [*_GIT, *words], cwd=folder, env=environment, input=given or b"", capture_output=True,
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError("git is not installed.", "The history is git's: install it.") from None
    except subprocess.TimeoutExpired:
        raise DataError(f"git {words[0]} does not answer in {_PATIENCE} s.") from None
    if done.returncode == 0:
        return done.stdout
    told = done.stderr.decode(errors="replace").strip().splitlines()
    why = told[0].removeprefix("fatal: ") if told else f"exit code {done.returncode}"
    if "not a git repository" in why:
        raise UsageError(f"{folder} is in no git repository.", "The history is git's.")
    if "does not have any commits" in why:
        raise UsageError(f"The repository of {folder} has no commit yet.", "Commit the entries.")
    raise DataError(f"git cannot tell the history of {folder}: {why}.")

"""The address of a scheduler: whether it can be one, and whether one answers there.

Both are asked before a Dask client is made: one that could not connect waits for its own end when
Python throws it away, twice as long as it waited for an answer, and then prints a traceback.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import DataError, UsageError

__all__ = ["ask", "checked_address", "security_of", "unanswered"]

_WRITE = "Write tcp://HOST:8786, slurm or local."
_ENCRYPTED = ("tls", "wss")


def checked_address(address: str) -> str:
    """``address``, if a scheduler could have it.

    Raises:
        UsageError: It has no host and port, or a protocol that Dask does not know.
    """
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    problem = "it names no host and port"
    try:
        protocol, place = parse_address(address)
        host, port = parse_host_port(place)
        if host and 0 < int(port) < 65536:
            problem = f"Dask has no protocol {protocol!r} here"
            get_backend(protocol)
            return address
    except (ValueError, ImportError):  # ImportError: a protocol that wants a package
        pass
    raise UsageError(f"{address!r} is no address of a scheduler: {problem}.", _WRITE)


def security_of(address: str) -> Any:
    """The certificates that Dask's configuration names for ``address``.

    Raises:
        UsageError: They are needed and none are named, or they cannot be used.
    """
    import dask
    from distributed import Security
    from distributed.utils import import_term

    loader = dask.config.get("distributed.client.security-loader", None)
    problem = "none are named"
    try:
        security = import_term(loader)({"address": address}) if loader else None
        security = security or Security()
        if address.partition("://")[0] not in _ENCRYPTED:
            return security
        if security.get_connection_args("client").get("ssl_context") is not None:
            return security
    except Exception as error:  # a loader is anybody's code
        problem = str(error) or type(error).__name__
    raise UsageError(
        f"{address} needs certificates that Dask's configuration names: {problem}.",
        "Write ca-file, and client: with cert and key, under distributed: comm: tls: in "
        "~/.config/dask/distributed.yaml.",
    )


def ask(address: str, security: Any, seconds: float) -> None:
    """Connect to a scheduler and hang up.

    Args:
        address: A checked one.
        security: Its certificates.
        seconds: How long to wait for an answer.

    Raises:
        DataError: None answers there in that time.
    """
    try:
        asyncio.run(asyncio.wait_for(_connect(address, security, seconds), seconds + 1))
    except Exception as error:  # whatever a stranger at that port sends, of whatever protocol
        raise unanswered(address, error) from None


def unanswered(scheduler: str, error: Exception) -> DataError:
    """What to raise where no scheduler answers."""
    # Of others than these, the text is about what Dask made of bytes that are not its own.
    said = str(error).rstrip(".") if isinstance(error, OSError | ImportError) else ""
    why = said or "what is there does not answer as Dask does"
    return DataError(
        f"No Dask scheduler answers at {scheduler}: {why}.",
        "Start one with 'dask scheduler', and workers with 'dask worker ADDRESS'.",
    )


async def _connect(address: str, security: Any, seconds: float) -> None:
    from distributed.comm import connect

    arguments = security.get_connection_args("client")
    comm = await connect(address, timeout=seconds, **arguments)
    await comm.close()

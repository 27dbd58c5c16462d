"""Connecting again to a server that takes no more connections for now."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from smbquic.errors import ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus

BUSY = frozenset({NtStatus.REQUEST_NOT_ACCEPTED, NtStatus.INSUFFICIENT_RESOURCES})
"""The statuses of a server that takes no more connections for now."""
CLOSES_ALLOWED = 3
"""How often a server is asked again that closes the connection without an answer, as some do."""
LOSSES_ALLOWED = 5
"""How often the same request may lose its connection: it could be the request that ends it."""
FIRST_DELAY = 0.2
"""Seconds between the first two attempts; half as much more or less by chance."""
LONGEST_DELAY = 2.0
"""Seconds between two attempts at most, by the same chance."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def delays(first: float, longest: float) -> Iterator[float]:
    """Yield the seconds before each further attempt: twice as many each time, up to `longest`.

    Half as much more or less by chance: clients that were refused together should not come again
    together.
    """
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.5)  # noqa: S311
        delay = min(2 * delay, longest)


async def retry_while_busy(attempt: Callable[[], Awaitable[_T]], seconds: float) -> _T:
    """Call `attempt` until the server is not busy, and return what it returns.

    No attempt begins later than `seconds` after the first. Raises what the last one raised.
    """
    clock = asyncio.get_running_loop().time
    deadline, closes = clock() + seconds, 0
    for wait in delays(FIRST_DELAY, LONGEST_DELAY):
        try:
            return await attempt()
        except StatusError as error:
            if error.status not in BUSY:
                raise
            reason: Exception = error
        except ConnectionClosed as error:
            closes += 1
            if closes > CLOSES_ALLOWED:
                raise
            reason = error
        if clock() + wait > deadline:
            raise reason
        _log.info("the server is asked again in %.1f s: %s", wait, reason)
        await asyncio.sleep(wait)
    raise AssertionError("there is always another delay")

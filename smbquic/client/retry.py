"""Coming again to a server that takes no more connections for now."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from smbquic.errors import ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus

BUSY = frozenset({NtStatus.REQUEST_NOT_ACCEPTED, NtStatus.INSUFFICIENT_RESOURCES})
"""What a server says that has as many connections as it wants."""
HANG_UPS = 3
"""How often a server is asked again that hangs up without a word, as some do then."""
FIRST = 0.2
LONGEST = 2.0
"""Seconds between two attempts at first, and at last; a half more or less by chance."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


async def retried(attempt: Callable[[], Awaitable[_T]], seconds: float) -> _T:
    """Return what `attempt` returns, which is called again while the server is busy.

    No attempt begins later than `seconds` after the first. Raises what the last one raised.
    """
    clock = asyncio.get_running_loop().time
    deadline, delay, hang_ups = clock() + seconds, FIRST, 0
    while True:
        try:
            return await attempt()
        except StatusError as error:
            if error.status not in BUSY:
                raise
            reason: Exception = error
        except ConnectionClosed as error:
            hang_ups += 1
            if hang_ups > HANG_UPS:
                raise
            reason = error
        # Those who were turned away together should not come again together.
        wait = delay * random.uniform(0.5, 1.5)  # noqa: S311
        if clock() + wait > deadline:
            raise reason
        _log.info("the server is asked again in %.1f s: %s", wait, reason)
        await asyncio.sleep(wait)
        delay = min(2 * delay, LONGEST)

"""The free space of shares, asked for now and then only: a disk may be slow."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Final
from weakref import WeakKeyDictionary

from smbquic.lazy_dataclass import dataclass
from smbquic.server.share import ServedShare
from smbquic.storage import Storage, VolumeStat

INTERVAL: Final = 10.0
"""Seconds between two questions to a storage."""
SLOW: Final = 0.005
"""Seconds after which a storage counts as slow."""
SLOW_INTERVAL: Final = 300.0
"""Seconds between two questions to one that was slow."""
TIMEOUT: Final = 1.0
"""Seconds that the coroutine of a storage may take."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    stat: VolumeStat | None
    next: float


class Volumes:
    """What is known of the disks under shares."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._known: WeakKeyDictionary[Storage, _Known] = WeakKeyDictionary()

    async def of(self, share: ServedShare) -> VolumeStat | None:
        """Return what is known of the disk under a share; None if it cannot be asked."""
        storage, now = share.storage, self._clock()
        known = self._known.get(storage)
        if known is None or now >= known.next:
            # Before the question: others must not ask while it is waited for.
            known = self._known[storage] = _Known(known.stat if known else None, now + INTERVAL)
            started = perf_counter()
            known.stat = await _ask(share, storage)
            # A coroutine may take long, and keeps nobody waiting.
            if share.coroutines is None and perf_counter() - started > SLOW:
                known.next = now + SLOW_INTERVAL
        return known.stat


async def _ask(share: ServedShare, storage: Storage) -> VolumeStat | None:
    try:
        if share.coroutines is None:
            return storage.volume()
        async with asyncio.timeout(TIMEOUT):
            return await share.coroutines.run(storage.volume)
    except Exception as error:
        _log.debug("the free space of the share %s is not known: %s", share.name, error)
        return None

"""Changes on their way to the watches of a storage.

All who watch a folder are told of each change in it. Where they are thousands, that takes longer
than others should wait: so only some are told at once, and the rest in further turns of the event
loop. All changes keep their order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from smbquic.server.notify.watch import Watch
from smbquic.wire.fscc.notify_information import NotifyInformation

AT_ONCE = 32
"""Watches that are told in one turn of the event loop: each may send a response to its client."""
MOST_WAITING = 1 << 16
"""Watches that are still to be told of something, each counted once for each change. Beyond, all
watches of the storage lose their changes, so that their clients list the folders again."""

_Tell = Callable[[Watch], None]


class Deliveries:
    """What the watches of one storage are still to be told of; `everyone` returns all of them."""

    def __init__(self, everyone: Callable[[], list[Watch]]) -> None:
        self._everyone = everyone
        self._waiting: deque[tuple[Iterator[Watch], _Tell]] = deque()
        self._count = 0
        self._scheduled = False

    def add(self, watches: Sequence[Watch], changes: Sequence[NotifyInformation]) -> None:
        """Tell watches of changes, after all that they are still to be told of."""
        if self._count + len(watches) > MOST_WAITING:
            self.lose()
        else:
            self._tell(watches, lambda watch: watch.add(changes))

    def lose(self) -> None:
        """Tell everyone that changes were lost, in place of those that are still to be told."""
        self._waiting.clear()
        self._count = 0
        self._tell(self._everyone(), Watch.lose)

    def _tell(self, watches: Sequence[Watch], tell: _Tell) -> None:
        if not self._waiting and len(watches) <= AT_ONCE:
            for watch in watches:
                tell(watch)
            return
        self._waiting.append((iter(watches), tell))
        self._count += len(watches)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        """Tell the next watches, and schedule the turn of those behind them."""
        self._scheduled = False
        left = AT_ONCE
        while self._waiting:
            watches, tell = self._waiting[0]
            # The iterator keeps the place at which the next turn goes on.
            for watch in watches:
                tell(watch)
                self._count -= 1
                left -= 1
                if not left:
                    self._schedule()
                    return
            self._waiting.popleft()

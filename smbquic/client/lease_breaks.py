"""Giving back leases that the server breaks. [MS-SMB2] 3.2.5.19.2"""

import asyncio
import logging
from typing import NamedTuple, Protocol

from smbquic.client.response_waiters import SendCompound, Target
from smbquic.errors import SmbError
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    NotifyBreakLeaseFlags,
)

log = logging.getLogger(__name__)


class LeaseHolder(Protocol):
    """Something that caches under a lease, and has to stop that when the lease is broken."""

    @property
    def state(self) -> int:
        """What may still be cached."""

    def reduce(self, notification: LeaseBreakNotification) -> None:
        """Drop at once what may not be kept any more."""

    async def give_back(self) -> bool:
        """Write back and close what the lease does not allow to delay any more.

        Returns whether the lease still has opens: if not, nothing has to be acknowledged.
        """


class _Held(NamedTuple):
    target: Target
    holder: LeaseHolder | None


class LeaseBreaks:
    """Acknowledges the breaks of the leases of one connection; others wait for that.

    However many notifications a server sends, there is one task for each lease at most.
    """

    def __init__(self, compound: SendCompound) -> None:
        self._compound = compound
        self._leases: dict[bytes, _Held] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._acknowledging: dict[bytes, int] = {}
        """The states that the tasks give the leases back to."""
        self._further: dict[bytes, int] = {}
        """The states of breaks that have come meanwhile."""

    def __len__(self) -> int:
        return len(self._leases)

    def add(self, lease_key: bytes, target: Target, holder: LeaseHolder | None = None) -> None:
        """Acknowledge the breaks of this lease from now on.

        Without a `holder` nothing is cached under it, and it is given back at once.
        """
        self._leases[lease_key] = _Held(target, holder)

    def remove(self, lease_key: bytes) -> None:
        """Forget a lease: its file was closed."""
        self._leases.pop(lease_key, None)

    def receive(self, notification: Message | None) -> None:
        """Take what the server sent unasked; all but the break of a known lease is left out."""
        if not isinstance(notification, LeaseBreakNotification):
            return
        key = notification.lease_key
        held = self._leases.get(key)
        if held is None:
            return
        if held.holder is not None:
            held.holder.reduce(notification)
        if not notification.flags & NotifyBreakLeaseFlags.ACK_REQUIRED:
            return
        state = notification.new_lease_state
        if key not in self._tasks:
            self._start(key, held, state)
        elif state != self._acknowledging[key]:
            # With the acknowledgment, a server may break the lease further at once: this may be
            # here before the response to that.
            self._further[key] = state

    def _start(self, key: bytes, held: _Held, state: int) -> None:
        task = asyncio.create_task(self._give_back(key, held, state))
        self._tasks[key], self._acknowledging[key] = task, state
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: bytes) -> None:
        del self._tasks[key], self._acknowledging[key]
        state, held = self._further.pop(key, None), self._leases.get(key)
        if state is not None and held is not None:
            self._start(key, held, state)

    async def _give_back(self, key: bytes, held: _Held, left: int) -> None:
        try:
            if held.holder is not None:
                if not await held.holder.give_back():
                    return
                # Read only now: it was granted less, or broken further, meanwhile.
                left &= held.holder.state
            await self._compound([LeaseBreakAcknowledgment(key, left)], held.target)
        except SmbError as error:
            log.debug("a lease was not given back: %s", error)

    async def cancel(self) -> None:
        """Acknowledge nothing any more."""
        self._leases.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Giving back leases that the server breaks. [MS-SMB2] 3.2.5.19.2

The client has leases for its durable handles only, and caches nothing under them.
"""

import asyncio
import logging

from smbquic.client.response_waiters import SendCompound, Target
from smbquic.errors import SmbError
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    NotifyBreakLeaseFlags,
)

log = logging.getLogger(__name__)


class LeaseBreaks:
    """Acknowledges the breaks of the leases of one connection; others wait for that."""

    def __init__(self, compound: SendCompound) -> None:
        self._compound = compound
        self._targets: dict[bytes, Target] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}

    def add(self, lease_key: bytes, target: Target) -> None:
        """Acknowledge the breaks of this lease from now on."""
        self._targets[lease_key] = target

    def remove(self, lease_key: bytes) -> None:
        """Forget a lease: its file was closed."""
        self._targets.pop(lease_key, None)

    def receive(self, notification: Message | None) -> None:
        """Take what the server sent unasked; all but the break of a known lease is left out."""
        if not isinstance(notification, LeaseBreakNotification):
            return
        key = notification.lease_key
        target = self._targets.get(key)
        acknowledged = notification.flags & NotifyBreakLeaseFlags.ACK_REQUIRED
        # Until it has the acknowledgment, a server breaks this lease no further.
        if target is None or not acknowledged or key in self._tasks:
            return
        body = LeaseBreakAcknowledgment(key, notification.new_lease_state)
        task = asyncio.create_task(self._acknowledge(body, target))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key))

    async def _acknowledge(self, body: LeaseBreakAcknowledgment, target: Target) -> None:
        try:
            await self._compound([body], target)
        except SmbError as error:
            log.debug("a lease was not given back: %s", error)

    async def cancel(self) -> None:
        """Acknowledge nothing any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

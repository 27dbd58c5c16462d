"""Files that the server has opened for a request that was cancelled."""

import logging

from smbquic.client import requests
from smbquic.client.concurrency import RunningTasks
from smbquic.client.response_waiters import ResponseWaiter, SendCompound
from smbquic.errors import SmbError
from smbquic.wire.create import CreateResponse

log = logging.getLogger(__name__)


class AbandonedOpens:
    """Closes what a cancelled CREATE has opened, and deletes what it has made.

    A CANCEL may come too late, and the response may be here already when the task is cancelled.
    """

    def __init__(self, compound: SendCompound) -> None:
        self._compound = compound
        self._closing = RunningTasks()

    def close(self, waiter: ResponseWaiter) -> None:
        """Close what the CREATE of `waiter` opens, once its response is there."""
        self._closing.start(self._close(waiter))

    async def _close(self, waiter: ResponseWaiter) -> None:
        try:
            opened = (await waiter.future).body
            if not isinstance(opened, CreateResponse):
                return
            if waiter.creates:
                bodies = [requests.delete(opened.file_id), requests.close()]
                _, closed = await self._compound(bodies, waiter.target)
                if not closed.status.is_error:
                    return
                # Some servers fail the rest of a compound after a failure.
            await self._compound([requests.close(opened.file_id)], waiter.target)
        except SmbError as error:
            log.debug("what a cancelled request opened is left to the server: %s", error)

    async def wait_closed(self) -> None:
        """Wait until everything is closed."""
        await self._closing.wait()

    async def cancel(self) -> None:
        """Leave what is still open to the server, which closes it with the connection."""
        await self._closing.cancel()

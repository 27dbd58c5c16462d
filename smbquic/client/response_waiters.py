"""Requests that were sent, the tasks that wait for their responses, and where each belongs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from smbquic.errors import SmbError
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateRequest
from smbquic.wire.message import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request belongs: the session, the tree, and whether it has to be encrypted.

    `pipes` says that the tree has pipes, from which nothing can be read twice.
    """

    session: ClientSession | None = None
    tree_id: int = 0
    encrypt: bool = False
    pipes: bool = False


SendCompound = Callable[[Sequence[Message], Target], Awaitable[list[Response]]]
"""Sends related requests in one message and returns all of their responses."""


@dataclass(slots=True, eq=False)
class ResponseWaiter:
    """A request that has no final response yet, and the future that gets it.

    `leaves_open` is set for a CREATE that nothing in its compound closes again, `creates` for such
    a CREATE that makes a file, with the right to delete it. `sent` is the time of the event loop
    when it was sent. `pending` is set once the server said that the response takes time.
    """

    future: "asyncio.Future[Response]"
    target: Target
    charge: int
    leaves_open: bool = False
    creates: bool = False
    sent: float = 0.0
    pending: bool = False


class ResponseWaiters:
    """The requests of one connection that have no final response yet, in the order of sending."""

    def __init__(self) -> None:
        self.charge = 0
        """Credits that these requests have spent."""
        self.latest_answered = 0.0
        """When the latest of the requests that were answered was sent."""
        self._waiters: dict[int, ResponseWaiter] = {}

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._waiters

    def add(self, waiters: dict[int, ResponseWaiter], now: float) -> None:
        """Wait for the responses to requests, by message id, that are sent `now`."""
        for waiter in waiters.values():
            waiter.sent = now
            self.charge += waiter.charge
        self._waiters.update(waiters)

    def deliver(self, response: Response) -> None:
        """Give a response to the task that waits for it; an interim one is only noted."""
        if response.pending:
            self._waiters[response.message_id].pending = True
            return
        waiter = self._waiters.pop(response.message_id)
        self.charge -= waiter.charge
        self.latest_answered = max(self.latest_answered, waiter.sent)
        if not waiter.future.done():
            waiter.future.set_result(response)

    def overtaken(self, seconds: float) -> bool:
        """Return whether a request waits although one sent `seconds` later was answered.

        On a slow link a response may take minutes, but then those behind it take longer. A server
        that said STATUS_PENDING may take as long as it likes: a lock, or a change of a folder, is
        waited for.
        """
        oldest = next((one for one in self._waiters.values() if not one.pending), None)
        return oldest is not None and self.latest_answered - oldest.sent >= seconds

    def fail(self, error: Callable[[], SmbError]) -> None:
        """Raise an error, a fresh one for each, in the tasks that wait."""
        for waiter in self._waiters.values():
            fail_future(waiter.future, error())
        self._waiters.clear()


def waiters_for(
    bodies: Sequence[Message], charges: Iterable[int], message_ids: Sequence[int], target: Target
) -> dict[int, ResponseWaiter]:
    """Return a waiter for each request of a compound, by message id."""
    loop = asyncio.get_running_loop()
    waiters = {
        message_id: ResponseWaiter(loop.create_future(), target, charge)
        for message_id, charge in zip(message_ids, charges, strict=True)
    }
    first = bodies[0]
    if isinstance(first, CreateRequest) and not isinstance(bodies[-1], CloseRequest):
        waiter = waiters[message_ids[0]]
        waiter.leaves_open = True
        waiter.creates = (
            first.create_disposition == CreateDisposition.FILE_CREATE
            and first.desired_access & AccessMask.DELETE != 0
        )
    return waiters


def fail_future(future: "asyncio.Future[T]", error: SmbError) -> None:
    """Raise `error` in the task that awaits a future, if there is one."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # a task that was cancelled meanwhile does not fetch it

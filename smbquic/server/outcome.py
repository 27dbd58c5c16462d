"""The outcome of a handler: a reply, work that leads to one, or None. Errors are raised."""

import asyncio
from collections.abc import Collection, Coroutine
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Any

from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.wire.message import Message


@dataclass(slots=True)
class Reply:
    """A response body, and the status that it is sent with.

    Of the statuses other than success, [MS-SMB2] 3.3.4.4 has a body with few: BUFFER_OVERFLOW,
    MORE_PROCESSING_REQUIRED, NOTIFY_ENUM_DIR.
    """

    body: Message
    status: NtStatus = NtStatus.SUCCESS


class PendingKind(Enum):
    """Kinds of pending work, by what it waits for."""

    OPERATION = auto()
    """It ends by itself: the disk, a thread, a long list. The client gets STATUS_PENDING if that
    takes longer than `interim_delay`."""
    EVENT = auto()
    """Something that may never happen: a lock is released, a folder changes, a pipe has data. The
    client gets STATUS_PENDING at once, and nothing may follow in the compound."""
    RETRY = auto()
    """A client has to acknowledge a break, or a storage to prepare a file, before the handler is
    called again. The client gets STATUS_PENDING at once; any request of a compound may wait like
    that."""

    @property
    def is_unbounded(self) -> bool:
        """Whether others decide when the work ends, so that `Limits.pending` counts it."""
        return self is not PendingKind.OPERATION


@dataclass(slots=True, frozen=True)
class Pending:
    """Work after which the request is answered: `AsyncRequest` does it. [MS-SMB2] 3.3.4.2

    With `survives_connection` it goes on when its connection is lost, as long as its session has
    another one.
    """

    work: Coroutine[Any, Any, Reply]
    kind: PendingKind = PendingKind.OPERATION
    survives_connection: bool = False


Outcome = Reply | Pending | None
"""The result of a handler; None means no reply, which only a CANCEL has."""


class RetryAfter(Exception):  # noqa: N818  (no error: the reason to try again later)
    """Raised by a handler that cannot go on yet and has changed nothing so far.

    It is called again once all of `futures` are done. If `meanwhile` is set, that context is
    entered until then, and the request survives its connection.
    """

    def __init__(self, futures: Collection[asyncio.Future[None]]) -> None:
        super().__init__(f"{len(futures)} things to wait for")
        self.futures = futures
        self.meanwhile: AbstractContextManager[None] | None = None

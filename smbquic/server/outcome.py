"""What comes of a request: a reply, or work after which it is answered."""

import asyncio
from collections.abc import Collection, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from smbquic.ntstatus import NtStatus


@dataclass(slots=True)
class Reply:
    """A response body, and the status that it is sent with.

    Of the statuses other than success, [MS-SMB2] 3.3.4.4 has a body with few: BUFFER_OVERFLOW,
    MORE_PROCESSING_REQUIRED, NOTIFY_ENUM_DIR.
    """

    body: Any
    status: NtStatus = NtStatus.SUCCESS


@dataclass(slots=True, frozen=True)
class Endless:
    """Work that may never end by itself, such as waiting for a lock: the client is told at once.

    It has to be the last of its compound, unless it is `anywhere`. What `lasts` goes on when its
    connection is lost, as long as its session has another one.
    """

    work: Coroutine[Any, Any, Any]
    anywhere: bool = False
    lasts: bool = False


class RetryAfter(Exception):  # noqa: N818  (no error: the reason to try again later)
    """What a handler raises that cannot go on yet and has changed nothing so far.

    It is called again once all of `futures` are done. Where it has set `meanwhile`, that is
    entered until it has nothing more to wait for, and the request survives its connection.
    """

    def __init__(self, futures: Collection[asyncio.Future[None]]) -> None:
        super().__init__(f"{len(futures)} things to wait for")
        self.futures = futures
        self.meanwhile: AbstractContextManager[None] | None = None

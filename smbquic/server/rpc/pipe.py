"""An open named pipe, with what its client has written and what waits to be read.

[MS-SMB2] 3.3.5.12, 3.3.5.13, 3.3.5.15.3, 3.3.5.15.4
"""

import asyncio
from collections import deque
from dataclasses import field
from time import perf_counter
from typing import Final

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import PIPE, UserBudget
from smbquic.server.batches import Steps
from smbquic.server.rpc.association import Association
from smbquic.server.tree import ServerTree
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.pipe_information import PipeMode

TIME_SLICE: Final = 0.002
"""Seconds that the work on written data may take before other requests are served."""
_LONGEST_ANSWER = 1 << 20


@dataclass(slots=True, eq=False)
class Pipe:
    """A client's end of a pipe of message type, with a service at the other end.

    `read_mode` compares with `PipeMode`, `completion_mode` is 1 if nothing is to block. When more
    than `quota` bytes wait to be read, nothing more is taken. `memory` is what its user may have
    the server keep.
    """

    file_id: FileId
    tree: ServerTree
    name: str
    association: Association
    granted_access: int
    quota: int
    memory: UserBudget
    read_mode: int = PipeMode.MESSAGE
    completion_mode: int = 0
    closed: bool = False
    _charged: int = 0
    _messages: deque[memoryview] = field(default_factory=deque)
    _readable: deque[asyncio.Future[None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._charge()

    def _charge(self) -> None:
        """Charge what the server keeps for the pipe to its user."""
        size = 0 if self.closed else PIPE + self.available + self.association.held
        self.memory.change(size - self._charged)
        self._charged = size

    @property
    def available(self) -> int:
        """The bytes that wait to be read."""
        return sum(map(len, self._messages))

    @property
    def messages(self) -> list[memoryview]:
        """The messages that wait to be read, the first one without what was read of it."""
        return list(self._messages)

    def require(self, access: int) -> None:
        """Raise StatusError ACCESS_DENIED unless every bit of `access` was granted."""
        if self.granted_access & access != access:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def write(self, data: Buffer) -> Steps:
        """Give the service bytes, in steps; raise StatusError PIPE_DISCONNECTED if it has ended.

        StatusError INSUFFICIENT_RESOURCES for a client that does not read what it asks for.
        """
        if self.association.failed:
            raise StatusError.of(NtStatus.PIPE_DISCONNECTED)
        available = self.available
        if available > self.quota or not self.memory.has_room(len(data)):
            raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
        deadline = perf_counter() + TIME_SLICE
        for answers in self.association.receive_each(data):
            self._messages += map(memoryview, answers)
            available += sum(map(len, answers))
            # How long an answer is, is known when it is made: one may be beyond the quota.
            if available > self.quota + _LONGEST_ANSWER:
                raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
            if perf_counter() >= deadline:
                self._charge()
                self._wake()
                yield
                deadline = perf_counter() + TIME_SLICE
        self._charge()
        self._wake()

    def _wake(self) -> None:
        """Continue a waiting read, as there may be data now."""
        while self._messages and self._readable:
            readable = self._readable.popleft()
            if not readable.done():
                readable.set_result(None)
                break

    def read(self, length: int) -> tuple[memoryview, bool] | None:
        """Return up to `length` bytes of one message, and whether the message goes on.

        None if there is nothing yet. Raises StatusError PIPE_DISCONNECTED, PIPE_EMPTY.
        """
        if not self._messages:
            if self.association.failed:
                raise StatusError.of(NtStatus.PIPE_DISCONNECTED)
            if self.completion_mode:
                raise StatusError.of(NtStatus.PIPE_EMPTY)
            return None
        message = self._messages.popleft()
        rest = message[length:]
        if len(rest):
            self._messages.appendleft(rest)
        self._charge()
        return message[:length], bool(len(rest)) and self.read_mode == PipeMode.MESSAGE

    async def read_later(self, length: int) -> tuple[memoryview, bool]:
        """Do the same once there is data; raise StatusError PIPE_BROKEN if the pipe is closed."""
        while True:
            if self.closed:
                raise StatusError.of(NtStatus.PIPE_BROKEN)
            found = self.read(length)
            if found is not None:
                # One write may bring several messages, and a read may take a part of one.
                self._wake()
                return found
            readable = asyncio.get_running_loop().create_future()
            self._readable.append(readable)
            try:
                await readable
            finally:
                if readable in self._readable:
                    self._readable.remove(readable)

    def close(self) -> None:
        """End the association, and all waiting reads."""
        self.closed = True
        self._charge()
        while self._readable:
            readable = self._readable.popleft()
            if not readable.done():
                readable.set_result(None)

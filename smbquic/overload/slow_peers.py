"""Disconnects clients that read or write too slowly, or hold too much memory.

All connections are checked once a second, a few milliseconds at a time, and nothing is done for
each packet or message. A client that has responses to take, or the rest of a message to send, has
to make progress: `slow_rate` bytes a second, measured over `slow_seconds`. One that has responses
to take but sends as much makes progress too. What waits in memory, for all clients and in both
directions, is at most `buffers` bytes; beyond that, the clients that hold the most are
disconnected. The memory of a client's last message, which is kept for the next one, is released if
none has come since the last check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextvars import Context
from typing import NamedTuple, Protocol

from smbquic.lazy_dataclass import dataclass
from smbquic.options.limits import Limits
from smbquic.overload.heap import HeapUse, keep_freed_memory, trim
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import UserQuota
from smbquic.overload.slices import Slices
from smbquic.transport.base import Flow, MessageTransport

INTERVAL = 1.0
"""Seconds between the end of a check of the connections and the next one."""


@dataclass(slots=True)
class ProgressGoal:
    """The progress that a client has to make: `goal` is a count of bytes or of messages.

    `since` is when its progress was measured last, `start` how far it was then.
    """

    goal: int
    since: float
    start: int

    def is_slow(self, done: int, now: float, limits: Limits) -> bool:
        """Return whether the client was slow for `slow_seconds`; begin to measure anew then."""
        # Over a whole period, and not second by second: a path may carry nothing for a while.
        if now - self.since < limits.slow_seconds:
            return False
        slow = done - self.start < limits.slow_rate * limits.slow_seconds
        self.since, self.start = now, done
        return slow


class Moved(NamedTuple):
    """The bytes that all clients have sent and taken, as of a check that began at `time`."""

    time: float
    received: int
    sent: int


class PeerProgress:
    """Progress of one client: how fast it takes responses and sends messages.

    `received` and `sent` are how many bytes have been counted in the totals of the server.
    """

    def __init__(self) -> None:
        self.received = self.sent = 0
        self._reading: ProgressGoal | None = None
        self._writing: ProgressGoal | None = None

    def check(self, flow: Flow, now: float, limits: Limits) -> ServerRefusal | None:
        """Return why to disconnect a client that has got as far as `flow` says; None if not."""
        taken = flow.sent - flow.untaken
        # A client that sends is no slow reader: during a large upload it may acknowledge little for
        # minutes. What it could leave unread meanwhile is bounded by `buffers`.
        progress = taken + flow.received
        if not flow.untaken:
            self._reading = None
        elif self._reading is None or taken >= self._reading.goal:
            # All that was unread then has been read: what is unread now is a new goal.
            self._reading = ProgressGoal(flow.sent, now, progress)
        elif self._reading.is_slow(progress, now, limits):
            return ServerRefusal.SLOW_READER
        if not flow.unfinished:
            self._writing = None
        # Each message is a new goal: a client that sends many small ones makes progress whatever
        # their size.
        elif self._writing is None or flow.messages >= self._writing.goal:
            self._writing = ProgressGoal(flow.messages + 1, now, flow.received)
        elif self._writing.is_slow(flow.received, now, limits):
            return ServerRefusal.SLOW_WRITER
        return None


class MonitoredConnection(Protocol):
    """A connection, as the monitor sees it.

    `last_message` is kept only as long as messages come.
    """

    quota: UserQuota
    transport: MessageTransport
    progress: PeerProgress
    last_message: memoryview | None

    @property
    def pending_bytes(self) -> int:
        """Bytes of the messages whose requests are not answered yet."""

    def drop(self, reason: ServerRefusal) -> None:
        """Disconnect at once."""


class SlowPeerMonitor:
    """A monitor that checks the connections of a server every second, as long as there are any.

    `waiting` is what waits in memory for clients, in bytes; `closed` counts the connections that
    have ended. `received` and `sent` are the bytes of all messages so far, some of them as of a
    check that is not over yet; `moved` are those of the last whole one, by the event loop's time.
    `limits` may be replaced at any time.
    """

    def __init__(self, connections: Collection[MonitoredConnection], limits: Limits) -> None:
        self._connections = connections
        self.limits = limits
        # No task: it would be left for a few seconds where the last connection has ended but nobody
        # closes the server.
        self._next: asyncio.Handle | None = None
        self._heap = HeapUse()
        self._trimming: asyncio.Future[None] | None = None
        self.waiting = 0
        self.closed = 0
        self.received = self.sent = 0
        self.moved = Moved(0.0, 0, 0)

    def start(self) -> None:
        """Start to check, as there is a connection."""
        keep_freed_memory()
        if self._next is None:
            # In a context of its own: what it logs is not about the connection that has started it.
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(INTERVAL, self._begin, context=Context())

    def stop(self) -> None:
        """Stop checking."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _begin(self) -> None:
        self._continue(self.check(asyncio.get_running_loop().time()))

    def _continue(self, check: Iterator[None]) -> None:
        """Take the steps of a check that fit into a slice, and schedule the others."""
        self._next = None
        slices = Slices()
        for _ in check:
            if slices.is_over:
                self._next = asyncio.get_running_loop().call_soon(self._continue, check)
                return
        if self._connections or self._heap.due:
            self.start()

    def ended(self, connection: MonitoredConnection) -> None:
        """Count a connection that has ended."""
        self.closed += 1
        self._count(connection.progress, connection.transport.flow())

    def _count(self, progress: PeerProgress, flow: Flow) -> None:
        """Add what has moved since the last check to the totals."""
        self.received += flow.received - progress.received
        self.sent += flow.sent - progress.sent
        progress.received, progress.sent = flow.received, flow.sent

    def check(self, now: float) -> Iterator[None]:
        """Disconnect who is too slow or holds too much, and return memory that was freed.

        Each connection is a step of its own. Others may begin, and any may end, between two steps.
        """
        held: dict[MonitoredConnection, int] = {}
        moved = 0
        for connection in list(self._connections):
            if connection not in self._connections:
                continue  # it has ended meanwhile
            flow = connection.transport.flow()
            moved += flow.sent + flow.received
            self._count(connection.progress, flow)
            reason = connection.progress.check(flow, now, self.limits)
            # Messages that follow each other use the memory of the one before; an idle client needs
            # none.
            connection.last_message = None
            if reason is not None:
                connection.drop(reason)
            else:
                held[connection] = flow.kept + flow.unfetched + connection.pending_bytes
            yield
        self.moved = Moved(now, self.received, self.sent)
        held = {each: size for each, size in held.items() if each in self._connections}
        self.waiting = sum(held.values())
        if self.waiting > self.limits.buffers:
            yield from self._free_memory(held)
        if self._heap.update(moved, self.waiting, self.closed) and self._trimming is None:
            self._trimming = asyncio.get_running_loop().run_in_executor(None, trim)
            self._trimming.add_done_callback(self._trimmed)

    def _trimmed(self, _: object) -> None:
        self._trimming = None

    def _free_memory(self, held: dict[MonitoredConnection, int]) -> Iterator[None]:
        """Disconnect those who hold the most, of the user who holds the most, until all fits."""
        users: dict[str, int] = {}
        for connection, size in held.items():
            users[connection.quota.user] = users.get(connection.quota.user, 0) + size
        # By user first: someone with many connections must not get others disconnected whose single
        # connection holds more than each of theirs.
        for connection in sorted(held, key=lambda one: (users[one.quota.user], held[one]))[::-1]:
            if self.waiting <= self.limits.buffers:
                return
            self.waiting -= held[connection]
            if connection in self._connections:
                connection.drop(ServerRefusal.MEMORY)
            yield

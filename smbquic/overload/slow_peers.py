"""Disconnects clients that read or write too slowly, or hold too much memory.

All connections are checked once a second, and nothing is done for each packet or message. A client
that has responses to take, or the rest of a message to send, has to make progress: `slow_rate`
bytes a second, measured over `slow_seconds`. One that has responses to take but sends as much makes
progress too. What waits in memory, for all clients and in both directions, is at most `buffers`
bytes; beyond that, the clients that hold the most are disconnected. The memory of a client's last
message, which is kept for the next one, is released if none has come since the last check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from smbquic.options.limits import Limits
from smbquic.overload.heap import HeapUse, keep_freed_memory, trim
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import UserQuota
from smbquic.transport.base import Flow, MessageTransport

INTERVAL = 1.0
"""Seconds between two checks of the connections."""


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
    have ended. `received` and `sent` are the bytes of all messages so far, as of the last check.
    `limits` may be replaced at any time.
    """

    def __init__(self, connections: Iterable[MonitoredConnection], limits: Limits) -> None:
        self._connections = connections
        self.limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._heap = HeapUse()
        self._trimming: asyncio.Future[None] | None = None
        self.waiting = 0
        self.closed = 0
        self.received = self.sent = 0

    def start(self) -> None:
        """Start to check, as there is a connection."""
        keep_freed_memory()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._run)

    def stop(self) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        if self.check(asyncio.get_running_loop().time()) and self._trimming is None:
            self._trimming = asyncio.get_running_loop().run_in_executor(None, trim)
            self._trimming.add_done_callback(self._trimmed)
        if any(True for _ in self._connections) or self._heap.due:
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

    def _trimmed(self, _: object) -> None:
        self._trimming = None

    def check(self, now: float) -> bool:
        """Disconnect who is too slow or holds too much; return whether to trim the heap."""
        held: dict[MonitoredConnection, int] = {}
        moved = 0
        for connection in list(self._connections):
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
        self.waiting = sum(held.values())
        if self.waiting > self.limits.buffers:
            self._free_memory(held)
        return self._heap.update(moved, self.waiting, self.closed)

    def _free_memory(self, held: dict[MonitoredConnection, int]) -> None:
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
            connection.drop(ServerRefusal.MEMORY)

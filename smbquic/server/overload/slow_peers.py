"""The look that a server takes at its clients, every second: who holds it up?

Nothing of this is done for each packet or each message; what counts is how far a client has got
since the last look. A client that has answers to take, or the rest of a message to send, has to get
on with it: `slow_rate` bytes a second, seen over `slow_seconds`; who has answers to take and sends
as much is not idle either. And what waits in memory, of all
clients, in both directions, is at most `buffers` bytes, or those go who hold the most. The memory
of a client's last message, which the next one can have, is not kept for one that says no more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smbquic.server.overload.heap import HeapUse, trim
from smbquic.transport.serving import Refusal

if TYPE_CHECKING:
    from smbquic.options.limits import Limits
    from smbquic.server.connection import Connection
    from smbquic.server.server import Server
    from smbquic.transport.base import Flow

INTERVAL = 1.0


@dataclass(slots=True)
class Task:
    """Something a client has to get done: it is done when `goal` is reached; `since` is when it
    was set, `start` how far the client was."""

    goal: int
    since: float
    start: int

    def is_slow(self, done: int, now: float, limits: Limits) -> bool:
        """Whether too little came of it in too long a time; begins to count anew in between."""
        if now - self.since < limits.slow_seconds:
            return False
        slow = done - self.start < limits.slow_rate * limits.slow_seconds
        self.since, self.start = now, done
        return slow


class Pace:
    """How one client gets on."""

    def __init__(self) -> None:
        self._reading: Task | None = None
        self._writing: Task | None = None

    def judge(self, flow: Flow, now: float, limits: Limits) -> Refusal | None:
        """What to hold against the client, `now` that it has got so far."""
        taken = flow.sent - flow.untaken
        # Who sends is no slow reader: a client that is busy with a large upload may acknowledge
        # little for minutes. What it could leave unread meanwhile is bounded by `buffers`.
        progress = taken + flow.received
        if not flow.untaken:
            self._reading = None
        elif self._reading is None or taken >= self._reading.goal:
            self._reading = Task(flow.sent, now, progress)
        elif self._reading.is_slow(progress, now, limits):
            return Refusal.SLOW_READER
        if not flow.unfinished:
            self._writing = None
        elif self._writing is None or flow.messages >= self._writing.goal:
            self._writing = Task(flow.messages + 1, now, flow.received)
        elif self._writing.is_slow(flow.received, now, limits):
            return Refusal.SLOW_WRITER
        return None


class Patrol:
    """Looks after the connections of a server, as long as there are any.

    `waiting` is what waits in memory for clients, in bytes; `left` counts those that have left.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None
        self._heap = HeapUse()
        self._trimming: asyncio.Future[None] | None = None
        self.waiting = 0
        self.left = 0

    def begin(self) -> None:
        """There is a connection to look after."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._round)

    def end(self) -> None:
        """There will be no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _round(self) -> None:
        self._timer = None
        if self.look(asyncio.get_running_loop().time()) and self._trimming is None:
            self._trimming = asyncio.get_running_loop().run_in_executor(None, trim)
            self._trimming.add_done_callback(self._trimmed)
        if self._server.connections or self._heap.due:
            self.begin()

    def _trimmed(self, _: object) -> None:
        self._trimming = None

    def look(self, now: float) -> bool:
        """Hangs up on whoever is too slow, or holds too much; returns whether to trim the heap."""
        limits = self._server.limits
        held: dict[Connection, int] = {}
        moved = 0
        for connection in list(self._server.connections):
            flow = connection.transport.flow()
            moved += flow.sent + flow.received
            complaint = connection.pace.judge(flow, now, limits)
            connection.last_message = None
            if complaint is not None:
                connection.drop(complaint)
            else:
                held[connection] = flow.kept + flow.unfetched + connection.postponed
        self.waiting = sum(held.values())
        if self.waiting > limits.buffers:
            self._relieve(held)
        return self._heap.note(moved, self.waiting, self.left)

    def _relieve(self, held: dict[Connection, int]) -> None:
        """Has those go who hold the most, of the user who holds the most, until it is bearable."""
        users: dict[str, int] = {}
        for connection, size in held.items():
            users[connection.party.name] = users.get(connection.party.name, 0) + size
        for connection in sorted(held, key=lambda one: (users[one.party.name], held[one]))[::-1]:
            if self.waiting <= self._server.limits.buffers:
                return
            self.waiting -= held[connection]
            connection.drop(Refusal.MEMORY)

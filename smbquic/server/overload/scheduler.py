"""The processor, the threads and the memory for answers, shared out among the users.

There is one thread that handles requests. Whoever has many outstanding has many handled before
anybody else's turn comes, unless they are made to wait: a user who has had `SLICE` seconds, on all
connections together, is passed over once. Strangers, those who have not logged on, are as one
user, and a poor one: where users have work, all of them get `strangers_share` of the time, and
their addresses have it in turns. What they send over QUIC waits for its address's turn, too, before
any of it is decrypted; where as much waits as may, the rest is dropped, and has to be sent again.

Answers wait in memory for their clients to take them. Where those of one user come to more than a
quarter of `buffers`, no more are made for that one until some were taken; where those of all come
to more than half, a 32nd is enough.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from math import exp
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from smbquic.options.limits import Limits
    from smbquic.server.connection import Connection
    from smbquic.wire.cursor import Buffer

SLICE = 0.001
"""Seconds that a user may take before the others have their turn."""
BURST = 0.1
"""Seconds that strangers may save up, which is about a hundred logons."""
WORK = 0.002
"""Seconds of users' work within about one second, from which on they count as having some. Little,
since it is little that is left to whoever has to wait for strangers."""
LOOK = 0.01
"""Seconds in which it is counted once at most how much waits."""
PAUSE = 0.05
"""Seconds until those who wait for memory look again."""
MAX_POSTPONED = 512
MAX_POSTPONED_OF_ADDRESS = 64
MAX_POSTPONED_BYTES = 4 << 20
"""What strangers may have sent over QUIC that waits for its turn: in datagrams (or runs of them,
received at once), of all and of one address, and in bytes."""
CROWD = 32
"""As many of these are a crowd, in which addresses that are not proven come last."""


class Party:
    """One user, with all connections.

    `left` is what remains of its time, in seconds. `answered` counts the bytes of its answers that
    wait to be taken; between two looks it counts all that were made.
    """

    def __init__(self, fairness: Fairness, name: str) -> None:
        self.name = name
        self.left = SLICE
        self.answered = 0
        self.connections: dict[Connection, None] = {}
        self.threads = asyncio.Semaphore(fairness.limits.threads)
        self._fairness = fairness
        self._line = asyncio.Lock()

    def must_wait(self) -> bool:
        """Whether others come first, or its answers have to be taken first."""
        if self.left <= 0.0 and self._fairness.is_alone(self):
            self.left = SLICE
        return self.left <= 0.0 or self._has_enough()

    def waits_long(self) -> bool:
        """Whether it is more than a turn of the others that it has to wait for."""
        return self._has_enough()

    def _has_enough(self) -> bool:
        fairness = self._fairness
        crowded = fairness.answered >= fairness.of_all
        return self.answered >= (fairness.of_few if crowded else fairness.of_one)

    async def turn(self, connection: Connection) -> None:
        """Waits until there is time and room again, behind others of the same user."""
        async with self._line:
            while self.must_wait():
                if self.left <= 0.0:
                    await asyncio.sleep(0)
                    self.left = SLICE
                elif not self._fairness.look():
                    await asyncio.sleep(PAUSE)

    def spend(self, seconds: float, answers: Iterable[Sequence[Buffer]]) -> None:
        """Takes note of what a message cost."""
        self.left -= seconds
        self._fairness.worked += seconds
        for answer in answers:
            self.charge(answer)

    def charge(self, answer: Sequence[Buffer]) -> None:
        """Takes note of an answer that is about to be sent."""
        size = sum(map(len, answer))
        self.answered += size
        self._fairness.answered += size


class Strangers(Party):
    """All who have not logged on; what is left of their time grows as time goes by."""

    def __init__(self, fairness: Fairness, clock: Callable[[], float]) -> None:
        super().__init__(fairness, "")
        self.left = BURST
        self._clock = clock
        self._since = clock()
        self._worked = self._users_work = 0.0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._postponed: Counter[str] = Counter()
        self._postponed_bytes = 0

    @property
    def busy(self) -> bool:
        """Whether nothing is left."""
        if self.left <= 0.0:
            self._refill()
        return self.left <= 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether nothing is left, or much that was sent waits."""
        return self._postponed.total() >= CROWD or self.busy

    def postpone(self, place: str, size: int, receive: Callable[[], object]) -> bool:
        """Call `receive` for `size` bytes when it is the turn of an address.

        Returns False where so much waits already that nothing is kept.
        """
        if (
            self._postponed[place] >= MAX_POSTPONED_OF_ADDRESS
            or self._postponed.total() >= MAX_POSTPONED
            or self._postponed_bytes + size > MAX_POSTPONED_BYTES
        ):
            return False
        self._postponed[place] += 1
        self._postponed_bytes += size

        def go_on(_: asyncio.Future[None]) -> None:
            self._postponed[place] -= 1
            if not self._postponed[place]:
                del self._postponed[place]
            self._postponed_bytes -= size
            receive()

        self._line_up(place).add_done_callback(go_on)
        return True

    def waits_long(self) -> bool:
        """See `Party`."""
        return True

    def must_wait(self) -> bool:
        """See `Party`."""
        return bool(self._lines) or self.busy or self._has_enough()

    def spend(self, seconds: float, answers: Iterable[Sequence[Buffer]] = ()) -> None:
        """See `Party`; this is no work of users."""
        self.left -= seconds
        for answer in answers:
            self.charge(answer)

    async def turn(self, connection: Connection) -> None:
        """Waits behind others of the same address; the addresses take turns."""
        await self._line_up(connection.place)

    def _line_up(self, place: str) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        if not self._lines:
            loop.call_soon(self._go_on)
        turn = loop.create_future()
        self._lines.setdefault(place, deque()).append(turn)
        return turn

    def _go_on(self) -> None:
        """Lets one of those who wait go on, if there is time; what it costs shows afterwards."""
        delay = 0.0
        if self.busy:
            share = self._fairness.limits.strangers_share
            delay = max(LOOK, min(-self.left / share, 1.0)) if share else 1.0
        elif self._has_enough() and not self._fairness.look():
            delay = PAUSE
        else:
            self._call_next()
        if self._lines:
            asyncio.get_running_loop().call_later(delay, self._go_on)

    def _call_next(self) -> None:
        while self._lines:
            place, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[place] = line
            if not turn.done():
                turn.set_result(None)
                return

    def _refill(self) -> None:
        now, worked = self._clock(), self._fairness.worked
        elapsed = now - self._since
        if elapsed < LOOK:
            return
        self._users_work = self._users_work * exp(-elapsed) + worked - self._worked
        share = self._fairness.limits.strangers_share if self._users_work > WORK else 1.0
        self.left = min(BURST, self.left + share * elapsed)
        self._since, self._worked = now, worked


class Fairness:
    """The parties of one server. `worked` counts the seconds that users have had.

    `clock` gives seconds that never go back.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = perf_counter) -> None:
        self.limits = limits
        self.of_one = limits.buffers // 4
        self.of_all = limits.buffers // 2
        self.of_few = limits.buffers // 32
        self.worked = 0.0
        self.answered = 0
        self.strangers = Strangers(self, clock)
        self.users: dict[str, Party] = {}
        self._clock = clock
        self._looked = clock() - LOOK

    def join(self, connection: Connection, user: str = "") -> None:
        """Counts a connection as a user's, or as a stranger's."""
        self.leave(connection)
        party: Party = self.strangers
        if user:
            party = self.users.get(user) or Party(self, user)
            self.users[user] = party
        party.connections[connection] = None
        connection.party = party

    def leave(self, connection: Connection) -> None:
        """Forgets a connection, and its user with the last one."""
        party = connection.party
        party.connections.pop(connection, None)
        if not party.connections:
            self.users.pop(party.name, None)

    def is_alone(self, party: Party) -> bool:
        """Whether a user has the server to itself."""
        return len(self.users) == 1 and not self.strangers.connections and party.name in self.users

    def look(self) -> bool:
        """Counts anew what waits to be taken; False if that was done a moment ago."""
        now = self._clock()
        if now - self._looked < LOOK:
            return False
        self._looked = now
        self.answered = 0
        for party in (self.strangers, *self.users.values()):
            party.answered = sum(each.transport.flow().kept for each in party.connections)
            self.answered += party.answered
        return True

"""Shares the processor, the worker threads and the memory for responses among the users.

One thread handles all requests. Without a scheduler, a user with many outstanding requests would
have all of them handled before those of others. So a user whose connections together have had
`TIME_SLICE` seconds lets the others go first, once. Unauthenticated connections share one small
quota: while users are busy, all of them together get `unauthenticated_share` of the time, and
their addresses are served one after the other. What they send over QUIC is queued, too, before any
of it is decrypted; when the queue is full, the rest is dropped, and has to be sent again.

Responses wait in memory for their clients to take them. Where those of one user come to more than a
quarter of `buffers`, no further requests of that user are handled until some were taken; where
those of all users come to more than half of it, a 32nd is enough.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import exp
from time import perf_counter
from typing import Protocol

from smbquic.errors import ConnectionClosed
from smbquic.options.limits import Limits
from smbquic.transport.base import MessageTransport
from smbquic.wire.cursor import Buffer

TIME_SLICE = 0.001
"""Seconds that a user may take before the other users are served."""
SAVED_TIME = 0.1
"""Seconds of unused time that unauthenticated connections keep: about a hundred logons."""
BUSY_TIME = 0.05
"""Seconds of users' work within about one second, from which on users count as busy. This is
little, as users who wait for unauthenticated connections do little work."""
COUNT_INTERVAL = 0.01
"""Seconds in which the waiting responses are counted once at most."""
MAX_COUNTED = 256
"""Connections of one user, and of all others, whose waiting responses are counted at a time: that
takes a millisecond or two."""
RETRY_INTERVAL = 0.05
"""Seconds until a connection that waits for memory tries again."""
MAX_POSTPONED = 512
MAX_POSTPONED_OF_ADDRESS = 64
MAX_POSTPONED_BYTES = 4 << 20
"""Limits of what is queued from unauthenticated clients over QUIC: datagrams (or segment batches)
of all of them and of one address, and bytes."""
CROWDED = 32
"""Datagrams that wait, from which on new QUIC clients have to validate their addresses first."""


class ScheduledConnection(Protocol):
    """A connection, as the scheduler sees it."""

    quota: UserQuota
    transport: MessageTransport

    @property
    def client_network(self) -> str:
        """The client's address, or its IPv6 network of 64 bits."""


async def acquire_time(connection: ScheduledConnection) -> None:
    """Wait for the user's next time slice; `ConnectionClosed` if the client leaves first."""
    quota = connection.quota
    if not quota.may_wait_long():
        await quota.acquire(connection)
        return
    acquired = asyncio.ensure_future(quota.acquire(connection))
    disconnected = asyncio.ensure_future(connection.transport.wait_closed())
    try:
        await asyncio.wait((acquired, disconnected), return_when=asyncio.FIRST_COMPLETED)
        if not acquired.done():
            raise ConnectionClosed("the client disconnected while its request was queued")
    finally:
        acquired.cancel()
        disconnected.cancel()


class UserQuota:
    """A user's share of the server's processor time, memory and threads, over all connections.

    `remaining_time` is what is left of the time slice, in seconds. `queued_bytes` counts the
    responses that wait to be taken: every response is added, and the scheduler counts anew where
    memory is short, as nothing reports when the client takes one.
    """

    def __init__(self, scheduler: Scheduler, user: str) -> None:
        self.user = user
        self.remaining_time = TIME_SLICE
        self.queued_bytes = 0
        self.connections: dict[ScheduledConnection, None] = {}
        # Of the server's worker threads. A disk that stalls must not hold all of them for one user.
        self.threads = asyncio.Semaphore(scheduler.limits.threads)
        # When the scheduler has counted its responses the last time.
        self.counted = float("-inf")
        self._scheduler = scheduler
        self._waiting = asyncio.Lock()

    def is_exhausted(self) -> bool:
        """Return whether the user has to wait: for other users, or until responses were taken."""
        # A user who is alone need not yield to the event loop for every slice: that would cost a
        # round of the loop in each millisecond, and nobody waits for it.
        if self.remaining_time <= 0.0 and self._scheduler.is_only_user(self):
            self.remaining_time = TIME_SLICE
        return self.remaining_time <= 0.0 or self._lacks_memory()

    def may_wait_long(self) -> bool:
        """Return whether `acquire` may take longer than one time slice of every other user."""
        return self._lacks_memory()

    def _lacks_memory(self) -> bool:
        # One user alone may use a quarter of the memory. Once all together use half of it, those
        # wait that hold more than a 32nd, and users that hold little do not notice.
        scheduler = self._scheduler
        crowded = scheduler.queued_bytes >= scheduler.total_limit
        limit = scheduler.crowded_user_limit if crowded else scheduler.user_limit
        return self.queued_bytes >= limit

    async def acquire(self, connection: ScheduledConnection) -> None:
        """Wait until there is time and memory again, behind earlier requests of the same user."""
        # The lock serves the user's connections in the order in which they came.
        async with self._waiting:
            while self.is_exhausted():
                if self.remaining_time <= 0.0:
                    # One round of the event loop, in which everybody else is served.
                    await asyncio.sleep(0)
                    self.remaining_time = TIME_SLICE
                elif self._lacks_memory_still():
                    await asyncio.sleep(RETRY_INTERVAL)

    def _lacks_memory_still(self) -> bool:
        """Return whether memory is short by a new count, where it was by the last one."""
        if self._lacks_memory():
            self._scheduler.count_queued(self)
        return self._lacks_memory()

    def charge(self, seconds: float) -> None:
        """Charge the time that handling a message took."""
        # A message is charged after it was handled, when its cost is known. The time may become
        # negative; a slice is given anew then, and not added, so that one long request does not
        # keep its user waiting for more than one round.
        self.remaining_time -= seconds
        self._scheduler.user_time += seconds

    def charge_response(self, connection: ScheduledConnection, response: Sequence[Buffer]) -> None:
        """Charge a response that is about to be sent on a connection of the user."""
        # One that has ended sends nothing any more.
        if connection in self.connections:
            self._scheduler.add_queued(connection, sum(map(len, response)))


class UnauthenticatedQuota(UserQuota):
    """The quota that all unauthenticated connections share; its time is added as time passes."""

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float]) -> None:
        super().__init__(scheduler, "")
        self.remaining_time = SAVED_TIME
        self._clock = clock
        self._refilled = clock()
        self._user_time_before = self._recent_user_time = 0.0
        # By address, in the order in which they are served; one that was served goes to the end.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._postponed = self._postponed_bytes = 0
        self._postponed_of: Counter[str] = Counter()

    @property
    def is_used_up(self) -> bool:
        """Whether no time is left."""
        if self.remaining_time <= 0.0:
            self._refill()
        return self.remaining_time <= 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether no time is left, or many datagrams wait."""
        return self._postponed >= CROWDED or self.is_used_up

    def postpone(self, network: str, size: int, receive: Callable[[], object]) -> bool:
        """Call `receive` for `size` received bytes when this address is served next.

        Returns False where so much waits already that these bytes are dropped.
        """
        if (
            self._postponed_of[network] >= MAX_POSTPONED_OF_ADDRESS
            or self._postponed >= MAX_POSTPONED
            or self._postponed_bytes + size > MAX_POSTPONED_BYTES
        ):
            return False
        # Counted here and not summed up: this runs for each datagram of a flood.
        self._postponed += 1
        self._postponed_of[network] += 1
        self._postponed_bytes += size

        def proceed(_: asyncio.Future[None]) -> None:
            self._postponed -= 1
            self._postponed_of[network] -= 1
            if not self._postponed_of[network]:
                del self._postponed_of[network]
            self._postponed_bytes -= size
            receive()

        self._enqueue(network).add_done_callback(proceed)
        return True

    def may_wait_long(self) -> bool:
        """See `UserQuota`."""
        return True

    def is_exhausted(self) -> bool:
        """See `UserQuota`."""
        # A request that comes while others wait goes behind them, though there is time again.
        return bool(self._queues) or self.is_used_up or self._lacks_memory()

    def charge(self, seconds: float) -> None:
        """See `UserQuota`; this time does not count as work of users."""
        self.remaining_time -= seconds

    async def acquire(self, connection: ScheduledConnection) -> None:
        """Wait behind earlier requests of the same address; one address is served after another."""
        await self._enqueue(connection.client_network)

    def _enqueue(self, network: str) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        # One call is always scheduled as long as anybody waits: the first one to wait schedules it,
        # and it schedules itself again.
        if not self._queues:
            loop.call_soon(self._schedule_next)
        ready = loop.create_future()
        self._queues.setdefault(network, deque()).append(ready)
        return ready

    def _schedule_next(self) -> None:
        """Let one waiting request go on, if there is time; its cost is charged afterwards."""
        delay = 0.0
        if self.is_used_up:
            share = self._scheduler.limits.unauthenticated_share
            # Until enough time was added if users go on working; they may not, so at most 1 s.
            delay = max(COUNT_INTERVAL, min(-self.remaining_time / share, 1.0)) if share else 1.0
        elif self._lacks_memory_still():
            delay = RETRY_INTERVAL
        else:
            self._wake_next()
        if self._queues:
            asyncio.get_running_loop().call_later(delay, self._schedule_next)

    def _wake_next(self) -> None:
        while self._queues:
            # By address and not by arrival: a flood from one address waits for itself, and
            # everybody else for one request of it at most.
            network, queue = self._queues.popitem(last=False)
            ready = queue.popleft()
            if queue:
                self._queues[network] = queue
            if not ready.done():  # it was cancelled if its client has disconnected
                ready.set_result(None)
                return

    def _refill(self) -> None:
        # Under a flood this runs for every datagram; below the interval the clock is all it costs.
        now, user_time = self._clock(), self._scheduler.user_time
        elapsed = now - self._refilled
        if elapsed < COUNT_INTERVAL:
            return
        # An exponential average over about one second says how busy users are.
        self._recent_user_time = (
            self._recent_user_time * exp(-elapsed) + user_time - self._user_time_before
        )
        # While no user has work, unauthenticated clients may have all of the time. A little work
        # takes a little of that away: where thousands of clients log on at once, after a restart of
        # the server, those that are in begin to work, and the others wait for an idle processor.
        busy = min(self._recent_user_time / BUSY_TIME, 1.0)
        share = 1.0 - busy * (1.0 - self._scheduler.limits.unauthenticated_share)
        # Time that is not used is saved, so that a few logons at once need not wait.
        self.remaining_time = min(SAVED_TIME, self.remaining_time + share * elapsed)
        self._refilled, self._user_time_before = now, user_time


class Scheduler:
    """The quotas of all users of one server. `user_time` counts the seconds that users have had.

    `queued_bytes` are the responses of all users that wait to be taken. `clock` gives seconds that
    never go back.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = perf_counter) -> None:
        self.use_limits(limits)
        self.user_time = 0.0
        self.queued_bytes = 0
        self.unauthenticated = UnauthenticatedQuota(self, clock)
        self.users: dict[str, UserQuota] = {}
        self._clock = clock
        self._counted = clock() - COUNT_INTERVAL
        # Bytes of responses by connection, the one that was counted last at the end. One without
        # responses is not in it: most connections are idle, and there may be thousands.
        self._queued: dict[ScheduledConnection, int] = {}

    def use_limits(self, limits: Limits) -> None:
        """Use these limits from now on; who has connections keeps the number of threads."""
        self.limits = limits
        self.user_limit = limits.buffers // 4
        self.total_limit = limits.buffers // 2
        self.crowded_user_limit = limits.buffers // 32

    def add(self, connection: ScheduledConnection, user: str = "") -> None:
        """Charge a connection to a user from now on, or to the unauthenticated ones."""
        # A connection is charged to one quota at a time, and a logon moves it to its user's.
        size = self._queued.get(connection, 0)
        self.remove(connection)
        quota: UserQuota = self.unauthenticated
        if user:
            quota = self.users.get(user) or UserQuota(self, user)
            self.users[user] = quota
        quota.connections[connection] = None
        connection.quota = quota
        self.add_queued(connection, size)

    def remove(self, connection: ScheduledConnection) -> None:
        """Remove a connection, and its user with the last one."""
        quota = connection.quota
        self.add_queued(connection, -self._queued.get(connection, 0))
        quota.connections.pop(connection, None)
        if not quota.connections:
            self.users.pop(quota.user, None)

    def is_only_user(self, quota: UserQuota) -> bool:
        """Return whether there is no other user and no unauthenticated connection."""
        return (
            len(self.users) == 1
            and not self.unauthenticated.connections
            and quota.user in self.users
        )

    def add_queued(self, connection: ScheduledConnection, size: int) -> None:
        """Count `size` more bytes of responses that wait on a connection, or fewer if negative."""
        connection.quota.queued_bytes += size
        self.queued_bytes += size
        queued = self._queued.get(connection, 0) + size
        if queued:
            self._queued[connection] = queued
        else:
            self._queued.pop(connection, None)

    def count_queued(self, user: UserQuota) -> None:
        """Count the responses anew that wait on some connections, unless that was done just now.

        These are the user's own, which should not wait for those of thousands of others; and some
        of the others, as the memory of all may be short. Those are counted first that were not
        for the longest time.
        """
        now = self._clock()
        # Many requests may wait for it.
        if now - user.counted >= COUNT_INTERVAL:
            user.counted = now
            self._count(each for each in self._queued if each.quota is user)
        if now - self._counted >= COUNT_INTERVAL:
            self._counted = now
            self._count(each for each in self._queued if each.quota is not user)

    def _count(self, connections: Iterable[ScheduledConnection]) -> None:
        for connection in list(islice(connections, MAX_COUNTED)):
            before = self._queued.pop(connection)
            # It goes to the end.
            self._queued[connection] = before
            self.add_queued(connection, connection.transport.flow().kept - before)

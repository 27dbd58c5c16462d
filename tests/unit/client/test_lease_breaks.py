"""Leases are given back when the server breaks them."""

import asyncio
from collections.abc import Sequence

from smbquic.client.lease_breaks import LeaseBreaks
from smbquic.client.response_waiters import Target
from smbquic.errors import ConnectionClosed
from smbquic.protocol.response import Response
from smbquic.wire.create_contexts import LeaseState
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    NotifyBreakLeaseFlags,
    OplockBreakNotification,
)

KEY, OTHER = bytes([1] * 16), bytes([2] * 16)
READ = LeaseState.READ_CACHING
BOTH = READ | LeaseState.HANDLE_CACHING
TARGET = Target(None, 5)


class SlowServer:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[Message, Target]] = []
        self.answers = asyncio.Event()
        self.failure: Exception | None = None

    async def compound(self, bodies: Sequence[Message], target: Target) -> list[Response]:
        [body] = bodies
        self.seen.append((body, target))
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return []


def notification(
    key: bytes, flags: int = NotifyBreakLeaseFlags.ACK_REQUIRED
) -> LeaseBreakNotification:
    return LeaseBreakNotification(
        new_epoch=1, flags=flags, lease_key=key, current_lease_state=BOTH, new_lease_state=READ
    )


async def test_a_break_is_acknowledged_once_until_the_server_has_answered() -> None:
    server = SlowServer()
    breaks = LeaseBreaks(server.compound)
    breaks.add(KEY, TARGET)
    for _ in range(1000):
        breaks.receive(notification(KEY))
    await asyncio.sleep(0)
    assert server.seen == [(LeaseBreakAcknowledgment(KEY, READ), TARGET)]

    server.answers.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    breaks.receive(notification(KEY))
    await asyncio.sleep(0)
    assert len(server.seen) == 2
    await breaks.cancel()


async def test_a_break_before_the_response_to_the_last_acknowledgment() -> None:
    server = SlowServer()
    breaks = LeaseBreaks(server.compound)
    breaks.add(KEY, TARGET)
    breaks.receive(notification(KEY))
    await asyncio.sleep(0)
    further = notification(KEY)
    further.new_lease_state = LeaseState(0)
    for _ in range(1000):
        breaks.receive(further)
    assert len(server.seen) == 1
    server.answers.set()
    for _ in range(4):
        await asyncio.sleep(0)
    assert server.seen[1] == (LeaseBreakAcknowledgment(KEY, LeaseState(0)), TARGET)
    server.answers.clear()
    breaks.receive(notification(KEY))
    breaks.receive(further)
    await breaks.cancel()
    assert len(server.seen) == 2


async def test_what_is_not_to_be_acknowledged() -> None:
    server = SlowServer()
    breaks = LeaseBreaks(server.compound)
    breaks.add(KEY, TARGET)
    breaks.add(OTHER, TARGET)
    breaks.remove(OTHER)
    breaks.remove(OTHER)
    breaks.receive(notification(OTHER))
    breaks.receive(notification(KEY, flags=0))
    breaks.receive(OplockBreakNotification(0, FileId(1, 1)))
    breaks.receive(None)
    await asyncio.sleep(0)
    assert server.seen == []


async def test_a_connection_that_ends_meanwhile() -> None:
    server = SlowServer()
    breaks = LeaseBreaks(server.compound)
    breaks.add(KEY, TARGET)
    breaks.add(OTHER, TARGET)
    breaks.receive(notification(KEY))
    await asyncio.sleep(0)
    server.failure = ConnectionClosed("lost")
    server.answers.set()
    await asyncio.sleep(0)
    server.answers.clear()
    breaks.receive(notification(OTHER))
    await asyncio.sleep(0)
    await breaks.cancel()
    assert len(server.seen) == 2


class SlowHolder:
    """Takes until `done` to give back, and keeps `state`."""

    def __init__(self, state: int, *, opens: bool = True) -> None:
        self.state = state
        self.reduced: list[int] = []
        self.done = asyncio.Event()
        self.opens = opens

    def reduce(self, notification: LeaseBreakNotification) -> None:
        self.reduced.append(notification.new_lease_state)

    async def give_back(self) -> bool:
        await self.done.wait()
        return self.opens


async def test_who_caches_gives_back_first() -> None:
    server = SlowServer()
    breaks, holder = LeaseBreaks(server.compound), SlowHolder(READ)
    breaks.add(KEY, TARGET, holder)
    assert len(breaks) == 1
    for _ in range(3):
        breaks.receive(notification(KEY))
    assert holder.reduced == [READ] * 3  # at once, and each time
    await asyncio.sleep(0)
    assert server.seen == []
    holder.state = 0  # it was broken further meanwhile
    holder.done.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert server.seen == [(LeaseBreakAcknowledgment(KEY, 0), TARGET)]
    await breaks.cancel()


async def test_who_has_nothing_open_any_more_need_not_acknowledge() -> None:
    server = SlowServer()
    breaks, holder = LeaseBreaks(server.compound), SlowHolder(READ, opens=False)
    breaks.add(KEY, TARGET, holder)
    holder.done.set()
    breaks.receive(notification(KEY))
    breaks.receive(notification(KEY, flags=0))
    assert holder.reduced == [READ] * 2
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert server.seen == []
    await breaks.cancel()

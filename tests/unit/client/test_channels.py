"""Requests of one session over several connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from smbquic.client import channels as module
from smbquic.client import requests
from smbquic.client.channels import Channels
from smbquic.client.connection import ClientConnection
from smbquic.client.response_waiters import Target
from smbquic.errors import ConnectionClosed, RemoteProtocolError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition
from smbquic.wire.create_contexts import DurableHandleRequestV2, LeaseState
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.oplock_break import LeaseBreakNotification, NotifyBreakLeaseFlags
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import (
    HELD,
    Answer,
    FakeServer,
    FakeTransport,
    Received,
    connection_over,
    serving,
    session_over,
)

FILE = FileId(7, 7)
WRITE = requests.write(0, b"x" * 65536, FILE)
RENAME = requests.rename("b", replace=True, file_id=FILE)
LEASE = bytes([3] * 16)


@dataclass
class Channel:
    """One connection, and what its server sees."""

    connection: ClientConnection
    transport: FakeTransport
    server: FakeServer

    async def seen(self, count: int) -> Received:
        """Wait until so many requests have come; the last of them."""
        await self.server.until(lambda: len(self.server.seen) >= count)
        return self.server.seen[count - 1]

    def hold(self, command: Command) -> None:
        """Leave requests without an answer."""
        self.server.handlers[command] = lambda request: HELD

    def lose(self) -> None:
        self.transport.fail(ConnectionClosed("lost by the test"))


class Several:
    """The connections of one session."""

    def __init__(self, members: list[Channel]) -> None:
        self.members = members
        self.session = session_over(members[0].connection).state
        self.channels = Channels(members[0].connection, self.session)
        for member in members[1:]:
            self.channels.add(member.connection)

    async def send(self, *bodies: Message) -> NtStatus:
        responses = await self.channels.compound(bodies, Target(self.session, 5))
        return responses[0].status

    def begin(self, *bodies: Message) -> "asyncio.Task[NtStatus]":
        return asyncio.create_task(self.send(*bodies))


@pytest.fixture
async def several() -> AsyncIterator[Several]:
    members = []
    async with AsyncExitStack() as stack:
        for _ in range(3):
            transport = FakeTransport()
            server = await stack.enter_async_context(serving(transport))
            server.handlers[Command.READ] = lambda request: ReadResponse(b"x")
            members.append(Channel(connection_over(transport, credits=64), transport, server))
        yield Several(members)
        for member in members:
            await member.connection.close()


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.0)
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.0)


def is_replay(request: Received) -> bool:
    return bool(request.header.flags & HeaderFlags.REPLAY_OPERATION)


# --- which connection -----------------------------------------------------------------------------


async def test_content_goes_where_the_least_is_under_way(several: Several) -> None:
    first, second, third = several.members
    for member in several.members:
        member.hold(Command.WRITE)
    large = replace(WRITE, data=b"x" * 131072)
    tasks = [several.begin(body) for body in (large, WRITE, WRITE, WRITE)]
    await second.seen(2)
    assert [len(member.server.seen) for member in several.members] == [1, 2, 1]
    tasks.append(several.begin(WRITE))
    await third.seen(2)
    assert first.connection.charge == second.connection.charge == third.connection.charge == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_all_else_keeps_its_order_on_the_first(several: Several) -> None:
    first, *others = several.members
    first.hold(Command.FLUSH)
    flush = several.begin(requests.flush(FILE))
    await first.seen(1)
    await several.send(requests.create("a", requests.READ))
    await several.send(RENAME)
    assert first.server.commands() == ["FLUSH", "CREATE", "SET_INFO"]
    assert not any(other.server.seen for other in others)
    opening = requests.create("a", requests.READ)
    await several.send(opening, requests.read(0, 5), requests.close())
    assert others[0].server.commands() == ["CREATE", "READ", "CLOSE"]
    flush.cancel()


# --- losses ---------------------------------------------------------------------------------------


async def test_what_was_under_way_is_replayed(several: Several) -> None:
    first, second, third = several.members
    for member in several.members:
        member.hold(Command.WRITE)
    tasks = [several.begin(WRITE) for _ in range(3)]
    await third.seen(1)
    assert not any(is_replay(member.server.seen[0]) for member in several.members)
    for member in (second, third):
        del member.server.handlers[Command.WRITE]
    first.lose()
    assert await tasks[0] == NtStatus.SUCCESS
    [replay] = [each for each in (*second.server.seen, *third.server.seen) if is_replay(each)]
    assert replay.header.channel_sequence == 1
    assert replay.body == first.server.seen[0].body
    assert several.channels.connections == [second.connection, third.connection]
    assert several.channels.wanted.is_set()
    # What is new is no replay, and has the new number as well.
    await several.send(requests.flush(FILE))
    assert second.server.seen[-1].header.channel_sequence == 1
    assert not is_replay(second.server.seen[-1])
    for task in tasks[1:]:
        task.cancel()


async def test_what_must_not_be_done_twice_is_not_replayed(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.SET_INFO)
    task = several.begin(RENAME)
    await first.seen(1)
    first.lose()
    with pytest.raises(ConnectionClosed) as lost:
        await task
    assert lost.value.sent
    assert second.server.seen == []
    assert not several.channels.first.closed
    assert await several.send(RENAME) == NtStatus.SUCCESS


async def test_what_was_not_sent_yet_is_no_replay(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.SET_INFO)
    first.server.credits = 0
    tasks = [several.begin(RENAME) for _ in range(65)]
    await first.seen(64)  # it has no more credits
    first.lose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results[:64]] == [ConnectionClosed] * 64
    assert results[64] == NtStatus.SUCCESS
    [request] = second.server.seen
    assert not is_replay(request)


async def test_a_create_that_the_server_knows_again_is_replayed(several: Several) -> None:
    first, second, _ = several.members
    making = requests.create("a", requests.WRITE, disposition=CreateDisposition.FILE_CREATE)
    handle = DurableHandleRequestV2(timeout=0, flags=0, create_guid=bytes(16))
    durable = replace(making, contexts=[handle.context()])
    first.hold(Command.CREATE)
    tasks = [
        several.begin(making),
        several.begin(durable),
        several.begin(durable, requests.flush()),
    ]
    await first.seen(4)
    first.lose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [ConnectionClosed, NtStatus, ConnectionClosed]
    [replay] = second.server.seen
    assert is_replay(replay)
    assert replay.body.contexts == durable.contexts


async def test_a_file_that_was_closed_the_first_time_is_closed(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.CLOSE)
    second.server.handlers[Command.CLOSE] = lambda _: (NtStatus.FILE_CLOSED, None)
    task = several.begin(requests.close(FILE))
    await first.seen(1)
    first.lose()
    assert await task == NtStatus.SUCCESS
    assert await several.send(requests.close(FILE)) == NtStatus.FILE_CLOSED
    assert await several.send(requests.flush(FILE)) == NtStatus.SUCCESS


async def test_what_was_read_from_a_pipe_is_not_read_again(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.READ)
    target = Target(several.session, 5, pipes=True)
    task = asyncio.create_task(several.channels.compound([requests.read(0, 10, FILE)], target))
    await first.seen(1)
    first.lose()
    with pytest.raises(ConnectionClosed):
        await task
    assert second.server.seen == []


async def test_the_last_one_ends_the_session(several: Several) -> None:
    for member in several.members:
        member.hold(Command.WRITE)
    task = several.begin(WRITE)
    for count, member in enumerate(several.members, 1):
        await member.seen(1)
        member.lose()
        await asyncio.sleep(0)
        assert several.session.channel_sequence == min(count, 2)
    with pytest.raises(ConnectionClosed) as lost:
        await task
    assert lost.value.sent
    assert several.channels.first.closed
    assert len(several.channels.connections) == 1
    with pytest.raises(ConnectionClosed) as closed:
        await several.send(WRITE)
    assert not closed.value.sent


async def test_one_that_breaks_the_protocol_is_not_followed_by_another(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.FLUSH)
    task = several.begin(requests.flush(FILE))
    await first.seen(1)
    first.transport.fail(RemoteProtocolError("nonsense"))
    with pytest.raises(ConnectionClosed, match="nonsense"):
        await task
    assert second.server.seen == []
    assert await several.send(requests.flush(FILE)) == NtStatus.SUCCESS


async def test_a_request_that_ends_each_connection(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOSSES_ALLOWED", 1)
    for member in several.members:
        member.hold(Command.FLUSH)
    task = several.begin(requests.flush(FILE))
    for member in several.members[:2]:
        await member.seen(1)
        member.lose()
    with pytest.raises(ConnectionClosed):
        await task
    assert several.members[2].server.seen == []


# --- what the server refuses for now --------------------------------------------------------------


def refusing(times: int) -> "list[Answer]":
    refusals: list[Answer] = [(NtStatus.FILE_NOT_AVAILABLE, None)] * times
    return [*refusals, None]


async def test_a_replay_waits_for_the_first_of_the_two(several: Several) -> None:
    first, second, _ = several.members
    first.hold(Command.SET_INFO)
    answers = refusing(3)
    second.server.handlers[Command.SET_INFO] = lambda request: answers.pop(0)
    task = several.begin(requests.truncate(5, FILE))
    await first.seen(1)
    first.lose()
    assert await task == NtStatus.SUCCESS
    assert len(second.server.seen) == 4
    assert all(is_replay(request) for request in second.server.seen)


async def test_a_server_that_refuses_for_ever(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLAYS", 4)
    first, second, _ = several.members
    first.hold(Command.SET_INFO)
    second.server.handlers[Command.SET_INFO] = lambda _: (NtStatus.FILE_NOT_AVAILABLE, None)
    task = several.begin(requests.truncate(5, FILE))
    await first.seen(1)
    first.lose()
    assert await task == NtStatus.FILE_NOT_AVAILABLE
    assert len(second.server.seen) == 3


async def test_what_was_under_way_elsewhere_may_be_overtaken_by_a_replay(several: Several) -> None:
    """The server has seen the new number already, and refuses what has the old one."""
    first, second, _ = several.members
    second.hold(Command.WRITE)
    first.hold(Command.WRITE)
    tasks = [several.begin(WRITE), several.begin(WRITE)]
    old = await second.seen(1)
    first.lose()
    await tasks[0]
    del second.server.handlers[Command.WRITE]
    second.transport.reply(old, ErrorResponse(), NtStatus.FILE_NOT_AVAILABLE)
    assert await tasks[1] == NtStatus.SUCCESS


async def test_that_status_without_a_loss_is_the_callers(several: Several) -> None:
    first = several.members[0]
    first.server.handlers[Command.SET_INFO] = lambda _: (NtStatus.FILE_NOT_AVAILABLE, None)
    assert await several.send(RENAME) == NtStatus.FILE_NOT_AVAILABLE
    assert len(first.server.seen) == 1


async def test_a_refusal_in_a_compound_that_closes_the_file_is_final(several: Several) -> None:
    first = several.members[0]
    first.hold(Command.SET_INFO)
    first.hold(Command.CLOSE)
    task = several.begin(RENAME, requests.close())
    request = await first.seen(2)
    several.session.count_lost_channel()
    refused, closed = first.server.seen
    assert request is closed
    for each in (refused, closed):
        first.transport.reply(each, ErrorResponse(), NtStatus.FILE_NOT_AVAILABLE)
    assert await task == NtStatus.FILE_NOT_AVAILABLE
    assert len(first.server.seen) == 2


# --- what belongs to all of them ------------------------------------------------------------------


async def test_all_are_kept_up_while_something_is_open(several: Several) -> None:
    channels, [first, second, third] = several.channels, several.members
    channels.connections.remove(third.connection)
    assert not first.transport.keep_alive
    channels.add_open()
    channels.add_open()
    assert (first.transport.keep_alive, second.transport.keep_alive) == (True, True)
    channels.add(third.connection)
    assert third.transport.keep_alive
    channels.remove_open()
    assert all(member.transport.keep_alive for member in several.members)
    channels.remove_open()
    assert not any(member.transport.keep_alive for member in several.members)


async def test_a_break_may_come_on_any(several: Several) -> None:
    first, second, _ = several.members
    breaks = several.channels.lease_breaks
    breaks.add(LEASE, Target(several.session, 5))
    read = LeaseState.READ_CACHING
    notification = LeaseBreakNotification(
        new_epoch=1,
        flags=NotifyBreakLeaseFlags.ACK_REQUIRED,
        lease_key=LEASE,
        current_lease_state=read | LeaseState.HANDLE_CACHING,
        new_lease_state=read,
    )
    assert second.connection.owner is not None
    second.connection.owner.lease_breaks.receive(notification)
    assert (await first.seen(1)).header.command == Command.OPLOCK_BREAK
    await breaks.cancel()


async def test_others_are_wanted_once_something_is_sent(several: Several) -> None:
    several.members[1].lose()
    while several.channels.losses == 0:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert not several.channels.wanted.is_set()
    await several.send(requests.flush(FILE))
    assert several.channels.wanted.is_set()


async def test_one_that_is_closed_on_purpose_is_not_lost(several: Several) -> None:
    await several.members[2].connection.close()
    assert not several.channels.wanted.is_set()
    assert several.session.channel_sequence == 0


async def test_nothing_is_added_to_what_has_ended(several: Several) -> None:
    third = several.members[2].connection
    several.channels.connections.remove(third)
    for member in several.members[:2]:
        member.lose()
    while not several.channels.first.closed:  # noqa: ASYNC110
        await asyncio.sleep(0)
    with pytest.raises(ConnectionClosed):
        several.channels.add(third)


async def test_what_cancelled_requests_have_opened_is_waited_for(several: Several) -> None:
    first = several.members[0]
    first.hold(Command.CREATE)
    task = several.begin(requests.create("a", requests.READ))
    opening = await first.seen(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    waiting = asyncio.create_task(several.channels.wait_abandoned())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.transport.reply(opening, ErrorResponse(), NtStatus.ACCESS_DENIED)
    await waiting


# --- which connections may join -------------------------------------------------------------------


def negotiate_response(guid: bytes = bytes(16), capabilities: int = 8) -> NegotiateResponse:
    return NegotiateResponse(
        security_mode=SecurityMode.SIGNING_ENABLED,
        dialect_revision=Dialect.SMB_3_1_1,
        server_guid=guid,
        capabilities=GlobalCapabilities(capabilities),
        max_transact_size=1 << 20,
        max_read_size=1 << 20,
        max_write_size=1 << 20,
        system_time=0,
        server_start_time=0,
        security_buffer=b"",
        contexts=[],
    )


def prepare(connection: ClientConnection, response: NegotiateResponse) -> None:
    protocol = connection.protocol
    protocol.server = response
    protocol.settings = replace(protocol.settings, multi_channel=True)


async def test_another_connection_to_the_same_server(several: Several) -> None:
    first, second, _ = (member.connection for member in several.members)
    for connection in (first, second):
        prepare(connection, negotiate_response())
    several.channels.check(second)


@pytest.mark.parametrize(
    ("response", "dialect", "reason"),
    [
        (negotiate_response(guid=b"another server.."), Dialect.SMB_3_1_1, "another server"),
        (negotiate_response(), Dialect.SMB_3_0, "something else"),
        (negotiate_response(capabilities=0), Dialect.SMB_3_1_1, "something else"),
    ],
)
async def test_others_are_refused_before_the_password_is_used(
    several: Several, response: NegotiateResponse, dialect: Dialect, reason: str
) -> None:
    first, second, _ = (member.connection for member in several.members)
    prepare(first, negotiate_response())
    prepare(second, response)
    assert second.protocol.negotiated is not None
    second.protocol.negotiated = replace(second.protocol.negotiated, dialect=dialect)
    with pytest.raises(SecurityError, match=reason):
        several.channels.check(second)

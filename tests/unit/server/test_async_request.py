"""Requests that are answered later: their states, and what becomes of them."""

import asyncio
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.async_request import AsyncRequest, AsyncRequestState
from smbquic.server.commands import CommandEntry
from smbquic.server.outcome import Pending, PendingKind, Reply
from smbquic.server.server import Server
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.header import Command
from tests.unit.server.smb_client import Client, Connect, ServerWith, Until

ALL_PENDING = [(kind, kind is not PendingKind.OPERATION) for kind in PendingKind]


class HeldWork:
    """Work that the test lets end; `cancelled` tells whether somebody has cancelled it."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.cancelled = False
        self.error: Exception | None = None

    async def run(self) -> Reply:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            if self.error is None:
                raise
        if self.error is not None:
            raise self.error
        return Reply(EchoResponse())


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[AsyncRequest]:
    """Every request that is answered later, as it comes."""
    made: list[AsyncRequest] = []

    class Noted(AsyncRequest):
        __slots__ = ()

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr("smbquic.server.dispatch.AsyncRequest", Noted)
    return made


def answer_later(
    server: Server, kind: PendingKind = PendingKind.EVENT, *, survives: bool = False
) -> HeldWork:
    """Have every ECHO wait for the same work."""
    work = HeldWork()
    server.dispatcher.commands[Command.ECHO] = CommandEntry(
        lambda context, request: Pending(work.run(), kind, survives), session=survives, tree=False
    )
    return work


@pytest.mark.parametrize(("kind", "told"), ALL_PENDING)
async def test_the_client_is_told_at_once_where_others_decide_how_long_it_takes(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
    requests: list[AsyncRequest],
    kind: PendingKind,
    told: bool,
) -> None:
    client = await connect(to=server_with(Limits(interim_delay=60.0)))
    work = answer_later(client.server, kind)
    echo = client.send(EchoRequest())
    if told:
        await client.interim(echo)
        assert requests[0].state is AsyncRequestState.INTERIM_SENT
    else:
        await until(lambda: bool(requests))
        assert requests[0].state is AsyncRequestState.STARTED
    work.may_end.set()
    assert (await client.answer(echo)).status == NtStatus.SUCCESS
    assert [each.state for each in requests] == [AsyncRequestState.COMPLETED]
    assert bool(client.pending) == told


async def test_a_cancelled_request_is_answered(
    client: Client, requests: list[AsyncRequest]
) -> None:
    work = answer_later(client.server)
    echo = client.send(EchoRequest())
    await client.interim(echo)
    client.deliver(client.protocol.cancel(echo))
    assert (await client.answer(echo)).status == NtStatus.CANCELLED
    assert work.cancelled
    assert requests[0].state is AsyncRequestState.COMPLETED


async def test_without_its_connection_a_request_is_abandoned(
    connect: Connect, requests: list[AsyncRequest]
) -> None:
    client = await connect()
    work = answer_later(client.server)
    await client.interim(client.send(EchoRequest()))
    await client.close()
    assert work.cancelled
    assert requests[0].state is AsyncRequestState.ABANDONED


async def test_what_may_not_wait_is_not_begun(
    connect: Connect, server_with: ServerWith, requests: list[AsyncRequest]
) -> None:
    client = await connect(to=server_with(Limits(pending=1)))
    work = answer_later(client.server)
    first = client.send(EchoRequest())
    await client.interim(first)
    refused = await client.call(EchoRequest())
    assert refused.status == NtStatus.INSUFFICIENT_RESOURCES
    assert len(requests) == 1
    work.may_end.set()
    assert (await client.answer(first)).status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (PendingKind.OPERATION, NtStatus.SUCCESS),
        (PendingKind.EVENT, NtStatus.INTERNAL_ERROR),
        (PendingKind.RETRY, NtStatus.SUCCESS),
    ],
)
async def test_only_what_ends_may_be_followed_in_its_compound(
    client: Client, kind: PendingKind, status: NtStatus
) -> None:
    work = answer_later(client.server, kind)
    work.may_end.set()
    first, _ = await client.compound(EchoRequest(), EchoRequest(), related=False)
    assert first.status == status


@pytest.fixture
async def channels(connect: Connect, server_with: ServerWith) -> tuple[Client, Client]:
    """Two connections of one session, each of which may have two waiting requests."""
    server = server_with(Limits(pending=2))
    first = await connect(to=server, client_guid=b"one client only.")
    second = await connect(to=server, token="", client_guid=b"one client only.")
    assert (await second.bind(first)).status == NtStatus.SUCCESS
    return first, second


def connection_of(client: Client) -> Any:
    [found] = [each for each in client.server.connections if each.transport is client.transport]
    return found


async def test_work_goes_on_for_another_connection_of_the_session(
    channels: tuple[Client, Client], requests: list[AsyncRequest], until: Until
) -> None:
    first, second = channels
    other = connection_of(second)
    work = answer_later(first.server, survives=True)
    await first.interim(first.send(EchoRequest()))
    await first.close()
    assert requests[0].state is AsyncRequestState.DETACHED
    assert (work.cancelled, other.pending.unbounded) == (False, 1)

    work.may_end.set()
    await until(lambda: requests[0].state is AsyncRequestState.COMPLETED)
    await until(lambda: other.pending.unbounded == 0)
    assert first.server.failures == 0


async def test_what_fails_without_its_connection_is_counted(
    channels: tuple[Client, Client], requests: list[AsyncRequest], until: Until
) -> None:
    first, _ = channels
    work = answer_later(first.server, survives=True)
    work.error = ZeroDivisionError()
    await first.interim(first.send(EchoRequest()))
    await first.close()
    work.may_end.set()
    await until(lambda: requests[0].state is AsyncRequestState.COMPLETED)
    assert first.server.failures == 1


async def test_what_fails_when_it_is_given_up_is_counted(
    client: Client, requests: list[AsyncRequest], until: Until
) -> None:
    work = answer_later(client.server)
    work.error = ZeroDivisionError()
    await client.interim(client.send(EchoRequest()))
    await client.close()
    await until(lambda: client.server.failures == 1)
    assert requests[0].state is AsyncRequestState.ABANDONED


async def test_with_the_last_connection_work_is_given_up(
    channels: tuple[Client, Client], requests: list[AsyncRequest], until: Until
) -> None:
    first, second = channels
    work = answer_later(first.server, survives=True)
    await first.interim(first.send(EchoRequest()))
    await first.close()
    await second.close()
    await until(lambda: work.cancelled)
    assert requests[0].state is AsyncRequestState.ABANDONED


@pytest.mark.parametrize(("waiting", "goes_on"), [(1, True), (2, False)])
async def test_work_goes_on_only_where_there_is_room_for_it(
    channels: tuple[Client, Client],
    requests: list[AsyncRequest],
    waiting: int,
    goes_on: bool,
) -> None:
    first, second = channels
    work = answer_later(first.server, survives=True)
    for _ in range(waiting):
        await second.interim(second.send(EchoRequest()))
    await first.interim(first.send(EchoRequest()))
    await first.close()
    state = AsyncRequestState.DETACHED if goes_on else AsyncRequestState.ABANDONED
    assert requests[-1].state is state
    assert connection_of(second).pending.unbounded == 2
    work.may_end.set()


async def test_work_that_does_not_survive_its_connection(
    channels: tuple[Client, Client], requests: list[AsyncRequest]
) -> None:
    first, second = channels
    answer_later(first.server)
    await first.interim(first.send(EchoRequest()))
    await first.close()
    assert requests[0].state is AsyncRequestState.ABANDONED
    assert connection_of(second).pending.unbounded == 0

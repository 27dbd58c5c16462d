"""Peers that break the rules, do not log on or do not read, and failures that end a connection."""

import asyncio
import logging
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.auth.identity import Identity
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.budget import SESSION
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki.certificate_watch import CertificateWatch
from smbquic.protocol.request import Request
from smbquic.server.connection import ConnectionTable
from smbquic.server.context import Context
from smbquic.server.outcome import Outcome, Pending
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import OplockLevel
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Command
from smbquic.wire.tree_connect import TreeConnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.dispatching import break_echo
from tests.unit.server.smb_client import Client, Connect, ServerWith, Until


async def test_an_answer_that_cannot_be_encoded_ends_the_connection_and_not_the_server(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> Any:
        return object()

    break_echo(monkeypatch, client.server, lambda context, request: Pending(work()))
    client.send(EchoRequest())
    await asyncio.wait_for(client.served, 60)
    assert server.failures == 1
    assert "failed" in client.transport.closed


async def test_a_failure_outside_of_handlers_ends_the_connection_and_not_the_server(
    connect: Connect,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    client, other = await connect(), await connect()
    broken: Any = object()
    break_echo(monkeypatch, client.server, lambda context, request: broken)
    client.send(EchoRequest())
    await asyncio.wait_for(client.served, 60)
    assert server.failures == 1
    assert "failed" in client.transport.closed
    (record,) = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert record.getMessage().endswith(": closed, as the server failed")
    assert record.exc_info is not None
    assert (await other.create("x")).status == NtStatus.SUCCESS


async def test_a_broken_peer_costs_one_line_in_the_log(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client, other = await connect(), await connect()
    client.deliver([b"\xfeSMB" + bytes(100)])
    await asyncio.wait_for(client.served, 60)
    (record,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert record.exc_info is None
    assert "StructureSize" in record.getMessage()
    assert (await other.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_a_broken_peer_is_found_in_postponed_work_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request of the chain breaks the protocol once the first one is done."""
    file_id = await client.open("x")
    client.protocol.compound([EchoRequest()], session=client.session)
    sent = client.protocol.compound(
        [FlushRequest(file_id), TreeConnectRequest(r"\\fs.example\data")],
        session=client.session,
        tree_id=client.tree_id,
    )
    real = client.server.dispatcher.commands[Command.TREE_CONNECT]

    def handle(context: Context, request: Request) -> Outcome:
        request.signed = False
        return real.handle(context, request)

    table = client.server.dispatcher.commands
    monkeypatch.setitem(table, Command.TREE_CONNECT, real._replace(handle=handle))
    client.deliver(sent.buffers)
    await asyncio.wait_for(client.served, 60)
    assert "without signature" in client.transport.closed


async def test_who_does_not_log_on_is_hung_up_on(
    connect: Connect, server_with: ServerWith, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect(to=server_with(Limits(logon_seconds=0.01)), token="")
    await asyncio.wait_for(client.served, 60)
    assert "logged on" in client.transport.closed
    assert "closed, as nobody logged on within 0.01 s" in caplog.text


async def test_who_has_logged_on_stays(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = await connect()
    assert any(message.endswith(": alice logged on") for message in caplog.messages)
    [connection] = server.connections
    connection._check_logon()  # as if its time were over
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_unauthenticated_clients_get_less_room_than_users(connect: Connect) -> None:
    client = await connect(token="")
    assert client.transport.max_message_size == 128 << 10
    await client.log_on()
    assert client.transport.max_message_size == (8 << 20) + (64 << 10)


async def test_who_does_not_read_is_not_read_from(client: Client, until: Until) -> None:
    client.transport.writable.clear()
    first = client.send(EchoRequest())
    second = client.send(EchoRequest())
    await until(lambda: client.transport.to_server.qsize() == 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.transport.to_server.qsize() == 1
    client.transport.writable.set()
    assert (await client.answer(first)).status == NtStatus.SUCCESS
    assert (await client.answer(second)).status == NtStatus.SUCCESS


async def test_a_peer_that_is_gone_ends_postponed_work_quietly(
    client: Client, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client.transport.writable.clear()
    client.send(EchoRequest())
    client.transport.to_server.put_nowait(ConnectionClosed("gone"))
    client.transport.closed = "gone"
    client.transport.writable.set()
    with caplog.at_level("DEBUG"):
        await asyncio.wait_for(client.served, 60)
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
    assert any(message.endswith(": gone") for message in caplog.messages)
    assert server.failures == 0


async def test_what_is_sent_without_a_request_is_charged_to_the_user(
    client: Client, server: Server
) -> None:
    [connection] = server.connections
    before = connection.quota.queued_bytes
    await connection.send([b"three ", b"buffers", b""])
    assert connection.quota.queued_bytes - before == len(b"three buffers")


async def test_how_a_connection_is_called(client: Client, server: Server) -> None:
    [connection] = server.connections
    assert connection.name == "tcp://127.0.0.1:50000"
    assert connection.client_network == "127.0.0.1"
    assert connection.users() == {"alice"}


async def test_connections_are_kept_alive_for_what_is_open(client: Client, server: Server) -> None:
    [connection] = server.connections
    assert (client.transport.keep_alive, connection.may_have_opens) == (False, False)
    files = [await client.open(name) for name in "ab"]
    for file_id in files:
        assert (client.transport.keep_alive, connection.may_have_opens) == (True, True)
        await client.call(CloseRequest(file_id))
    assert (client.transport.keep_alive, connection.may_have_opens) == (False, False)


async def test_users_share_a_quota_by_name_and_guests_by_address(
    connect: Connect, server: Server
) -> None:
    await connect(token="Alice:secret")
    await connect(token="alice:secret")
    await connect(token="guest:secret", signing_required=False, guest_allowed=True)
    quotas = {user: len(quota.connections) for user, quota in server.scheduler.users.items()}
    assert quotas == {"user \\alice": 2, "guest 127.0.0.1": 1}


async def test_nothing_is_left_of_a_connection(
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(CertificateWatch, "check", lambda watch: steps.append("check"))
    monkeypatch.setattr(CertificateWatch, "stop", lambda watch: steps.append("stop"))
    loop = asyncio.get_running_loop()
    call_later, timers = loop.call_later, []

    def note(delay: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        timer = call_later(delay, *arguments, **options)
        if delay == server.limits.logon_seconds:
            timers.append(timer)
        return timer

    monkeypatch.setattr(loop, "call_later", note)
    client = await connect()
    assert steps == ["check"]
    [timer] = timers
    assert not timer.cancelled()
    await client.close()
    assert steps == ["check", "stop"]
    assert timer.cancelled()


async def test_the_first_session_of_a_connection_costs_nothing(
    connect: Connect, server: Server
) -> None:
    client = await connect(share="")
    assert server.user_memory.used == 0
    await client.log_on()
    assert server.user_memory.used == SESSION
    await client.close()
    assert server.user_memory.used == 0


async def test_who_caches_is_notified_before_who_changes_is_answered(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches, changes = await connect(), await connect()
    await caches.open("file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_II)
    file_id = await changes.open("file")
    order: list[str] = []

    def note(name: str, client: Client) -> None:
        queue = client.transport.to_client
        put = queue.put_nowait

        def noted(message: memoryview) -> None:
            order.append(name)
            put(message)

        monkeypatch.setattr(queue, "put_nowait", noted)

    note("notified", caches)
    note("answered", changes)
    assert (await changes.call(WriteRequest(0, file_id, b"x"))).status == NtStatus.SUCCESS
    assert order == ["notified", "answered"]


def test_a_client_is_notified_on_one_connection_in_a_session_of_the_user() -> None:
    alice, bob, body = Identity("alice", ""), Identity("bob", ""), EchoResponse()
    told: list[str] = []

    def connection(name: str, guid: bytes, user: Identity, *, valid: bool, takes: bool) -> Any:
        session = SimpleNamespace(is_valid=valid, identity=user)

        def notify(*arguments: object) -> bool:
            assert arguments == (session, body)
            told.append(name)
            return takes

        return Found(SimpleNamespace(client_guid=guid, sessions={1: session}), notify)

    table = ConnectionTable()
    for each in (
        connection("of another client", b"other", alice, valid=True, takes=True),
        connection("of another user", b"guid", bob, valid=True, takes=True),
        connection("expired", b"guid", alice, valid=False, takes=True),
        connection("closed", b"guid", alice, valid=True, takes=False),
        connection("first", b"guid", alice, valid=True, takes=True),
        connection("second", b"guid", alice, valid=True, takes=True),
    ):
        table[each] = None

    assert table.notify(b"guid", alice, body) is True
    assert told == ["closed", "first"]
    assert table.notify(b"nobody's", alice, body) is False
    assert told == ["closed", "first"]


@dataclass(eq=False)
class Found:
    """A connection, as far as a client is found by it."""

    protocol: Any
    notify: Any


async def test_a_user_has_as_many_connections_as_may_be(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(connections_of_user=1))
    client = await connect(to=server)
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS
    more = await connect(to=server, token="")
    logon = asyncio.create_task(more.log_on())
    await more.served
    logon.cancel()
    assert more.transport.closed == ServerRefusal.CONNECTIONS_OF_USER.text
    assert not client.transport.closed

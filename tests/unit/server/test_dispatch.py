"""Compounds, requests that take their time, and what goes wrong."""

import asyncio
import errno
import gc
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server import commands, dispatch
from smbquic.server.outcome import Pending, Reply
from smbquic.server.server import Server
from smbquic.storage.local import case_index
from smbquic.storage.local.case_index import CaseIndex
from smbquic.storage.local.file import LocalFile
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, CreateRequest
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment, OplockBreakAcknowledgment
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_connect import TreeConnectRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteFlags, WriteRequest
from tests.unit.clock import Clock
from tests.unit.server.conftest import Client, Connect

RELATED = FileId.RELATED
MISSING = {"create_disposition": 1}
DIRECTORY = {"create_options": CreateOptions.FILE_DIRECTORY_FILE}


def labels(responses: list[Any]) -> list[str]:
    return [response.status.label.removeprefix("STATUS_") for response in responses]


def notify(file_id: FileId) -> ChangeNotifyRequest:
    return ChangeNotifyRequest(0, 4096, file_id, 1)


async def test_related_requests_are_about_the_same_file(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("x"),
        WriteRequest(0, RELATED, b"content"),
        ReadRequest(7, 0, RELATED),
        CloseRequest(RELATED),
        CloseRequest(RELATED),
    )
    assert labels(responses) == ["SUCCESS"] * 4 + ["FILE_CLOSED"]
    assert responses[2].body.data == b"content"
    assert {response.header.tree_id for response in responses} == {client.tree_id}


async def test_the_file_of_a_chain_wins_over_the_one_that_is_named(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    other = await client.open("other")
    responses = await client.compound(create_request("x"), WriteRequest(0, other, b"content"))
    assert labels(responses) == ["SUCCESS", "SUCCESS"]
    assert (await client.call(ReadRequest(1, 0, other))).status == NtStatus.END_OF_FILE


async def test_after_a_failed_create_the_rest_fails_likewise(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("x", **MISSING), ReadRequest(1, 0, RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["OBJECT_NAME_NOT_FOUND"] * 3


async def test_a_failed_create_is_not_made_good_by_naming_another_file(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    other = await client.open("other")
    responses = await client.compound(create_request("x", **MISSING), CloseRequest(other))
    assert labels(responses) == ["OBJECT_NAME_NOT_FOUND"] * 2
    assert (await client.call(CloseRequest(other))).status == NtStatus.SUCCESS


async def test_the_answers_of_a_compound_do_not_grow_without_limit(
    client: Client, root: Path
) -> None:
    size = 3 << 20
    (root / "x").write_bytes(bytes(size))
    file_id = await client.open("x")
    for _ in range(20):
        await client.call(EchoRequest())  # earns credits
    for related in (True, False):
        reads = [ReadRequest(size, 0, file_id) for _ in range(4)]
        responses = await client.compound(*reads, related=related)
        assert labels(responses) == ["SUCCESS"] * 2 + ["INSUFFICIENT_RESOURCES"] * 2
    # A response has 16 bytes before its data: two of these are 4 MiB, to the byte.
    reads = [ReadRequest((2 << 20) - 16, 0, file_id) for _ in range(4)]
    responses = await client.compound(*reads, related=True)
    assert labels(responses) == ["SUCCESS"] * 3 + ["INSUFFICIENT_RESOURCES"]
    assert (await client.call(ReadRequest(size, 0, file_id))).status == NtStatus.SUCCESS


async def test_after_another_failure_the_chain_goes_on(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("x"), ReadRequest(1, 0, RELATED), WriteRequest(0, RELATED, b"x")
    )
    assert labels(responses) == ["SUCCESS", "END_OF_FILE", "SUCCESS"]


async def test_unrelated_requests_inherit_nothing(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("x"), CloseRequest(RELATED), EchoRequest(), related=False
    )
    assert labels(responses) == ["SUCCESS", "FILE_CLOSED", "SUCCESS"]


async def test_a_chain_goes_on_in_the_tree_that_it_connected(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        TreeConnectRequest(r"\\fs.example\ro"), create_request("", **MISSING), tree_id=0
    )
    assert labels(responses) == ["SUCCESS", "SUCCESS"]
    assert responses[0].header.tree_id == responses[1].header.tree_id != client.tree_id


async def test_a_chain_does_not_go_on_without_its_tree_or_session(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(EchoRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "INVALID_PARAMETER"]
    responses = await client.compound(TreeDisconnectRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "NETWORK_NAME_DELETED"]
    responses = await client.compound(LogoffRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "USER_SESSION_DELETED"]


async def test_a_chain_waits_for_its_flush(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("x"), FlushRequest(RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["SUCCESS"] * 3


async def test_only_the_last_of_a_chain_may_wait_for_good(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    responses = await client.compound(
        create_request("a", **DIRECTORY), notify(RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["SUCCESS", "INTERNAL_ERROR", "SUCCESS"]


async def test_a_folder_is_watched_until_it_is_closed(
    client: Client, create_request: Callable[..., CreateRequest]
) -> None:
    sent = client.protocol.compound(
        [create_request("a", **DIRECTORY), notify(RELATED)],
        session=client.session,
        tree_id=client.tree_id,
    )
    client.deliver(sent.buffers)
    created = await client.answer(sent.message_ids[0])
    assert sent.message_ids[1] in client.pending
    await client.call(CloseRequest(created.body.file_id))
    response = await client.answer(sent.message_ids[1])
    assert response.status == NtStatus.NOTIFY_CLEANUP


async def test_waiting_requests_are_counted(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
    client = await connect(to=server_with(Limits(pending=2)))
    folder = await client.open("a", **DIRECTORY)
    for _ in range(2):
        client.send(notify(folder))
        await client.fetch()
    response = await client.call(notify(folder))
    assert response.status == NtStatus.INSUFFICIENT_RESOURCES


async def test_requests_that_take_their_time_are_not_refused_but_read_no_faster(
    connect: Connect,
    server_with: Callable[..., Server],
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await connect(to=server_with(Limits(pending=2)))
    gate = asyncio.Event()

    async def work() -> Reply:
        await gate.wait()
        return Reply(EchoResponse())

    break_echo(monkeypatch, client.server, lambda context, request: Pending(work()))
    folder = await client.open("a", **DIRECTORY)
    client.send(notify(folder))
    await client.fetch()
    echoes = [client.send(EchoRequest()) for _ in range(5)]
    (connection,) = client.server.connections
    await until(lambda: len(connection.tasks) == 4)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.transport.to_server.qsize() == 2
    gate.set()
    for echo in echoes:
        assert (await client.answer(echo)).status == NtStatus.SUCCESS


async def test_messages_whose_requests_are_postponed_count_as_memory(
    connect: Connect,
    server_with: Callable[..., Server],
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = server_with(Limits(buffers=4 << 20, interim_delay=30.0))
    client = await connect(to=server)
    file_id = await client.open("x")
    go_on = threading.Event()
    monkeypatch.setattr(LocalFile, "flush", lambda _: go_on.wait(60))
    data = bytes(600 << 10)
    through = WriteFlags.WRITE_THROUGH
    writes = [client.send(WriteRequest(0, file_id, data, flags=through)) for _ in range(4)]
    (connection,) = server.connections
    await until(lambda: len(connection.tasks) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    # One user may have a quarter.
    assert client.transport.to_server.qsize() == 2
    server.slow_peers.check(1.0)
    assert server.slow_peers.waiting == connection.pending_bytes > 2 * len(data)
    go_on.set()
    for each in writes:
        assert (await client.answer(each)).status == NtStatus.SUCCESS
    await until(lambda: not connection.tasks)
    assert connection.pending_bytes == 0


async def test_a_malformed_body_fails_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoRequest, "encode", lambda self: b"\xff\xff\0\0")
    assert (await client.call(EchoRequest())).status == NtStatus.INVALID_PARAMETER


def break_echo(monkeypatch: pytest.MonkeyPatch, server: Server, handle: Any) -> None:
    entry = commands.CommandEntry(handle, session=False, tree=False)
    monkeypatch.setitem(server.dispatcher.commands, Command.ECHO, entry)


async def test_an_unexpected_exception_is_answered_counted_and_logged(
    client: Client,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(context: Any, request: Any) -> None:
        raise ZeroDivisionError("surprise")

    with monkeypatch.context() as patched:
        break_echo(patched, client.server, handle)
        assert (await client.call(EchoRequest())).status == NtStatus.INTERNAL_ERROR
    assert server.failures == 1
    (record,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert "ECHO" in record.getMessage()
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_an_unexpected_exception_in_postponed_work(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> Reply:
        raise ZeroDivisionError("surprise")

    break_echo(monkeypatch, client.server, lambda context, request: Pending(work()))
    assert (await client.call(EchoRequest())).status == NtStatus.INTERNAL_ERROR
    assert server.failures == 1


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
    connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await connect(), await connect()
    break_echo(monkeypatch, client.server, lambda context, request: object())
    client.send(EchoRequest())
    await asyncio.wait_for(client.served, 60)
    assert server.failures == 1
    assert "failed" in client.transport.closed
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

    def handle(context: Any, request: Any) -> Any:
        request.signed = False
        return real.handle(context, request)

    table = client.server.dispatcher.commands
    monkeypatch.setitem(table, Command.TREE_CONNECT, real._replace(handle=handle))
    client.deliver(sent.buffers)
    await asyncio.wait_for(client.served, 60)
    assert "without signature" in client.transport.closed


async def test_who_does_not_log_on_is_hung_up_on(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
    client = await connect(to=server_with(Limits(logon_seconds=0.01)), token="")
    await asyncio.wait_for(client.served, 60)
    assert "logged on" in client.transport.closed


async def test_who_has_logged_on_stays(connect: Connect, server: Server) -> None:
    client = await connect()
    [connection] = server.connections
    connection._check_logon()  # as if its time were over
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_unauthenticated_clients_get_less_room_than_users(connect: Connect) -> None:
    client = await connect(token="")
    assert client.transport.max_message_size == 128 << 10
    await client.log_on()
    assert client.transport.max_message_size == (8 << 20) + (64 << 10)


async def test_who_does_not_read_is_not_read_from(
    client: Client, until: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
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
    await asyncio.wait_for(client.served, 60)
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
    assert server.failures == 0


async def test_closing_the_server_ends_its_connections(connect: Connect, server: Server) -> None:
    client = await connect()
    await server.close()
    await asyncio.wait_for(client.served, 60)
    assert "stopping" in client.transport.closed


async def test_share_names_are_taken_once(server_with: Any, server: Any) -> None:
    share = server.share("DATA")
    assert share is server.share("data")
    for shares in ([share, share], [type(share)("ipc$", share.storage)]):
        with pytest.raises(ValueError, match=r"already|reserved"):
            type(server)(shares, server.access, server.settings)


async def test_a_file_that_cannot_be_closed_is_closed_nevertheless(
    client: Client,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file_id = await client.open("x")
    real = LocalFile.close

    def close(file: LocalFile) -> None:
        real(file)
        raise OSError(5, "input/output error")

    monkeypatch.setattr(LocalFile, "close", close)
    # What was written may be lost: whoever wrote it has to know.
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.IO_DEVICE_ERROR
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.FILE_CLOSED
    assert len(server.files) == 0
    assert "input/output error" in caplog.text


async def test_ids_are_not_used_twice(client: Client, server: Server) -> None:
    assert server.files.next_file_id() != server.files.next_file_id()
    (session,) = server.sessions.values()
    session.last_tree_id = 0xFFFFFFFD
    await client.connect()
    assert client.tree_id == 0xFFFFFFFE
    await client.connect()
    assert client.tree_id == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (IoctlRequest(0x00060194, RELATED, 0, 4096), NtStatus.NOT_FOUND),
        (IoctlRequest(0x001401FC, RELATED, 0, 4096), NtStatus.NOT_SUPPORTED),
        (IoctlRequest(0x00110018, RELATED, 0, 0), NtStatus.INVALID_PARAMETER),
        (IoctlRequest(0x00060194, FileId(1, 1), 0, 4096), NtStatus.INVALID_PARAMETER),
        (IoctlRequest(0x00060194, RELATED, 0, 0, flags=0), NtStatus.NOT_SUPPORTED),
        (IoctlRequest(0x0011C017, FileId(1, 1), 0, 4096), NtStatus.FILE_CLOSED),
        (IoctlRequest(0x0011C017, RELATED, 9 << 20, 0), NtStatus.INVALID_PARAMETER),
        (OplockBreakAcknowledgment(0, FileId(1, 1)), NtStatus.FILE_CLOSED),
        (LeaseBreakAcknowledgment(bytes(16), 0), NtStatus.OBJECT_NAME_NOT_FOUND),
    ],
)
async def test_what_is_refused(client: Client, body: Any, status: NtStatus) -> None:
    assert (await client.call(body)).status == status


async def test_an_acknowledgment_of_no_break(client: Client) -> None:
    file_id = await client.open("x")
    response = await client.call(OplockBreakAcknowledgment(0, file_id))
    assert response.status == NtStatus.INVALID_DEVICE_STATE


async def test_the_negotiation_is_confirmed(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_1, Dialect.SMB_3_0))
    assert client.protocol.must_validate
    response = await client.call(client.protocol.validate_negotiate())
    assert response.status == NtStatus.SUCCESS
    client.protocol.check_validation(response)


async def test_nobody_hears_of_a_failure_once_the_client_is_gone(
    client: Client,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, release = threading.Event(), threading.Event()

    def fail(file: LocalFile) -> None:
        begun.set()
        assert release.wait(60)
        raise OSError(errno.EBADF, "the file is closed")

    client.send(FlushRequest(await client.open("x")))
    monkeypatch.setattr(LocalFile, "flush", fail)
    await asyncio.to_thread(begun.wait, 60)
    await client.close()
    release.set()
    await asyncio.to_thread(client.server.threads.shutdown)
    await asyncio.sleep(0)
    gc.collect()
    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []


async def test_a_compound_gives_others_their_turn_when_its_time_is_up(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await connect(), await connect()
    file_id = await client.open("x")
    await client.call(WriteRequest(0, file_id, b"12345"))
    clock = Clock()
    monkeypatch.setattr(dispatch, "perf_counter", clock)
    seen: list[int] = []
    handled = client.server.dispatcher.commands[Command.READ]

    def slow(context: Any, request: Any) -> Any:
        clock.now += dispatch.TIME_SLICE * 0.6
        seen.append(len(others))
        return handled.handle(context, request)

    others: list[int] = []

    async def count() -> None:
        while True:
            others.append(1)
            await asyncio.sleep(0)

    table = client.server.dispatcher.commands
    monkeypatch.setitem(table, Command.READ, handled._replace(handle=slow))
    counting = asyncio.create_task(count())
    responses = await client.compound(*[ReadRequest(5, 0, file_id)] * 8)
    counting.cancel()

    assert labels(responses) == ["SUCCESS"] * 8
    # Two of them fill a slice, and others have their turn after each.
    assert len(set(seen)) == 4
    assert (await other.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_requests_wait_for_a_large_folder_to_be_read(
    client: Client,
    root: Path,
    create_request: Callable[..., CreateRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = create_request
    monkeypatch.setattr(case_index, "AT_ONCE", 2)
    threads: set[int] = set()
    real = CaseIndex.prepare

    def prepare(index: CaseIndex, directory: int, folded: str) -> None:
        threads.add(threading.get_ident())
        real(index, directory, folded)

    monkeypatch.setattr(CaseIndex, "prepare", prepare)
    for name in ("A", "B", "C", "D"):
        (root / name).write_bytes(name.encode())
        (root / f"folder{name}").mkdir()

    async def other_case(body: Any) -> Any:
        # Nothing is remembered of the folder.
        os.utime(root, ns=(0, 0))
        await asyncio.sleep(0)
        threads.clear()
        response = await client.call(body)
        assert threads
        assert threading.get_ident() not in threads
        return response

    monkeypatch.setattr(case_index, "GRACE", 0.0)
    assert (await other_case(request(name="b", **MISSING))).status == NtStatus.SUCCESS
    assert (await other_case(request(name="FOLDERa\\new"))).status == (NtStatus.SUCCESS)
    missing = await other_case(request(name="e", **MISSING))
    assert missing.status == NtStatus.OBJECT_NAME_NOT_FOUND
    folder = await client.open("", **DIRECTORY)
    listed = await other_case(QueryDirectoryRequest(12, folder, "folderb", 4096))
    assert listed.status == NtStatus.SUCCESS
    assert (root / "folderA" / "new").exists()

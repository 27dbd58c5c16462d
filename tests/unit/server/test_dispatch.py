"""Requests that take their time, malformed requests, and handlers that fail."""

import asyncio
import errno
import gc
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.observe.request_counts import RequestCounts
from smbquic.options.limits import Limits
from smbquic.overload.loop_monitor import HELD
from smbquic.protocol.request import Request
from smbquic.protocol.response import Response
from smbquic.server import dispatch, responses
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, Reply
from smbquic.server.responses import respond
from smbquic.server.server import Server
from smbquic.storage.local import case_index
from smbquic.storage.local.case_index import CaseIndex
from smbquic.storage.local.file import LocalFile
from smbquic.wire.close import CloseRequest
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment, OplockBreakAcknowledgment
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.write import WriteFlags, WriteRequest
from tests.unit.clock import Clock
from tests.unit.server.dispatching import DIRECTORY, MISSING, RELATED, break_echo, notify
from tests.unit.server.smb_client import Client, Connect, CreateRequestOf, ServerWith, Until


async def test_a_folder_is_watched_until_it_is_closed(
    client: Client, create_request: CreateRequestOf
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


async def test_waiting_requests_are_counted(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(Limits(pending=2)))
    folder = await client.open("a", **DIRECTORY)
    for _ in range(2):
        client.send(notify(folder))
        await client.fetch()
    response = await client.call(notify(folder))
    assert response.status == NtStatus.INSUFFICIENT_RESOURCES


async def test_requests_that_take_their_time_are_not_refused_but_read_no_faster(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
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
    await until(lambda: len(connection.pending.tasks) == 4)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.transport.to_server.qsize() == 2
    gate.set()
    for echo in echoes:
        assert (await client.answer(echo)).status == NtStatus.SUCCESS


async def test_messages_whose_requests_are_postponed_count_as_memory(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
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
    await until(lambda: len(connection.pending.tasks) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    # One user may have a quarter.
    assert client.transport.to_server.qsize() == 2
    for _ in server.slow_peers.check(1.0):
        pass
    assert server.slow_peers.waiting == connection.pending_bytes > 2 * len(data)
    go_on.set()
    for each in writes:
        assert (await client.answer(each)).status == NtStatus.SUCCESS
    await until(lambda: not connection.pending.tasks)
    assert connection.pending_bytes == 0


async def test_a_malformed_body_fails_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoRequest, "encode", lambda self: b"\xff\xff\0\0")
    assert (await client.call(EchoRequest())).status == NtStatus.INVALID_PARAMETER


async def test_an_unexpected_exception_is_answered_counted_and_logged(
    client: Client,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(context: Context, request: Request) -> None:
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
async def test_what_is_refused(client: Client, body: Message, status: NtStatus) -> None:
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
    until: Until,
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


async def test_requests_wait_for_a_large_folder_to_be_read(
    client: Client,
    root: Path,
    create_request: CreateRequestOf,
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

    async def other_case(body: Message) -> Response:
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


@pytest.mark.parametrize(
    ("step", "order"),
    [
        # Both within a time slice, or the second after it.
        (0.0, ["handled", "handled", "other"]),
        (dispatch.TIME_SLICE, ["handled", "other", "handled"]),
    ],
)
async def test_others_are_served_between_the_parts_of_a_long_compound(
    client: Client, monkeypatch: pytest.MonkeyPatch, step: float, order: list[str]
) -> None:
    clock, seen = Clock(), list[str]()

    def handle(context: Context, request: Request) -> Reply:
        if not seen:
            asyncio.get_running_loop().call_soon(seen.append, "other")
        seen.append("handled")
        clock.advance(step)
        return Reply(EchoResponse())

    monkeypatch.setattr(dispatch, "perf_counter", clock)
    break_echo(monkeypatch, client.server, handle)
    for response in await client.compound(EchoRequest(), EchoRequest(), related=False):
        assert response.status == NtStatus.SUCCESS
    assert seen == order


@pytest.mark.parametrize("step", [0.0, HELD / 2, HELD, 2 * HELD])
async def test_what_holds_the_loop_is_reported(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    clock, reported = Clock(0.0), list[tuple[float, str]]()

    def handle(context: Context, request: Request) -> Reply:
        clock.advance(step)
        return Reply(EchoResponse())

    def step_ended(seconds: float, describe: Callable[[], str]) -> None:
        reported.append((seconds, describe()))

    monkeypatch.setattr(dispatch, "perf_counter", clock)
    monkeypatch.setattr(server.loop_monitor, "step_ended", step_ended)
    break_echo(monkeypatch, server, handle)
    await client.call(EchoRequest())
    if step < HELD:
        assert reported == []
    else:
        [(seconds, what)] = reported
        assert seconds == step
        assert "ECHO" in what


@pytest.mark.parametrize("step", [0.0, dispatch.TIME_SLICE])
async def test_who_has_used_up_his_time_waits_and_all_is_charged(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    [connection] = server.connections
    clock, steps = Clock(0.0), list[object]()

    async def acquire(_: object) -> None:
        steps.append("acquired")

    def charge(seconds: float) -> None:
        steps.append(seconds)

    def charge_response(_: object, response: list[Buffer]) -> None:
        steps.append("a response")

    def handle(context: Context, request: Request) -> Reply:
        clock.advance(step)
        return Reply(EchoResponse())

    monkeypatch.setattr(dispatch, "acquire_time", acquire)
    monkeypatch.setattr(dispatch, "perf_counter", clock)
    monkeypatch.setattr(connection.quota, "is_exhausted", lambda: True)
    monkeypatch.setattr(connection.quota, "charge", charge)
    monkeypatch.setattr(connection.quota, "charge_response", charge_response)
    break_echo(monkeypatch, server, handle)
    await client.call(EchoRequest())
    assert steps == ["acquired", step, "a response"]
    steps.clear()
    await client.compound(EchoRequest(), EchoRequest(), related=False)
    if step:
        assert steps == ["acquired", step, "acquired", pytest.approx(step), "a response"]
    else:
        assert steps == ["acquired", 0.0, "a response"]


async def test_answered_requests_are_counted_by_command_and_status(
    client: Client, server: Server, tmp_path: Path, create_request: CreateRequestOf
) -> None:
    before = dict(server.requests.commands[Command.CREATE].statuses)
    created = await client.call(create_request("new"))
    await client.call(WriteRequest(0, created.body.file_id, b"x", flags=WriteFlags.WRITE_THROUGH))
    after = server.requests.commands[Command.CREATE].statuses
    assert after[NtStatus.SUCCESS] == before[NtStatus.SUCCESS] + 1
    write = server.requests.commands[Command.WRITE]
    assert write.statuses == {NtStatus.SUCCESS: 1}
    assert write.latencies.count == 1


async def test_the_time_of_a_request_is_from_its_receipt_to_its_answer(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.0)

    async def acquire(_: object) -> None:
        clock.advance(0.25)

    def handle(context: Context, request: Request) -> Reply:
        clock.advance(0.5)
        return Reply(EchoResponse())

    [connection] = server.connections
    monkeypatch.setattr(dispatch, "acquire_time", acquire)
    monkeypatch.setattr(dispatch, "perf_counter", clock)
    monkeypatch.setattr(responses, "perf_counter", clock)
    monkeypatch.setattr(connection.quota, "is_exhausted", lambda: True)
    break_echo(monkeypatch, server, handle)
    await client.call(EchoRequest())
    assert server.requests.commands[Command.ECHO].latencies.total == 0.75


def test_what_waits_for_the_rest_of_its_compound_is_counted() -> None:
    def held(compound: object, message: object) -> int:
        protocol = SimpleNamespace(respond=lambda *_: message)
        services = SimpleNamespace(requests=RequestCounts(), spans=None)
        connection = SimpleNamespace(protocol=protocol, services=services)
        context = SimpleNamespace(
            failed=NtStatus.ACCESS_DENIED, held=10, received=0.0, connection=connection
        )
        header = SimpleNamespace(command=Command.ECHO)
        request: Any = SimpleNamespace(compound=compound, header=header)
        found: Any = context
        assert respond(found, request, Reply(EchoResponse())) is message
        assert context.failed is None
        return int(context.held)

    prepared = [SimpleNamespace(body=body) for body in ([bytes(100)], [b"abc", b"de"])]
    assert held(SimpleNamespace(responses=prepared), None) == 15
    assert held(SimpleNamespace(responses=prepared), [b"message"]) == 10
    assert held(None, None) == 10

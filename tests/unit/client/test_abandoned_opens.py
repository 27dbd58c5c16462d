import asyncio
from collections.abc import Sequence

from smbquic.client import requests
from smbquic.client.abandoned_opens import AbandonedOpens
from smbquic.client.response_waiters import ResponseWaiter, Target
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command, Header
from smbquic.wire.message import Message
from tests.unit.client.fakes import opened

TARGET = Target(None, 5)
FILE = FileId(42, 42)


class CompoundServer:
    """Takes compounds and answers each request of one with the same status."""

    def __init__(self) -> None:
        self.status = NtStatus.SUCCESS
        self.requests: list[list[Message]] = []
        self.abandoned = AbandonedOpens(self.compound)

    async def compound(self, bodies: Sequence[Message], target: Target) -> list[Response]:
        assert target is TARGET
        self.requests.append(list(bodies))
        return [answer(ErrorResponse(), self.status) for _ in bodies]


def answer(body: object, status: NtStatus = NtStatus.SUCCESS) -> Response:
    return Response(0, Header(Command.CREATE), status, body, memoryview(b""))


def waiter(*, creates: bool = False) -> ResponseWaiter:
    future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    return ResponseWaiter(future, TARGET, 1, leaves_open=True, creates=creates)


async def test_what_was_opened_is_closed_once_the_response_is_there() -> None:
    server, waiting = CompoundServer(), waiter()
    server.abandoned.close(waiting)
    closed = asyncio.create_task(server.abandoned.wait_closed())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not closed.done()
    waiting.future.set_result(answer(opened(file_id=42)))
    await closed
    assert server.requests == [[requests.close(FILE)]]


async def test_what_was_made_is_deleted() -> None:
    server, waiting = CompoundServer(), waiter(creates=True)
    waiting.future.set_result(answer(opened(file_id=42)))
    server.abandoned.close(waiting)
    await server.abandoned.wait_closed()
    assert server.requests == [[requests.delete(FILE), requests.close()]]


async def test_what_could_not_be_deleted_is_closed() -> None:
    server, waiting = CompoundServer(), waiter(creates=True)
    server.status = NtStatus.ACCESS_DENIED
    waiting.future.set_result(answer(opened(file_id=42)))
    server.abandoned.close(waiting)
    await server.abandoned.wait_closed()
    assert server.requests[1:] == [[requests.close(FILE)]]


async def test_a_refusal_has_opened_nothing() -> None:
    server, waiting = CompoundServer(), waiter()
    waiting.future.set_result(answer(ErrorResponse(), NtStatus.CANCELLED))
    server.abandoned.close(waiting)
    await server.abandoned.wait_closed()
    assert not server.requests


async def test_a_lost_connection_leaves_nothing_to_close() -> None:
    server, waiting = CompoundServer(), waiter()
    waiting.future.set_exception(ConnectionClosed("the cable is cut"))
    server.abandoned.close(waiting)
    await server.abandoned.wait_closed()
    assert not server.requests


async def test_cancel_waits_for_no_response() -> None:
    server = CompoundServer()
    server.abandoned.close(waiter())
    await server.abandoned.cancel()
    await server.abandoned.wait_closed()
    assert not server.requests

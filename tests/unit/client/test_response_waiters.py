import asyncio
from collections.abc import Callable

import pytest

from smbquic.client import requests
from smbquic.client.response_waiters import (
    ResponseWaiter,
    ResponseWaiters,
    Target,
    fail_future,
    waiters_for,
)
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.create import CreateDisposition, CreateRequest
from smbquic.wire.echo import EchoResponse
from smbquic.wire.header import Command, Header
from smbquic.wire.message import Message

TARGET = Target(None, 5)
CREATES = requests.create(
    "x", requests.WRITE | requests.DELETE, disposition=CreateDisposition.FILE_CREATE
)
Add = Callable[..., ResponseWaiter]


@pytest.fixture
async def waiters() -> ResponseWaiters:
    return ResponseWaiters()


@pytest.fixture
async def add(waiters: ResponseWaiters) -> Add:
    loop = asyncio.get_running_loop()

    def add(message_id: int, *, charge: int = 1, sent: float = 0.0) -> ResponseWaiter:
        waiter = ResponseWaiter(loop.create_future(), TARGET, charge)
        waiters.add({message_id: waiter}, sent)
        return waiter

    return add


def response(message_id: int, *, pending: bool = False) -> Response:
    status = NtStatus.PENDING if pending else NtStatus.SUCCESS
    header = Header(Command.ECHO, message_id=message_id)
    return Response(message_id, header, status, EchoResponse(), memoryview(b""), pending)


async def test_a_response_is_given_to_the_task_that_waits_for_it(
    waiters: ResponseWaiters, add: Add
) -> None:
    first, second = add(0, charge=2), add(2, charge=3)
    assert waiters.charge == 5
    waiters.deliver(response(2))
    assert (await second.future).message_id == 2
    assert not first.future.done()
    assert waiters.charge == 2
    assert 0 in waiters
    assert 2 not in waiters


async def test_an_interim_response_leaves_the_request_waiting(
    waiters: ResponseWaiters, add: Add
) -> None:
    waiter = add(0)
    waiters.deliver(response(0, pending=True))
    assert waiter.pending
    assert waiters
    waiters.deliver(response(0))
    assert waiter.future.done()
    assert not waiters


async def test_a_response_that_nobody_waits_for_any_more_is_dropped(
    waiters: ResponseWaiters, add: Add
) -> None:
    waiter = add(0)
    waiter.future.cancel()
    waiters.deliver(response(0))
    assert not waiters
    assert waiters.charge == 0


async def test_a_request_is_overtaken_by_the_response_to_a_much_later_one(
    waiters: ResponseWaiters, add: Add
) -> None:
    add(0, sent=100.0)
    add(1, sent=159.0)
    add(2, sent=160.0)
    waiters.deliver(response(1))
    assert not waiters.overtaken(60.0)
    waiters.deliver(response(2))
    assert waiters.overtaken(60.0)


async def test_a_pending_request_is_not_overtaken(waiters: ResponseWaiters, add: Add) -> None:
    add(0, sent=100.0)
    waiters.deliver(response(0, pending=True))
    add(1, sent=200.0)
    waiters.deliver(response(1))
    assert not waiters.overtaken(60.0)


async def test_each_task_that_waits_gets_an_error_of_its_own(
    waiters: ResponseWaiters, add: Add
) -> None:
    first, second = add(0), add(1)
    waiters.fail(lambda: ConnectionClosed("the cable is cut"))
    assert first.future.exception() is not second.future.exception()
    assert isinstance(first.future.exception(), ConnectionClosed)
    assert not waiters


async def test_an_error_does_not_replace_a_result() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(1)
    fail_future(future, ConnectionClosed("the cable is cut"))
    assert await future == 1


@pytest.mark.parametrize(
    ("bodies", "leaves_open", "creates"),
    [
        ([CREATES], True, True),
        ([CREATES, requests.flush()], True, True),
        ([CREATES, requests.close()], False, False),
        ([requests.create("x", requests.STAT)], True, False),
        ([requests.create("x", requests.DELETE)], True, False),
        ([requests.flush()], False, False),
    ],
)
async def test_what_a_request_leaves_behind(
    bodies: list[Message], leaves_open: bool, creates: bool
) -> None:
    ids = list(range(7, 7 + len(bodies)))
    waiters = waiters_for(bodies, [1] * len(bodies), ids, TARGET)
    assert list(waiters) == ids
    assert (waiters[7].leaves_open, waiters[7].creates) == (leaves_open, creates)
    assert not any(waiters[each].leaves_open for each in ids[1:])


async def test_a_file_that_was_made_without_the_right_to_delete_it_stays() -> None:
    body: CreateRequest = requests.create(
        "x", requests.WRITE, disposition=CreateDisposition.FILE_CREATE
    )
    [waiter] = waiters_for([body], [1], [0], TARGET).values()
    assert waiter.leaves_open
    assert not waiter.creates

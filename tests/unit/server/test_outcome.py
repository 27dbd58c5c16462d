"""The outcomes of handlers, as they are without a word."""

import asyncio

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.outcome import Pending, PendingKind, Reply, RetryAfter
from smbquic.wire.echo import EchoResponse


def test_a_reply_is_a_success() -> None:
    assert Reply(EchoResponse()).status is NtStatus.SUCCESS


async def test_pending_work_ends_by_itself_and_with_its_connection() -> None:
    async def work() -> Reply:
        return Reply(EchoResponse())

    pending = Pending(work())
    assert pending.kind is PendingKind.OPERATION
    assert pending.survives_connection is False
    await pending.work


@pytest.mark.parametrize("kind", PendingKind)
def test_others_decide_when_what_else_is_pending_ends(kind: PendingKind) -> None:
    assert kind.is_unbounded is (kind is not PendingKind.OPERATION)


async def test_a_handler_says_what_it_waits_for() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    error = RetryAfter([future, future])
    assert str(error) == "2 things to wait for"
    assert list(error.futures) == [future, future]
    assert error.meanwhile is None

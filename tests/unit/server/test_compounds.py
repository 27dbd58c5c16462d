"""Compounded requests, related and unrelated. [MS-SMB2] 3.3.5.2.7"""

import asyncio
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server import dispatch
from smbquic.server.context import Context
from smbquic.server.outcome import Outcome
from smbquic.wire.close import CloseRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Command
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_connect import TreeConnectRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.clock import Clock
from tests.unit.server.dispatching import DIRECTORY, MISSING, RELATED, labels, notify
from tests.unit.server.smb_client import Client, Connect, CreateRequestOf


async def test_related_requests_are_about_the_same_file(
    client: Client, create_request: CreateRequestOf
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
    client: Client, create_request: CreateRequestOf
) -> None:
    other = await client.open("other")
    responses = await client.compound(create_request("x"), WriteRequest(0, other, b"content"))
    assert labels(responses) == ["SUCCESS", "SUCCESS"]
    assert (await client.call(ReadRequest(1, 0, other))).status == NtStatus.END_OF_FILE


async def test_after_a_failed_create_the_rest_fails_likewise(
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(
        create_request("x", **MISSING), ReadRequest(1, 0, RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["OBJECT_NAME_NOT_FOUND"] * 3


async def test_a_failed_create_is_not_made_good_by_naming_another_file(
    client: Client, create_request: CreateRequestOf
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
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(
        create_request("x"), ReadRequest(1, 0, RELATED), WriteRequest(0, RELATED, b"x")
    )
    assert labels(responses) == ["SUCCESS", "END_OF_FILE", "SUCCESS"]


async def test_unrelated_requests_inherit_nothing(
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(
        create_request("x"), CloseRequest(RELATED), EchoRequest(), related=False
    )
    assert labels(responses) == ["SUCCESS", "FILE_CLOSED", "SUCCESS"]


async def test_a_chain_goes_on_in_the_tree_that_it_connected(
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(
        TreeConnectRequest(r"\\fs.example\ro"), create_request("", **MISSING), tree_id=0
    )
    assert labels(responses) == ["SUCCESS", "SUCCESS"]
    assert responses[0].header.tree_id == responses[1].header.tree_id != client.tree_id


async def test_a_chain_does_not_go_on_without_its_tree_or_session(
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(EchoRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "INVALID_PARAMETER"]
    responses = await client.compound(TreeDisconnectRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "NETWORK_NAME_DELETED"]
    responses = await client.compound(LogoffRequest(), create_request("x"))
    assert labels(responses) == ["SUCCESS", "USER_SESSION_DELETED"]


async def test_a_chain_waits_for_its_flush(client: Client, create_request: CreateRequestOf) -> None:
    responses = await client.compound(
        create_request("x"), FlushRequest(RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["SUCCESS"] * 3


async def test_only_the_last_of_a_chain_may_wait_for_good(
    client: Client, create_request: CreateRequestOf
) -> None:
    responses = await client.compound(
        create_request("a", **DIRECTORY), notify(RELATED), CloseRequest(RELATED)
    )
    assert labels(responses) == ["SUCCESS", "INTERNAL_ERROR", "SUCCESS"]


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

    def slow(context: Context, request: Request) -> Outcome:
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

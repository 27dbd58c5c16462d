"""A file that is opened once more is the same file, or none."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.client import requests
from smbquic.client.connection import ClientConnection
from smbquic.client.reconnect import ShareTree
from smbquic.client.reopening import Reopening, open_file
from smbquic.client.share import Share
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    ExistsError,
    SourceChangedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_RECONNECT_V2,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    CREATE_QUERY_ON_DISK_ID,
    CREATE_REQUEST_LEASE,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    LeaseState,
    QueryOnDiskIdResponse,
    decode_lease,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.negotiate import GlobalCapabilities, NegotiateResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

LOST = ConnectionClosed("the network is down")
OTHER_TREE = cast(TreeConnect, object())
"""One whose connection was lost."""
OLD_ID = FileId(3, 4)
WRITING = requests.create(
    "b", requests.WRITE, disposition=CreateDisposition.FILE_OVERWRITE_IF, options=64
)


def response(disk_file_id: int | None, *, created: int = 5, volume_id: int = 1) -> CreateResponse:
    answer = opened()
    answer.creation_time = created
    if disk_file_id is not None:
        answer.contexts.append(QueryOnDiskIdResponse(disk_file_id, volume_id).context())
    return answer


def opened_once(share_tree: ShareTree, first: CreateResponse) -> Reopening:
    """What opens a file again that was opened with this response."""
    reopening = Reopening(share_tree, "a/b", WRITING)
    reopening.request(share_tree.current, WRITING)
    reopening.opened(first)
    return reopening


@pytest.fixture
def share_tree(share: Share) -> ShareTree:
    class Renewed(ShareTree):
        """Has a newer tree connect already."""

        async def renew(self, lost: TreeConnect, cause: ConnectionClosed) -> TreeConnect:
            assert lost is OTHER_TREE
            assert cause is LOST
            return self.current

    return Renewed(share.session, share.tree)


@pytest.fixture
async def leasing(share: Share) -> ClientConnection:
    """The connection, to a server with leases."""
    connection = share.tree.connection
    connection.protocol.server = cast(
        NegotiateResponse, SimpleNamespace(capabilities=GlobalCapabilities.LEASING)
    )
    return connection


# --- by name ------------------------------------------------------------------------------------


async def test_what_was_made_or_truncated_is_only_opened(
    share_tree: ShareTree, server: FakeServer
) -> None:
    reopening = opened_once(share_tree, response(7))
    server.handlers[Command.CREATE] = lambda request: response(7)

    reopened = await reopening.open(OTHER_TREE, OLD_ID, LOST)

    assert (reopened.tree, reopened.file_id) == (share_tree.current, FileId(7, 7))
    assert not reopened.kept
    [request] = server.bodies(Command.CREATE)
    assert request == replace(WRITING, create_disposition=CreateDisposition.FILE_OPEN)


@pytest.mark.parametrize(
    ("first", "now"),
    [
        (response(7), response(8)),
        (response(7), response(7, created=6)),
        (response(7), response(None)),
        (response(None), response(None, created=6)),
    ],
    ids=["another number", "the same number once more", "no number", "without numbers"],
)
async def test_another_file_is_closed_again(
    share_tree: ShareTree, server: FakeServer, first: CreateResponse, now: CreateResponse
) -> None:
    reopening = opened_once(share_tree, first)
    server.handlers[Command.CREATE] = lambda request: now
    with pytest.raises(SourceChangedError, match="a/b: the connection was lost, and meanwhile"):
        await reopening.open(OTHER_TREE, OLD_ID, LOST)
    assert [close.file_id for close in server.bodies(Command.CLOSE)] == [now.file_id]


async def test_each_node_of_a_cluster_numbers_the_volume(
    share_tree: ShareTree, server: FakeServer
) -> None:
    reopening = opened_once(share_tree, response(7))
    server.handlers[Command.CREATE] = lambda request: response(7, volume_id=2)
    assert (await reopening.open(OTHER_TREE, OLD_ID, LOST)).file_id == FileId(7, 7)


async def test_a_server_that_gives_no_numbers(share_tree: ShareTree, server: FakeServer) -> None:
    reopening = opened_once(share_tree, response(None))
    server.handlers[Command.CREATE] = lambda request: response(None)
    assert (await reopening.open(OTHER_TREE, OLD_ID, LOST)).file_id == FileId(7, 7)


async def test_a_file_that_is_gone(share_tree: ShareTree, server: FakeServer) -> None:
    reopening = opened_once(share_tree, response(7))
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(ConnectionClosed, match="the network is down, and a/b is no longer there"):
        await reopening.open(OTHER_TREE, OLD_ID, LOST)


async def test_what_else_the_server_says(share_tree: ShareTree, server: FakeServer) -> None:
    reopening = opened_once(share_tree, response(7))
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await reopening.open(OTHER_TREE, OLD_ID, LOST)


# --- opening ------------------------------------------------------------------------------------


async def test_a_file_is_asked_for_its_number(share_tree: ShareTree, server: FakeServer) -> None:
    opening = replace(WRITING, contexts=[CreateContext(b"MxAc")])
    file, [flushed] = await open_file(share_tree, "a/b", lambda: opening, requests.flush())
    assert file.path == "a/b"
    assert flushed.status == NtStatus.SUCCESS
    [request] = server.bodies(Command.CREATE)
    assert [context.name for context in request.contexts] == [b"MxAc", CREATE_QUERY_ON_DISK_ID]
    assert request.requested_oplock_level == OplockLevel.OPLOCK_LEVEL_NONE


async def test_a_file_that_was_renamed_is_opened_by_its_new_name(
    share_tree: ShareTree, server: FakeServer
) -> None:
    server.handlers[Command.CREATE] = lambda request: response(7)
    file, _ = await open_file(share_tree, "a/b", lambda: WRITING)
    file.renamed("c/d")
    reopener = file._handle._reopener
    assert reopener is not None
    await reopener.open(OTHER_TREE, OLD_ID, LOST)
    assert file.path == "c/d"
    assert server.opened_names() == ["b", r"c\d"]
    server.handlers[Command.CREATE] = lambda request: response(8)
    with pytest.raises(SourceChangedError, match=r"^c/d"):
        await reopener.open(OTHER_TREE, OLD_ID, LOST)


async def test_a_file_that_cannot_be_opened(share_tree: ShareTree, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_COLLISION, None)
    with pytest.raises(ExistsError, match="a/b"):
        await open_file(share_tree, "a/b", lambda: WRITING)


async def test_the_lease_of_a_file_that_cannot_be_opened_ends(
    share_tree: ShareTree, server: FakeServer, leasing: ClientConnection
) -> None:
    leases = share_tree.current.channels.lease_breaks
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await open_file(share_tree, "a/b", lambda: WRITING)
    assert len(leases) == 0
    server.handlers[Command.CREATE] = granting
    file, _ = await open_file(share_tree, "a/b", lambda: WRITING)
    assert len(leases) == 1
    await file.close()
    assert len(leases) == 0


# --- durable handles ----------------------------------------------------------------------------


def granting(request: Received) -> Answer:
    """Grant what was asked for."""
    answer = response(7)
    if find(request.body.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) is not None:
        answer.contexts.append(DurableHandleResponseV2(60_000).context())
    return answer


@pytest.mark.usefixtures("leasing")
async def test_who_writes_asks_for_a_durable_handle(
    share_tree: ShareTree, server: FakeServer
) -> None:
    reading = requests.create("b", requests.READ)
    await open_file(share_tree, "a/b", lambda: WRITING)
    await open_file(share_tree, "a/b", lambda: WRITING)
    await open_file(share_tree, "a/b", lambda: reading)
    await open_file(share_tree, "a/b", lambda: WRITING, durable=False)
    first, second, third, fourth = cast(list[CreateRequest], server.bodies(Command.CREATE))
    assert first.requested_oplock_level == OplockLevel.OPLOCK_LEVEL_LEASE
    durable = DurableHandleRequestV2.decode(
        find(first.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) or b""
    )
    other = DurableHandleRequestV2.decode(
        find(second.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) or b""
    )
    assert (durable.timeout, durable.flags) == (0, 0)
    assert durable.create_guid != other.create_guid
    lease = decode_lease(find(first.contexts, CREATE_REQUEST_LEASE) or b"")
    assert lease.lease_state == LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING
    assert [context.name for context in third.contexts] == [CREATE_QUERY_ON_DISK_ID]
    assert [context.name for context in fourth.contexts] == [CREATE_QUERY_ON_DISK_ID]


async def test_a_handle_that_was_kept_is_taken_over(
    share_tree: ShareTree, server: FakeServer, leasing: ClientConnection
) -> None:
    reopening = Reopening(share_tree, "a/b", WRITING)
    first = reopening.request(share_tree.current, WRITING)
    granted = response(7)
    granted.contexts.append(DurableHandleResponseV2(60_000).context())
    reopening.opened(granted)
    server.handlers[Command.CREATE] = lambda request: opened(file_id=9)

    reopened = await reopening.open(OTHER_TREE, OLD_ID, LOST)

    assert reopened.kept
    assert reopened.file_id == FileId(9, 9)
    [request] = cast(list[CreateRequest], server.bodies(Command.CREATE))
    names = [context.name for context in request.contexts]
    assert names == [CREATE_DURABLE_HANDLE_RECONNECT_V2, CREATE_REQUEST_LEASE]
    asked = DurableHandleReconnectV2.decode(request.contexts[0].data)
    assert asked.file_id == OLD_ID
    assert request.contexts[1].data == find(first.contexts, CREATE_REQUEST_LEASE)


async def test_a_handle_that_was_not_kept_is_opened_by_name(
    share_tree: ShareTree, server: FakeServer, leasing: ClientConnection
) -> None:
    server.handlers[Command.CREATE] = granting
    file, _ = await open_file(share_tree, "a/b", lambda: WRITING)
    reopening = opened_once(share_tree, file.opened)
    server.seen.clear()

    def restarted(request: Received) -> Answer:
        if find(request.body.contexts, CREATE_DURABLE_HANDLE_RECONNECT_V2) is not None:
            return NtStatus.OBJECT_NAME_NOT_FOUND, None
        return granting(request)

    server.handlers[Command.CREATE] = restarted
    reopened = await reopening.open(OTHER_TREE, OLD_ID, LOST)

    assert not reopened.kept
    first, second = cast(list[CreateRequest], server.bodies(Command.CREATE))
    assert find(first.contexts, CREATE_DURABLE_HANDLE_RECONNECT_V2) is not None
    assert find(second.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2) is not None


async def test_what_was_not_granted_is_not_asked_back(
    share_tree: ShareTree, server: FakeServer, leasing: ClientConnection
) -> None:
    reopening = opened_once(share_tree, response(7))
    server.handlers[Command.CREATE] = lambda request: response(7)
    assert not (await reopening.open(OTHER_TREE, OLD_ID, LOST)).kept
    [request] = cast(list[CreateRequest], server.bodies(Command.CREATE))
    assert find(request.contexts, CREATE_DURABLE_HANDLE_RECONNECT_V2) is None


class Lease:
    """Asks for nothing, and keeps what was granted."""

    def __init__(self) -> None:
        self.told: list[CreateResponse] = []

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        return opening

    def opened(self, response: CreateResponse) -> None:
        self.told.append(response)


async def test_a_lease_learns_what_each_open_has_granted(
    share_tree: ShareTree, server: FakeServer
) -> None:
    lease = Lease()
    reopening = Reopening(share_tree, "a/b", WRITING, cast(Any, lease), durable=False)
    reopening.request(share_tree.current, WRITING)
    first = response(7)
    reopening.opened(first)
    assert lease.told == [first]
    server.handlers[Command.CREATE] = lambda request: response(7)
    assert not (await reopening.open(OTHER_TREE, OLD_ID, LOST)).kept
    assert len(lease.told) == 2

"""The memory that one user may have the server keep, over all connections, sessions and opens."""

import pytest

from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.budget import (
    CHANGE,
    LOCK,
    PIPE,
    SESSION,
    TREE,
    WATCH,
    SharedBudget,
    UserBudget,
)
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.handlers.test_pipe import BIND, LISTING
from tests.unit.server.smb_client import Connect, ServerWith

EXCLUSIVE, NOW = LockFlags.EXCLUSIVE_LOCK, LockFlags.FAIL_IMMEDIATELY
TOO_MUCH = NtStatus.INSUFFICIENT_RESOURCES
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
ALL = 0xFFF


def with_memory(size: int, *, clients: int = 1) -> Limits:
    """A user may have this much, besides the trees of so many clients."""
    memory = size + clients * TREE
    return Limits(failed_logon_delay=0.0, interim_delay=30.0, user_memory=memory)


def lock(file_id: FileId, *offsets: int, flags: int = EXCLUSIVE | NOW) -> LockRequest:
    return LockRequest(0, file_id, [LockElement(offset, 1, flags) for offset in offsets])


def watch(folder: FileId) -> ChangeNotifyRequest:
    return ChangeNotifyRequest(0, 1 << 16, folder, ALL)


def test_all_users_together_have_no_more_than_there_is() -> None:
    budget = SharedBudget(10, 6)
    alice, bob = UserBudget(budget, "alice"), UserBudget(budget, "bob")
    assert alice.has_room(6)
    assert not alice.has_room(7)
    alice.change(6)
    assert not alice.has_room()
    assert bob.has_room(4)
    assert not bob.has_room(5)
    alice.change(-6)
    assert bob.has_room(6)
    assert (budget.used, len(budget._used)) == (0, 0)


async def test_locks_of_a_user_are_counted(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(with_memory(4 * LOCK, clients=2))
    first, second = await connect(to=server), await connect(to=server)
    other = await connect(to=server, token="bob:secret")
    mine, more = await first.open("x"), await second.open("y")
    assert (await first.call(lock(mine, 0, 1))).status == NtStatus.SUCCESS
    assert (await second.call(lock(more, 0, 1))).status == NtStatus.SUCCESS
    # All or nothing, and one that would wait for another one does not wait for this.
    assert (await second.call(lock(more, 2, 3))).status == TOO_MUCH
    assert (await first.call(lock(mine, 9, flags=EXCLUSIVE))).status == TOO_MUCH
    theirs = await other.open("z")
    assert (await other.call(lock(theirs, 0))).status == NtStatus.SUCCESS
    await first.call(CloseRequest(mine))
    assert (await second.call(lock(more, 2, 3))).status == NtStatus.SUCCESS
    assert (await second.call(lock(more, 4))).status == TOO_MUCH
    for client in (first, second, other):
        await client.close()
    assert server.user_memory.used == 0


async def test_a_lock_that_waited_is_counted_when_it_is_granted(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(with_memory(LOCK))
    client, other = await connect(to=server), await connect(to=server, token="bob:secret")
    mine, theirs = await client.open("x"), await other.open("x")
    await other.call(lock(theirs, 0))
    waits = client.send(lock(mine, 0, flags=EXCLUSIVE))
    await client.interim(waits)
    assert (await client.call(lock(mine, 1))).status == NtStatus.SUCCESS
    await other.call(CloseRequest(theirs))
    assert (await client.answer(waits)).status == TOO_MUCH


async def test_requests_at_once_do_not_lock_more_than_one_open_may(
    connect: Connect, server_with: ServerWith
) -> None:
    """Each of them is looked at before the first is done."""
    count = 1000
    server = server_with(Limits(locks=count, interim_delay=30.0))
    client = await connect(to=server)
    mine = await client.open("x")
    sent = [
        client.send(lock(mine, *range(start, start + count))) for start in (0, count, 2 * count)
    ]
    statuses = sorted([(await client.answer(each)).status for each in sent])
    assert statuses == [NtStatus.SUCCESS, TOO_MUCH, TOO_MUCH]
    assert server.user_memory.used == TREE + LOCK * count


async def test_watches_of_a_user_are_counted(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(with_memory(WATCH, clients=2))
    first, second = await connect(to=server), await connect(to=server)
    mine = await first.open("", create_options=DIRECTORY)
    more = await second.open("", create_options=DIRECTORY)
    await first.interim(first.send(watch(mine)))
    assert (await second.call(watch(more))).status == TOO_MUCH
    await first.call(CloseRequest(mine))
    await second.interim(second.send(watch(more)))
    for client in (first, second):
        await client.close()
    assert server.user_memory.used == 0


async def test_changes_that_nobody_asks_for_are_not_kept_without_end(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(with_memory(WATCH + 3 * (CHANGE + 2)))
    client = await connect(to=server)
    folder = await client.open("", create_options=DIRECTORY)
    sent = client.send(watch(folder))
    await client.interim(sent)
    client.deliver(client.protocol.cancel(sent))
    assert (await client.answer(sent)).status == NtStatus.CANCELLED
    for name in "abcd":
        await client.call(CloseRequest(await client.open(name)))
    assert server.user_memory.used == TREE + WATCH
    # The client has to look for itself.
    assert (await client.call(watch(folder))).status == NtStatus.NOTIFY_ENUM_DIR
    await client.call(CloseRequest(await client.open("e")))
    assert server.user_memory.used == TREE + WATCH + CHANGE + 2
    await client.close()
    assert server.user_memory.used == 0


async def test_pipes_of_a_user_are_counted_and_what_is_in_them(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(with_memory(2 * PIPE + 2048, clients=2))
    first, second = [await connect(to=server, share="IPC$") for _ in range(2)]
    pipe = await first.open("srvsvc")
    await second.open("srvsvc")
    assert (await second.create("srvsvc")).status == TOO_MUCH
    served = 0
    data = BIND
    while (await first.call(WriteRequest(0, pipe, data))).status == NtStatus.SUCCESS:
        data = LISTING
        served += 1
        assert served < 100
    assert served > 1
    assert server.user_memory.used <= 2 * PIPE + 2 * TREE + 8192
    await first.call(CloseRequest(pipe))
    assert server.user_memory.used == PIPE + 2 * TREE
    for client in (first, second):
        await client.close()
    assert server.user_memory.used == 0


async def test_calls_without_an_end_are_counted(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(with_memory(PIPE + 4096))
    client = await connect(to=server, share="IPC$")
    pipe = await client.open("srvsvc")
    await client.call(WriteRequest(0, pipe, BIND))
    before = server.user_memory.used
    assert (await client.call(WriteRequest(0, pipe, LISTING[:20]))).status == NtStatus.SUCCESS
    assert server.user_memory.used == before + 20


async def test_trees_of_a_user_are_counted(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(with_memory(0, clients=2))
    first, second = await connect(to=server), await connect(to=server)
    assert (await second.connect()).status == TOO_MUCH
    await first.call(TreeDisconnectRequest())
    assert (await second.connect()).status == NtStatus.SUCCESS
    assert server.user_memory.used == 2 * TREE


async def test_further_sessions_of_a_connection_are_counted(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(with_memory(SESSION, clients=2))
    client = await connect(to=server)
    await client.log_on()
    with pytest.raises(AuthenticationError) as caught:
        await client.log_on()
    assert caught.value.status is TOO_MUCH
    assert (len(server.sessions), len(server.session_table)) == (2, 2)
    # Another connection has its first one.
    await connect(to=server)
    await client.close()
    assert server.user_memory.used == TREE

"""The requests to an open file, before and after its connection was lost."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from smbquic.client import requests
from smbquic.client.file_handle import FileHandle, Reopened, Reopener
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, UnflushedError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message


class Channels:
    """Counts what is open in a session."""

    def __init__(self) -> None:
        self.opens = 0

    def add_open(self) -> None:
        self.opens += 1

    def remove_open(self) -> None:
        self.opens -= 1


class Tree:
    """A tree connect that answers with a success, or loses its connection."""

    def __init__(self, number: int, *, lost: bool = False, sent: bool = True) -> None:
        self.number = number
        self.lost = lost
        self.sent = sent
        self.status = NtStatus.SUCCESS
        self.channels = Channels()
        self.has_others = False
        self.seen: list[Message] = []

    @property
    def connection(self) -> SimpleNamespace:
        return SimpleNamespace(closed=self.lost and not self.has_others)

    async def compound(self, bodies: Sequence[Message]) -> list[Response]:
        await asyncio.sleep(0)
        self.seen += bodies
        if self.lost:
            error = ConnectionClosed(f"connection {self.number} was lost")
            error.sent = self.sent
            raise error
        return [cast(Response, SimpleNamespace(status=self.status)) for _ in bodies]


class Trees:
    """Gives one tree after the other."""

    def __init__(self, *trees: Tree) -> None:
        self.trees = list(trees)
        self.kept = False
        self.asked: list[FileId] = []
        self.closed_on: list[Tree] = []
        self.causes: list[str] = []

    async def open(self, lost: Tree, file_id: FileId, cause: ConnectionClosed) -> Reopened:
        self.causes.append(str(cause))
        self.asked.append(file_id)
        await asyncio.sleep(0)
        tree = self.trees.pop(0)
        return Reopened(cast(TreeConnect, tree), FileId(tree.number, 0), self.kept)

    def renamed(self, path: str) -> None:
        self.path = path

    def closed(self, tree: Tree) -> None:
        self.closed_on.append(tree)


def handle_on(first: Tree, *others: Tree) -> tuple[FileHandle, Trees]:
    reopener = Trees(*others)
    handle = FileHandle(
        cast(TreeConnect, first), "a/b", FileId(first.number, 0), cast(Reopener, reopener)
    )
    return handle, reopener


def one(build: Callable[[FileId], Message]) -> Callable[[FileId], Sequence[Message]]:
    return lambda file_id: [build(file_id)]


READ = one(lambda file_id: requests.read(0, 5, file_id))
RENAME = one(lambda file_id: requests.rename("x", replace=True, file_id=file_id))
FLUSH = one(requests.flush)


async def test_a_request_goes_to_the_file_as_it_is_open_now() -> None:
    first, second = Tree(1, lost=True), Tree(2)
    handle, reopener = handle_on(first, second)
    assert first.channels.opens == 1

    await asyncio.gather(*[handle.compound(READ) for _ in range(5)])

    assert reopener.causes == ["connection 1 was lost"]
    assert reopener.asked == [FileId(1, 0)]
    assert second.seen == [requests.read(0, 5, FileId(2, 0))] * 5
    assert handle.file_id == FileId(2, 0)
    assert first.channels.opens == 0
    assert second.channels.opens == 1
    handle.mark_closed()
    assert second.channels.opens == 0
    assert reopener.closed_on == [second]


async def test_errors_name_the_file_as_it_is_called_now() -> None:
    handle, reopener = handle_on(Tree(1, lost=True), Tree(2))
    handle.locks = 1
    handle.renamed("c/d")
    assert reopener.path == "c/d"
    with pytest.raises(ConnectionClosed, match=r"^c/d: .* its locks with it"):
        await handle.compound(READ)


async def test_a_rename_is_not_sent_twice() -> None:
    handle, reopener = handle_on(Tree(1, lost=True), Tree(2))
    with pytest.raises(ConnectionClosed, match="whether the server has done what it was asked"):
        await handle.compound(RENAME)
    assert reopener.causes == []


async def test_a_rename_that_was_not_sent_is() -> None:
    first, second = Tree(1, lost=True, sent=False), Tree(2)
    handle, _ = handle_on(first, second)
    await handle.compound(RENAME)
    assert len(second.seen) == 1


async def test_a_request_that_ends_every_connection_is_given_up() -> None:
    trees = [Tree(number, lost=True) for number in range(LOSSES_ALLOWED + 2)]
    handle, reopener = handle_on(*trees)
    with pytest.raises(ConnectionClosed, match=f"connection {LOSSES_ALLOWED} was lost"):
        await handle.compound(READ)
    assert len(reopener.causes) == LOSSES_ALLOWED


async def test_a_file_that_is_to_be_closed_stays_lost() -> None:
    handle, reopener = handle_on(Tree(1, lost=True), Tree(2))
    handle.stay_lost()
    with pytest.raises(ConnectionClosed, match="connection 1 was lost"):
        await handle.compound(READ)
    assert reopener.causes == []


async def test_a_file_that_was_closed_keeps_no_connection_up() -> None:
    first, second = Tree(1, lost=True), Tree(2)
    handle, _ = handle_on(first, second)
    handle.mark_closed()
    await handle.compound(one(requests.close))
    assert first.channels.opens == second.channels.opens == 0


async def test_writes_before_the_loss_are_told_at_the_next_flush_once() -> None:
    first, second = Tree(1), Tree(2)
    handle, _ = handle_on(first, second)
    handle.written()
    first.lost = True
    await handle.compound(READ)
    with pytest.raises(UnflushedError, match="a/b: the connection was lost"):
        await handle.compound(FLUSH)
    await handle.compound(FLUSH)


async def test_a_flush_that_fails_says_its_own_error() -> None:
    first, second = Tree(1), Tree(2)
    handle, _ = handle_on(first, second)
    handle.written()
    first.lost = True
    second.status = NtStatus.DISK_FULL
    [response] = await handle.compound(FLUSH)
    assert response.status == NtStatus.DISK_FULL
    second.status = NtStatus.SUCCESS
    with pytest.raises(UnflushedError):
        await handle.compound(FLUSH)


async def test_what_was_flushed_before_is_not_in_doubt() -> None:
    first, second = Tree(1), Tree(2)
    handle, _ = handle_on(first, second)
    handle.written()
    await handle.compound(FLUSH)
    first.lost = True
    await handle.compound(FLUSH)
    assert len(second.seen) == 1


async def test_a_flush_covers_only_what_was_answered_before_it() -> None:
    first, second = Tree(1), Tree(2)
    handle, _ = handle_on(first, second)
    flushing = asyncio.create_task(handle.compound(FLUSH))
    await asyncio.sleep(0)
    handle.written()
    await flushing
    first.lost = True
    await handle.compound(READ)
    with pytest.raises(UnflushedError):
        await handle.compound(FLUSH)


async def test_nothing_is_in_doubt_where_the_server_has_kept_the_file_open() -> None:
    first, second = Tree(1), Tree(2)
    handle, reopener = handle_on(first, second)
    reopener.kept = True
    handle.written()
    first.lost = True
    await handle.compound(FLUSH)
    assert len(second.seen) == 1


async def test_locks_that_are_lost_leave_only_the_close() -> None:
    first, second = Tree(1, lost=True), Tree(2)
    handle, _ = handle_on(first, second)
    handle.locks = 1
    for _ in range(2):
        with pytest.raises(ConnectionClosed, match="a/b: the connection was lost, and its locks"):
            await handle.compound(READ)
    await handle.compound(one(requests.close))
    assert second.seen == [requests.close(FileId(2, 0))]


async def test_locks_that_the_server_has_kept_are_held() -> None:
    first, second = Tree(1, lost=True), Tree(2)
    handle, reopener = handle_on(first, second)
    handle.locks = 1
    reopener.kept = True
    await handle.compound(READ)
    assert second.seen == [requests.read(0, 5, FileId(2, 0))]


async def test_a_file_stays_open_while_its_session_has_another_connection() -> None:
    tree = Tree(1, lost=True)
    tree.has_others = True
    handle, reopener = handle_on(tree)
    with pytest.raises(ConnectionClosed, match="whether the server has done"):
        await handle.compound(RENAME)
    with pytest.raises(ConnectionClosed, match="whether the server has done"):
        await handle.compound(READ)
    assert reopener.asked == []
    tree.lost = False
    await handle.compound(RENAME)
    assert tree.channels.opens == 1

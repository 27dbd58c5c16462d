import asyncio
from collections.abc import AsyncIterator

import pytest

from smbquic.client import watch as module
from smbquic.client.share import Share
from smbquic.client.watch import ShareChange, ShareChangeKind, ShareWatch
from smbquic.errors import ConnectionClosed, DeniedError, NotFoundError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.wire.change_notify import ChangeNotifyResponse, CompletionFilter
from smbquic.wire.create import CreateOptions
from smbquic.wire.error import ErrorResponse
from smbquic.wire.fscc.file_information import StandardInformation
from smbquic.wire.fscc.notify_information import (
    NotifyAction,
    NotifyInformation,
    encode_notifications,
)
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import HELD, FakeServer, FakeTransport, Received

ADDED = NotifyAction.FILE_ACTION_ADDED
REMOVED = NotifyAction.FILE_ACTION_REMOVED
OLD, NEW = NotifyAction.FILE_ACTION_RENAMED_OLD_NAME, NotifyAction.FILE_ACTION_RENAMED_NEW_NAME
MODIFIED = NotifyAction.FILE_ACTION_MODIFIED


class WatchedFolder:
    """The server's side: requests wait until the test reports something."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.reported = 0
        server.handlers[Command.CHANGE_NOTIFY] = lambda request: HELD
        information = StandardInformation(
            allocation_size=0,
            end_of_file=0,
            number_of_links=1,
            delete_pending=False,
            directory=True,
        )
        server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(
            information.encode()
        )

    def requests(self) -> list[Received]:
        """All CHANGE_NOTIFY requests so far."""
        return [one for one in self.server.seen if one.header.command == Command.CHANGE_NOTIFY]

    async def answer(self, status: NtStatus, data: bytes = b"") -> None:
        """Answer the next request, once it is there."""
        await self.server.until(lambda: len(self.requests()) > self.reported)
        request = self.requests()[self.reported]
        self.reported += 1
        body = ErrorResponse() if status.is_error else ChangeNotifyResponse(data)
        self.server.transport.reply(request, body, status)

    async def report(self, *changes: tuple[NotifyAction, str]) -> None:
        """Answer with these changes."""
        notifications = [NotifyInformation(action, name) for action, name in changes]
        await self.answer(NtStatus.SUCCESS, encode_notifications(notifications))


@pytest.fixture
def folder(server: FakeServer) -> WatchedFolder:
    return WatchedFolder(server)


async def take(changes: AsyncIterator[ShareChange], count: int) -> list[ShareChange]:
    return [await anext(changes) for _ in range(count)]


def change(kind: ShareChangeKind, path: str, old_path: str | None = None) -> ShareChange:
    return ShareChange(kind, path, old_path)


async def test_changes_have_paths_of_the_share(
    share: Share, server: FakeServer, transport: FakeTransport, folder: WatchedFolder
) -> None:
    async with share.watch("a/b", recursive=True) as watch:
        assert transport.keep_alive
        changes = aiter(watch)
        await folder.report((ADDED, "x"), (MODIFIED, r"sub\x"), (REMOVED, "x"))
        assert await take(changes, 3) == [
            change(ShareChangeKind.ADDED, "a/b/x"),
            change(ShareChangeKind.MODIFIED, "a/b/sub/x"),
            change(ShareChangeKind.REMOVED, "a/b/x"),
        ]
        await folder.report((NotifyAction.FILE_ACTION_ADDED_STREAM, "x:s:$DATA"))
        assert await take(changes, 1) == [change(ShareChangeKind.STREAM_ADDED, "a/b/x:s:$DATA")]
        await folder.report((NotifyAction.FILE_ACTION_ID_NOT_TUNNELLED, "x"), (ADDED, "y"))
        assert await take(changes, 1) == [change(ShareChangeKind.ADDED, "a/b/y")]
        await folder.server.until(lambda: len(folder.requests()) == 4)
    assert not transport.keep_alive
    [create] = server.bodies(Command.CREATE)
    assert create.create_options == CreateOptions.FILE_DIRECTORY_FILE
    bodies = server.bodies(Command.CHANGE_NOTIFY)
    assert {(body.flags, body.completion_filter) for body in bodies} == {(1, 0x1F)}
    # The request that was under way is cancelled, and the folder closed.
    assert server.cancelled == [folder.requests()[-1].id]
    assert server.commands()[-1] == "CLOSE"


@pytest.mark.parametrize(
    ("action", "kind", "path"),
    [
        (1, "added", "x"),
        (2, "removed", "x"),
        (3, "modified", "x"),
        (5, "added", "x"),
        (6, "stream added", "x:s"),
        (7, "stream removed", "x:s"),
        (8, "stream modified", "x:s"),
        (9, "removed", "x"),
    ],
)
async def test_what_each_action_means(
    share: Share, folder: WatchedFolder, action: int, kind: str, path: str
) -> None:
    async with share.watch() as watch:
        await folder.report((NotifyAction(action), path))
        assert await anext(aiter(watch)) == ShareChange(ShareChangeKind(kind), path)


async def test_what_is_asked_for(share: Share, server: FakeServer, folder: WatchedFolder) -> None:
    async with share.watch("a/b"):
        pass
    [create] = server.bodies(Command.CREATE)
    assert (create.desired_access, create.create_disposition) == (0x100081, 1)
    assert create.name == "a\\b"
    [request] = server.bodies(Command.CHANGE_NOTIFY)
    assert (request.flags, request.completion_filter) == (0, 0x1F)
    assert (request.output_buffer_length, request.file_id) == (1 << 16, (7, 7))
    assert server.commands() == ["CREATE", "CHANGE_NOTIFY", "QUERY_INFO", "CLOSE"]


async def test_as_many_changes_as_are_kept(
    share: Share, folder: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 3)
    async with share.watch() as watch:
        await folder.report((ADDED, "1"), (ADDED, "2"), (ADDED, "3"))
        await folder.server.until(lambda: len(folder.requests()) == 2)
        assert [one.path for one in await take(aiter(watch), 3)] == ["1", "2", "3"]


async def test_one_request_is_always_under_way(share: Share, folder: WatchedFolder) -> None:
    """Whether or not the program takes the changes, and before it has entered."""
    async with share.watch("a") as watch:
        assert len(folder.requests()) == 1
        for number in range(5):
            await folder.report((ADDED, f"{number}"))
        await folder.server.until(lambda: len(folder.requests()) == 6)
        found = await take(aiter(watch), 5)
    assert [one.path for one in found] == [f"a/{number}" for number in range(5)]


async def test_a_loop_without_a_block_watches_while_it_runs(
    share: Share, server: FakeServer, folder: WatchedFolder
) -> None:
    changes = aiter(share.watch("a", changes=CompletionFilter.FILE_NOTIFY_CHANGE_EA))
    reporting = asyncio.create_task(folder.report((MODIFIED, "x")))
    assert await anext(changes) == change(ShareChangeKind.MODIFIED, "a/x")
    await reporting
    await changes.aclose()
    assert server.bodies(Command.CHANGE_NOTIFY)[0].completion_filter == 0x80
    assert server.commands()[-1] == "CLOSE"


async def test_renames(share: Share, folder: WatchedFolder) -> None:
    async with share.watch() as watch:
        changes = aiter(watch)
        await folder.report((OLD, "a"), (NEW, "b"), (NEW, "from elsewhere"), (OLD, "c"))
        await folder.report((NEW, "d"), (OLD, "e"))
        await folder.report((ADDED, "f"))
        assert await take(changes, 5) == [
            change(ShareChangeKind.RENAMED, "b", "a"),
            change(ShareChangeKind.ADDED, "from elsewhere"),
            change(ShareChangeKind.RENAMED, "d", "c"),
            change(ShareChangeKind.REMOVED, "e"),
            change(ShareChangeKind.ADDED, "f"),
        ]


async def test_an_old_name_does_not_wait_for_ever(
    share: Share, folder: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEW_NAME_TIMEOUT", 0.001)
    async with share.watch() as watch:
        changes = aiter(watch)
        await folder.report((OLD, "a"))
        assert await anext(changes) == change(ShareChangeKind.REMOVED, "a")
        await folder.report((ADDED, "b"))
        assert await anext(changes) == change(ShareChangeKind.ADDED, "b")


async def test_too_much_for_the_server(share: Share, folder: WatchedFolder) -> None:
    async with share.watch("a") as watch:
        changes = aiter(watch)
        await folder.report((ADDED, "x"), (OLD, "y"))
        await folder.answer(NtStatus.NOTIFY_ENUM_DIR)
        await folder.server.until(lambda: len(folder.requests()) == 3)
        assert await anext(changes) == change(ShareChangeKind.OVERFLOW, "a")
        await folder.answer(NtStatus.SUCCESS)
        assert await anext(changes) == change(ShareChangeKind.OVERFLOW, "a")
        await folder.report((ADDED, "z"))
        assert await anext(changes) == change(ShareChangeKind.ADDED, "a/z")


async def test_too_much_for_the_program(
    share: Share, folder: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 3)
    async with share.watch("a") as watch:
        await folder.report((ADDED, "1"), (ADDED, "2"))
        await folder.report((ADDED, "3"), (ADDED, "4"))
        await folder.report((ADDED, "5"))
        await folder.server.until(lambda: len(folder.requests()) == 4)
        assert await take(aiter(watch), 2) == [
            change(ShareChangeKind.OVERFLOW, "a"),
            change(ShareChangeKind.ADDED, "a/5"),
        ]


@pytest.mark.parametrize("name", ["..", r"..\x", "a/b", r"a\\b", "", r"\x", "a\0"])
async def test_names_that_lead_elsewhere(share: Share, folder: WatchedFolder, name: str) -> None:
    async with share.watch("a") as watch:
        await folder.report((ADDED, name))
        with pytest.raises(SecurityError):
            await anext(aiter(watch))


@pytest.mark.parametrize("status", [NtStatus.NOTIFY_CLEANUP, NtStatus.DELETE_PENDING])
async def test_the_folder_is_deleted(share: Share, folder: WatchedFolder, status: NtStatus) -> None:
    async with share.watch("a") as watch:
        await folder.report((REMOVED, "x"))
        await folder.answer(status)
        changes = aiter(watch)
        assert await anext(changes) == change(ShareChangeKind.REMOVED, "a/x")
        with pytest.raises(NotFoundError, match="a: "):
            await anext(changes)
        with pytest.raises(StopAsyncIteration):
            await anext(changes)


async def test_errors(share: Share, server: FakeServer, folder: WatchedFolder) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await anext(aiter(share.watch("a")))
    del server.handlers[Command.CREATE]
    server.handlers[Command.QUERY_INFO] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        async with share.watch("a"):
            pytest.fail("it was entered")
    assert server.commands()[-1] == "CLOSE"


async def test_the_connection_ends(
    share: Share, transport: FakeTransport, folder: WatchedFolder
) -> None:
    async with share.watch("a") as watch:
        changing = asyncio.create_task(anext(aiter(watch)))
        await asyncio.sleep(0)
        transport.close("gone")
        with pytest.raises(ConnectionClosed):
            await changing


async def test_a_watch_that_is_closed_ends(share: Share, folder: WatchedFolder) -> None:
    watch: ShareWatch = share.watch("a")
    await watch.aclose()
    async with watch:
        changes = aiter(watch)
        await folder.report((ADDED, "x"))
        assert await anext(changes) == change(ShareChangeKind.ADDED, "a/x")
    with pytest.raises(StopAsyncIteration):
        await anext(changes)

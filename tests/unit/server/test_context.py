"""Preparations of a storage: by its own coroutine, or on a thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.context import Context
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage import Buffer, Disposition, NotReady, StorageFile
from smbquic.storage.local.file import LocalFile
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.wire.close import CloseRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Command
from smbquic.wire.read import ReadRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith, Until


class RemoteFile(MemoryFile):
    """A file whose content is not here at first."""

    here = False
    fetch: Callable[[], None] | Callable[[], Awaitable[None]]

    def read(self, offset: int, length: int) -> Buffer:
        if not self.here:
            raise NotReady(self.fetch)
        return super().read(offset, length)

    read_cached = StorageFile.read_cached  # type: ignore[assignment]


class Remote(MemoryStorage):
    """A storage whose files are not known at first; what it fetches, and on which threads."""

    def __init__(self, *, on_loop: bool) -> None:
        super().__init__()
        self.on_loop = on_loop
        self.known = False
        self.threads: list[int] = []

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        if not self.known and name:
            raise NotReady(self._prepare(self, "known"))
        file = RemoteFile(self._tree, self._tree.find(name))
        file.fetch = self._prepare(file, "here")
        return file

    def _prepare(
        self, what: object, flag: str
    ) -> Callable[[], None] | Callable[[], Awaitable[None]]:
        def prepare() -> None:
            self.threads.append(threading.get_ident())
            setattr(what, flag, True)

        async def prepare_on_loop() -> None:
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
            prepare()

        return prepare_on_loop if self.on_loop else prepare


@pytest.mark.parametrize("on_loop", [True, False])
@pytest.mark.parametrize("length", [7, 2 << 20])
async def test_what_is_not_ready_is_prepared(
    server: Server, connect: Connect, on_loop: bool, length: int
) -> None:
    storage = Remote(on_loop=on_loop)
    made = storage.create("file", directory=False)
    made.write(0, [b"content"])
    made.close()
    server.shares["remote"] = ServedShare("remote", storage)
    client = await connect(share="remote")

    file_id = await client.open("FILE", create_disposition=Disposition.OPEN.value)
    response = await client.call(ReadRequest(length, 0, file_id))

    assert response.status == NtStatus.SUCCESS
    assert bytes(response.body.data) == b"content"
    assert len(storage.threads) == 2
    assert (set(storage.threads) == {threading.get_ident()}) == on_loop


async def test_what_cannot_be_prepared_is_told_by_the_next_call(
    server: Server, connect: Connect
) -> None:
    storage = Remote(on_loop=True)
    server.shares["remote"] = ServedShare("remote", storage)
    client = await connect(share="remote")

    response = await client.create("missing", create_disposition=Disposition.OPEN.value)

    assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND


def context_of(user: str | None, share: str | None, *, files: bool = False) -> Context:
    """A request of a user to a share, as far as it is known yet."""
    trail = SimpleNamespace(files=files)
    context = Context(cast(Any, SimpleNamespace(name="peer", trail=trail)))
    served = share and SimpleNamespace(name=share)
    if user is not None:
        session = SimpleNamespace(identity=SimpleNamespace(user=user))
        context._session = cast(Any, SimpleNamespace(session=session))
        context._tree = cast(Any, SimpleNamespace(share=served or None))
        context.request = cast(Any, SimpleNamespace(header=SimpleNamespace(command=Command.ECHO)))
    return context


@pytest.mark.parametrize(
    ("user", "share", "described"),
    [
        (None, None, "peer: a message of somebody"),
        ("alice", None, "peer: ECHO of alice"),
        ("", "data", "peer: ECHO of somebody on the share 'data'"),
        ("alice", "data", "peer: ECHO of alice on the share 'data'"),
    ],
)
def test_a_request_is_described_as_far_as_it_is_known(
    user: str | None, share: str | None, described: str
) -> None:
    assert context_of(user, share).describe() == described


@pytest.mark.parametrize(
    ("share", "files", "recorded"),
    [("data", True, True), ("data", False, False), (None, True, False), (None, False, False)],
)
def test_files_are_recorded_where_they_are_to_be_and_of_shares_only(
    share: str | None, files: bool, recorded: bool
) -> None:
    assert (context_of("alice", share, files=files).auditor() is not None) is recorded


@pytest.mark.parametrize(
    ("negotiated", "enough"),
    [
        (None, False),
        (SimpleNamespace(transport_security=False), False),
        (SimpleNamespace(transport_security=True), True),
    ],
)
def test_whether_the_encryption_of_quic_is_enough(negotiated: Any, enough: bool) -> None:
    connection = SimpleNamespace(protocol=SimpleNamespace(negotiated=negotiated))
    assert Context(cast(Any, connection)).transport_security is enough


def test_coroutines_are_those_of_the_share() -> None:
    context, coroutines = Context(cast(Any, None)), object()
    assert context.coroutines is None
    for share, expected in ((None, None), (SimpleNamespace(coroutines=coroutines), coroutines)):
        context.enter(cast(Any, SimpleNamespace(share=share)))
        assert context.coroutines is expected


async def test_an_open_is_found_by_its_whole_id_and_in_its_tree(client: Client) -> None:
    file_id = await client.open("file")
    for persistent, volatile in ((1, 0), (-1, 0), (0, 1)):
        wrong = FileId(file_id.persistent + persistent, file_id.volatile + volatile)
        response = await client.call(ReadRequest(1, 0, wrong))
        assert response.status == NtStatus.FILE_CLOSED
    first = client.tree_id
    await client.connect()
    assert client.tree_id != first
    assert (await client.call(ReadRequest(1, 0, file_id))).status == NtStatus.FILE_CLOSED
    response = await client.call(ReadRequest(1, 0, file_id), tree_id=first)
    assert response.status == NtStatus.END_OF_FILE


async def test_a_pipe_is_found_by_its_whole_id_and_in_its_tree(connect: Connect) -> None:
    client = await connect(share="IPC$")
    pipe = await client.open("srvsvc")
    for persistent, volatile in ((1, 0), (-1, 0), (0, 1)):
        wrong = FileId(pipe.persistent + persistent, pipe.volatile + volatile)
        assert (await client.call(CloseRequest(wrong))).status == NtStatus.FILE_CLOSED
    first = client.tree_id
    await client.connect("IPC$")
    assert (await client.call(CloseRequest(pipe))).status == NtStatus.FILE_CLOSED
    assert (await client.call(CloseRequest(pipe), tree_id=first)).status == NtStatus.SUCCESS


async def test_a_user_has_only_so_many_threads(
    connect: Connect, server_with: ServerWith, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), list[str]()

    def flush(file: LocalFile) -> None:
        begun.append(file.name)
        assert go_on.wait(60)

    monkeypatch.setattr(LocalFile, "flush", flush)
    client = await connect(to=server_with(Limits(threads=2, interim_delay=30.0)))
    file_id = await client.open("file")
    waiting = [client.send(FlushRequest(file_id)) for _ in range(3)]
    [connection] = client.server.connections
    await until(lambda: len(begun) == 2 and len(connection.pending.tasks) == 3)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(begun) == 2
    go_on.set()
    for message_id in waiting:
        assert (await client.answer(message_id)).status == NtStatus.SUCCESS
    assert len(begun) == 3

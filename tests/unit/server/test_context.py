"""Preparations of a storage: by its own coroutine, or on a thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage import Buffer, Disposition, NotReady, StorageFile
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.wire.header import Command
from smbquic.wire.read import ReadRequest
from tests.unit.server.smb_client import Connect


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

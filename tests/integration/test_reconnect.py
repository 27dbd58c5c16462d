"""A share that stays although its connection is lost, or its server restarted."""

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

import smbquic
from smbquic.auth.users import UserStore
from smbquic.client import reconnect
from smbquic.client.remote_part import RemotePartialFile
from smbquic.errors import (
    AuthenticationError,
    ConnectionClosed,
    SourceChangedError,
    UnflushedError,
)
from smbquic.options.quic import EngineName
from smbquic.options.transfer import TransferOptions
from smbquic.pki import PkiDirectory
from smbquic.protocol.response import Response
from tests.engines import ENGINES

CONTENT = os.urandom(3 << 20)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(reconnect, "LONGEST_DELAY", 0.05)


def unused_port() -> int:
    """A port that the system gives to no other test while the server is away.

    By itself it gives those from 32768 on.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        with udp, tcp, suppress(OSError):
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is unused")


@dataclass
class Place:
    """A server that can be stopped and started again at the same port, over one transport."""

    folder: Path
    pki: PkiDirectory
    kind: str
    users: UserStore = field(default_factory=UserStore)
    port: int = field(default_factory=unused_port)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.users.add("alice", "secret")

    @property
    def scheme(self) -> str:
        return "tcp" if self.kind == "tcp" else "quic"

    async def start(self) -> None:
        engine: EngineName = "auto" if self.kind == "tcp" else cast(EngineName, self.kind)
        manager = smbquic.serve(
            {"data": self.folder},
            self.users,
            [f"{self.scheme}://127.0.0.1:{self.port}"],
            certificate=self.pki.server.certificate,
            key=self.pki.server.key,
            engine=engine,
        )
        serving = await self.stack.enter_async_context(manager)
        self.port = int(serving.listeners[0].rpartition(":")[2])

    async def stop(self) -> None:
        await self.stack.aclose()

    def url(self) -> str:
        scheme = "smb" if self.kind == "tcp" else "smb+quic"
        return f"{scheme}://alice@localhost:{self.port}/data"


@pytest.fixture(params=["tcp", *ENGINES])
async def place(
    tmp_path: Path, pki: PkiDirectory, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    place = Place(tmp_path, pki, request.param)
    await place.start()
    yield place
    await place.stop()


@pytest.fixture
async def share(place: Place) -> AsyncIterator[smbquic.Share]:
    ca = None if place.kind == "tcp" else place.pki.ca
    async with smbquic.connect(place.url(), password="secret", ca=ca) as share:
        yield share


async def lose(share: smbquic.Share) -> None:
    """End the connection under the share."""
    await share.session.connection.close()


async def test_operations_go_on(share: smbquic.Share, place: Place) -> None:
    await share.mkdir("folder")
    for number in range(3):
        await lose(share)
        await share.write_bytes(f"folder/{number}", b"x")
        await lose(share)
        assert (await share.stat(f"folder/{number}")).size == 1
        await lose(share)
        assert len(await share.listdir("folder")) == number + 1
        await lose(share)
        await share.rename(f"folder/{number}", f"folder/-{number}")
    await lose(share)
    await share.rmtree("folder")
    assert list(place.folder.iterdir()) == []


async def test_an_open_file_stays(share: smbquic.Share, place: Place) -> None:
    (place.folder / "file").write_bytes(CONTENT)
    async with share.open("file", "rb") as file:
        head = await file.read(100_000)
        await lose(share)
        more = await file.read(1_000_000)
        await lose(share)
        rest = await file.read()
    assert head + more + rest == CONTENT


async def test_a_server_that_is_restarted(share: smbquic.Share, place: Place) -> None:
    (place.folder / "file").write_bytes(CONTENT)
    async with share.open("file", "r+b") as file, share.open("new", "xb") as new:
        await new.write(b"before ")
        await new.flush()
        await place.stop()
        reading = asyncio.create_task(file.read())
        writing = asyncio.create_task(new.write(b"after"))
        await asyncio.sleep(0)
        await place.start()
        assert await reading == CONTENT
        await writing
        await new.flush()
    assert (place.folder / "new").read_bytes() == b"before after"


async def test_writes_that_may_be_lost_are_told_at_the_flush(
    share: smbquic.Share, place: Place
) -> None:
    async with share.open("file", "wb", buffering=0) as file:
        await file.write(b"one")
        await place.stop()
        await place.start()
        await file.write(b"two")
        with pytest.raises(UnflushedError, match="file: the connection was lost and the file"):
            await file.flush()
        await file.write_at(0, b"one")
        await file.flush()
    assert (place.folder / "file").read_bytes() == b"onetwo"


async def test_nothing_is_in_doubt_where_the_server_has_kept_the_file_open(
    share: smbquic.Share, place: Place
) -> None:
    async with share.open("file", "wb") as file:
        await file.write(b"one")
        await lose(share)
        await file.flush()
        await file.write(b"two")
        await lose(share)
        await file.flush()
    assert (place.folder / "file").read_bytes() == b"onetwo"


async def test_who_needs_the_file_otherwise_does_not_wait_long(
    share: smbquic.Share, place: Place
) -> None:
    """The lease that keeps a handle is given back at once."""
    async with share.open("file", "xb") as file:
        await file.write(b"content")
        async with share.open("file", "r+b") as other:  # with a lease of its own
            await other.write(b"CON")
            await share.remove("file")
        await file.write(b" and more")
        await file.flush()
    assert not (place.folder / "file").exists()


async def test_a_watch_says_that_something_may_be_missing(
    share: smbquic.Share, place: Place
) -> None:
    async with share.watch() as watch:
        changes = aiter(watch)
        await lose(share)
        assert (await anext(changes)).kind is smbquic.ShareChangeKind.OVERFLOW
        (place.folder / "new").mkdir()
        while (change := await anext(changes)).path != "new":
            pass
        assert change.kind is smbquic.ShareChangeKind.ADDED


async def test_locks_that_are_lost_are_not_taken_for_held(
    share: smbquic.Share, place: Place
) -> None:
    (place.folder / "file").write_bytes(b"content")
    async with share.open("file", "r+b") as file:
        await file.lock(0, 1)
        await place.stop()
        await place.start()
        for _ in range(2):
            with pytest.raises(ConnectionClosed, match="and its locks with it"):
                await file.read(1)
    async with share.open("file", "r+b") as file, file.lock(0, 1, blocking=False):
        assert await file.read() == b"content"


async def test_a_copy_on_the_server_goes_on(share: smbquic.Share, place: Place) -> None:
    content = CONTENT * 15
    (place.folder / "file").write_bytes(content)
    losing: list[asyncio.Task[None]] = []

    def lose_once(done: int, total: int) -> None:
        if not losing:
            losing.append(asyncio.create_task(lose(share)))

    assert await share.copy("file", "copy", progress=lose_once) == len(content)
    await losing[0]
    assert (place.folder / "copy").read_bytes() == content


async def test_another_file_of_the_name_is_not_taken_for_it(
    share: smbquic.Share, place: Place
) -> None:
    (place.folder / "file").write_bytes(b"first")
    file = await share.open("file", "rb")
    await lose(share)
    (place.folder / "file").rename(place.folder / "old")
    (place.folder / "file").write_bytes(b"other")
    with pytest.raises(SourceChangedError, match="another file got this name"):
        await file.read()


async def test_a_file_that_is_gone(share: smbquic.Share, place: Place) -> None:
    (place.folder / "file").write_bytes(b"first")
    file = await share.open("file", "rb")
    await lose(share)
    (place.folder / "file").unlink()
    with pytest.raises(ConnectionClosed, match="file is no longer there to be opened again"):
        await file.read()


async def test_a_password_that_was_changed_meanwhile(share: smbquic.Share, place: Place) -> None:
    await place.stop()
    place.users.set_password("alice", "another")
    await place.start()
    with pytest.raises(AuthenticationError):
        await share.listdir()


async def test_a_server_that_does_not_come_back(place: Place) -> None:
    ca = None if place.kind == "tcp" else place.pki.ca
    async with smbquic.connect(
        place.url(), password="secret", ca=ca, timeout=0.2, reconnect_timeout=0.3
    ) as share:
        await place.stop()
        with pytest.raises(ConnectionClosed, match="no new connection within"):
            await share.listdir()
        await place.start()
        assert await share.listdir() == []


# --- transfers ----------------------------------------------------------------------------------


def answer_lost(times: list[bool], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lose the connection at each rename at the end of an upload; True: once it is carried out."""
    rename = RemotePartialFile._rename
    renamed: list[str] = []

    async def renaming(part: RemotePartialFile, file: smbquic.File) -> list[Response]:
        lost = ConnectionClosed("lost")
        lost.sent = True
        if times and not times[0]:
            times.pop(0)
            raise lost
        responses = await rename(part, file)
        renamed.append(file.path)
        if times:
            times.pop(0)
            raise lost
        return responses

    monkeypatch.setattr(RemotePartialFile, "_rename", renaming)
    return renamed


@pytest.mark.parametrize("times", [[True], [False]], ids=["carried out", "not carried out"])
async def test_an_upload_whose_last_answer_was_lost_is_done_once(
    share: smbquic.Share, place: Place, times: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "file").write_bytes(b"former content")
    renamed = answer_lost(list(times), monkeypatch)
    await share.write_bytes("file", b"content")
    assert renamed == ["file"]
    assert (place.folder / "file").read_bytes() == b"content"
    assert [path.name for path in place.folder.iterdir()] == ["file"]


@pytest.mark.parametrize("resume", [False, True])
async def test_an_upload_goes_on_with_a_server_that_was_restarted(
    share: smbquic.Share, place: Place, tmp_path_factory: pytest.TempPathFactory, resume: bool
) -> None:
    source = tmp_path_factory.mktemp("local") / "source"
    source.write_bytes(CONTENT * 8)
    begun = asyncio.Event()
    putting = asyncio.create_task(
        share.put(
            source,
            "file",
            progress=lambda *_: begun.set(),
            options=TransferOptions(resume=resume),
        )
    )
    await begun.wait()
    await place.stop()
    await place.start()
    await putting
    assert (place.folder / "file").read_bytes() == CONTENT * 8
    assert [path.name for path in place.folder.iterdir()] == ["file"]

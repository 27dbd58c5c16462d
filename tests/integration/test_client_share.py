"""The client and the server of this package, over both transports."""

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.api.relay import relay
from smbquic.errors import SourceChangedError
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.wire.fscc.attributes import FileAttributes
from tests.engines import ENGINES, automatic


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that is served."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def served(
    root: Path, pki: PkiDirectory, *listen: str, **options: Any
) -> AbstractAsyncContextManager[smbquic.Serving]:
    """A server of that folder for alice, with the certificate of `pki`."""
    server = pki.server
    return smbquic.serve(
        {"data": root},
        {"alice": "secret"},
        listen,
        certificate=server.certificate,
        key=server.key,
        **options,
    )


@pytest.fixture
async def listeners(root: Path, pki: PkiDirectory) -> AsyncIterator[list[str]]:
    async with served(root, pki, "quic://localhost:0", "tcp://localhost:0") as serving:
        yield serving.listeners


@pytest.fixture(params=["quic", "tcp"])
def url(listeners: list[str], request: pytest.FixtureRequest) -> str:
    """Where the share is, over one of the transports."""
    [listener] = [one for one in listeners if one.startswith(request.param)]
    port = listener.rpartition(":")[2]
    scheme = "smb+quic" if request.param == "quic" else "smb"
    return f"{scheme}://alice@localhost:{port}/data"


@pytest.fixture
async def share(url: str, pki: PkiDirectory) -> AsyncIterator[smbquic.Share]:
    async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
        yield share


async def test_how_long_each_stage_took_is_told(share: smbquic.Share, url: str) -> None:
    stages = share.stages.seconds()
    assert list(stages) == ["transport", "negotiate", "session", "tree"]
    assert all(seconds > 0 for seconds in stages.values())
    assert stages["transport"] >= share.peer.handshake_seconds
    path = share.statistics()
    # How many were lost depends on the machine: one that is slow to answer makes them look so.
    assert (path.lost_packets is None, path.round_trip is None) == (
        (False, False) if url.startswith("smb+quic") else (True, True)
    )


async def test_sessions_are_resumed_by_those_who_share_tickets(url: str, pki: PkiDirectory) -> None:
    mine, other = smbquic.TicketCache(), smbquic.TicketCache()
    resumed = []
    for tickets in (mine, mine, other):
        async with smbquic.connect(url, password="secret", ca=pki.ca, tickets=tickets) as share:
            resumed.append(share.peer.resumed)

    assert resumed == [False, url.startswith("smb+quic"), False]


@pytest.mark.parametrize(
    ("offered", "allowed", "resumed"),
    [
        ([], ["P-256"], False),  # there is no room for its share with a ticket
        ([], ["X25519"], True),
        (["P-256", "X25519"], ["P-256"], True),
        (["X25519MLKEM768", "X25519", "P-256", "P-384"], [], True),
    ],
)
async def test_sessions_are_resumed_with_shares_that_the_server_takes(
    root: Path, pki: PkiDirectory, offered: list[str], allowed: list[str], resumed: bool
) -> None:
    tickets = smbquic.TicketCache()
    async with served(root, pki, "quic://localhost:0", tls_groups=allowed) as serving:
        url = f"smb+quic://alice@localhost:{serving.listeners[0].rpartition(':')[2]}/data"
        for again in (False, True):
            async with smbquic.connect(
                url, password="secret", ca=pki.ca, tickets=tickets, engine="qh3", tls_groups=offered
            ) as share:
                assert share.peer.resumed is (again and resumed)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_relay_resumes_sessions(root: Path, pki: PkiDirectory, engine: EngineName) -> None:
    async with served(root, pki, "quic://localhost:0") as serving:
        server = serving.listeners[0].rpartition(":")[2]
        async with relay(
            f"smb+quic://localhost:{server}", ca=pki.ca, engine=engine, listen="tcp://127.0.0.1:0"
        ) as local:
            url = f"smb://alice@127.0.0.1:{local.rpartition(':')[2]}/data"
            async with smbquic.connect(url, password="secret") as share:
                await share.write_bytes("file", b"content")
            async with smbquic.connect(url, password="secret"):
                peers = [each.transport.peer for each in serving.server.connections]
                assert any(peer.resumed for peer in peers)


@pytest.mark.one_process
@pytest.mark.parametrize("engine", ENGINES)
async def test_the_engine_of_each_end_is_logged_once(
    root: Path, pki: PkiDirectory, engine: EngineName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smbquic.transport.quic")
    async with served(root, pki, "quic://127.0.0.1:0", congestion="reno") as serving:
        [listener] = serving.listeners
        url = listener.replace("quic://127.0.0.1", "smb+quic://alice@localhost") + "/data"
        for _ in range(2):
            async with smbquic.connect(url, password="secret", ca=pki.ca, engine=engine) as share:
                assert share.peer.engine == engine
    port = listener.rpartition(":")[2]
    chosen = [line for line in caplog.messages if "the QUIC engine is" in line]
    assert chosen == [
        f"{listener}: the QUIC engine is {automatic(congestion='reno')}",
        *[f"quic://localhost:{port}: the QUIC engine is {engine}: as asked for"] * 2,
    ]


async def test_options_that_no_engine_has_are_refused(root: Path, pki: PkiDirectory) -> None:
    serving = served(root, pki, "quic://127.0.0.1:0", client_ca=pki.ca, engine="qh3")
    with pytest.raises(smbquic.EngineError, match="no client certificates: use the engine"):
        await serving.__aenter__()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(root: Path) -> dict[str, bytes | None]:
    """Everything below a folder: the content of files, None for folders."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def make_tree(root: Path) -> None:
    """Files of all sizes that matter, in folders of folders."""
    for index, size in enumerate([0, 1, 4095, 65536, 65537, 1 << 20, (1 << 20) + 1]):
        folder = root / "a" / str(index % 3)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"ä file {index}").write_bytes(os.urandom(size))
    for index in range(60):
        (root / "a" / f"small {index}").write_bytes(b"%d" % index)
    (root / "empty" / "folder").mkdir(parents=True)


async def test_a_file_goes_up_and_comes_down(
    share: smbquic.Share, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom((5 << 20) + 17))
    os.utime(source, ns=(0, 1_234_567_890_123_456_700))
    done: list[tuple[int, int]] = []
    await share.put(source, "big", progress=lambda *state: done.append(state))
    assert digest(root / "big") == digest(source)
    assert (root / "big").stat().st_mtime_ns == 1_234_567_890_123_456_700
    assert done[-1] == ((5 << 20) + 17, (5 << 20) + 17)
    await share.get("big", tmp_path / "back")
    assert digest(tmp_path / "back") == digest(source)
    assert (tmp_path / "back").stat().st_mtime_ns == 1_234_567_890_123_456_700
    await share.copy("big", "copy")
    assert digest(root / "copy") == digest(source)
    assert names(root) == ["big", "copy"]


async def test_a_put_replaces_what_was_there(share: smbquic.Share, root: Path) -> None:
    (root / "x").write_bytes(b"old and longer")
    await share.write_bytes("x", b"new")
    assert (root / "x").read_bytes() == b"new"
    assert await share.read_bytes("X") == b"new"
    assert names(root) == ["x"]


async def test_a_put_that_is_cancelled_leaves_no_trace(
    share: smbquic.Share, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(20 << 20))
    (root / "x").write_bytes(b"old")
    begun = asyncio.Event()
    task = asyncio.create_task(share.put(source, "x", progress=lambda *_: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(root) == ["x"]
    assert (root / "x").read_bytes() == b"old"
    assert await share.read_bytes("x") == b"old"


async def test_trees_go_up_and_come_down(share: smbquic.Share, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_tree(source)
    result = await share.put_tree(source, "deep/in/here")
    assert result.failures == []
    assert result.files == 67
    assert tree(root / "deep" / "in" / "here") == tree(source)
    result = await share.get_tree("deep/in", tmp_path / "back")
    assert result.failures == []
    assert tree(tmp_path / "back" / "here") == tree(source)
    result = await share.copy_tree("deep/in/here", "copy")
    assert result.failures == []
    assert tree(root / "copy") == tree(source)
    usage = await share.usage("copy")
    assert (usage.files, usage.folders) == (67, 6)
    assert usage.bytes == sum(len(content) for content in tree(source).values() if content)
    await share.rmtree("deep")
    assert names(root) == ["copy"]


async def test_an_open_file(share: smbquic.Share, root: Path) -> None:
    content = os.urandom(3 << 20)
    async with share.open("x", "w+b") as file:
        assert await file.write(content) == len(content)
        assert await file.seek(0) == 0
        assert await file.read() == content
        assert await file.size() == len(content)
        await file.truncate(1000)
        await file.flush()
        assert (root / "x").stat().st_size == 1000
        assert bytes(await file.read_at(990, 100)) == content[990:1000]
        assert bytes(await file.read_at(1000, 100)) == b""
    async with share.open("x", "ab") as file:
        await file.write(b"end")
    assert (root / "x").read_bytes() == content[:1000] + b"end"
    with pytest.raises(smbquic.ExistsError):
        await share.open("x", "xb")
    with pytest.raises(FileNotFoundError):
        await share.open("missing")
    await share.mkdir("folder")
    with pytest.raises(IsADirectoryError):
        await share.open("folder")


async def test_names_and_folders(share: smbquic.Share, root: Path) -> None:
    await share.makedirs("a/b/c")
    with pytest.raises(FileExistsError):
        await share.mkdir("a/b")
    with pytest.raises(FileNotFoundError):
        await share.mkdir("x/y")
    await share.write_bytes("a/f", b"1")
    await share.rename("a/f", "a/b/g")
    assert (root / "a" / "b" / "g").read_bytes() == b"1"
    await share.write_bytes("h", b"2")
    with pytest.raises(FileExistsError):
        await share.rename("h", "a/b/g")
    await share.rename("h", "a/b/g", replace=True)
    assert await share.read_bytes("a/b/g") == b"2"
    with pytest.raises(smbquic.StatusError, match="not empty"):
        await share.rmdir("a")
    with pytest.raises(NotADirectoryError):
        await share.rmdir("a/b/g")
    with pytest.raises(IsADirectoryError):
        await share.remove("a/b")
    await share.remove("a/b/g")
    await share.rmdir("a/b/c")
    assert await share.listdir("a/b") == []
    assert await share.exists("A/B")
    assert not await share.exists("a/c")


async def test_a_listing_of_thousands(share: smbquic.Share, root: Path) -> None:
    for index in range(3000):
        (root / f"file {index:04} with a name that is not short at all").touch()
    listed = [entry.name async for entry in share.scandir()]
    assert sorted(listed) == names(root)
    assert len(await share.listdir("", "* 01?? *")) == 100


async def test_what_is_known_about_a_file(share: smbquic.Share, root: Path) -> None:
    await share.write_bytes("x", b"12345")
    await share.utime("x", modified=1_000_000_000_000_000_000, created=900_000_000_000_000_000)
    await share.set_attributes("x", FileAttributes.HIDDEN | FileAttributes.ARCHIVE)
    stat = await share.stat("x")
    assert stat.size == 5
    assert stat.last_write_time == 1_000_000_000_000_000_000
    assert stat.attributes & FileAttributes.HIDDEN
    [entry] = [entry async for entry in share.scandir()]
    # Only a listing tells its number, and what its extended attributes need.
    assert replace(entry, file_id=stat.file_id, ea_size=stat.ea_size) == stat
    assert (await share.stat("")).is_directory
    volume = await share.volume()
    assert volume.total >= volume.free >= 0
    assert volume.block_size > 0


async def test_walking(share: smbquic.Share) -> None:
    await share.makedirs("a/b")
    await share.write_bytes("a/x", b"")
    seen = [
        (path, [item.name for item in folders], [item.name for item in files])
        async for path, folders, files in share.walk()
    ]
    assert seen == [("", ["a"], []), ("a", ["b"], ["x"]), ("a/b", [], [])]


async def test_many_tasks_share_one_connection(share: smbquic.Share) -> None:
    async def work(index: int) -> None:
        content = os.urandom(100_000 + index)
        await share.write_bytes(f"f{index}", content)
        assert await share.read_bytes(f"f{index}") == content
        assert (await share.stat(f"f{index}")).size == len(content)

    await asyncio.gather(*(work(index) for index in range(60)))
    assert len(await share.listdir()) == 60


async def test_the_peer(share: smbquic.Share, url: str) -> None:
    assert share.peer.kind == ("quic" if url.startswith("smb+quic") else "tcp")
    assert share.peer.authenticated is (share.peer.kind == "quic")


async def test_refusals(url: str, pki: PkiDirectory) -> None:
    with pytest.raises(smbquic.AuthenticationError, match="refuses the logon"):
        async with smbquic.connect(url, password="wrong", ca=pki.ca):
            pytest.fail("connected")
    with pytest.raises(smbquic.NotFoundError, match="nope"):
        async with smbquic.connect(url.replace("/data", "/nope"), password="secret", ca=pki.ca):
            pytest.fail("connected")
    with pytest.raises(smbquic.UrlError, match="no password"):
        async with smbquic.connect(url):
            pytest.fail("connected")
    with pytest.raises(smbquic.UrlError, match="names no user"):
        async with smbquic.connect(url.replace("alice@", "")):
            pytest.fail("connected")
    with pytest.raises(smbquic.UrlError, match="names no share"):
        async with smbquic.connect(url.replace("/data", ""), password="secret"):
            pytest.fail("connected")


async def test_encryption_on_top(url: str, pki: PkiDirectory, root: Path) -> None:
    async with smbquic.connect(
        url, password="secret", ca=pki.ca, encryption=smbquic.EncryptionPolicy.REQUIRED
    ) as share:
        content = os.urandom(3 << 20)
        await share.write_bytes("x", content)
        assert await share.read_bytes("x") == content
    assert (root / "x").read_bytes() == content


async def test_a_server_that_goes_away(root: Path, pki: PkiDirectory, tmp_path: Path) -> None:
    async with smbquic.serve({"data": root}, {"alice": "secret"}, ["tcp://127.0.0.1:0"]) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        url = f"smb://alice:secret@127.0.0.1:{port}/data"
        async with smbquic.connect(url, reconnect_timeout=0) as share:
            with (root / "x").open("wb") as file:
                file.truncate(64 << 20)  # far more than can be under way at once
            begun = asyncio.Event()
            getting = asyncio.create_task(
                share.get("x", tmp_path / "y", progress=lambda *_: begun.set())
            )
            await begun.wait()
            await serving.server.close()
            with pytest.raises(smbquic.ConnectionClosed):
                await getting
    assert names(tmp_path) == ["root"]


async def test_an_untrusted_server(listeners: list[str]) -> None:
    port = listeners[0].rpartition(":")[2]
    url = f"smb+quic://alice:secret@localhost:{port}/data"
    with pytest.raises(smbquic.HandshakeError):
        async with smbquic.connect(url):
            pytest.fail("connected")
    async with smbquic.connect(url, insecure=True) as share:
        assert await share.listdir() == []


async def test_client_certificates(root: Path, pki: PkiDirectory) -> None:
    async with served(root, pki, "quic://localhost:0", client_ca=pki.ca) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        url = f"smb+quic://alice:secret@localhost:{port}/data"
        with pytest.raises(smbquic.TransportError):
            async with smbquic.connect(url, ca=pki.ca):
                pytest.fail("connected")
        async with smbquic.connect(
            url,
            ca=pki.ca,
            client_certificate=pki.client.certificate,
            client_key=pki.client.key,
        ) as share:
            assert await share.listdir() == []


SIZE = 5_000_000


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def test_a_source_that_is_changed_during_a_put_is_an_error(
    share: smbquic.Share, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(SIZE))
    (root / "x").write_bytes(b"before")

    def overwrite(done: int, total: int) -> None:
        if done < total:
            source.write_bytes(b"\1" * SIZE)

    with pytest.raises(SourceChangedError, match="source: the file was changed"):
        await share.put(source, "x", progress=overwrite)
    assert contents(root) == {"x": b"before"}


@pytest.mark.parametrize("copy", [False, True])
async def test_a_source_that_is_changed_on_the_server_is_an_error(
    share: smbquic.Share, root: Path, tmp_path: Path, *, copy: bool
) -> None:
    (root / "x").write_bytes(bytes(SIZE))
    target = root / "y" if copy else tmp_path / "y"
    target.write_bytes(b"before")

    def overwrite(done: int, total: int) -> None:
        if done < total or copy:  # the server copies it at once
            (root / "x").write_bytes(b"\1" * SIZE)

    if copy:
        work = share.copy("x", "y", progress=overwrite)
    else:
        work = share.get("x", target, progress=overwrite)
    with pytest.raises(SourceChangedError, match="x: the file was changed on the server"):
        await work
    assert contents(target.parent)["y"] == b"before"
    assert contents(root).keys() | contents(tmp_path).keys() == {"x", "y"}


async def test_a_cancelled_put_leaves_nothing(
    share: smbquic.Share, root: Path, tmp_path: Path
) -> None:
    """At every moment of the first messages, and then the connection settles."""
    source = tmp_path / "source"
    source.write_bytes(b"small")
    for moments in range(12):
        task = asyncio.create_task(share.put(source, "x"))
        for _ in range(moments):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await share.session.connection.abandoned_opens.wait_closed()
    await share.stat("")
    assert contents(root).keys() <= {"x"}


async def test_streams_go_up_and_down(share: smbquic.Share, root: Path) -> None:
    content = os.urandom(SIZE)

    async def chunks() -> AsyncIterator[bytes]:
        for offset in range(0, SIZE, 700_001):
            yield content[offset : offset + 700_001]
            yield b""

    assert await share.put_stream(chunks(), "x") == SIZE
    assert (root / "x").read_bytes() == content
    assert b"".join([bytes(chunk) async for chunk in share.stream("x")]) == content

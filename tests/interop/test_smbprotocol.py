"""The smbprotocol package against our server: over TCP, and over QUIC through our adapter."""

import inspect
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import smbclient  # type: ignore[import-untyped]
import smbclient.shutil  # type: ignore[import-untyped]
from smbprotocol.connection import Connection, Dialects  # type: ignore[import-untyped]
from smbprotocol.exceptions import (  # type: ignore[import-untyped]
    LogonFailure,
    SMBOSError,
)
from smbprotocol.header import NtStatus  # type: ignore[import-untyped]
from smbprotocol.session import Session  # type: ignore[import-untyped]
from smbprotocol.transport import Tcp  # type: ignore[import-untyped]

from smbquic.client.smbprotocol import register, unregister
from smbquic.errors import HandshakeError
from smbquic.pki import FaultyPki, PkiDirectory
from smbquic.pki.faults import Fault
from tests.interop.processes import (
    PASSWORD,
    READ_ONLY_SHARE,
    SHARE,
    USER,
    ServerProcess,
    empty,
    running_server,
)

HOST = "localhost"
DIALECTS = [
    Dialects.SMB_2_0_2,
    Dialects.SMB_2_1_0,
    Dialects.SMB_3_0_0,
    Dialects.SMB_3_0_2,
    Dialects.SMB_3_1_1,
]
CONTENT = random.Random(2).randbytes(1_234_567)

Way = dict[str, Any]
"""The arguments that lead smbclient's functions to the server."""


def path(*names: str, share: str = SHARE) -> str:
    return "\\".join(["", "", HOST, share, *names])


def over_tcp(server: ServerProcess, dialect: Dialects, *, encrypt: bool) -> Way:
    port = server.ports["tcp"]
    connection = Connection(uuid.uuid4(), HOST, port)
    connection.connect(dialect)
    Session(connection, USER, PASSWORD, require_encryption=encrypt).connect()
    assert connection.dialect == dialect
    return {"port": port, "connection_cache": {f"{HOST}:{port}": connection}}


def over_quic(server: ServerProcess, *, encrypt: bool = False) -> Way:
    port, cache = server.ports["quic"], dict[str, Any]()
    register(
        HOST,
        port,
        username=USER,
        password=PASSWORD,
        ca=server.pki.ca,
        encrypt=encrypt,
        connection_cache=cache,
    )
    return {"port": port, "connection_cache": cache}


def leave(way: Way) -> None:
    smbclient.reset_connection_cache(connection_cache=way["connection_cache"])


@pytest.fixture(params=["tcp", "quic"])
def way(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Way]:
    """A way to the server, by either transport, to be given to smbclient's functions."""
    quic = request.param == "quic"
    way = over_quic(server) if quic else over_tcp(server, Dialects.SMB_3_1_1, encrypt=False)
    yield way
    leave(way)


def use_files_and_folders(server: ServerProcess, way: Way) -> None:
    """Everything once."""
    smbclient.mkdir(path("folder"), **way)
    with smbclient.open_file(path("folder", "file"), "wb", **way) as file:
        file.write(CONTENT)
    assert (server.share / "folder" / "file").read_bytes() == CONTENT
    assert smbclient.listdir(path("folder"), **way) == ["file"]
    assert smbclient.stat(path("folder", "file"), **way).st_size == len(CONTENT)
    smbclient.rename(path("folder", "file"), path("folder", "renamed"), **way)
    with smbclient.open_file(path("folder", "renamed"), "rb", **way) as file:
        assert file.read() == CONTENT
    smbclient.remove(path("folder", "renamed"), **way)
    smbclient.rmdir(path("folder"), **way)
    assert list(server.share.iterdir()) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_files_and_folders_in_every_dialect_signed(
    old_server: ServerProcess, dialect: Dialects
) -> None:
    way = over_tcp(old_server, dialect, encrypt=False)
    use_files_and_folders(old_server, way)
    leave(way)


@pytest.mark.parametrize("dialect", DIALECTS[2:])
def test_files_and_folders_in_every_dialect_encrypted(
    server: ServerProcess, dialect: Dialects
) -> None:
    way = over_tcp(server, dialect, encrypt=True)
    use_files_and_folders(server, way)
    leave(way)


@pytest.mark.parametrize("encrypt", [False, True])
def test_files_and_folders_over_quic(server: ServerProcess, encrypt: bool) -> None:
    way = over_quic(server, encrypt=encrypt)
    use_files_and_folders(server, way)
    leave(way)


def test_a_tree_is_walked_and_removed(server: ServerProcess, way: Way) -> None:
    for number in range(30):
        folder = path(f"d{number % 3}", "e")
        smbclient.makedirs(folder, exist_ok=True, **way)
        with smbclient.open_file(f"{folder}\\f{number}", "wb", **way) as file:
            file.write(CONTENT[:number])
    walked = {
        name: smbclient.stat(f"{top}\\{name}", **way).st_size
        for top, _, names in smbclient.walk(path("d0"), **way)
        for name in names
    }
    assert walked == {f"f{number}": number for number in range(0, 30, 3)}
    smbclient.shutil.rmtree(path("d1"), **way)
    assert sorted(entry.name for entry in server.share.iterdir()) == ["d0", "d2"]


def test_a_folder_of_thousands_is_listed_whole(server: ServerProcess, way: Way) -> None:
    names = {f"文件 {number}" for number in range(2000)}
    for name in names:
        (server.share / name).touch()
    listed = [entry.name for entry in smbclient.scandir(path(), **way)]
    assert sorted(listed) == sorted(names)
    assert len(smbclient.listdir(path(), search_pattern="*9?", **way)) == 200


def test_what_is_known_of_a_file(server: ServerProcess, way: Way) -> None:
    (server.share / "file").write_bytes(bytes(1000))
    smbclient.utime(path("file"), ns=(1_000_000_000_000_000_000, 1_100_000_000_000_000_000), **way)
    stat = smbclient.stat(path("file"), **way)
    assert (stat.st_atime_ns, stat.st_mtime_ns) == (10**18, 11 * 10**17)
    assert (server.share / "file").stat().st_mtime_ns == 11 * 10**17
    assert smbclient.path.isfile(path("file"), **way)
    assert smbclient.path.isdir(path(), **way)
    assert not smbclient.path.exists(path("nothing"), **way)
    assert [stream.name for stream in smbclient.liststreams(path("file"), **way)] == ["::$DATA"]
    smbclient.truncate(path("file"), 10, **way)
    assert (server.share / "file").stat().st_size == 10
    volume = smbclient.stat_volume(path(), **way)
    assert volume.total_size >= volume.actual_available_size > 0


def test_a_file_is_read_and_written_in_place(server: ServerProcess, way: Way) -> None:
    (server.share / "file").write_bytes(bytes(100))
    with smbclient.open_file(path("file"), "r+b", share_access="r", **way) as file:
        file.seek(40)
        file.write(b"in the middle")
        file.flush()
        with pytest.raises(SMBOSError, match="used by another process"):
            smbclient.open_file(path("file"), "r+b", **way)
        file.seek(38)
        assert file.read(17) == b"\0\0in the middle\0\0"
    assert (server.share / "file").read_bytes() == bytes(40) + b"in the middle" + bytes(47)


def test_what_is_refused(server: ServerProcess, way: Way) -> None:
    (server.share / "folder").mkdir()
    (server.share / "folder" / "file").touch()
    for status, call, target in (
        (NtStatus.STATUS_OBJECT_NAME_NOT_FOUND, smbclient.stat, path("nothing")),
        (NtStatus.STATUS_OBJECT_NAME_COLLISION, smbclient.mkdir, path("folder")),
        (NtStatus.STATUS_DIRECTORY_NOT_EMPTY, smbclient.rmdir, path("folder")),
        (NtStatus.STATUS_ACCESS_DENIED, smbclient.mkdir, path("other", share=READ_ONLY_SHARE)),
        (NtStatus.STATUS_BAD_NETWORK_NAME, smbclient.listdir, path(share="nowhere")),
    ):
        with pytest.raises(SMBOSError) as caught:
            call(target, **way)
        assert caught.value.ntstatus == status
    assert (server.share / "folder" / "file").exists()


def test_a_wrong_password_is_refused_over_tcp(server: ServerProcess) -> None:
    cache: dict[str, Any] = {}
    with pytest.raises(LogonFailure):
        smbclient.register_session(
            HOST, USER, "wrong", port=server.ports["tcp"], connection_cache=cache
        )
    smbclient.reset_connection_cache(connection_cache=cache)


def test_a_wrong_password_is_refused_over_quic(server: ServerProcess) -> None:
    cache: dict[str, Any] = {}
    with pytest.raises(LogonFailure):
        register(
            HOST,
            server.ports["quic"],
            username=USER,
            password="wrong",
            ca=server.pki.ca,
            connection_cache=cache,
        )
    assert cache == {}


def test_a_certificate_of_another_authority_is_refused(
    server: ServerProcess, bad_pki: FaultyPki
) -> None:
    certificate = bad_pki.server(Fault.SELF_SIGNED).certificate
    with pytest.raises(HandshakeError):
        register(HOST, server.ports["quic"], username=USER, password=PASSWORD, ca=certificate)


@pytest.fixture(scope="module")
def other_server(
    pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("other-server"), pki) as server:
        yield server


def test_several_servers_at_once(server: ServerProcess, other_server: ServerProcess) -> None:
    hosts = {"localhost": server, "127.0.0.1": other_server}
    empty(other_server.share)
    for host, each in hosts.items():
        port = each.ports["quic"]
        register(host, port, username=USER, password=PASSWORD, ca=each.pki.ca)
    try:
        here, there = rf"\\localhost\{SHARE}", rf"\\127.0.0.1\{SHARE}"
        smbclient.makedirs(rf"{here}\tree\folder")
        with smbclient.open_file(rf"{here}\tree\folder\file", "wb") as file:
            file.write(CONTENT)
        smbclient.shutil.copytree(rf"{here}\tree", rf"{there}\copy")
        assert (other_server.share / "copy" / "folder" / "file").read_bytes() == CONTENT
        smbclient.shutil.copyfile(rf"{there}\copy\folder\file", rf"{here}\again")
        assert (server.share / "again").read_bytes() == CONTENT
        smbclient.shutil.rmtree(rf"{there}\copy")
        assert list(other_server.share.iterdir()) == []
        assert smbclient.path.exists(rf"{here}\tree")
    finally:
        for host, each in hosts.items():
            unregister(host, each.ports["quic"])


def test_shutil_with_files_of_this_machine(server: ServerProcess, way: Way, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    smbclient.shutil.copy2(str(tmp_path / "file"), path("file"), **way)
    assert (server.share / "file").read_bytes() == CONTENT
    smbclient.shutil.copyfile(path("file"), str(tmp_path / "copy"), **way)
    assert (tmp_path / "copy").read_bytes() == CONTENT


def test_a_server_is_registered_again_and_unregistered(server: ServerProcess) -> None:
    cache: dict[str, Any] = {}
    port = server.ports["quic"]
    first, second = (
        register(
            HOST, port, username=USER, password=PASSWORD, ca=server.pki.ca, connection_cache=cache
        )
        for _ in range(2)
    )
    assert not first.transport.alive
    assert cache == {f"{HOST}:{port}": second, f"{HOST}:445": second}
    assert smbclient.listdir(path(), connection_cache=cache) == []
    unregister(HOST, port, connection_cache=cache)
    assert cache == {}
    assert not second.transport.alive
    unregister(HOST, port, connection_cache=cache)


def test_private_names_of_smbprotocol_are_there() -> None:
    connection = Connection(uuid.uuid4(), HOST)
    assert isinstance(smbclient._pool._SMB_CONNECTIONS, dict)
    assert 'f"{server.lower()}:{port}"' in inspect.getsource(smbclient._pool.register_session)
    assert connection.transport is None
    assert "self.transport = Tcp(" in inspect.getsource(Connection.connect)
    assert connection._receive_timeout > 0
    assert "self._check_worker_running()" in inspect.getsource(Connection)
    for method in ("connect", "close", "send", "recv"):
        assert callable(getattr(Tcp, method))

"""The smbprotocol package's smbclient module, over QUIC."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import smbclient  # type: ignore[import-untyped]
import smbclient.shutil  # type: ignore[import-untyped]
from smbprotocol.exceptions import (  # type: ignore[import-untyped]
    LogonFailure,
    SMBConnectionClosed,
)

from smbquic import EngineError, HandshakeError, sync
from smbquic.client.smbprotocol import SmbprotocolConnection, SmbprotocolTransport, register
from smbquic.options.client import TransportOptions
from smbquic.pki import PkiDirectory
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def port(root: Path, pki: PkiDirectory) -> Iterator[int]:
    before = threading.active_count()
    with sync.serve(
        {"data": root},
        {"alice": "secret"},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        yield int(serving.listeners[0].rpartition(":")[2])
        smbclient.reset_connection_cache()
    assert threading.active_count() == before


@pytest.fixture
def connection(port: int, pki: PkiDirectory) -> SmbprotocolConnection:
    return register("localhost", port, username="alice", password="secret", ca=pki.ca)


@pytest.mark.usefixtures("connection")
def test_programs_written_for_tcp_work_after_one_call(root: Path, tmp_path: Path) -> None:
    share = r"\\localhost\data"
    content = os.urandom(3 << 20)
    smbclient.mkdir(share + r"\folder")
    with smbclient.open_file(share + r"\folder\x", mode="wb") as file:
        file.write(content)
    assert (root / "folder" / "x").read_bytes() == content
    with smbclient.open_file(share + r"\folder\x", mode="rb") as file:
        assert file.read() == content
    assert smbclient.listdir(share + r"\folder") == ["x"]
    assert smbclient.stat(share + r"\folder\x").st_size == len(content)
    smbclient.rename(share + r"\folder\x", share + r"\y")
    smbclient.shutil.copyfile(share + r"\y", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
    smbclient.rmdir(share + r"\folder")
    smbclient.remove(share + r"\y")
    assert list(root.iterdir()) == []


def test_it_stands_for_its_own_port_too(
    connection: SmbprotocolConnection, port: int, root: Path
) -> None:
    (root / "x").write_bytes(b"x")
    assert smbclient.listdir(r"\\localhost\data", port=port) == ["x"]
    session = smbclient.register_session("localhost", port=port)
    assert session.connection is connection


def test_a_cache_of_ones_own(port: int, pki: PkiDirectory) -> None:
    cache: dict[str, SmbprotocolConnection] = {}
    register(
        "LocalHost",
        port,
        username="alice",
        password="secret",
        ca=pki.ca,
        encrypt=True,
        connection_cache=cache,
    )
    assert set(cache) == {f"localhost:{port}", "localhost:445"}
    assert smbclient.listdir(r"\\localhost\data", connection_cache=cache) == []
    smbclient.reset_connection_cache(connection_cache=cache)


def test_a_lost_connection_is_not_replaced_by_tcp(connection: SmbprotocolConnection) -> None:
    assert smbclient.listdir(r"\\localhost\data") == []
    connection.transport.close()
    with pytest.raises(SMBConnectionClosed, match=r"call register\(\) again"):
        smbclient.listdir(r"\\localhost\data")


def test_a_server_that_goes_away(root: Path, pki: PkiDirectory) -> None:
    with sync.serve(
        {"data": root},
        {"alice": "secret"},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        port = int(serving.listeners[0].rpartition(":")[2])
        connection = register("localhost", port, username="alice", password="secret", ca=pki.ca)
    connection._t_worker.join(30)
    assert not connection.transport.alive
    with pytest.raises(SMBConnectionClosed):
        smbclient.listdir(r"\\localhost\data")
    smbclient.reset_connection_cache()


def test_registering_again_takes_the_place(
    connection: SmbprotocolConnection, port: int, pki: PkiDirectory
) -> None:
    connection.transport.close()
    again = register("localhost", port, username="alice", password="secret", ca=pki.ca)
    assert again is not connection
    assert smbclient.listdir(r"\\localhost\data") == []


def test_a_message_is_not_lost_by_waiting_in_vain(port: int, pki: PkiDirectory) -> None:
    """smbprotocol sends an ECHO when `recv` raises TimeoutError, and then calls it again."""
    transport = SmbprotocolTransport("localhost", port, 10.0, TransportOptions(ca=pki.ca))
    transport.connect()
    with pytest.raises(TimeoutError):
        transport.recv(0)
    protocol = ClientProtocol(
        ClientSettings(client_guid=bytes(16)), quic=True, server_name="localhost", random=bytes
    )
    transport.send(b"".join(protocol.negotiate().buffers))
    answer = transport.recv(30)
    assert answer[:4] == b"\xfeSMB"
    transport.close()


def test_refusals(port: int, pki: PkiDirectory) -> None:
    before = threading.active_count()
    with pytest.raises(LogonFailure):
        register("localhost", port, username="alice", password="wrong", ca=pki.ca)
    with pytest.raises(HandshakeError):
        register("localhost", port, username="alice", password="secret")
    with pytest.raises(EngineError, match="use the engine"):
        register("localhost", port, ca=pki.ca, engine="qh3", congestion="bbr")
    assert threading.active_count() == before


def test_nothing_is_left_to_close_twice(connection: SmbprotocolConnection) -> None:
    connection.disconnect()
    connection.disconnect()
    connection.transport.close()
    with pytest.raises(SMBConnectionClosed):
        connection.transport.send(b"x")
    assert connection.transport.recv(1) == b""

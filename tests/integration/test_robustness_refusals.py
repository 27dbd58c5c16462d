"""Errors that a program gets when it is refused; the server goes on, and logs why."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import smbquic
from smbquic.errors import PkiError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.options.quic import EngineName
from smbquic.pki import FaultyPki, PkiDirectory, init
from smbquic.pki.directory import CertificateFiles
from smbquic.pki.faults import Fault

LOOPBACK = ("quic://127.0.0.1:0", "tcp://127.0.0.1:0")


@dataclass
class ServedFolder:
    """A running server with the share ``data`` and the user alice, and how to reach it."""

    serving: smbquic.Serving
    folder: Path
    ca: Path

    def url(self, transport: str, share: str = "data", user: str = "alice") -> str:
        [listener] = [url for url in self.serving.listeners if url.startswith(transport)]
        scheme = {"quic": "smb+quic", "tcp": "smb"}[transport]
        return f"{scheme}://{user}@localhost:{listener.rpartition(':')[2]}/{share}"

    async def works(self) -> None:
        """Somebody else is served all the same."""
        for transport in ("tcp", "quic"):
            async with smbquic.connect(self.url(transport), password="secret", ca=self.ca) as share:
                assert await share.read_bytes("file") == b"content"


@pytest.fixture
async def service(pki: PkiDirectory, tmp_path: Path) -> AsyncIterator[ServedFolder]:
    (tmp_path / "file").write_bytes(b"content")
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        LOOPBACK,
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        service = ServedFolder(serving, tmp_path, pki.ca)
        serving.server.limits = replace(serving.server.limits, failed_logon_delay=0.0)
        yield service
        await service.works()
        assert serving.server.failures == 0


async def refused(url: str, **options: object) -> Exception:
    """The error that an attempt to connect ends with."""
    arguments: dict[str, object] = {"password": "secret", "timeout": 60.0, **options}
    with pytest.raises(smbquic.SmbError) as caught:
        async with smbquic.connect(url, **arguments):  # type: ignore[arg-type]
            pass
    return caught.value


@pytest.mark.parametrize("transport", ["tcp", "quic"])
@pytest.mark.parametrize(
    ("user", "password"), [("alice", "wrong"), ("alice", ""), ("bob", "secret")]
)
async def test_a_logon_that_fails(
    service: ServedFolder,
    transport: str,
    user: str,
    password: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = await refused(service.url(transport, user=user), password=password, ca=service.ca)
    assert isinstance(error, smbquic.AuthenticationError)
    assert error.status == NtStatus.LOGON_FAILURE
    [line] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert line.name.startswith("smbquic.server")
    assert f"'{user}: wrong name or password'" in caplog.text


async def test_a_name_that_would_forge_the_log(
    service: ServedFolder, caplog: pytest.LogCaptureFixture
) -> None:
    await refused(service.url("tcp", user="x%0AINFO%20all%20is%20well"))
    [line] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "\n" not in line.getMessage()


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_an_unknown_share(service: ServedFolder, transport: str) -> None:
    error = await refused(service.url(transport, share="nowhere"), ca=service.ca)
    assert isinstance(error, smbquic.NotFoundError)
    assert error.status == NtStatus.BAD_NETWORK_NAME
    assert "nowhere" in str(error)


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_one_connection_too_many(
    pki: PkiDirectory, tmp_path: Path, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        LOOPBACK,
        certificate=pki.server.certificate,
        key=pki.server.key,
        limits=Limits(connections=1),
    ) as serving:
        service = ServedFolder(serving, tmp_path, pki.ca)
        url = service.url(transport)
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            error = await refused(url, ca=pki.ca, timeout=0.5)
            assert isinstance(error, smbquic.StatusError)
            assert error.status == NtStatus.REQUEST_NOT_ACCEPTED
            assert await share.read_bytes("file") == b"content"
    assert "was refused" in caplog.text


async def test_a_ca_that_is_missing(service: ServedFolder, tmp_path: Path) -> None:
    error = await refused(service.url("quic"), ca=tmp_path / "nothing.pem")
    assert isinstance(error, PkiError)
    assert "nothing.pem" in str(error)


async def test_a_ca_that_is_none(service: ServedFolder) -> None:
    error = await refused(service.url("quic"), ca=service.folder / "file")
    assert isinstance(error, PkiError)
    assert str(service.folder / "file") in str(error)


async def test_the_authority_of_somebody_else(service: ServedFolder, tmp_path: Path) -> None:
    other = init(tmp_path / "other")
    for authority in (other.ca, None):
        error = await refused(service.url("quic"), ca=authority)
        assert isinstance(error, smbquic.HandshakeError)
        assert error.reason == "unknown-ca"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EXPIRED, "expired"),
        (Fault.NOT_YET_VALID, "not-yet-valid"),
        (Fault.WRONG_NAME, "wrong-name"),
        (Fault.UNKNOWN_CA, "unknown-ca"),
        (Fault.SELF_SIGNED, "self-signed"),
        (Fault.WRONG_USAGE, "wrong-usage"),
        (Fault.RSA_1024, "weak-key"),
    ],
)
async def test_a_server_whose_certificate_is_bad(
    service: ServedFolder,
    bad_pki: FaultyPki,
    fault: Fault,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    files = bad_pki.server(fault)
    # The engine native has no keys as weak as that, neither its own nor those of a peer.
    engine: EngineName = "qh3" if fault is Fault.RSA_1024 else "auto"
    async with smbquic.serve(
        {"data": service.folder},
        {"alice": "secret"},
        LOOPBACK[:1],
        certificate=files.certificate,
        key=files.key,
        engine=engine,
    ) as serving:
        url = ServedFolder(serving, service.folder, service.ca).url("quic")
        error = await refused(url, ca=service.ca)
        assert isinstance(error, smbquic.HandshakeError)
        assert error.reason == reason
        # Whoever asks for no check gets none.
        async with smbquic.connect(url, password="secret", insecure=True, engine=engine) as share:
            assert await share.listdir() == ["file"]
    assert "a handshake failed" in caplog.text


@pytest.mark.parametrize("fault", [None, Fault.EXPIRED, Fault.UNKNOWN_CA, Fault.WRONG_USAGE])
async def test_a_client_whose_certificate_is_bad(
    service: ServedFolder, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault | None
) -> None:
    async with smbquic.serve(
        {"data": service.folder},
        {"alice": "secret"},
        LOOPBACK[:1],
        certificate=pki.server.certificate,
        key=pki.server.key,
        client_ca=pki.ca,
    ) as serving:
        url = ServedFolder(serving, service.folder, service.ca).url("quic")

        def showing(files: CertificateFiles) -> dict[str, object]:
            return {"client_certificate": files.certificate, "client_key": files.key}

        shown = showing(bad_pki.client(fault)) if fault else {}
        error = await refused(url, ca=service.ca, **shown)
        assert isinstance(error, smbquic.TransportError)
        good = showing(pki.client)
        async with smbquic.connect(
            url,
            password="secret",
            ca=service.ca,
            **good,  # type: ignore[arg-type]
        ) as share:
            assert await share.listdir() == ["file"]


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_a_port_that_is_in_use(
    service: ServedFolder, pki: PkiDirectory, transport: str
) -> None:
    port = service.url(transport).rpartition(":")[2].partition("/")[0]
    with pytest.raises(OSError, match="another program has the port") as caught:
        async with smbquic.serve(
            {"data": service.folder},
            {"alice": "secret"},
            ["tcp://127.0.0.1:0", f"{transport}://127.0.0.1:{port}"],
            certificate=pki.server.certificate,
            key=pki.server.key,
        ):
            pass
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_a_port_where_nobody_is(pki: PkiDirectory, tmp_path: Path, transport: str) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        LOOPBACK,
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        url = ServedFolder(serving, tmp_path, pki.ca).url(transport)
    error = await refused(url, ca=pki.ca)
    assert isinstance(error, smbquic.ConnectError)


async def test_quic_where_tcp_is_and_the_other_way_round(service: ServedFolder) -> None:
    tcp, quic = service.url("tcp"), service.url("quic")
    crossed = quic.replace("smb+quic", "smb"), tcp.replace("smb", "smb+quic")
    for url in crossed:
        error = await refused(url, ca=service.ca, timeout=2.0)
        assert isinstance(error, smbquic.ConnectError)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad\r\n\r\n", b""])
async def test_a_server_that_speaks_something_else(greeting: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(greeting)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refused(f"smb://alice@127.0.0.1:{port}/data")
    assert isinstance(error, smbquic.ConnectionClosed | smbquic.RemoteProtocolError)

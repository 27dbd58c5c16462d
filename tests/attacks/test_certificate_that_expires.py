"""A client stays connected with a certificate that has expired meanwhile."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.gateway.gateway import Gateway
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.pki import IdentityFiles, PkiDirectory
from smbquic.pki.files import load_certificates
from smbquic.pki.reload import ServerCertificates
from smbquic.pki.subject import now_utc
from smbquic.protocol.settings import ClientSettings
from smbquic.server.connection import ServerConnection
from smbquic.server.server import Server
from smbquic.wire.echo import EchoRequest
from tests.unit.gateway.ends import End
from tests.unit.server.conftest import connect, root, server, server_with, until
from tests.unit.server.smb_client import Client

__all__ = ["connect", "root", "server", "server_with", "until"]


class CertificateClock:
    """The time at which certificates are verified."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now_utc() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> CertificateClock:
    clock = CertificateClock()
    monkeypatch.setattr("smbquic.pki.certificate_watch.now_utc", clock)
    # The package exports a function of the module's name.
    monkeypatch.setattr(sys.modules["smbquic.pki.verification"], "now_utc", clock)
    return clock


def certificates(pki: PkiDirectory, *, asked_for: bool) -> ServerCertificates:
    """Those of a server that asks for certificates of clients, or does not."""
    files = IdentityFiles(
        certificate=pki.server.certificate,
        key=pki.server.key,
        default=True,
        client_ca=pki.ca if asked_for else None,
        allow=() if asked_for else None,
    )
    return ServerCertificates([files])


def shown(pki: PkiDirectory) -> tuple[bytes, ...]:
    """The certificates that the client shows."""
    chain = load_certificates(pki.client.certificate)
    return tuple(each.public_bytes(Encoding.DER) for each in chain)


async def connected(
    server: Server, pki: PkiDirectory, *, asked_for: bool
) -> tuple[Client, ServerConnection]:
    """A client that has shown its certificate, and what the server keeps for it."""
    server.access.certificates = certificates(pki, asked_for=asked_for)
    client = Client(server, ClientSettings(client_guid=bytes(16)), "quic")
    client.transport.peer = replace(client.transport.peer, certificates=shown(pki))
    await client.negotiate()
    await client.log_on()
    [connection] = server.connections
    return client, connection


async def test_its_connection_ends(
    server: Server, pki: PkiDirectory, clock: CertificateClock
) -> None:
    client, connection = await connected(server, pki, asked_for=True)
    assert connection.certificate.timer is not None
    left = connection.certificate.timer.when() - asyncio.get_running_loop().time()
    [leaf, *_] = load_certificates(pki.client.certificate)
    assert abs(left - (leaf.not_valid_after_utc - now_utc()).total_seconds()) < 3600
    # As long as it holds, nothing happens.
    connection.certificate.check()
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS
    clock.ahead = timedelta(days=5000)
    connection.certificate.check()
    await client.transport.wait_closed()
    assert client.transport.closed == "access denied"
    await client.close()


async def test_its_connection_through_a_gateway_ends(
    pki: PkiDirectory,
    clock: CertificateClock,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
) -> None:
    client = End(1)
    client.peer = replace(client.peer, kind="quic", certificates=shown(pki))
    gateway = Gateway(
        [PoolOptions(backends=["tcp://127.0.0.1:1"])],
        BackendOptions(),
        certificates(pki, asked_for=True),
        Limits(),
        AuditLog(),
    )
    serving = asyncio.create_task(gateway.serve(client))
    await until(lambda: bool(gateway.connections))
    [connection] = gateway.connections
    connection.certificate.check()
    assert client.reasons == []
    clock.ahead = timedelta(days=5000)
    connection.certificate.check()
    await serving
    assert client.reasons[0] == "access denied"


async def test_who_needed_no_certificate_stays(
    server: Server, pki: PkiDirectory, clock: CertificateClock
) -> None:
    client, connection = await connected(server, pki, asked_for=False)
    assert connection.certificate.timer is None
    clock.ahead = timedelta(days=5000)
    connection.certificate.check()
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS
    await client.close()

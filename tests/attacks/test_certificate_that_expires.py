"""A client stays connected with a certificate that has expired meanwhile."""

import asyncio
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.ntstatus import NtStatus
from smbquic.pki import IdentityFiles, PkiDirectory
from smbquic.pki.files import load_certificates
from smbquic.pki.reload import ServerCertificates
from smbquic.pki.subject import now_utc
from smbquic.protocol.settings import ClientSettings
from smbquic.server.connection import ServerConnection
from smbquic.server.server import Server
from smbquic.wire.echo import EchoRequest
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


async def connected(
    server: Server, pki: PkiDirectory, *, asked_for: bool
) -> tuple[Client, ServerConnection]:
    """A client that has shown its certificate, and what the server keeps for it."""
    files = IdentityFiles(
        certificate=pki.server.certificate,
        key=pki.server.key,
        default=True,
        client_ca=pki.ca if asked_for else None,
        allow=() if asked_for else None,
    )
    server.access.certificates = ServerCertificates([files])
    client = Client(server, ClientSettings(client_guid=bytes(16)), "quic")
    shown = load_certificates(pki.client.certificate)
    chain = tuple(each.public_bytes(Encoding.DER) for each in shown)
    client.transport.peer = replace(client.transport.peer, certificates=chain)
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


async def test_who_needed_no_certificate_stays(
    server: Server, pki: PkiDirectory, clock: CertificateClock
) -> None:
    client, connection = await connected(server, pki, asked_for=False)
    assert connection.certificate.timer is None
    clock.ahead = timedelta(days=5000)
    connection.certificate.check()
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS
    await client.close()

"""Every certificate of the tables, shown on real connections, and what both ends make of it."""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aioquic.quic.configuration import QuicConfiguration

from smbquic.api import server as api
from smbquic.api.serving import Serving
from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.session import Session
from smbquic.client.transports import client_tls
from smbquic.errors import HandshakeError, TransportError
from smbquic.options.certificate import IdentityFiles
from smbquic.options.client import TrustOptions
from smbquic.options.quic import EngineName
from smbquic.pki import CertificateFiles, PkiError, Purpose
from smbquic.protocol.settings import ClientSettings
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.aioquic import configuration as aioquic
from smbquic.transport.quic.engine import CRYPTO_ERROR, CloseReason
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import handshake_failure
from tests import with_workers
from tests.certificates import bad, good
from tests.certificates.good import Good
from tests.certificates.making import NAME, RevocationLists, Shown, world
from tests.certificates.page import alert
from tests.certificates.row import Bad
from tests.engines import ENGINES
from tests.integration.auditing import AuditRecords

PASSWORD = "correct horse"
PATIENCE = 60.0
WORDS = {
    42: "bad-certificate",
    43: "bad-certificate",
    44: "revoked",
    45: "expired",
    48: "unknown-ca",
    50: "handshake",
    51: "wrong-key",
    80: "handshake",
    116: "no-certificate",
}
"""The reason that the receiver of a TLS alert gives."""


def each(
    rows: Sequence[Bad | Good], runs_on: Callable[[Any], Sequence[str]] = lambda row: ENGINES
) -> pytest.MarkDecorator:
    """A test for each of the rows, on each of the engines that it runs on."""
    pairs = [(row, engine) for row in rows for engine in runs_on(row)]
    names = [f"{'-'.join(row.name.split())}-{engine}" for row, engine in pairs]
    return pytest.mark.parametrize(("row", "engine"), pairs, ids=names)


def able_to_show(row: Bad | Good) -> Sequence[str]:
    """Return the engines that can show a certificate: rustls refuses some of its own."""
    refused = ("RSA with 1024 bits", "a critical extension that nobody knows")
    return ["aioquic", "qh3"] if row.name in refused else ENGINES


@pytest.fixture
def close_reasons(monkeypatch: pytest.MonkeyPatch) -> list[CloseReason]:
    """How handshakes ended, at both ends."""
    seen: list[CloseReason] = []

    def note(close_reason: CloseReason, peer: str) -> TransportError:
        seen.append(close_reason)
        return handshake_failure(close_reason, peer)

    monkeypatch.setattr("smbquic.transport.quic.connection.handshake_failure", note)
    return seen


def were_told(close_reasons: list[CloseReason], number: int) -> None:
    """One end refused with the TLS alert of that number, and the other one got it."""
    found = {(close_reason.ours, close_reason.code) for close_reason in close_reasons}
    ends = {(True, CRYPTO_ERROR + number), (False, CRYPTO_ERROR + number)}
    if with_workers.WORKERS:
        # The end of a server is in another process; its audit record says what it refused, or got.
        assert found
        assert found <= ends
    else:
        assert found == ends


def identity(files: CertificateFiles, **more: Any) -> IdentityFiles:
    return IdentityFiles(certificate=files.certificate, key=files.key, default=True, **more)


def serving(
    folder: Path, shown: IdentityFiles, records: AuditRecords, engine: EngineName = "auto"
) -> AbstractAsyncContextManager[Serving]:
    return api.serve(
        {"data": folder},
        {"alice": PASSWORD},
        ["quic://127.0.0.1:0"],
        certificates=[shown],
        audit=records,
        engine=engine,
    )


async def connect(
    url: str, trust: quic.ClientTls, name: str, engine: EngineName
) -> MessageTransport:
    options = QuicOptions(engine=engine, handshake_timeout=PATIENCE)
    port = int(url.rpartition(":")[2])
    return await quic.connect(
        "127.0.0.1", port, trust=trust, server_name=name, options=options, timeout=PATIENCE
    )


async def talk(running: Serving, trust: quic.ClientTls, name: str, engine: EngineName) -> None:
    """Connect, log on, and connect to the share."""
    transport = await connect(running.listeners[0], trust, name, engine)
    settings = ClientSettings(client_guid=os.urandom(16))
    opened = await ClientConnection.open(transport, settings, server_name=name)
    try:
        session = await Session.logon(opened, Credentials("alice", PASSWORD), host=name)
        await session.tree("data")
    finally:
        await opened.close()


def nothing_came_of_it(running: Serving, records: AuditRecords) -> None:
    """No connection, no session, and no record of any."""
    assert [record["event"] for record in records.records] == ["handshake-failure"]
    assert not running.server.connections
    assert not running.server.sessions


# Servers that show a bad certificate.


@each([row for row in bad.rows(Purpose.SERVER) if not row.refuses], able_to_show)
async def test_a_bad_server_is_refused(
    row: Bad,
    engine: EngineName,
    tmp_path: Path,
    close_reasons: list[CloseReason],
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = row.make(world(), Purpose.SERVER).write(tmp_path, "bad")
    better = world().leaf(Purpose.SERVER).write(tmp_path, "better")
    ca, crl = world().write_trust(tmp_path, row.lists)
    records = AuditRecords()
    caplog.set_level(logging.WARNING)
    async with serving(tmp_path, identity(files), records, engine) as running:
        said = [text for text in caplog.messages if str(files.certificate) in text]
        assert any(row.at_start in text for text in said) if row.at_start else not said

        with pytest.raises(HandshakeError) as refused:
            await talk(running, client_tls(TrustOptions(ca=ca, crl=crl)), row.asked, engine)
        assert (refused.value.reason, refused.value.by_peer) == (row.reason, False)
        assert row.words(Purpose.SERVER) in str(refused.value)

        failure = await records.first("handshake-failure")
        assert row.words(Purpose.SERVER) in failure["message"]
        assert failure["reason"] == WORDS[alert(row, Purpose.SERVER)]
        were_told(close_reasons, alert(row, Purpose.SERVER))
        nothing_came_of_it(running, records)

        running.reload([identity(better)])
        await talk(running, client_tls(TrustOptions(ca=ca)), NAME, engine)
        if row.at_start and not row.warns:
            with pytest.raises(PkiError, match=re.escape(row.at_start)):
                running.reload([identity(files)])
    assert [record["user"] for record in records.of("logon")] == ["alice"]


@each(
    [row for row in bad.rows(Purpose.SERVER) if row.refuses],
    # A client on qh3 does not say that it could read a signature with Ed25519, so it gets none.
    # The native engine verifies a chain before the signature, and has another alert for no chain.
    lambda row: (
        ["aioquic"]
        if row.reason == "unsupported-key"
        else ["aioquic", "qh3"]
        if row.reason in ("wrong-key", "no-certificate")
        else ENGINES
    ),
)
async def test_a_server_that_does_not_start_would_be_refused_as_well(
    row: Bad,
    engine: EngineName,
    tmp_path: Path,
    close_reasons: list[CloseReason],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = row.make(world(), Purpose.SERVER)
    files = shown.write(tmp_path, "bad")
    with pytest.raises(PkiError, match=re.escape(row.at_start)):
        async with serving(tmp_path, identity(files), AuditRecords(), engine):
            pass

    accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()
    failures: asyncio.Queue[Exception] = asyncio.Queue()
    ca, crl = world().write_trust(tmp_path, row.lists)
    with monkeypatch.context() as unchecked:
        show_unchecked(unchecked, shown)
        listener = await quic.listen(
            "127.0.0.1",
            0,
            accepted.put,
            certificate=quic.ServerTls(files.certificate, files.key),
            options=QuicOptions(engine="aioquic"),
        )
    listener.on_failed = lambda address, error, peer: failures.put_nowait(error)
    with pytest.raises(HandshakeError) as refused:
        await connect(listener.url, client_tls(TrustOptions(ca=ca, crl=crl)), row.asked, engine)
    assert refused.value.reason == row.reason
    assert row.words(Purpose.SERVER) in str(refused.value)
    failure = await asyncio.wait_for(failures.get(), PATIENCE)
    assert isinstance(failure, HandshakeError)
    assert failure.reason == WORDS[alert(row, Purpose.SERVER)]
    were_told(close_reasons, alert(row, Purpose.SERVER))
    assert accepted.empty()

    better = world().leaf(Purpose.SERVER).write(tmp_path, "better")
    listener.reload(quic.ServerTls(better.certificate, better.key))
    transport = await connect(listener.url, client_tls(TrustOptions(ca=ca)), NAME, engine)
    await asyncio.wait_for(accepted.get(), PATIENCE)
    transport.close()
    await transport.wait_closed()
    await listener.close()


class AsItIs(list["Raw"]):
    """A chain that nothing is put before."""

    def __radd__(self, before: object) -> "AsItIs":
        return self


class Raw:
    """A stand-in for a certificate, for code that only wants its bytes."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def public_bytes(self, encoding: object) -> bytes:
        return self._der


def show_unchecked(monkeypatch: pytest.MonkeyPatch, shown: Shown) -> None:
    """Have an end on aioquic take files as they are, whether they go together or not."""

    def load(configuration: QuicConfiguration, certificate: object, key: object) -> None:
        configuration.certificate = Raw(b"")
        configuration.certificate_chain = AsItIs(map(Raw, shown.chain))
        configuration.private_key = shown.key

    monkeypatch.setattr(aioquic, "load_identity", load)


# Clients that show a bad certificate.


@each(
    bad.rows(Purpose.CLIENT),
    # Only aioquic can be made to show files that do not go together.
    lambda row: (
        ["aioquic"] if row.refuses and row.reason != "no-certificate" else able_to_show(row)
    ),
)
async def test_a_bad_client_is_refused(
    row: Bad,
    engine: EngineName,
    tmp_path: Path,
    close_reasons: list[CloseReason],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = row.make(world(), Purpose.CLIENT)
    server = world().leaf(Purpose.SERVER).write(tmp_path, "server")
    files = shown.write(tmp_path, "bad")
    better = world().leaf(Purpose.CLIENT).write(tmp_path, "better")
    ca, crl = world().write_trust(tmp_path, row.lists)
    records = AuditRecords()
    theirs = identity(server, client_ca=ca, client_crl=crl)
    # The native engine verifies a chain before the signature.
    judge: EngineName = "aioquic" if row.refuses else "auto"
    async with serving(tmp_path, theirs, records, judge) as running:
        with monkeypatch.context() as unchecked:
            if row.refuses:
                show_unchecked(unchecked, shown)
            with pytest.raises(HandshakeError) as refused:
                await talk(running, showing(ca, files if shown.chain else None), NAME, engine)
        assert refused.value.reason == WORDS[alert(row, Purpose.CLIENT)]
        assert refused.value.by_peer
        assert row.words(Purpose.CLIENT) in str(refused.value)

        failure = await records.first("handshake-failure")
        assert failure["reason"] == row.reason
        assert row.words(Purpose.CLIENT) in failure["message"]
        were_told(close_reasons, alert(row, Purpose.CLIENT))
        nothing_came_of_it(running, records)

        if row.lists in (RevocationLists.NOT_OF_ISSUER, RevocationLists.ENDED):
            # No client can be accepted with these.
            running.reload([identity(server, client_ca=ca)])
        await talk(running, showing(ca, better), NAME, engine)
    assert [record["user"] for record in records.of("logon")] == ["alice"]


def showing(ca: Path, files: CertificateFiles | None) -> quic.ClientTls:
    """A client that shows a certificate."""
    if files is None:
        return client_tls(TrustOptions(ca=ca))
    return client_tls(
        TrustOptions(ca=ca, client_certificate=files.certificate, client_key=files.key)
    )


# And those that are good.


@each(good.rows(Purpose.SERVER))
async def test_a_good_server_is_accepted(
    row: Good, engine: EngineName, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = row.make(world(), Purpose.SERVER).write(tmp_path, "good")
    ca, crl = world().write_trust(tmp_path, row.lists)
    records = AuditRecords()
    caplog.set_level(logging.WARNING)
    async with serving(tmp_path, identity(files), records, engine) as running:
        said = [text for text in caplog.messages if str(files.certificate) in text]
        assert any(row.warned in text for text in said) if row.warned else not said
        await talk(running, client_tls(TrustOptions(ca=ca, crl=crl)), row.asked, engine)
    assert [record["user"] for record in records.of("logon")] == ["alice"]


@each(good.rows(Purpose.CLIENT))
async def test_a_good_client_is_accepted(row: Good, engine: EngineName, tmp_path: Path) -> None:
    files = row.make(world(), Purpose.CLIENT).write(tmp_path, "good")
    server = world().leaf(Purpose.SERVER).write(tmp_path, "server")
    ca, crl = world().write_trust(tmp_path, row.lists)
    records = AuditRecords()
    theirs = identity(server, client_ca=ca, client_crl=crl)
    async with serving(tmp_path, theirs, records) as running:
        await talk(running, showing(ca, files), NAME, engine)
    assert len(records.of("connection")[0]["chain"]) == len(row.make(world(), Purpose.CLIENT).chain)
    assert [record["user"] for record in records.of("logon")] == ["alice"]

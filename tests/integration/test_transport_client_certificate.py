"""Checks of a client's certificate by a QUIC server."""

import asyncio
import logging

import pytest

from smbquic.errors import HandshakeError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, verify
from smbquic.transport import quic
from tests.integration.handshaking import EchoServer, close
from tests.integration.pairing import CERTIFYING

certifying = pytest.mark.parametrize("pairing", CERTIFYING, indirect=True)
"""For a server that asks for a client's certificate, which qh3 cannot."""


def demanding(pki: PkiDirectory) -> quic.ServerTls:
    """A server that demands a certificate of the test's CA."""
    trust = Trust.load(pki.ca)

    def verify_chain(chain: list[bytes]) -> None:
        verify(chain, Purpose.CLIENT, trust)

    return quic.ServerTls(
        pki.server.certificate, pki.server.key, client_ca=pki.ca, verify=verify_chain
    )


@certifying
async def test_a_client_shows_its_certificate_when_asked(
    echo_server: EchoServer, pki: PkiDirectory
) -> None:
    await echo_server.start(demanding(pki))
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    client = await echo_server.connect(trust)
    accepted = await echo_server.connection()

    assert accepted.peer.authenticated
    assert len(accepted.peer.certificates) == 2
    await client.send(b"accepted")
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"accepted"
    await close(client)


@certifying
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EXPIRED, "expired"),
        (Fault.UNKNOWN_CA, "unknown-ca"),
        (Fault.WRONG_USAGE, "bad-certificate"),
    ],
)
async def test_a_bad_client_is_refused_with_the_reason(
    echo_server: EchoServer, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault, reason: str
) -> None:
    await echo_server.start(demanding(pki))
    files = bad_pki.client(fault)
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError) as caught:
        await echo_server.connect(trust)

    assert caught.value.reason == reason
    assert echo_server.accepted.empty()


@certifying
async def test_a_client_without_a_certificate_is_refused(
    echo_server: EchoServer, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    await echo_server.start(demanding(pki))
    with (
        caplog.at_level(logging.INFO, "smbquic"),
        pytest.raises(HandshakeError, match="demands a client certificate") as caught,
    ):
        await echo_server.connect(quic.ClientTls(ca=pki.ca))

    assert caught.value.reason == "no-certificate"
    assert echo_server.accepted.empty()
    assert "the client showed no certificate" in caplog.text


@certifying
async def test_access_rules_have_an_alert_of_their_own(
    echo_server: EchoServer, pki: PkiDirectory
) -> None:
    def verify_chain(chain: list[bytes]) -> None:
        raise HandshakeError("rule 3 denies it", "access-denied")

    identity = quic.ServerTls(pki.server.certificate, pki.server.key, verify=verify_chain)
    await echo_server.start(identity)
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError, match="rule 3 denies it") as caught:
        await echo_server.connect(trust)

    assert caught.value.reason == "access-denied"


@certifying
async def test_a_verify_function_that_fails_refuses_the_client(
    echo_server: EchoServer, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    def verify_chain(chain: list[bytes]) -> None:
        raise ZeroDivisionError

    await echo_server.start(
        quic.ServerTls(pki.server.certificate, pki.server.key, verify=verify_chain)
    )
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError):
        await echo_server.connect(trust)

    assert echo_server.accepted.empty()
    assert "ZeroDivisionError" in caplog.text

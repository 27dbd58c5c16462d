"""Checks of a server's certificate by a QUIC client."""

import asyncio
from pathlib import Path

import pytest

from smbquic.errors import HandshakeError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, init, verify
from smbquic.transport import quic
from tests.integration.handshaking import (
    EchoServer,
    close,
    one_client,
)
from tests.integration.pairing import Pairing


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_trusted_server_is_trusted_by_name_and_by_address(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, host: str
) -> None:
    await echo_server.start(identity)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), host)
    accepted = await echo_server.connection()
    names = {"127.0.0.1": "", "localhost": "localhost"}

    assert client.peer.authenticated
    assert client.peer.alpn == accepted.peer.alpn == "smb"
    assert client.peer.cipher == accepted.peer.cipher == "AES_128_GCM_SHA256"
    assert client.peer.server_name == host
    assert accepted.peer.server_name == names[host]
    assert len(client.peer.certificates) == 2
    assert client.peer.certificates[0].startswith(b"\x30")
    await close(client)


async def test_the_name_may_differ_from_the_host(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(identity)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), server_name="fs.example")

    assert (await echo_server.connection()).peer.server_name == "fs.example"
    await close(client)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EXPIRED, "expired"),
        (Fault.NOT_YET_VALID, "not-yet-valid"),
        (Fault.WRONG_NAME, "wrong-name"),
        (Fault.UNKNOWN_CA, "unknown-ca"),
        (Fault.SELF_SIGNED, "unknown-ca"),
    ],
)
async def test_a_bad_server_is_refused_with_the_reason(
    echo_server: EchoServer, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault, reason: str
) -> None:
    files = bad_pki.server(fault)
    await echo_server.start(quic.ServerTls(files.certificate, files.key))
    with pytest.raises(HandshakeError, match=r"the certificate of quic://127\.0\.0\.1") as caught:
        await echo_server.connect(quic.ClientTls(ca=pki.ca))

    assert caught.value.reason == reason
    assert echo_server.accepted.empty()


@pytest.mark.parametrize("fault", [Fault.EXPIRED, Fault.WRONG_NAME, Fault.WRONG_USAGE])
async def test_the_reason_of_a_verify_function_is_passed_on(
    echo_server: EchoServer, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault
) -> None:
    files = bad_pki.server(fault)
    await echo_server.start(quic.ServerTls(files.certificate, files.key))
    trust = Trust.load(pki.ca)

    def verify_chain(chain: list[bytes], name: str) -> None:
        verify(chain, Purpose.SERVER, trust, name=name)

    with pytest.raises(HandshakeError, match="certificate") as caught:
        await echo_server.connect(quic.ClientTls(verify=verify_chain), "localhost")

    assert caught.value.reason == fault.value
    assert echo_server.accepted.empty()


async def test_a_verify_function_may_accept_the_chain(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    asked: list[tuple[int, str]] = []
    await echo_server.start(identity)
    trust = quic.ClientTls(verify=lambda chain, name: asked.append((len(chain), name)))
    client = await echo_server.connect(trust, "localhost")

    assert asked == [(2, "localhost")]
    assert client.peer.authenticated
    await close(client)


async def test_no_server_is_trusted_by_default(
    echo_server: EchoServer, identity: quic.ServerTls
) -> None:
    await echo_server.start(identity)
    with pytest.raises(HandshakeError, match="not trusted") as caught:
        await echo_server.connect(quic.ClientTls())

    assert caught.value.reason == "unknown-ca"


async def test_insecure_means_that_the_server_is_not_authenticated(
    echo_server: EchoServer, bad_pki: FaultyPki
) -> None:
    files = bad_pki.server(Fault.EXPIRED)
    await echo_server.start(quic.ServerTls(files.certificate, files.key))
    client = await echo_server.connect(quic.ClientTls(insecure=True))

    assert client.peer.encrypted
    assert not client.peer.authenticated
    assert client.peer.certificates == ()
    await close(client)


@one_client
async def test_the_file_of_a_ca_must_hold_one(
    pki: PkiDirectory, tmp_path: Path, pairing: Pairing
) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    with pytest.raises(HandshakeError, match="holds no certificate"):
        await pairing.connect("127.0.0.1", 1, trust=quic.ClientTls(ca=tmp_path / "empty.pem"))


async def test_a_renewed_certificate_is_used_from_the_next_connection_on(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, tmp_path: Path
) -> None:
    await echo_server.start(identity)
    before = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    other = init(tmp_path / "other")
    echo_server.listener.reload(quic.ServerTls(other.server.certificate, other.server.key))
    after = await echo_server.connect(quic.ClientTls(ca=other.ca))
    with pytest.raises(HandshakeError):
        await echo_server.connect(quic.ClientTls(ca=pki.ca))
    with pytest.raises(OSError, match="missing"):
        echo_server.listener.reload(
            quic.ServerTls(tmp_path / "missing.pem", tmp_path / "missing.key")
        )
    echo_server.listener.reload()
    again = await echo_server.connect(quic.ClientTls(ca=other.ca))
    await before.send(b"still here")

    assert bytes(await asyncio.wait_for(before.receive(), 20)) == b"still here"
    for transport in (before, after, again):
        await close(transport)

"""How a QUIC connection comes about: addresses, ports, names, and what is logged."""

import asyncio
import io
import json
import socket
from pathlib import Path

import pytest

from smbquic.errors import ConnectError
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from tests.integration.handshaking import (
    EchoServer,
    close,
    one_client,
    one_server,
)
from tests.integration.pairing import PAIRINGS, Pairing

TRACING = [each for each in PAIRINGS if "native" not in each]
"""Pairings of engines that write qlog traces."""


def find_port() -> int:
    """A UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@one_client
async def test_a_closed_port_is_reported_at_once(pki: PkiDirectory, pairing: Pairing) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(ConnectError, match="nothing listens"):
            await pairing.connect(
                "127.0.0.1", find_port(), trust=quic.ClientTls(ca=pki.ca), timeout=60
            )


@one_client
async def test_a_server_that_does_not_answer_is_given_up(
    pki: PkiDirectory, pairing: Pairing
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectError, match=r"did not answer within 0\.2 s.*UDP port"):
            await pairing.connect(
                "127.0.0.1", sock.getsockname()[1], trust=quic.ClientTls(ca=pki.ca), timeout=0.2
            )
        with pytest.raises(ConnectError, match="did not complete the handshake"):
            await pairing.connect(
                "127.0.0.1",
                sock.getsockname()[1],
                trust=quic.ClientTls(ca=pki.ca),
                options=quic.QuicOptions(handshake_timeout=0.2),
            )


@one_client
async def test_a_name_without_an_address_is_reported(pki: PkiDirectory, pairing: Pairing) -> None:
    with pytest.raises(ConnectError, match=r"'nowhere\.invalid' cannot be resolved"):
        await pairing.connect("nowhere.invalid", 443, trust=quic.ClientTls(ca=pki.ca))


@one_server
async def test_a_port_in_use_is_an_os_error(
    echo_server: EchoServer, identity: quic.ServerTls, pairing: Pairing
) -> None:
    await echo_server.start(identity)
    with pytest.raises(OSError, match="in use"):
        await pairing.listen("127.0.0.1", echo_server.port, echo_server.serve, certificate=identity)


async def test_ipv6(echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory) -> None:
    await echo_server.start(identity, host="::1")
    assert echo_server.listener.url == f"quic://[::1]:{echo_server.port}"
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), "::1")
    await client.send(b"six")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"six"
    assert client.peer.remote == ("::1", echo_server.port)
    await close(client)


@pytest.mark.parametrize(("any_", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
async def test_a_listener_on_all_addresses_answers_from_the_one_it_was_asked_at(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, any_: str, host: str
) -> None:
    await echo_server.start(identity, host=any_)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), host)
    if host == "127.0.0.1":
        # All of 127/8 is this machine; a client drops answers from another address.
        other = await echo_server.connect(
            quic.ClientTls(ca=pki.ca), "127.0.0.77", server_name="localhost"
        )
        await close(other)
    await client.send(b"any")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"any"
    await close(client)


def qlog_file(folder: Path) -> Path:
    (trace,) = folder.glob("*.qlog")
    return trace


async def test_secrets_are_logged_where_asked(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    secrets = io.StringIO()
    options = quic.QuicOptions(secrets_log=secrets)
    await echo_server.start(identity, options=options)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), options=options)
    await close(client)

    assert secrets.getvalue().count("CLIENT_TRAFFIC_SECRET_0") == 2


@pytest.mark.parametrize("pairing", TRACING, indirect=True)
async def test_events_are_logged_where_asked(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, tmp_path: Path
) -> None:
    folders = [tmp_path / "client", tmp_path / "server"]
    for folder in folders:
        folder.mkdir()
    options = [quic.QuicOptions(qlog=folder) for folder in folders]
    await echo_server.start(identity, options=options[1])
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca), options=options[0])
    await client.send(b"x")
    await client.receive()
    await close(client)
    await echo_server.listener.close()
    traces = [json.loads(path.read_text())["traces"] for path in map(qlog_file, folders)]

    assert [trace["vantage_point"]["type"] for (trace,) in traces] == ["client", "server"]

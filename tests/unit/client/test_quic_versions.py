import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from smbquic.client import quic_versions
from smbquic.transport.addresses import Address


def negotiation(*versions: int, ids: bytes = b"\x08" + bytes(8) + b"\x08" + bytes(8)) -> bytes:
    """A Version Negotiation packet. [RFC9000] 17.2.1"""
    return b"\x80" + bytes(4) + ids + b"".join(each.to_bytes(4, "big") for each in versions)


class VersionServer(asyncio.DatagramProtocol):
    """Answers the datagram with a number, and keeps all of them."""

    def __init__(self, answers: dict[int, bytes]) -> None:
        self.answers = answers
        self.received: list[bytes] = []
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)
        answer = self.answers.get(len(self.received))
        if answer is not None:
            self.transport.sendto(answer, addr)


@pytest.fixture
async def server() -> AsyncIterator[VersionServer]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: VersionServer({}), local_addr=("127.0.0.1", 0)
    )
    yield made
    transport.close()


def address_of(server: VersionServer) -> Address:
    host, port = server.transport.get_extra_info("sockname")
    return Address(socket.AF_INET, (host, port))


@pytest.mark.parametrize(
    ("packet", "versions"),
    [
        (negotiation(1), [1]),
        (negotiation(1, 0x6B3343CF, 0xFF00001D), [1, 0x6B3343CF, 0xFF00001D]),
        (negotiation(1, ids=b"\0\0"), [1]),
        (negotiation(1, ids=b"\x14" + bytes(20) + b"\0"), [1]),
        (negotiation(), None),
        (negotiation(1)[:-1], None),
        (negotiation(1, ids=b"\xff\0"), None),
        (b"\x40" + negotiation(1)[1:], None),
        (b"\xc0\0\0\0\1" + negotiation(1)[5:], None),
        (b"", None),
    ],
)
def test_versions_of_a_packet(packet: bytes, versions: list[int] | None) -> None:
    assert quic_versions.parse(packet) == versions


async def test_a_server_is_asked_with_a_version_that_does_not_exist(server: VersionServer) -> None:
    server.answers[1] = negotiation(1)
    assert await quic_versions.query(address_of(server), 60.0) == [1]
    [datagram] = server.received
    assert len(datagram) == 1200
    assert datagram[0] & 0xC0 == 0xC0
    assert datagram[1:5] == bytes.fromhex("1a2a3a4a")  # ?a?a?a?a is reserved: [RFC9000] 15


async def test_a_server_is_asked_again_and_other_datagrams_are_not_looked_at(
    server: VersionServer,
) -> None:
    server.answers[1] = b"something else"
    server.answers[2] = negotiation(1, 2)
    assert await quic_versions.query(address_of(server), 3.0) == [1, 2]


async def test_a_silent_server_says_nothing(server: VersionServer) -> None:
    assert await quic_versions.query(address_of(server), 0.03) is None
    assert len(server.received) == 3


async def test_a_port_that_nobody_has_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await quic_versions.query(Address(socket.AF_INET, ("127.0.0.1", port)), 60.0)


async def test_the_first_answer_counts() -> None:
    query = quic_versions._VersionQuery()
    query.datagram_received(b"noise", None)
    query.datagram_received(negotiation(1, 2), None)
    query.datagram_received(negotiation(3), None)
    query.error_received(ConnectionRefusedError("refused"))

    assert await query.answer == [1, 2]


async def test_the_first_error_counts() -> None:
    query = quic_versions._VersionQuery()
    query.error_received(ConnectionRefusedError("refused"))
    query.error_received(OSError("unreachable"))
    query.datagram_received(negotiation(1), None)

    with pytest.raises(ConnectionRefusedError, match="refused"):
        await query.answer


def test_versions_that_can_be_spoken() -> None:
    # [RFC9000] 15, [RFC9369] 3.1
    assert quic_versions.KNOWN == {1: "1", 0x6B3343CF: "2"}

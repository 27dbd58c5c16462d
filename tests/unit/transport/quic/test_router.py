"""Which connection receives a datagram."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.packet import VERSION_1, VERSIONS
from smbquic.transport.quic.router import Router
from smbquic.transport.quic.udp import Path

PATH = (("192.0.2.1", 50000), b"")
OTHER_PATH = (("192.0.2.9", 50000), b"")
ID = bytes(range(8))
V1 = b"\0\0\0\1"
V2 = bytes.fromhex("6b3343cf")


class FakeDestination:
    """A connection that records what it receives."""

    def __init__(self) -> None:
        self.got: list[tuple[object, ...]] = []
        self.codepoints: list[int] = []
        self.batches = 0
        self.errors: list[OSError] = []

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        self.got.append((datagram, path, now))
        self.codepoints.append(ecn)

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        self.got.append((segments, size, path, now))
        self.codepoints.append(ecn)

    def batch_received(self, now: float) -> None:
        self.batches += 1

    def error_received(self, error: OSError) -> None:
        self.errors.append(error)


class RoutingServer:
    """A router with everything around it."""

    def __init__(self, *, accepts: bool = True, versions: tuple[int, ...] = VERSIONS) -> None:
        self.asked: list[bytes] = []
        self.asked_with: list[int] = []
        self.replies: list[bytes] = []
        self.accepted = FakeDestination() if accepts else None
        self.router = Router(
            self.accept,
            lambda datagram, path: self.replies.append(datagram),
            versions=lambda datagram: versions,
        )

    def accept(
        self, datagram: bytes, connection_id: bytes, path: Path, now: float, ecn: int
    ) -> FakeDestination | None:
        self.asked.append(connection_id)
        self.asked_with.append(ecn)
        return self.accepted

    def feed(self, datagram: bytes) -> None:
        self.router.datagram_received(datagram, PATH, 1.0)
        self.router.batch_received(1.0)


def long_header(
    first: int = 0xC0, version: bytes = V1, destination: bytes = ID, size: int = 1200
) -> bytes:
    head = bytes([first]) + version + bytes([len(destination)]) + destination
    return (head + b"\x08clientid").ljust(size, b"\0")


def test_short_headers_go_by_their_first_eight_bytes() -> None:
    server, destination = RoutingServer(), FakeDestination()
    server.router.add(ID, destination)
    server.feed(b"\x40" + ID + b"payload")
    server.router.datagram_received(b"\x40" + ID, OTHER_PATH, 2.0)

    assert destination.got == [
        (b"\x40" + ID + b"payload", PATH, 1.0),
        (b"\x40" + ID, OTHER_PATH, 2.0),
    ]
    assert server.asked == []


def test_codepoints_stay_with_their_datagrams() -> None:
    server, destination = RoutingServer(), FakeDestination()
    server.router.add(ID, destination)
    datagram = short_header(ID, b"1111")
    server.router.datagram_received(datagram, PATH, 1.0, 1)
    server.router.segments_received(datagram + datagram, len(datagram), PATH, 1.0, 2)
    other = short_header(bytes(8), b"1111")
    server.router.segments_received(datagram + other, len(datagram), PATH, 1.0, 3)
    server.router.datagram_received(long_header(destination=b"another!"), PATH, 1.0, 2)

    assert destination.codepoints == [1, 2, 3]
    assert server.accepted is not None
    assert (server.accepted.codepoints, server.asked_with) == ([2], [2])


def test_long_headers_go_by_the_id_they_name() -> None:
    server, destination = RoutingServer(), FakeDestination()
    server.router.add(b"longer than eight", destination)
    server.feed(long_header(0xE0, destination=b"longer than eight", size=50))

    assert len(destination.got) == 1


def test_a_destination_answers_once_for_many_datagrams() -> None:
    server, one, two = RoutingServer(), FakeDestination(), FakeDestination()
    server.router.add(ID, one)
    server.router.add(ID[::-1], two)
    for _ in range(3):
        server.router.datagram_received(b"\x40" + ID, PATH, 1.0)
    server.router.batch_received(1.0)
    server.router.batch_received(1.0)

    assert (one.batches, two.batches) == (1, 0)


def test_what_a_thread_has_received_is_acted_on_with_the_batch() -> None:
    server, destination = RoutingServer(), FakeDestination()
    server.router.add(ID, destination)
    server.router.data_received(ID)
    server.router.data_received(ID[::-1])
    assert destination.batches == 0
    server.router.batch_received(1.0)
    assert destination.batches == 1


def test_a_removed_id_is_nobodys() -> None:
    server, destination = RoutingServer(), FakeDestination()
    server.router.add(ID, destination)
    server.router.remove(ID)
    server.router.remove(ID)
    server.feed(b"\x40" + ID)

    assert destination.got == []


@pytest.mark.parametrize(("first", "version"), [(0xC0, V1), (0xD0, V2)])
def test_an_initial_packet_of_an_unknown_client_is_a_new_connection(
    first: int, version: bytes
) -> None:
    server = RoutingServer()
    server.feed(long_header(first, version))

    assert server.asked == [ID]
    assert server.accepted is not None
    assert len(server.accepted.got) == server.accepted.batches == 1


def test_an_unknown_client_may_be_refused() -> None:
    server = RoutingServer(accepts=False)
    server.feed(long_header())

    assert server.asked == [ID]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x40",
        b"\x40" + ID,
        b"\xc0",
        b"\xc0\0\0\0\1\x08",
        long_header(size=1199),
        long_header(0xE0),
        long_header(0xD0),
        long_header(0xC0, V2),
        long_header(destination=bytes(7)),
        long_header(destination=bytes(21)),
        long_header(version=bytes(4)),
        long_header(version=b"\x1a\x2a\x3a\x4a", size=1199),
    ],
)
def test_what_is_no_beginning_is_dropped(datagram: bytes) -> None:
    server = RoutingServer()
    server.feed(datagram)

    assert server.asked == []
    assert server.replies == []


def test_an_unknown_version_is_answered() -> None:
    server = RoutingServer()
    server.feed(long_header(0x80, b"\x1a\x2a\x3a\x4a"))
    (reply,) = server.replies

    assert reply[0] & 0x80
    assert reply[1:] == bytes(4) + b"\x08clientid" + b"\x08" + ID + V1 + V2
    assert server.asked == []


@pytest.mark.parametrize("version", [V2, b"\x1a\x2a\x3a\x4a"])
def test_a_version_that_no_engine_has_for_a_client_is_not_offered(version: bytes) -> None:
    server = RoutingServer(versions=(VERSION_1,))
    server.feed(long_header(0xD0, version))
    (reply,) = server.replies

    assert reply[1:] == bytes(4) + b"\x08clientid" + b"\x08" + ID + V1
    server.feed(long_header())
    assert server.asked == [ID]


@given(st.binary(max_size=1400))
def test_no_datagram_troubles_a_router(data: bytes) -> None:
    for server in (RoutingServer(), RoutingServer(accepts=False)):
        server.feed(data)
        server.feed(data.ljust(1200, b"\0"))
        assert all(len(reply) <= 1200 for reply in server.replies)


@given(st.binary(max_size=1400))
def test_a_client_hears_its_own_only(data: bytes) -> None:
    router, destination = Router(), FakeDestination()
    router.add(ID, destination)
    router.datagram_received(data, PATH, 1.0)
    router.datagram_received(data.ljust(1200, b"\0"), PATH, 1.0)
    mine = data[1:9] == ID or data[5:14] == b"\x08" + ID

    assert bool(destination.got) is mine


def test_errors_are_for_clients_only() -> None:
    error = OSError("refused")
    client, destination, server, other = (
        Router(),
        FakeDestination(),
        RoutingServer(),
        FakeDestination(),
    )
    client.add(ID, destination)
    client.add(ID[::-1], destination)
    client.error_received(error)
    server.router.add(ID, other)
    server.router.error_received(error)

    assert destination.errors == [error]
    assert other.errors == []


def short_header(connection_id: bytes, content: bytes) -> bytes:
    return b"\x40" + connection_id + content


def test_a_run_for_one_connection_stays_whole() -> None:
    router, destination = Router(), FakeDestination()
    router.add(ID, destination)
    segments = short_header(ID, b"1111") + short_header(ID, b"2222") + short_header(ID, b"3")
    router.segments_received(segments, 13, PATH, 1.0)
    assert destination.got == [(segments, 13, PATH, 1.0)]
    router.batch_received(1.0)
    assert destination.batches == 1


@pytest.mark.parametrize("index", range(8))
def test_a_run_for_several_connections_is_taken_apart(index: int) -> None:
    router, destination, other = Router(), FakeDestination(), FakeDestination()
    other_id = ID[:index] + b"x" + ID[index + 1 :]
    router.add(ID, destination)
    router.add(other_id, other)
    first, second = short_header(ID, b"1111"), short_header(other_id, b"2222")
    router.segments_received(first + second, 13, PATH, 1.0)
    assert destination.got == [(first, PATH, 1.0)]
    assert other.got == [(second, PATH, 1.0)]


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_segment_batch_is_taken(segments: bytes, size: int) -> None:
    RoutingServer().router.segments_received(segments, size, PATH, 1.0)


def test_what_looks_like_part_of_an_unknown_connection_is_reported() -> None:
    unmatched: list[tuple[bytes, Path, float]] = []
    router = Router(on_unmatched=lambda *arguments: unmatched.append(arguments))
    router.add(ID, FakeDestination())
    other = b"\x40" + bytes(8) + b"unknown"
    router.datagram_received(b"\x40" + ID + b"known", PATH, 1.0)
    router.datagram_received(long_header(), PATH, 1.0)
    router.datagram_received(b"", PATH, 1.0)
    router.segments_received(other + other, len(other), PATH, 2.0)

    assert unmatched == [(other, PATH, 2.0)] * 2


@pytest.mark.parametrize("size", [1, 8, 20])
def test_a_short_header_has_an_id_of_the_size_that_was_issued(size: int) -> None:
    router, destination = Router(id_size=size), FakeDestination()
    datagram = b"\x40" + bytes(range(size)) + b"more"
    router.add(bytes(range(size)), destination)
    router.datagram_received(datagram, PATH, 1.0)
    other = bytearray(datagram)
    other[size] ^= 1
    router.datagram_received(bytes(other), PATH, 1.0)
    router.segments_received(datagram + datagram, len(datagram), PATH, 1.0)
    router.segments_received(datagram + bytes(other), len(datagram), PATH, 1.0)

    got = [each[0] for each in destination.got]
    assert got == [datagram, datagram + datagram, datagram]


def test_initial_packets_of_one_size_are_of_no_connection_whose_id_they_spell() -> None:
    server, other = RoutingServer(), FakeDestination()
    datagram = long_header()
    server.router.add(datagram[1:9], other)
    server.router.segments_received(datagram + datagram, len(datagram), PATH, 1.0)

    assert other.got == []
    assert server.asked == [ID, ID]


def test_a_long_header_is_read_from_its_seventh_byte_on() -> None:
    server, none, one = RoutingServer(), FakeDestination(), FakeDestination()
    server.router.add(b"", none)
    server.router.add(b"x", one)
    for datagram in (b"\xc0" + V1 + b"\x00", b"\xc0" + V1 + b"\x01x"):
        server.feed(datagram)

    assert server.asked == []
    assert none.got == []
    assert [datagram for datagram, *_ in one.got] == [b"\xc0" + V1 + b"\x01x"]

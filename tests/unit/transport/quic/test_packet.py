"""Headers of QUIC packets, against the samples of the specifications and both engines."""

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import (
    VERSION_1,
    VERSION_2,
    VERSIONS,
    InitialHeader,
    is_initial,
    parse_initial,
    retry,
    retry_integrity_tag,
    source_id,
    version_negotiation,
)
from smbquic.transport.quic.registry import client_engine
from smbquic.transport.quic.tls import ClientTls
from smbquic.transport.quic.udp import single_datagrams
from tests.engines import ENGINES
from tests.unit.transport.quic.harness import NoIds

PATH = (("192.0.2.1", 50000), b"")
ORIGINAL_ID = bytes.fromhex("8394c8f03e515708")
SAMPLES = {
    VERSION_1: bytes.fromhex(
        "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"
    ),
    VERSION_2: bytes.fromhex(
        "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6"
    ),
}
"""[RFC9001] A.4 and [RFC9369] A.4."""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_retry_packet_is_that_of_the_specification(version: int) -> None:
    sample = SAMPLES[version]
    initial = InitialHeader(version, ORIGINAL_ID, source_id=b"", token=b"")
    made = retry(initial, bytes.fromhex("f067a5502a4262b5"), b"token")

    # Four bits of the first byte are unused, and set in the samples ([RFC9000] 17.2.5).
    assert made[0] & 0xF0 == sample[0] & 0xF0
    assert made[1:-16] == sample[1:-16]
    assert retry_integrity_tag(sample[:-16], ORIGINAL_ID, version) == sample[-16:]


@pytest.mark.parametrize("engine", ["aioquic", "qh3"])
@given(packet=st.binary(max_size=200), original_id=st.binary(max_size=20))
def test_an_integrity_tag_is_that_of_other_implementations(
    engine: str, packet: bytes, original_id: bytes
) -> None:
    theirs = import_module(f"{engine}.quic.packet").get_retry_integrity_tag
    for version in VERSIONS:
        tag = retry_integrity_tag(packet, original_id, version)
        assert tag == theirs(packet, original_id, version)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_begins_anew_with_the_token(engine: EngineName, pki: PkiDirectory) -> None:
    _, make = client_engine(ClientTls(ca=pki.ca), "localhost", QuicOptions(engine=engine), None)
    client = make(DatagramSizes(1200, 1200), NoIds())
    client.connect(PATH, 1.0)
    first, *_ = single_datagrams(client.datagrams(1.0)[0][0])
    initial = parse_initial(first)
    assert initial is not None
    assert (initial.version, initial.token) == (VERSION_1, b"")
    assert initial.source_id == source_id(first) == client.connection_id

    client.receive(retry(initial, b"retry id", b"a token"), PATH, 1.1)
    datagram, *_ = single_datagrams(client.datagrams(1.1)[0][0])
    again = parse_initial(datagram)

    assert again == InitialHeader(VERSION_1, b"retry id", client.connection_id, b"a token")


def test_initial_packets_are_recognized_in_both_versions() -> None:
    assert is_initial(b"\xc0", VERSION_1)
    assert not is_initial(b"\xe0", VERSION_1)
    assert is_initial(b"\xd0", VERSION_2)
    assert not is_initial(b"\xc0", VERSION_2)


HEADER = b"\xc0\0\0\0\1" + b"\x02id" + b"\x03you" + b"\x05token" + b"\x02" + b"##"


def test_an_initial_header_has_these_parts() -> None:
    expected = InitialHeader(VERSION_1, b"id", b"you", b"token")
    assert parse_initial(HEADER) == expected
    # Another packet may follow in the same datagram.
    assert parse_initial(HEADER + b"more") == expected


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x40" + HEADER[1:],  # a short header
        b"\x80" + HEADER[1:],  # the fixed bit is not set
        b"\xe0" + HEADER[1:],  # a handshake packet
        b"\xc0\0\0\0\2" + HEADER[5:],  # an unknown version
        b"\xc0\0\0\0\1" + b"\x15" + bytes(21) + HEADER[8:],  # an ID that is too long
        *(HEADER[:size] for size in range(len(HEADER))),
    ],
)
def test_what_is_no_initial_packet_has_no_header(wrong: bytes) -> None:
    assert parse_initial(wrong) is None


@pytest.mark.parametrize(
    ("encoded", "length"), [("05", 5), ("4005", 5), ("80000005", 5), ("c000000000000005", 5)]
)
def test_a_length_has_one_to_eight_bytes(encoded: str, length: int) -> None:
    packet = HEADER[:12] + bytes.fromhex(encoded) + b"token" + b"\x02##"
    header = parse_initial(packet)

    assert header is not None
    assert len(header.token) == length


@given(st.binary(max_size=100))
def test_any_bytes_have_a_header_or_none(data: bytes) -> None:
    for start in (b"", b"\xc0\0\0\0\1", b"\xd0\x6b\x33\x43\xcf"):
        header = parse_initial(start + data)
        assert header is None or len(header.token) <= len(data)


def test_the_answer_to_an_unknown_version_is_short_where_the_question_lies() -> None:
    question = b"\x80" + b"\x1a\x2a\x3a\x4a" + b"\x08" + ORIGINAL_ID + b"\xff" + b"x" * 1300

    assert len(version_negotiation(question, ORIGINAL_ID, VERSIONS)) <= len(question)


@pytest.mark.parametrize("source", [b"", b"you", bytes(20)])
def test_the_answer_to_an_unknown_version_names_those_that_are_known(source: bytes) -> None:
    """[RFC9000] 17.2.1."""
    question = b"\x80" + b"\x1a\x2a\x3a\x4a" + b"\x08" + ORIGINAL_ID
    question += bytes([len(source)]) + source + b"x" * 1300
    answer = version_negotiation(question, ORIGINAL_ID, VERSIONS)

    assert answer[0] & 0x80
    assert answer[1:] == b"".join(
        (
            bytes(4),
            bytes([len(source)]) + source,
            b"\x08" + ORIGINAL_ID,
            bytes.fromhex("00000001" + "6b3343cf"),
        )
    )


def test_the_other_bits_of_that_answer_are_random() -> None:
    question = b"\x80" + b"\x1a\x2a\x3a\x4a" + b"\x08" + ORIGINAL_ID + b"\0" + b"x" * 1300
    first = {version_negotiation(question, ORIGINAL_ID, VERSIONS)[0] for _ in range(200)}

    assert len(first) > 20


@pytest.mark.parametrize(
    ("destination", "source", "valid"),
    [(20, 20, True), (21, 0, False), (0, 21, False), (0, 0, True)],
)
def test_a_connection_id_has_twenty_bytes_at_most(
    destination: int, source: int, valid: bool
) -> None:
    ids = bytes([destination]) + b"d" * destination + bytes([source]) + b"s" * source
    header = parse_initial(b"\xc0\0\0\0\1" + ids + b"\x00" + b"\x02##")

    assert (header is not None) is valid

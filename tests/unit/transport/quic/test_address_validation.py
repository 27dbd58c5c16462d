"""How a client proves its address before anything is kept for it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.address_validation import AddressValidator
from smbquic.transport.quic.connection_ids import ConnectionIdFormat, ConnectionIdSource
from smbquic.transport.quic.packet import VERSIONS

# The numbers themselves, so that a change of one of them is noticed.
TOKEN_LIFETIME = 30.0

PATH = (("192.0.2.1", 50000), b"")
ORIGINAL_ID = b"original"


def make_validator(
    key: bytes = b"a key", format_: ConnectionIdFormat | None = None
) -> AddressValidator:
    return AddressValidator(key, ConnectionIdSource(format_))


def initial(destination: bytes, token: bytes = b"", version: int = 1) -> bytes:
    """The first datagram of a client whose connection ID is "client"."""
    first = 0xC0 if version == 1 else 0xD0
    return b"".join(
        (
            bytes([first]),
            version.to_bytes(4, "big"),
            bytes([len(destination)]) + destination,
            b"\x06client",
            (0x4000 | len(token)).to_bytes(2, "big") + token,
            b"\x10" + bytes(16),
        )
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_only_the_client_that_got_the_token_passes(version: int) -> None:
    validator = make_validator()
    packet = validator.retry(initial(ORIGINAL_ID, version=version), PATH, 10.0)
    assert packet is not None
    assert packet[5:12] == b"\x06client"
    source_id, token = packet[13:21], packet[21:-16]
    again = initial(source_id, token, version)

    assert validator.original_id(initial(ORIGINAL_ID, version=version), PATH, 10.0) is None
    assert validator.original_id(again, PATH, 11.0) == ORIGINAL_ID
    # Another address, another port, another ID, another listener; too late.
    assert validator.original_id(again, (("192.0.2.9", 50000), b""), 11.0) is None
    assert validator.original_id(again, (("192.0.2.1", 50001), b""), 11.0) is None
    assert validator.original_id(initial(b"other id", token, version), PATH, 11.0) is None
    assert make_validator(b"another key").original_id(again, PATH, 11.0) is None
    assert validator.original_id(again, PATH, 10.0 + TOKEN_LIFETIME) == ORIGINAL_ID
    assert validator.original_id(again, PATH, 10.1 + TOKEN_LIFETIME) is None


def test_a_validator_with_the_same_key_takes_the_token() -> None:
    worker = ConnectionIdFormat(server_id=b"server", worker=2, workers=3)
    packet = make_validator(format_=worker).retry(initial(ORIGINAL_ID), PATH, 10.0)
    assert packet is not None
    source_id, token = packet[13:30], packet[30:-16]

    assert packet[12] == len(source_id) == 17
    # The client's next datagram has this ID, which brings it to the same worker.
    assert source_id[0] % 32 % 3 == 2
    assert source_id[1:7] == b"server"
    other = make_validator()
    assert other.original_id(initial(source_id, token), PATH, 11.0) == ORIGINAL_ID


@pytest.mark.parametrize("size", range(8, 21))
def test_a_client_may_have_chosen_an_id_of_any_size(size: int) -> None:
    validator, original_id = make_validator(), bytes(range(size))
    packet = validator.retry(initial(original_id), PATH, 10.0)
    assert packet is not None

    again = initial(packet[13:21], packet[21:-16])
    assert validator.original_id(again, PATH, 10.0) == original_id


def test_a_token_cannot_be_changed() -> None:
    validator = make_validator()
    packet = validator.retry(initial(ORIGINAL_ID), PATH, 10.0)
    assert packet is not None
    source_id, token = packet[13:21], packet[21:-16]
    for index in range(len(token)):
        changed = bytearray(token)
        changed[index] ^= 1
        assert validator.original_id(initial(source_id, bytes(changed)), PATH, 10.0) is None


@pytest.mark.parametrize("size", [0, 1, 23, 24, 44, 45, 300, 1000])
def test_a_token_of_any_length_is_refused(size: int) -> None:
    validator = make_validator()

    assert validator.original_id(initial(b"retry id", os.urandom(size)), PATH, 1.0) is None


@given(st.binary(max_size=60))
def test_no_datagram_troubles_the_validator(data: bytes) -> None:
    validator = make_validator()
    validator.retry(data, PATH, 1.0)

    assert validator.original_id(data, PATH, 1.0) is None

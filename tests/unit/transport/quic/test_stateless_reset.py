"""Stateless resets: the packets that say that a connection is unknown, and their receivers."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smbquic.transport.quic.stateless_reset import (
    StatelessResets,
    is_reset,
)

# The numbers themselves, so that a change of one of them is noticed.
TOKEN_SIZE = 16
USUAL = 43
SMALLEST = 21
RATE = 1000

ID = b"12345678"
PACKET = b"\x40" + ID + bytes(100)


@pytest.fixture
def resets() -> StatelessResets:
    return StatelessResets(b"a private key", "quic://127.0.0.1:443")


def test_a_token_outlives_the_server_and_is_for_one_connection_id(resets: StatelessResets) -> None:
    again = StatelessResets(b"a private key", "quic://127.0.0.1:443")

    assert len(resets.token(ID)) == TOKEN_SIZE
    assert again.token(ID) == resets.token(ID)
    assert resets.token(b"87654321") != resets.token(ID)


def test_a_token_is_derived_as_documented(resets: StatelessResets) -> None:
    """Another version of the server has to make the same, for connections of before its update."""
    derivation = HKDF(SHA256(), 32, b"smbquic stateless reset", b"quic://127.0.0.1:443")
    key = derivation.derive(b"a private key")

    assert resets.token(ID) == hmac.digest(key, ID, hashlib.sha256)[:16]


@pytest.mark.parametrize(
    ("secret", "place"),
    [(b"another key", "quic://127.0.0.1:443"), (b"a private key", "quic://127.0.0.1:444")],
)
def test_nobody_else_knows_a_token(resets: StatelessResets, secret: bytes, place: str) -> None:
    assert StatelessResets(secret, place).token(ID) != resets.token(ID)


def test_a_reset_looks_like_a_packet_and_ends_in_the_token(resets: StatelessResets) -> None:
    first = resets.answer(PACKET, ID, 1.0)
    second = resets.answer(PACKET, ID, 1.0)

    assert first is not None
    assert second is not None
    assert len(first) == USUAL
    assert first[0] & 0xC0 == 0x40
    assert first[-TOKEN_SIZE:] == second[-TOKEN_SIZE:] == resets.token(ID)
    assert first[1:-TOKEN_SIZE] != second[1:-TOKEN_SIZE]


@pytest.mark.parametrize("size", [SMALLEST, SMALLEST + 1, USUAL, USUAL + 1, 1200])
def test_a_reset_is_smaller_than_what_it_answers_or_is_not_sent(
    resets: StatelessResets, size: int
) -> None:
    reset = resets.answer(PACKET.ljust(size, b"\0")[:size], ID, 1.0)

    if size == SMALLEST:
        assert reset is None
    else:
        assert reset is not None
        assert SMALLEST <= len(reset) < size


@pytest.mark.parametrize("now", [0.5, 5.0])
def test_unknown_clients_get_so_many_answers_a_second_and_no_more(
    resets: StatelessResets, now: float
) -> None:
    answers = [resets.answer(PACKET, ID, now) for _ in range(RATE + 2)]

    assert answers[RATE - 1] is not None
    assert answers[RATE:] == [None, None]
    assert resets.answer(PACKET, ID, now + 1.0) is not None


def test_all_bits_of_a_reset_that_may_differ_do(resets: StatelessResets) -> None:
    ones, zeros = 0, 0xFF
    for _ in range(200):
        reset = resets.answer(PACKET, ID, 1.0)
        assert reset is not None
        ones |= reset[0]
        zeros &= reset[0]

    assert (ones, zeros) == (0x7F, 0x40)


def test_only_the_announced_token_is_believed(resets: StatelessResets) -> None:
    token = resets.token(ID)
    reset = resets.answer(PACKET, ID, 1.0)
    assert reset is not None

    assert is_reset(reset, token)
    assert not is_reset(reset, resets.token(b"87654321"))
    assert not is_reset(reset, b"")
    assert not is_reset(reset, None)
    assert not is_reset(token, token)

"""Connection IDs: the format of QUIC-LB, and the worker in the first octet."""

import logging
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from smbquic.crypto.aes import AesBlockCipher
from smbquic.transport.quic import connection_ids
from smbquic.transport.quic.connection_ids import ConnectionIdFormat, ConnectionIdSource, encrypt

KEY = bytes.fromhex("8f95f09245765f80256934e50c66207f")

# draft-ietf-quic-load-balancers-21, appendix B.2: server ID, nonce, connection ID. The first octet
# is the config rotation and the length. That of the last one contradicts its rotation of 3.
ENCRYPTED = [
    ("ed793a", "ee080dbf", "0720b1d07b359d3c"),
    ("ed793a51d49b8f5fab65", "ee080dbf48", "2fcc381bc74cb4fbad2823a3d1f8fed2"),
    ("ed793a51d49b8f5f", "ee080dbf48c0d1e5", "504dd2d05a7b0de9b2b9907afb5ecf8cc3"),
    ("ed793a51d49b8f5fab", "ee080dbf48c0d1e55d", "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"),
]
FIRST_OCTETS = [("ed793a", 4, 0, 0x07), ("ed793a51d49b8f5fab65", 5, 1, 0x2F)]


def decrypted(key: bytes, block: bytes) -> bytes:
    """Decrypt as a load balancer does: the steps of the draft, 5.5.2, on strings of half octets."""
    size, digits = len(block), block.hex()
    if size == 16:
        decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
        return decryptor.update(block)
    half = (size + 1) // 2
    left, right = digits[:size].ljust(2 * half, "0"), digits[size:].rjust(2 * half, "0")

    def mixed(number: int, half_block: str) -> int:
        padded = half_block.ljust(28, "0") + f"{size:02x}{number:02x}"
        return int(AesBlockCipher(key).encrypt(bytes.fromhex(padded)).hex()[: 2 * half], 16)

    odd = size % 2
    for number in (4, 3, 2, 1):
        if number % 2:
            right = f"{int(right, 16) ^ mixed(number, left):0{2 * half}x}"
            right = "0" + right[1:] if odd else right
        else:
            left = f"{int(left, 16) ^ mixed(number, right):0{2 * half}x}"
            left = left[:-1] + "0" if odd else left
    return bytes.fromhex(left[:-1] + right[1:] if odd else left + right)


@pytest.mark.parametrize(("server_id", "nonce", "connection_id"), ENCRYPTED)
def test_vectors_of_the_draft(server_id: str, nonce: str, connection_id: str) -> None:
    plain = bytes.fromhex(server_id + nonce)
    assert encrypt(AesBlockCipher(KEY), plain).hex() == connection_id[2:]
    assert decrypted(KEY, bytes.fromhex(connection_id)[1:]) == plain


def test_example_of_the_draft() -> None:
    # draft-ietf-quic-load-balancers-21, 5.4.2.4
    cipher = AesBlockCipher(bytes.fromhex("fdf726a9893ec05c0632d3956680baf0"))
    assert encrypt(cipher, bytes.fromhex("31441a9c69c275")).hex() == "67947d29be054a"


@pytest.mark.parametrize(("server_id", "nonce_size", "rotation", "first"), FIRST_OCTETS)
def test_the_only_worker_tells_the_length(
    server_id: str, nonce_size: int, rotation: int, first: int
) -> None:
    format_ = ConnectionIdFormat(
        server_id=bytes.fromhex(server_id), key=KEY, nonce_size=nonce_size, rotation=rotation
    )
    made = ConnectionIdSource(format_).new()
    assert made[0] == first
    assert len(made) == format_.size == 1 + len(server_id) // 2 + nonce_size


def test_without_a_key_the_server_id_is_readable() -> None:
    # draft-ietf-quic-load-balancers-21, appendix B.1: 07 c4605e 4504cc4f
    format_ = ConnectionIdFormat(server_id=bytes.fromhex("c4605e"), nonce_size=4)
    made = {ConnectionIdSource(format_).new() for _ in range(50)}
    assert {each[:4].hex() for each in made} == {"07c4605e"}
    assert {len(each) for each in made} == {8}
    assert len({each[4:] for each in made}) == 50


def test_without_a_server_id_an_id_is_random() -> None:
    source = ConnectionIdSource()
    made = [source.new() for _ in range(2000)]
    assert {len(each) for each in made} == {source.size} == {8}
    for at in range(8):
        assert len({each[at] for each in made}) > 200
    assert all(map(source.is_own, made))
    assert ConnectionIdFormat().is_random
    assert not ConnectionIdFormat(workers=2).is_random
    assert not ConnectionIdFormat(server_id=b"a").is_random


server_ids = st.binary(max_size=15)
workers = st.integers(1, 32)


@given(server_ids, st.sampled_from([None, KEY]), st.integers(0, 6), workers, st.data())
def test_an_id_comes_to_its_worker_and_no_other(
    server_id: bytes, key: bytes | None, rotation: int, count: int, data: st.DataObject
) -> None:
    worker = data.draw(st.integers(0, count - 1))
    more: dict[str, Any] = {"key": key, "rotation": rotation} if server_id else {}
    format_ = ConnectionIdFormat(server_id=server_id, worker=worker, workers=count, **more)
    source = ConnectionIdSource(format_)
    sources = [ConnectionIdSource(replace(format_, worker=each)) for each in range(count)]
    for made in (source.new(), source.new()):
        assert [each.is_own(made) for each in sources] == [each == worker for each in range(count)]
        if server_id:
            assert made[0] >> 5 == rotation
            plain = made[1:] if key is None else decrypted(key, made[1:])
            assert plain.startswith(server_id)
        if not server_id or count > 1:
            assert (made[0] & 31) % count == worker


def test_all_values_of_a_worker_are_used() -> None:
    source = ConnectionIdSource(ConnectionIdFormat(server_id=b"a", worker=2, workers=5))
    assert {source.new()[0] for _ in range(500)} == {2, 7, 12, 17, 22, 27}


@pytest.mark.parametrize("connection_id", [b"", b"\x20", b"\x02more"])
def test_short_ids_come_to_the_first_worker_or_by_their_first_octet(connection_id: bytes) -> None:
    own = [
        ConnectionIdSource(ConnectionIdFormat(worker=each, workers=2)).is_own(connection_id)
        for each in (0, 1)
    ]
    assert own == [True, False]


def test_no_nonce_is_used_twice_by_any_worker() -> None:
    formats = [
        ConnectionIdFormat(server_id=bytes(13), key=KEY, nonce_size=4, worker=each, workers=3)
        for each in range(3)
    ]
    made = [
        decrypted(KEY, ConnectionIdSource(each).new()[1:])[13:] for each in formats for _ in (0, 1)
    ]
    assert sorted(int.from_bytes(each, "big") % 3 for each in made) == [0, 0, 1, 1, 2, 2]
    source = ConnectionIdSource(formats[0])
    nonces = [decrypted(KEY, source.new()[1:])[13:] for _ in range(300)]
    assert len(set(nonces)) == 300


def test_nonces_begin_anywhere_and_wrap_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: limit - 2)
    format_ = ConnectionIdFormat(server_id=bytes(12), key=KEY, worker=1, workers=2)
    nonces = [each.hex() for each in islice(connection_ids._unique_nonces(format_), 3)]
    assert nonces == ["fffffffd", "ffffffff", "00000001"]


def test_without_nonces_an_id_names_no_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As if a nonce had one byte: 128 for each of two workers.
    monkeypatch.setattr(connection_ids, "MIN_NONCE_SIZE", 1)
    format_ = ConnectionIdFormat(
        server_id=bytes(15), key=KEY, nonce_size=1, rotation=3, worker=1, workers=2
    )
    source = ConnectionIdSource(format_)
    with caplog.at_level(logging.ERROR):
        made = [source.new() for _ in range(130)]
    assert [each[0] >> 5 for each in made] == [3] * 128 + [7] * 2
    assert len(set(made)) == 130
    assert all(map(source.is_own, made))
    assert len(caplog.messages) == 1
    assert "are used up" in caplog.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": 0}, "there are 1 to 32 workers"),
        ({"workers": 33}, "there are 1 to 32 workers"),
        ({"workers": 3, "worker": 3}, "have the numbers 0 to 2"),
        ({"worker": -1}, "have the numbers 0 to 0"),
        ({"key": KEY}, "needs a server ID"),
        ({"nonce_size": 8}, "needs a server ID"),
        ({"rotation": 1}, "needs a server ID"),
        ({"server_id": b"a", "key": KEY[1:]}, "has 16 bytes"),
        ({"server_id": b"a", "rotation": 7}, "is 0 to 6"),
        ({"server_id": b"a", "rotation": -1}, "is 0 to 6"),
        ({"server_id": b"a", "nonce_size": 3}, "has 4 bytes at least"),
        ({"server_id": b"a", "nonce_size": 19}, "19 at most"),
        ({"server_id": bytes(16)}, "19 at most"),
    ],
)
def test_what_cannot_be_a_format(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConnectionIdFormat(**values)


@pytest.mark.parametrize(("size", "nonce"), [(1, 15), (8, 8), (12, 4), (15, 4)])
def test_a_nonce_fills_a_block_if_there_is_room(size: int, nonce: int) -> None:
    assert ConnectionIdFormat(server_id=bytes(size)).nonce == nonce


def test_a_key_is_not_shown() -> None:
    assert "key" not in repr(ConnectionIdFormat(server_id=b"a", key=KEY))

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.chain import encode_chain, iterate_chain

Lay = Callable[..., bytes]


def payloads(data: bytes, fixed_size: int = 4) -> list[bytes]:
    return [bytes(reader.take(reader.remaining)) for reader in iterate_chain(data, fixed_size)]


def test_layout(lay: Lay) -> None:
    entries = [bytes(4) + b"a", bytes(4) + b"bcde", bytes(4) + b"f"]
    wire = lay((4, 8), b"a", bytes(3), (4, 8), b"bcde", (4, 0), b"f")
    assert encode_chain(entries, 4) == wire
    assert payloads(wire) == [b"a\0\0\0", b"bcde", b"f"]


def test_alignment() -> None:
    chain = encode_chain([bytes(5), bytes(5), bytes(5)], 8)
    assert len(chain) == 8 + 8 + 5
    assert chain[0] == chain[8] == 8
    assert chain[16] == 0


def test_nothing() -> None:
    assert encode_chain([], 8) == b""
    assert payloads(b"") == []


@pytest.mark.parametrize("following", [1, 3, 7, 21])
def test_next_entry_elsewhere(following: int, lay: Lay) -> None:
    with pytest.raises(WireError, match="next entry"):
        payloads(lay((4, following), bytes(16)), 8)


def test_next_entry_at_the_very_end(lay: Lay) -> None:
    assert payloads(lay((4, 8), b"abcd"), 8) == [b"abcd"]


@given(entries=st.lists(st.binary(max_size=20)), alignment=st.sampled_from([4, 8]))
def test_round_trip(entries: list[bytes], alignment: int) -> None:
    chain = encode_chain([bytes(4) + entry for entry in entries], alignment)
    found = payloads(chain)
    assert [part[: len(entry)] for part, entry in zip(found, entries, strict=True)] == entries


@given(data=st.binary(max_size=64))
def test_any_bytes(data: bytes) -> None:
    try:
        found = payloads(data)
    except WireError:
        return
    assert sum(len(part) + 4 for part in found) <= len(data)

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.vpn.esp_model import MTU, UDP_AND_IP, Seal

KEY = os.urandom(16)


@given(st.binary(max_size=MTU))
def test_a_packet_comes_out_as_it_went_in(packet: bytes) -> None:
    client, server = Seal(KEY, client=True), Seal(KEY, client=False)
    assert server.open(client.seal(packet)) == packet
    assert client.open(server.seal(packet)) == packet


def test_what_esp_adds() -> None:
    # SPI and sequence number 8, IV 8, tag 16, padding length and next header 2, padding to 4.
    sizes = {size: len(Seal(KEY, client=True).seal(bytes(size))) - size for size in (98, 99, 100)}
    assert sizes == {98: 34, 99: 37, 100: 36}


def test_the_largest_packet_fills_the_outer_one() -> None:
    assert MTU == 1438
    assert len(Seal(KEY, client=True).seal(bytes(MTU))) + UDP_AND_IP == 1500


@given(st.binary(max_size=100))
def test_anything_else_is_dropped(datagram: bytes) -> None:
    assert Seal(KEY, client=True).open(datagram) is None


@pytest.mark.parametrize("position", [0, 5, 10, 20, -1])
def test_a_changed_packet_is_dropped(position: int) -> None:
    datagram = bytearray(Seal(KEY, client=True).seal(b"some packet"))
    datagram[position] ^= 1
    assert Seal(KEY, client=False).open(bytes(datagram)) is None


def test_a_packet_is_not_taken_back() -> None:
    client = Seal(KEY, client=True)
    assert client.open(client.seal(b"some packet")) is None

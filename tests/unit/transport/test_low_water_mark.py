"""How much has to arrive until a receiver is woken."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from smbquic.transport.low_water_mark import (
    LARGEST_MARK,
    MARK_PERIOD,
    SMALLEST_MARK,
    LowWaterMark,
)
from tests.unit.transport.option_socket import OptionSocket

PERIOD, SMALLEST, LARGEST = MARK_PERIOD, SMALLEST_MARK, LARGEST_MARK
LONG = 1 << 20


def marks(sock: OptionSocket) -> list[int]:
    """Return the marks that were set, in turn."""
    assert {option[:2] for option in sock.options} <= {(socket.SOL_SOCKET, socket.SO_RCVLOWAT)}
    return [value for _, _, value in sock.options]


def test_the_mark_doubles_as_long_as_it_is_reached_soon() -> None:
    sock: Any = OptionSocket()
    mark = LowWaterMark(sock)
    for turn in range(1, 9):
        mark.received(1448, LONG, now=1 + turn * PERIOD / 2)
    assert marks(sock) == [SMALLEST, 2 * SMALLEST, 4 * SMALLEST, 8 * SMALLEST, LARGEST]


def test_the_mark_is_halved_where_it_was_waited_for() -> None:
    sock: Any = OptionSocket()
    mark = LowWaterMark(sock)
    for now in (1, 1.001, 1.002, 2, 3, 4, 5):
        mark.received(1448, LONG, now=now)
    assert marks(sock) == [
        SMALLEST,
        2 * SMALLEST,
        SMALLEST,
        SMALLEST // 2,
        SMALLEST // 4,
        SMALLEST // 8,
    ]
    for now in range(6, 20):
        mark.received(1448, LONG, now=now)
    assert marks(sock)[-1] == 1


def test_the_mark_is_never_beyond_the_end_of_the_message() -> None:
    sock: Any = OptionSocket()
    mark = LowWaterMark(sock)
    for turn in range(9):
        mark.received(1448, LONG, now=1 + turn * PERIOD / 2)
    for missing in (LARGEST + 1, 5000, 1, 0):
        mark.received(LARGEST, missing, now=1 + 9 * PERIOD / 2)
    assert marks(sock)[-3:] == [LARGEST, 5000, 1]


def test_who_receives_much_at_once_needs_none() -> None:
    sock: Any = OptionSocket()
    mark = LowWaterMark(sock)
    for turn in range(9):
        mark.received(LARGEST, LONG, now=1 + turn * PERIOD / 100)
    assert marks(sock) == []


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection: the sender's and the receiver's."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
    ):
        receiver, _ = server.accept()
        with receiver:
            yield sender, receiver


def test_what_the_mark_keeps_back_is_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    mark = LowWaterMark(receiver)
    sender.sendall(b"x")
    assert mark.unread() == 0
    mark.received(1448, LONG, now=1)
    mark.received(1448, LONG, now=1.001)
    sender.sendall(bytes(100))
    receiver.recv(101, socket.MSG_PEEK | socket.MSG_WAITALL)
    assert mark.unread() == 101
    receiver.close()
    assert mark.unread() == 0

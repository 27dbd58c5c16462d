"""Options of sockets that not every system knows or allows."""

import socket
from typing import Any

import pytest

from smbquic.transport import socket_options
from smbquic.transport.socket_options import request_buffer, try_option
from tests.unit.transport.option_socket import OptionSocket


def test_an_option_that_is_not_allowed() -> None:
    sock: Any = OptionSocket(7)
    assert try_option(sock, socket.SOL_SOCKET, 8, 1)
    assert not try_option(sock, socket.SOL_SOCKET, 7, 1)
    assert sock.options == [(socket.SOL_SOCKET, 8, 1)]


# <asm-generic/socket.h>: 32 is SO_SNDBUFFORCE, 33 SO_RCVBUFFORCE
@pytest.mark.parametrize(
    ("option", "linux", "unknown", "set_option"),
    [
        (socket.SO_SNDBUF, True, (), 32),
        (socket.SO_SNDBUF, True, (32,), socket.SO_SNDBUF),
        (socket.SO_SNDBUF, False, (), socket.SO_SNDBUF),
        (socket.SO_RCVBUF, True, (), 33),
        (socket.SO_RCVBUF, True, (33,), socket.SO_RCVBUF),
    ],
)
def test_the_limit_of_the_system_is_passed_where_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
    option: int,
    linux: bool,
    unknown: tuple[int, ...],
    set_option: int,
) -> None:
    monkeypatch.setattr(socket_options, "LINUX", linux)
    sock: Any = OptionSocket(*unknown)
    request_buffer(sock, option, 4 << 20)
    assert sock.options == [(socket.SOL_SOCKET, set_option, 4 << 20)]

"""Options of sockets that not every system knows or allows."""

import errno
import socket
from typing import Any

import pytest

from smbquic.transport import socket_options
from smbquic.transport.socket_options import request_buffer, try_option


class OptionSocket:
    """A socket that records its options, and has none of those that are `unknown`."""

    def __init__(self, *unknown: int) -> None:
        self.options: list[tuple[int, int]] = []
        self._unknown = unknown

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert level == socket.SOL_SOCKET
        if option in self._unknown:
            raise OSError(errno.EPERM, "not permitted")
        self.options.append((option, value))


def test_an_option_that_is_not_allowed() -> None:
    sock: Any = OptionSocket(7)
    assert try_option(sock, socket.SOL_SOCKET, 8, 1)
    assert not try_option(sock, socket.SOL_SOCKET, 7, 1)
    assert sock.options == [(8, 1)]


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
    assert sock.options == [(set_option, 4 << 20)]

"""Addresses of datagrams that the native library has received."""

import socket

import pytest

from smbquic.transport.quic.native import received
from smbquic.transport.socket_options import LINUX

pytestmark = pytest.mark.skipif(not LINUX, reason="what it tests is Linux'")


def test_an_interface_that_is_gone_has_its_number() -> None:
    gone = max(number for number, _ in socket.if_nameindex()) + 1000
    assert received._address("fe80::1", 445, gone) == (f"fe80::1%{gone}", 445, 0, gone)
    assert received._address("fe80::1", 445, 1) == ("fe80::1%lo", 445, 0, 1)

"""Hosts with and without ports, and escapes."""

import pytest

from smbquic.errors import UrlError
from smbquic.transport.hosts import host_and_port, unescape


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("nas", "nas", 445),
        ("nas:", "nas", 445),
        ("nas:1", "nas", 1),
        ("nas:65535", "nas", 65535),
        ("n%61s:9", "nas", 9),
        ("[::1]", "::1", 445),
        ("[::1]:9", "::1", 9),
        ("[fe80::1%25eth0]:9", "fe80::1%eth0", 9),
    ],
)
def test_parts(text: str, host: str, port: int) -> None:
    assert host_and_port(text, 445) == (host, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no host"),
        (":445", "names no host"),
        ("a b", "not a host name"),
        ("u@h", "not a host name"),
        ("::1", "stands in brackets: .::1.$"),
        ("[::1", "of .::1 is not closed"),
        ("[bogus]", "'bogus' is not an IPv6 address"),
        ("[::1]x", "'x' behind the host is not a port"),
        ("h:0", "a number from 1 to 65535"),
        ("h:65536", "not a port"),
        ("h:000001", "not a port"),
        ("h:٤٤٥", "not a port"),
        ("h:http", "'http' is not a port"),
        ("h%", "lone % in the host"),
        ("h%ff", "in the host are not UTF-8"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UrlError, match=message):
        host_and_port(text, 445)


def test_a_listener_may_leave_the_port_to_the_system() -> None:
    assert host_and_port("h:0", 445, lowest=0) == ("h", 0)


def test_bytes_that_are_not_utf_8_are_kept_where_they_may_be() -> None:
    assert unescape("%66%ff", "path", "surrogateescape") == "f\udcff"
    with pytest.raises(UrlError, match="in the path are not UTF-8"):
        unescape("%66%ff", "path")

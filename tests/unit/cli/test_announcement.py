"""The server's announcement of itself: the names and addresses of this machine."""

import socket

import pytest

from smbquic.cli import announcement


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_machine_without_a_network_has_no_outside_address(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        announcement._OUTSIDE, family, "127.0.0.1" if family == socket.AF_INET else "::1"
    )
    assert announcement.outside_address(family) is None


@pytest.mark.parametrize("known", [True, False])
def test_a_machine_that_does_not_find_itself_is_localhost(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def resolve(name: str, port: None) -> list[str]:
        if not known:
            raise socket.gaierror("unknown")
        return [name]

    monkeypatch.setattr(socket, "gethostname", lambda: "fs")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert announcement.machine_name() == ("fs" if known else "localhost")

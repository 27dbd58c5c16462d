"""The networks of a machine."""

from ipaddress import IPv4Interface
from types import SimpleNamespace
from typing import Any

import ifaddr
import pytest

from smbquic.wsd.interfaces import Interface, interfaces_of


def test_who_is_on_the_same_network() -> None:
    interface = Interface(IPv4Interface("192.0.2.1/24"))
    assert interface.host == "192.0.2.1"
    assert interface.is_neighbour("192.0.2.254")
    for other in ("192.0.3.1", "127.0.0.1", "fe80::1", "no address", ""):
        assert not interface.is_neighbour(other)


def test_interfaces_are_found_by_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    ips: list[Any] = [("192.0.2.1", 24), ("198.51.100.1", 30), (("fd00::1", 0, 0), 64)]
    found = [SimpleNamespace(ip=ip, network_prefix=prefix) for ip, prefix in ips]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [SimpleNamespace(ips=found)])
    expected = [Interface(IPv4Interface("198.51.100.1/30"))]
    assert interfaces_of(["198.51.100.1", "192.0.2.9", "fd00::1"]) == expected

"""The header of the PROXY protocol, against a parser written from the specification alone."""

import ipaddress
from dataclasses import dataclass, field

import pytest

from smbquic.gateway.proxy_protocol import header_for, header_for_check
from smbquic.transport.base import Peer


@dataclass
class ProxyHeader:
    command: str
    family: str = ""
    source: tuple[str, int] = ("", 0)
    destination: tuple[str, int] = ("", 0)
    tlvs: dict[int, bytes] = field(default_factory=dict)


def parsed(data: bytes) -> ProxyHeader:
    """Section 2.2: signature, version and command, family and protocol, length, addresses, TLVs."""
    assert data[:12] == bytes.fromhex("0d0a0d0a000d0a515549540a")
    assert data[12] >> 4 == 2
    command = {0: "LOCAL", 1: "PROXY"}[data[12] & 15]
    length = data[14] << 8 | data[15]
    rest = data[16:]
    assert len(rest) == length
    if command == "LOCAL":
        return ProxyHeader(command)
    family = {0x11: "TCP4", 0x21: "TCP6"}[data[13]]
    size = 4 if family == "TCP4" else 16
    addresses, ports, rest = rest[: 2 * size], rest[2 * size : 2 * size + 4], rest[2 * size + 4 :]
    tlvs = {}
    while rest:
        end = 3 + (rest[1] << 8 | rest[2])
        tlvs[rest[0]] = rest[3:end]
        rest = rest[end:]
    source, destination = (
        str(ipaddress.ip_address(each)) for each in (addresses[:size], addresses[size:])
    )
    return ProxyHeader(
        command,
        family,
        (source, ports[0] << 8 | ports[1]),
        (destination, ports[2] << 8 | ports[3]),
        tlvs,
    )


@pytest.mark.parametrize(
    ("remote", "local", "family", "source"),
    [
        (("192.0.2.1", 50000), ("192.0.2.2", 443), "TCP4", "192.0.2.1"),
        (("2001:db8::1", 50000), ("2001:db8::2", 443), "TCP6", "2001:db8::1"),
        (("fe80::1%eth0", 1), ("fe80::2%eth0", 443), "TCP6", "fe80::1"),
        (("192.0.2.1", 65535), ("::", 443), "TCP6", "::ffff:192.0.2.1"),
    ],
)
def test_a_client(
    remote: tuple[str, int], local: tuple[str, int], family: str, source: str
) -> None:
    header = parsed(header_for(Peer("quic", local, remote)))
    assert (header.command, header.family) == ("PROXY", family)
    assert ipaddress.ip_address(header.source[0]) == ipaddress.ip_address(source)
    assert (header.source[1], header.destination[1]) == (remote[1], local[1])
    assert header.tlvs == {}


def test_name_and_alpn() -> None:
    peer = Peer("quic", ("192.0.2.2", 443), ("192.0.2.1", 5), server_name="fs.example", alpn="smb")
    assert parsed(header_for(peer)).tlvs == {1: b"smb", 2: b"fs.example"}


def test_a_check_is_for_no_client() -> None:
    assert parsed(header_for_check()) == ProxyHeader("LOCAL")

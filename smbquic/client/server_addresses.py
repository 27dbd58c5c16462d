"""The addresses at which a server can be reached, as it says itself. [MS-SMB2] 3.2.4.20.10"""

import ipaddress
import logging

from smbquic.client import requests
from smbquic.client.session import Session
from smbquic.errors import SmbError
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.ioctl_payloads import NetworkInterfaceInfo, decode_network_interfaces

MOST_ADDRESSES = 32
"""Addresses of a server that are used: more than a session can have connections."""
_OUTPUT = 65536

log = logging.getLogger(__name__)

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


async def server_addresses(session: Session) -> list[str]:
    """Return the addresses of the session's server, that of its first connection first.

    Only that one where the server does not name its interfaces.
    """
    used = session.connection.transport.peer.remote[0]
    try:
        interfaces = await _query_interfaces(session)
    except SmbError as error:
        log.debug("the server does not name its addresses: %s", error)
        interfaces = []
    return choose_addresses(used, interfaces)


async def _query_interfaces(session: Session) -> list[NetworkInterfaceInfo]:
    # Imported here: the rest of that module is not needed.
    from smbquic.client.pipes import PIPE_SHARE

    tree = await session.tree(PIPE_SHARE)
    try:
        query = requests.ioctl(Fsctl.QUERY_NETWORK_INTERFACE_INFO, FileId.RELATED, b"", _OUTPUT)
        answer: IoctlResponse = (await tree.request(query)).body
        return decode_network_interfaces(answer.output)
    finally:
        await tree.disconnect()


def choose_addresses(used: str, interfaces: list[NetworkInterfaceInfo]) -> list[str]:
    """Return the address in use and those of the interfaces, the fastest first, without repetition.

    A server could name any machine. What is not at least as public as the address in use is left
    out: it would lead to this machine, or to another one of the client's own network.
    """
    here = ipaddress.ip_address(used.partition("%")[0])
    fastest_first = sorted(interfaces, key=lambda interface: -interface.link_speed)
    others = [
        str(interface.address)
        for interface in fastest_first
        if interface.address != here and _is_acceptable(interface.address, here)
    ]
    return [used, *dict.fromkeys(others)][:MOST_ADDRESSES]


def _is_acceptable(address: IpAddress, used: IpAddress) -> bool:
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return False  # a link-local address says nothing without its link
    if address.is_loopback or used.is_loopback:
        return address.is_loopback and used.is_loopback
    return used.is_private or not address.is_private

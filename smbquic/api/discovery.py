"""Announces a TCP listener on the local network.

By multicast DNS ([RFC6762], [RFC6763]), and by WS-Discovery.
File managers, Finder and Explorer list such servers by themselves. There is none of it for QUIC.
"""

import errno
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from smbquic.api.listen import ListenAddress
from smbquic.errors import ConfigError
from smbquic.transport.addresses import is_loopback, is_wildcard

if TYPE_CHECKING:
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo

SERVICE = "_smb._tcp.local."

_log = logging.getLogger(__name__)


def tcp_listener(urls: Sequence[str]) -> ListenAddress:
    """Return the first TCP listener. Raises `ConfigError` if there is none."""
    for address in map(ListenAddress.parse, urls):
        if address.transport == "tcp":
            return address
    raise ConfigError("mdns announces a TCP listener, and there is none: add tcp://HOST:445")


@asynccontextmanager
async def announced(name: str, urls: Sequence[str]) -> AsyncIterator[None]:
    """Announce the first TCP listener under a name inside the ``async with``.

    A network that refuses is no reason not to serve: the log says so. Raises `ConfigError` without
    a TCP listener, and without the package zeroconf.
    """
    address = tcp_listener(urls)
    try:
        from zeroconf import Error
        from zeroconf.asyncio import AsyncZeroconf
    except ImportError as error:
        raise ConfigError(
            "the package zeroconf is not installed: run pip install 'smbquic[discovery]'"
        ) from error
    info, interfaces, version = _description(name, address)
    try:
        if not interfaces:
            raise OSError(errno.ENETUNREACH, "this machine has no address but that of loopback")
        responder = AsyncZeroconf(interfaces=interfaces, ip_version=version)
    except OSError as error:
        _log.warning("the server is not announced by multicast DNS: %s", error)
        yield
        return
    try:
        try:
            await (await responder.async_register_service(info, allow_name_change=True))
        except (Error, OSError) as error:
            _log.warning("the server is not announced by multicast DNS: %s", error)
        else:
            _log.info("announced as %s by multicast DNS", info.name)
        yield
        # It says goodbye: who has the name in a list removes it.
        await responder.async_unregister_all_services()
    finally:
        await responder.async_close()


@asynccontextmanager
async def announced_to_windows(name: str, urls: Sequence[str]) -> AsyncIterator[None]:
    """Announce the first TCP listener of IPv4 by WS-Discovery inside the ``async with``.

    A network that refuses is no reason not to serve: the log says so. Raises `ConfigError` without
    such a listener, and without the package ifaddr.
    """
    listeners = map(ListenAddress.parse, urls)
    mine = (each for each in listeners if each.transport == "tcp" and ":" not in each.host)
    address = next(mine, None)
    if address is None:
        raise ConfigError(
            "wsd announces a TCP listener of IPv4, and there is none: add tcp://0.0.0.0:445"
        )
    if find_spec("ifaddr") is None:
        raise ConfigError(
            "the package ifaddr is not installed: run pip install 'smbquic[discovery]'"
        )
    # Its XML parser need not be loaded where nothing is announced.
    from smbquic.wsd.announcement import announced_on

    async with announced_on(_addresses(address), name.partition(".")[0]):
        yield


def _description(
    name: str, address: ListenAddress
) -> "tuple[AsyncServiceInfo, list[str], IPVersion]":
    """Return what is announced, from which addresses of this machine, and of which IP version."""
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo

    version = IPVersion.V6Only if ":" in address.host else IPVersion.V4Only
    addresses = _addresses(address)
    label = socket.gethostname().partition(".")[0]
    info = AsyncServiceInfo(
        SERVICE,
        # A dot would divide the name into labels.
        f"{name.partition('.')[0]}.{SERVICE}",
        port=address.port,
        server=f"{label}.local.",
        parsed_addresses=addresses,
    )
    return info, addresses, version


def _addresses(address: ListenAddress) -> list[str]:
    """Return the addresses by which the listener is reached; without those of loopback for all."""
    import ifaddr

    if not is_wildcard((address.host, address.port)):
        return [address.host]
    found = (ip for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    hosts = (ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in found)
    same = [host for host in hosts if (":" in host) == (":" in address.host)]
    # A link-local address of IPv6 is none without its interface.
    return [host for host in same if not (is_loopback((host, 0)) or host.startswith("fe80:"))]

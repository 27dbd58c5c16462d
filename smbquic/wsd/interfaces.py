"""The networks of this machine on which a server is announced."""

from ipaddress import AddressValueError, IPv4Address, IPv4Interface

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Interface:
    """An IPv4 address of this machine, and the network behind it."""

    address: IPv4Interface

    @property
    def host(self) -> str:
        """The address as text."""
        return str(self.address.ip)

    def is_neighbour(self, host: str) -> bool:
        """Return whether an address belongs to a machine on the same local network."""
        try:
            return IPv4Address(host) in self.address.network
        except AddressValueError:
            return False


def interfaces_of(hosts: list[str]) -> list[Interface]:
    """Return the interfaces that have these addresses."""
    import ifaddr

    return [
        Interface(IPv4Interface(f"{ip.ip}/{ip.network_prefix}"))
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if isinstance(ip.ip, str) and ip.ip in hosts
    ]

"""Checks whether a logon was meant for this server, and for this channel to it.

Together that is Extended Protection for Authentication: the client's proof of the password covers
the server's name (MsvAvTargetName, the SPN ``cifs/NAME``) and, over TLS, the server's certificate
(MsvAvChannelBindings). An attacker who relays such a logon to another server can change neither.
[MS-NLMP] 2.2.2.1, 3.2.5.1.2
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Iterable
from struct import Struct

from smbquic.errors import AuthenticationError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus

_SERVICE = "cifs"
# gss_channel_bindings_struct: both addresses of no type and empty, then the application's data.
_BINDINGS = Struct("<16xI")
_NO_BINDINGS = bytes(16)
_IPV6_LITERAL = ".ipv6-literal.net"


def channel_bindings_hash(application_data: bytes) -> bytes:
    """Return the MD5 (16 bytes) of the bindings to a channel, zeros for none.

    [MS-NLMP] 3.1.5.1.2
    """
    if not application_data:
        return _NO_BINDINGS
    bindings = _BINDINGS.pack(len(application_data)) + application_data
    return hashlib.md5(bindings, usedforsecurity=False).digest()


def normal_host(name: str) -> str:
    """Return a host's name, or its address, in the one spelling that names are compared in."""
    name = name.casefold().removesuffix(".")
    literal = name.removesuffix(_IPV6_LITERAL)
    if literal != name:  # how Windows writes an address where a colon cannot stand
        name = literal.replace("-", ":").replace("s", "%")
    try:
        address = ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return name
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)


def is_loopback(host: str) -> bool:
    """Return whether a host's name, in its normal spelling, means the client's own machine.

    A relay, or a forwarded port, is reached by such a name. Nobody else's machine is.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AcceptedTargetNames:
    """The names that clients may call a server by.

    `names` are fixed; `is_certified` returns whether a current certificate has the name.
    """

    def __init__(
        self, names: Iterable[str], is_certified: Callable[[str], bool] = lambda name: False
    ) -> None:
        self._names = frozenset(map(normal_host, names))
        self._is_certified = is_certified

    def __contains__(self, host: str) -> bool:
        host = normal_host(host)
        return host in self._names or is_loopback(host) or self._is_certified(host)


@dataclass(frozen=True, slots=True)
class ServiceBinding:
    """The service and the channel that the logons on one connection have to be meant for.

    `address` is our end of the connection. `end_point` is the application data of the channel's
    bindings, empty where there is no TLS below.
    """

    names: AcceptedTargetNames
    address: str
    end_point: bytes = b""

    def check(self, target_name: str, channel_bindings: bytes) -> None:
        """Raise `AuthenticationError` (ACCESS_DENIED) for a logon that is meant for another.

        Both may be empty: what a client does not say is not checked. Linux's own client names
        no server, and only few bind to the channel.
        """
        if target_name:
            self._check_name(target_name)
        if channel_bindings in (b"", _NO_BINDINGS):
            return
        ours = channel_bindings_hash(self.end_point)
        if not hmac.compare_digest(channel_bindings, ours):
            raise _refusal("the client's logon is bound to another TLS connection than this one")

    def _check_name(self, target_name: str) -> None:
        service, _, host = target_name.partition("/")
        known = normal_host(host) == normal_host(self.address) or host in self.names
        if service.casefold() != _SERVICE or not known:
            raise _refusal(
                f"the client logs on to {target_name!r}, which is not a name of this server;"
                " if it is one, add it to target_names"
            )


def _refusal(reason: str) -> AuthenticationError:
    return AuthenticationError(reason, NtStatus.ACCESS_DENIED)

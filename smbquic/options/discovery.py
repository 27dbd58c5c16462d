"""How a server is found on its local network."""

from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class DiscoveryOptions(Options):
    """Options for the discovery of a server on its local network."""

    mdns: Annotated[
        bool,
        Option(
            "Announce the TCP listener on the local network, for Finder and file managers."
            "\n\nBy multicast DNS (_smb._tcp), under the server's name. It needs the extra"
            " `discovery`.",
            flag="--mdns",
        ),
    ] = False
    wsd: Annotated[
        bool,
        Option(
            "Announce the TCP listener on the local network, for Explorer of Windows."
            "\n\nBy WS-Discovery over IPv4, under the server's name. It needs the extra"
            " `discovery`, UDP port 3702 and TCP port 5357.",
            flag="--wsd",
        ),
    ] = False

"""How a server is found on its local network."""

from dataclasses import dataclass
from typing import Annotated

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

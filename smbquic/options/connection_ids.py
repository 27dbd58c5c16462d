"""The options for the QUIC connection IDs of a server, which load balancers read."""

from pathlib import Path
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import CONNECTION
from smbquic.options.kinds import Hexadecimal
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class ConnectionIdOptions(Options):
    """The connection IDs of QUIC, by which a load balancer in front finds the server (QUIC-LB)."""

    server_id: Annotated[
        bytes | None,
        Option(
            "What a load balancer in front knows this server by, in hexadecimal digits: 1 to 15"
            " bytes.",
            default="none: the IDs are random",
            kind=Hexadecimal(),
            metavar="HEX",
            heading=CONNECTION,
            flag="--server-id",
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        Option(
            "A file with the key that encrypts the server ID: 32 hexadecimal digits, which the load"
            " balancer has, too.\n\nNot readable by others.",
            default="none: everybody on the path can read the server ID",
            heading=CONNECTION,
            flag="--connection-id-key-file",
        ),
    ] = None
    nonce_size: Annotated[
        int | None,
        Option(
            "Bytes of the nonce, 4 at least, as in the load balancer's configuration.",
            default="as many as make 16 with the server ID, but 4 at least",
            minimum=4,
            maximum=18,
        ),
    ] = None
    rotation: Annotated[
        int,
        Option(
            "The config rotation: which of its configurations a load balancer reads the IDs with.",
            maximum=6,
        ),
    ] = 0


DEFAULT_CONNECTION_IDS = ConnectionIdOptions()

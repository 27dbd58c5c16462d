"""Options that both ends of a connection must know."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

SHARE = "data"
USER = "alice"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOptions:
    """The options of a server and its clients; `double` encrypts SMB inside QUIC too."""

    transport: Literal["quic", "tcp"]
    host: str
    port: int
    """A server with port 0 chooses a free one."""
    password: str
    user: str = USER
    encrypt: bool = False
    double: bool = False
    engine: Literal["aioquic", "qh3", "native"] = "qh3"
    congestion: Literal["cubic", "bbr", "reno"] = "cubic"
    datagram_size: int = 0
    """Bytes; 0 leaves it to the transport."""
    folder: str = ""
    """The server's share; at the client, where it may write."""
    certificate: str = ""
    """The server's, and at the client the CA's."""
    key: str = ""
    other_certificate: str = ""
    """The server's for another name; with it clients have to show theirs."""
    other_key: str = ""
    client_ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    workers: int = 0
    """Worker processes of the server."""
    io_threads: int = 0
    """Its threads for the datagrams of QUIC."""
    web: str = ""
    """Where the server's web listener listens, such as ``unix:PATH``; empty: there is none."""
    unauthenticated_share: float = 0.1
    """The server's limit; 0.1 is the default."""

    def to_json(self) -> str:
        """Return them for a command line."""
        return json.dumps(asdict(self))

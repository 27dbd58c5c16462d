"""The state of one connection at the server. [MS-SMB2] 3.3.1.7"""

from dataclasses import field

from smbquic.crypto.preauth import PreauthHash
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.credits import CommandWindow
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.request import Request
from smbquic.protocol.session import ServerSession
from smbquic.protocol.settings import LOGON_SIZE
from smbquic.wire.negotiate import Dialect


@dataclass(slots=True, eq=False)
class ConnectionState:
    """The state of a connection that receiving, responding and logons share.

    `protections` holds this connection's keys by session id, `outstanding` the requests that were
    not answered by message id, `pending` those among them that had an interim response by async
    id. `constrained` until a user is authenticated. `max_message` is in bytes.
    """

    window: CommandWindow
    negotiated: Negotiated | None = None
    multi_protocol: bool = False
    client_guid: bytes = bytes(16)
    preauth: PreauthHash = field(default_factory=PreauthHash)
    sessions: dict[int, ServerSession] = field(default_factory=dict)
    protections: dict[int, Protection] = field(default_factory=dict)
    outstanding: dict[int, Request] = field(default_factory=dict)
    pending: dict[int, Request] = field(default_factory=dict)
    constrained: bool = True
    max_message: int = LOGON_SIZE

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, once it is negotiated."""
        return self.negotiated.dialect if self.negotiated else None

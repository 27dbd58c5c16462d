"""A request as the server's protocol layer hands it on, and the compound that it came in."""

from dataclasses import field
from typing import Any

from smbquic.crypto.preauth import PreauthHash
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol.protection import Protection
from smbquic.protocol.session import ServerSession
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Header


@dataclass(slots=True, eq=False)
class Request:
    """One SMB2 request, checked as far as the connection and the session can.

    `failure`: malformed, unsigned, for an unknown session...: respond with it, handle nothing.
    `session_id` and `tree_id` are those that the response will carry; related requests have
    their predecessor's session already, the tree is the server's business. `raw` is the whole
    element as received. `protection` signs and encrypts the response; `preauth` is the hash that
    takes in the response to an unfinished logon. `async_id` is non-zero once an interim response
    was made.
    """

    header: Header
    body: Any
    raw: memoryview
    failure: NtStatus | None = None
    session: ServerSession | None = None
    protection: Protection | None = None
    session_id: int = 0
    tree_id: int = 0
    signed: bool = False
    encrypted: bool = False
    related: bool = False
    previous: "Request | None" = None
    compound: "Compound | None" = None
    async_id: int = 0
    preauth: PreauthHash | None = None


@dataclass(slots=True, eq=False)
class PreparedResponse:
    """The status and the body of a response that has no header yet."""

    request: Request
    status: NtStatus
    body: list[Buffer]


@dataclass(slots=True, eq=False)
class Compound:
    """Requests that came in one message, and the responses that wait for the others.

    `open` counts the requests that have no response yet.
    """

    open: int
    responses: list[PreparedResponse] = field(default_factory=list)

"""Sessions as the server keeps them: who is logged on, with which keys. [MS-SMB2] 3.3.1.8"""

from collections.abc import Callable
from dataclasses import field

from smbquic.auth.identity import Identity
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.crypto.preauth import PreauthHash
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.session_state import TRANSITIONS, SessionEvent, SessionState
from smbquic.state_table import next_state

_ANONYMOUS = Identity("", "", anonymous=True)


@dataclass(slots=True, eq=False)
class ServerSession:
    """One logon. `identity` and what follows it are there once the first logon has succeeded.

    `owner` is whose the first logon was; `identity` differs from that after a repeated logon
    without a name. `acceptor` runs while a logon, or a repeated one, is under way. `protection` is
    that of the connection that the session began on; `channels` counts the connections that it is
    bound to. `encrypts_tree` says that some share of it demands encryption though the session does
    not.
    """

    id: int
    acceptor: Acceptor | None = None
    preauth: PreauthHash = field(default_factory=PreauthHash)
    state: SessionState = SessionState.IN_PROGRESS
    identity: Identity = _ANONYMOUS
    owner: Identity = _ANONYMOUS
    protection: Protection | None = None
    application_key: bytes = b""
    signing_required: bool = False
    encrypt_data: bool = False
    encrypts_tree: bool = False
    negotiated: Negotiated | None = None
    client_guid: bytes = b""
    channels: int = 1
    created: float = 0.0

    @property
    def is_valid(self) -> bool:
        """Return whether a logon has succeeded and the session, expired or not, has not ended."""
        return self.state is SessionState.VALID or self.state is SessionState.EXPIRED

    @property
    def expired(self) -> bool:
        """Whether the client has to log on again before it may do more than close and log off."""
        return self.state is SessionState.EXPIRED

    @property
    def is_guest_or_anonymous(self) -> bool:
        """Whether no user has proved an identity in it."""
        return self.identity.guest or self.identity.anonymous

    def expire(self) -> None:
        """End the time that the logon is good for. [MS-SMB2] 3.3.6.3"""
        if self.state is SessionState.VALID:  # it may have ended while its timer ran out
            self.change(SessionEvent.EXPIRED)

    def change(self, event: SessionEvent) -> None:
        """Change to the state after `event`."""
        self.state = next_state(TRANSITIONS, self.state, event)


class SessionTable:
    """The sessions of one server, over all of its connections. [MS-SMB2] 3.3.1.5

    Ids are random and have 32 bits, as Samba's: some clients keep no more of them. A session's
    keys protect it, not its id.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._sessions: dict[int, ServerSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def create(self, acceptor: Acceptor, preauth: PreauthHash, now: float) -> ServerSession:
        """Return a session in progress, under a new id."""
        while True:
            session_id = int.from_bytes(self._random(4), "little")
            if session_id and session_id not in self._sessions:
                break
        session = ServerSession(session_id, acceptor, preauth, created=now)
        self._sessions[session_id] = session
        return session

    def get(self, session_id: int) -> ServerSession | None:
        """Return the session of that id, if it exists."""
        return self._sessions.get(session_id)

    def remove(self, session: ServerSession) -> None:
        """Forget a session; it is CLOSED from now on."""
        if session.state is not SessionState.CLOSED:  # another connection may have ended it
            session.change(SessionEvent.ENDED)
        self._sessions.pop(session.id, None)

"""Sessions as the client keeps them: whose keys protect a request. [MS-SMB2] 3.2.1.3"""

from smbquic.auth.spnego.initiator import Initiator
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import SecurityError
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.protection import Protection
from smbquic.protocol.session_state import TRANSITIONS, SessionEvent, SessionState
from smbquic.state_table import next_state

_SEQUENCES = 1 << 16
"""The channel sequence has 16 bits."""


@dataclass(slots=True, eq=False)
class ClientSession:
    """A logon, from its first message on. `protection` and the flags are set once it is done.

    `channel_sequence` counts the connections that the session has lost while it had others.
    `binds` is set for the logon that binds a session to a further connection: it is that session.
    """

    initiator: Initiator
    preauth: PreauthHash
    previous_session_id: int = 0
    id: int = 0
    state: SessionState = SessionState.IN_PROGRESS
    protection: Protection | None = None
    signing_required: bool = False
    encrypt_data: bool = False
    guest: bool = False
    channel_sequence: int = 0
    binds: "ClientSession | None" = None

    @property
    def established(self) -> bool:
        """Return whether a logon has succeeded, so that it has its keys; also when it has ended."""
        return self.state is not SessionState.IN_PROGRESS

    def change(self, event: SessionEvent) -> None:
        """Change to the state after `event`."""
        self.state = next_state(TRANSITIONS, self.state, event)

    def count_lost_channel(self) -> None:
        """Note that a connection was lost, and the session goes on. [MS-SMB2] 3.2.7.1"""
        self.channel_sequence = (self.channel_sequence + 1) % _SEQUENCES

    def encryption(self, *, demanded: bool) -> Protection | None:
        """Return the keys to encrypt a request with, None to send it as is. [MS-SMB2] 3.2.4.1.8

        `demanded` says that the request's tree wants encryption. Raises `SecurityError` where
        encryption is needed and the session, a guest's, has no key.
        """
        if not self.established or not (self.encrypt_data or demanded):
            return None
        if self.protection is None:
            raise SecurityError("encryption is demanded, but a guest's session has no key for it")
        return self.protection

"""A response as the client's protocol layer hands it on, and the request that it must fit."""

from typing import Any

from smbquic.errors import RemoteProtocolError, SecurityError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.protection import Protection
from smbquic.wire.header import Command, Header


@dataclass(slots=True, eq=False)
class Response:
    """A server's response to a request.

    `pending`: an interim response, the final one comes later. `body` is an `ErrorResponse` where
    `status` is an error. `message_id` is `UNSOLICITED` for an oplock or lease break.
    """

    message_id: int
    header: Header
    status: NtStatus
    body: Any
    raw: memoryview
    pending: bool = False


@dataclass(slots=True)
class OutstandingRequest:
    """A request without a final response yet. [MS-SMB2] 3.2.1.8

    `async_id` is that of its interim response, 0 without one.
    """

    command: Command
    session: ClientSession | None
    tree_id: int
    encrypt: bool
    async_id: int = 0

    def verify(
        self,
        header: Header,
        raw: memoryview,
        encrypted_with: Protection | None,
        protection: Protection | None,
        *,
        pending: bool,
    ) -> None:
        """Raise `SecurityError` unless a response is protected as the session demands.

        `encrypted_with` has the keys that decrypted it, if it was encrypted; `protection` has those
        of the session on this connection. Raises `RemoteProtocolError` for a response to another
        command. [MS-SMB2] 3.2.5.1.1.1, 3.2.5.1.3
        """
        if header.command != self.command:
            raise RemoteProtocolError(f"{_name(header.command)} in answer to {_name(self.command)}")
        session = self.session
        if encrypted_with is not None:
            if session is None or session.protection is not encrypted_with:
                raise SecurityError(
                    "the response is encrypted for another session than its request"
                )
            return  # the cipher has verified it already
        if session is None or not session.established:
            # The signature of the final SESSION_SETUP is verified with the keys that it gives.
            return
        if session.encrypt_data and self.command != Command.SESSION_SETUP:
            raise SecurityError("an unencrypted response in an encrypted session")
        if protection is None or pending or header.status == NtStatus.USER_SESSION_DELETED:
            # A server that has lost the session has lost its key as well: it signs nothing, or
            # sends our own signature back.
            return
        if header.is_signed:
            if not protection.verify(raw, header):
                raise SecurityError(f"the signature of a {_name(header.command)} response is wrong")
        elif session.signing_required:
            raise SecurityError(f"an unsigned {_name(header.command)} response")


def _name(command: int) -> str:
    return command.name if isinstance(command, Command) else f"{command:#x}"

"""From a transport message to requests: the half of a server's connection that receives.

[MS-SMB2] 3.3.5.2
"""

from smbquic.errors import RemoteProtocolError, WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol import transform
from smbquic.protocol.credits import CREDIT_SIZE, payload_size
from smbquic.protocol.protection import Protection
from smbquic.protocol.request import Compound, Request
from smbquic.protocol.state import ConnectionState
from smbquic.wire import smb1
from smbquic.wire.header import Command, Header
from smbquic.wire.messages import decode_request

_SESSIONLESS = frozenset({Command.NEGOTIATE, Command.SESSION_SETUP, Command.ECHO, Command.CANCEL})
_AFTER_EXPIRY = _SESSIONLESS | {Command.LOGOFF, Command.CLOSE, Command.LOCK}


@dataclass(slots=True)
class MultiProtocolNegotiate:
    """The body of an SMB1 negotiate: its dialect strings. [MS-SMB2] 3.3.5.3"""

    dialects: list[str]


class RequestReceiver:
    """The receiver of requests: decrypts, verifies, charges credits for, and decodes them."""

    def __init__(self, state: ConnectionState) -> None:
        self._state = state

    def receive(self, message: memoryview) -> list[Request]:
        """Decrypt one transport message and return its requests. [MS-SMB2] 3.3.5.2

        They come in the order in which they are to be handled. Raises `RemoteProtocolError`
        (`WireError`, `SecurityError`) for what ends the connection.
        """
        state = self._state
        if len(message) > state.max_message:
            raise RemoteProtocolError(f"a message of {len(message)} bytes")
        if state.negotiated is None and smb1.is_smb1(message):
            return [self._multi_protocol_request(message)]
        elements, encrypted_with = transform.receive(
            message, self._find_protection, state.negotiated
        )
        requests: list[Request] = []
        previous: Request | None = None
        for header, raw in elements:
            previous = self._check(header, raw, encrypted_with, previous)
            requests.append(previous)
        if len(requests) > 1:
            # A CANCEL has no response, so nobody waits for one.
            compound = Compound(open=sum(r.header.command != Command.CANCEL for r in requests))
            for request in requests:
                request.compound = compound
        return requests

    def _find_protection(self, session_id: int) -> Protection:
        """Return the keys of a session, before anything is decrypted. [MS-SMB2] 3.3.5.2.1.1"""
        protection = self._state.protections.get(session_id)
        if protection is None:
            raise RemoteProtocolError(f"encrypted for the unknown session {session_id:#x}")
        if self._state.constrained:
            # Everybody knows the keys of an anonymous session: they prove nothing.
            raise RemoteProtocolError("the message is encrypted, but no user has logged on")
        return protection

    def _multi_protocol_request(self, message: memoryview) -> Request:
        if self._state.multi_protocol:
            raise RemoteProtocolError("a second SMB1 negotiate")
        dialects = smb1.decode_multi_protocol_negotiate(message)
        self._state.window.consume(0, 1)
        header = Header(Command.NEGOTIATE, credits=1)
        request = Request(header, MultiProtocolNegotiate(dialects), message)
        self._state.outstanding[0] = request
        return request

    def _check(
        self,
        header: Header,
        raw: memoryview,
        encrypted_with: Protection | None,
        previous: Request | None,
    ) -> Request:
        if header.is_response:
            raise RemoteProtocolError("a response came from a client")
        command = header.command
        negotiated = self._state.negotiated
        if negotiated is None and command != Command.NEGOTIATE:
            raise RemoteProtocolError(f"the command {command:#x} before NEGOTIATE")
        request = Request(header, None, raw, encrypted=encrypted_with is not None)
        request.related = header.is_related
        request.previous = previous
        request.session_id = header.session_id
        request.tree_id = header.tree_id
        if command != Command.CANCEL:
            charge = header.credit_charge if negotiated and negotiated.multi_credit else 1
            # Before anything else is checked: what a request costs is paid whatever becomes of
            # it, and an id that was not granted ends the connection. A CANCEL has the id of what
            # it cancels and costs nothing.
            self._state.window.consume(header.message_id, charge or 1)
            self._state.outstanding[header.message_id] = request
        request.failure = self._check_session(request, encrypted_with)
        if request.failure is None:
            try:
                request.body = decode_request(command, raw)
            except WireError as error:
                request.failure = error.status
            else:
                request.failure = self._check_charge(request)
        return request

    def _check_session(
        self, request: Request, encrypted_with: Protection | None
    ) -> NtStatus | None:
        """Find the request's session and verify its signature; the failure, if there is one.

        [MS-SMB2] 3.3.5.2.4, 3.3.5.2.7.2, 3.3.5.2.9
        """
        header = request.header
        if request.related:
            if request.previous is None or request.previous.session is None:
                return NtStatus.INVALID_PARAMETER
            request.session = request.previous.session
            request.session_id = request.session.id
        else:
            request.session = self._state.sessions.get(header.session_id)
        session = request.session
        if session is not None:
            request.protection = self._state.protections.get(session.id)
        if encrypted_with is not None and request.protection is not encrypted_with:
            # A client that has the keys of one session must not act in another one.
            raise RemoteProtocolError("the request is for another session than its encryption")
        if header.is_signed and not request.encrypted:
            failure = self._check_signature(request)
            if failure is not None:
                return failure
        if header.command in _SESSIONLESS and session is None:
            return None
        if session is None:
            return NtStatus.USER_SESSION_DELETED
        if session.is_valid:
            # In an expired session, a client may still close and unlock files, log off, and log on
            # again. [MS-SMB2] 3.3.5.2.9
            if session.expired and header.command not in _AFTER_EXPIRY:
                return NtStatus.NETWORK_SESSION_EXPIRED
            if session.encrypt_data and not request.encrypted:
                return NtStatus.ACCESS_DENIED
            if session.signing_required and not (request.signed or request.encrypted):
                return NtStatus.ACCESS_DENIED
        elif header.command not in _SESSIONLESS:
            return NtStatus.USER_SESSION_DELETED
        return None

    def _check_signature(self, request: Request) -> NtStatus | None:
        if request.header.command == Command.NEGOTIATE:
            return NtStatus.INVALID_PARAMETER
        if request.session is None:
            # A signed SESSION_SETUP for a session of another connection may bind it to this one.
            binds = request.header.command == Command.SESSION_SETUP
            return None if binds else NtStatus.USER_SESSION_DELETED
        if request.protection is None:
            return NtStatus.NOT_SUPPORTED
        if not request.protection.verify(request.raw, request.header):
            return NtStatus.ACCESS_DENIED
        request.signed = True
        return None

    def _check_charge(self, request: Request) -> NtStatus | None:
        """Check that the credits pay for the payload; return the failure. [MS-SMB2] 3.3.5.2.5"""
        if self._state.negotiated is None or not self._state.negotiated.multi_credit:
            return None
        paid = max(request.header.credit_charge, 1) * CREDIT_SIZE
        return NtStatus.INVALID_PARAMETER if payload_size(request.body) > paid else None

    def find_pending(self, cancel: Request) -> Request | None:
        """Return the request that a CANCEL names, if it is still to be answered. [MS-SMB2] 3.3.5.16

        It has to be of the same session, whose signature was verified with the CANCEL: a message
        without a session needs none, and must not end what others asked for.
        """
        header = cancel.header
        if header.is_async:
            target = self._state.pending.get(header.async_id)
        else:
            target = self._state.outstanding.get(header.message_id)
        return target if target is not None and target.session is cancel.session else None

"""The server's side of one SMB connection, without I/O. [MS-SMB2] 3.3

Messages go in through `ServerConnection.receive` and come out as requests that were unsealed,
verified, and charged for; answers go in through `respond` and `fail` and come out as the buffers
to send. NEGOTIATE and SESSION_SETUP are settled here; what any other request means is up to the
server above.
"""

from collections.abc import Callable
from dataclasses import dataclass

from smbquic.auth.acceptor import Authenticator
from smbquic.crypto.keys import derive_session_keys
from smbquic.errors import AuthenticationError, RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol import negotiation
from smbquic.protocol.credits import CommandWindow
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.receiver import MultiProtocolNegotiate, Receiver
from smbquic.protocol.request import Request
from smbquic.protocol.responder import Responder
from smbquic.protocol.session import Session, SessionState, SessionTable
from smbquic.protocol.settings import MESSAGE_OVERHEAD, EncryptionPolicy, ServerSettings
from smbquic.protocol.state import ConnectionState
from smbquic.wire.ioctl import ValidateNegotiateInfoRequest, ValidateNegotiateInfoResponse
from smbquic.wire.negotiate import Dialect, NegotiateRequest, NegotiateResponse, SecurityMode
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)


@dataclass(slots=True)
class SessionSetupOutcome:
    """What a SESSION_SETUP came to.

    `status` goes out with `response`. `established` is true when a logon, not a repeated one, is
    complete. `replaced` is the client's former session, which has just been removed: the server
    closes what it had open.
    """

    status: NtStatus
    response: SessionSetupResponse
    session: Session
    established: bool = False
    replaced: Session | None = None


class ServerConnection:
    """One client's connection. [MS-SMB2] 3.3.1.7

    `quic` says that the transport is QUIC, `random(n)` gives n unpredictable bytes. The methods
    of `Receiver` and `Responder` are this object's own: `receive`, `find_pending`, `respond`,
    `fail`, `interim`, `unsolicited`.
    """

    def __init__(
        self,
        settings: ServerSettings,
        sessions: SessionTable,
        authenticator: Authenticator,
        *,
        quic: bool,
        random: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.quic = quic
        self.request: NegotiateRequest | None = None  # as received, for VALIDATE_NEGOTIATE_INFO
        self.response: NegotiateResponse | None = None
        self._table = sessions
        self._authenticator = authenticator
        self._random = random
        self._state = ConnectionState(CommandWindow(settings.max_credits))
        receiver, responder = Receiver(self._state), Responder(self._state)
        self.receive = receiver.receive
        self.find_pending = receiver.find_pending
        self.respond = responder.respond
        self.fail = responder.fail
        self.interim = responder.interim
        self.unsolicited = responder.unsolicited

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, once it is negotiated."""
        return self._state.dialect

    @property
    def negotiated(self) -> Negotiated | None:
        """All that was negotiated, once it was."""
        return self._state.negotiated

    @property
    def max_size(self) -> int:
        """The largest READ, WRITE or transaction in bytes."""
        return self._state.negotiated.max_transact_size if self._state.negotiated else 0

    @property
    def sessions(self) -> dict[int, Session]:
        """The sessions of this connection, by id."""
        return self._state.sessions

    def negotiate(self, request: Request, system_time: int) -> NegotiateResponse:
        """Agree on a dialect and algorithms. [MS-SMB2] 3.3.5.3, 3.3.5.4

        `system_time` is a FILETIME. Raises `StatusError` with what the client gets, or
        `RemoteProtocolError` when the connection has to end.
        """
        if self._state.negotiated is not None:
            raise RemoteProtocolError("a second NEGOTIATE")
        hint = self._authenticator.hint()
        if isinstance(request.body, MultiProtocolNegotiate):
            return self._negotiate_multi_protocol(request.body, hint, system_time)
        self._state.negotiated, self.response = negotiation.answer(
            self.settings,
            request.body,
            quic=self.quic,
            hint=hint,
            system_time=system_time,
            random=self._random,
        )
        self.request = request.body
        self._state.max_message = self._state.negotiated.max_transact_size + MESSAGE_OVERHEAD
        if self._state.dialect == Dialect.SMB_3_1_1:
            self._state.preauth.update(request.raw)
        return self.response

    def _negotiate_multi_protocol(
        self, body: MultiProtocolNegotiate, hint: bytes, system_time: int
    ) -> NegotiateResponse:
        response = negotiation.multi_protocol_answer(
            self.settings, body.dialects, hint=hint, system_time=system_time
        )
        if response.dialect_revision == Dialect.WILDCARD:
            self._state.multi_protocol = True
        else:
            self._state.negotiated, _ = negotiation.answer(
                self.settings,
                NegotiateRequest(
                    dialects=[Dialect.SMB_2_0_2],
                    security_mode=SecurityMode.SIGNING_ENABLED,
                    capabilities=response.capabilities,
                    client_guid=bytes(16),
                    contexts=[],
                ),
                quic=self.quic,
                hint=hint,
                system_time=system_time,
                random=self._random,
            )
            self.response = response
        return response

    def validate_negotiate(
        self, info: ValidateNegotiateInfoRequest
    ) -> ValidateNegotiateInfoResponse:
        """Confirm what was negotiated, below 3.1.1. [MS-SMB2] 3.3.5.15.12

        Raises `RemoteProtocolError`, which ends the connection without an answer, when the
        client's memory differs from ours: somebody was in between.
        """
        request, response = self.request, self.response
        if request is None or response is None or self._state.dialect == Dialect.SMB_3_1_1:
            raise RemoteProtocolError("VALIDATE_NEGOTIATE_INFO where there is nothing to validate")
        same = (
            info.capabilities == request.capabilities
            and info.guid == request.client_guid
            and info.security_mode == request.security_mode
            and negotiation.select_dialect(self.settings, info.dialects, quic=self.quic)
            == self._state.dialect
        )
        if not same:
            raise RemoteProtocolError("VALIDATE_NEGOTIATE_INFO differs from the NEGOTIATE received")
        return ValidateNegotiateInfoResponse(
            capabilities=response.capabilities,
            guid=response.server_guid,
            security_mode=response.security_mode,
            dialect=response.dialect_revision,
        )

    # --- SESSION_SETUP, LOGOFF --------------------------------------------------------------

    def session_setup(self, request: Request, now: float) -> SessionSetupOutcome:
        """One step of a logon. [MS-SMB2] 3.3.5.5

        `now` in seconds. Raises `StatusError` (the client gets its status); a session whose
        logon failed is removed before that, see `Session.state`.
        """
        assert self._state.negotiated is not None
        body: SessionSetupRequest = request.body
        if body.flags & SessionSetupFlags.BINDING:
            raise StatusError(NtStatus.REQUEST_NOT_ACCEPTED, "SESSION_SETUP")
        encrypts = self.settings.encryption is EncryptionPolicy.REQUIRED
        if encrypts and self._state.negotiated.cipher is None:
            raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
        session = self._session_for(request, now)
        if not session.is_valid and self._state.dialect == Dialect.SMB_3_1_1:
            session.preauth.update(request.raw)
        assert session.acceptor is not None
        try:
            token = session.acceptor.step(bytes(body.security_buffer))
        except AuthenticationError as error:
            self.drop(session)
            raise StatusError(error.status, "SESSION_SETUP", str(error)) from error
        if not session.acceptor.complete:
            return SessionSetupOutcome(
                NtStatus.MORE_PROCESSING_REQUIRED,
                SessionSetupResponse(SessionFlags(0), token),
                session,
            )
        return self._complete(request, session, token)

    def _session_for(self, request: Request, now: float) -> Session:
        """The session that a SESSION_SETUP is about: a new one, or one in progress or repeated."""
        if request.header.session_id == 0:
            session = self._table.create(
                self._authenticator.new_acceptor(), self._state.preauth.copy(), now
            )
            self._state.sessions[session.id] = session
            request.session = session
            request.session_id = session.id
            return session
        if request.session is None:
            raise StatusError(NtStatus.USER_SESSION_DELETED, "SESSION_SETUP")
        session = request.session
        if session.acceptor is None:
            session.acceptor = self._authenticator.new_acceptor()
        return session

    def _complete(self, request: Request, session: Session, token: bytes) -> SessionSetupOutcome:
        assert self._state.negotiated is not None
        assert session.acceptor is not None
        acceptor, session.acceptor = session.acceptor, None
        identity = acceptor.identity
        if session.is_valid:
            if identity != session.identity:
                self.drop(session)
                raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
            response = SessionSetupResponse(self._session_flags(session), token)
            return SessionSetupOutcome(NtStatus.SUCCESS, response, session)
        session.identity = identity
        if not (identity.guest or identity.anonymous):
            self._protect(session, acceptor.session_key)
            # The client checks this signature: it covers the whole negotiation.
            request.signed = True
            session.signing_required = self._state.negotiated.signing_required or bool(
                request.body.security_mode & SecurityMode.SIGNING_REQUIRED
            )
            session.encrypt_data = (
                self.settings.encryption is EncryptionPolicy.REQUIRED
                and self._state.negotiated.is_smb3
                and not self._state.negotiated.transport_security
            )
        elif self.settings.encryption is EncryptionPolicy.REQUIRED or (
            self.settings.signing_required
        ):
            self.drop(session)  # a guest has no key to sign or encrypt with
            raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
        session.state = SessionState.VALID
        return SessionSetupOutcome(
            NtStatus.SUCCESS,
            SessionSetupResponse(self._session_flags(session), token),
            session,
            established=True,
            replaced=self._replace(session, request.body.previous_session_id),
        )

    def _protect(self, session: Session, session_key: bytes) -> None:
        assert self._state.negotiated is not None
        negotiated = self._state.negotiated
        keys = derive_session_keys(
            negotiated.dialect,
            session_key,
            cipher=negotiated.cipher,
            preauth_hash=session.preauth.value,
        )
        session.application_key = keys.application
        session.protection = Protection(
            session.id,
            keys,
            negotiated.signing_algorithm,
            negotiated.cipher,
            server=True,
            random=self._random,
        )

    @staticmethod
    def _session_flags(session: Session) -> SessionFlags:
        flags = SessionFlags(0)
        if session.identity.guest:
            flags |= SessionFlags.IS_GUEST
        if session.identity.anonymous:
            flags |= SessionFlags.IS_NULL
        if session.encrypt_data:
            flags |= SessionFlags.ENCRYPT_DATA
        return flags

    def _replace(self, session: Session, previous_id: int) -> Session | None:
        """Remove the same user's session of before a reconnection. [MS-SMB2] 3.3.5.5.3"""
        if previous_id in (0, session.id):
            return None
        previous = self._table.get(previous_id)
        if previous is None or not previous.is_valid or previous.identity != session.identity:
            return None
        self.drop(previous)
        return previous

    def drop(self, session: Session) -> None:
        """End a session; the server closes what it had open. [MS-SMB2] 3.3.5.6"""
        self._state.sessions.pop(session.id, None)
        self._table.remove(session)

    def close(self) -> list[Session]:
        """End every session of this connection; those are returned. [MS-SMB2] 3.3.7.1"""
        sessions = list(self._state.sessions.values())
        for session in sessions:
            self.drop(session)
        return sessions

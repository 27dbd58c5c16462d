"""Logons: the half of a server's connection that makes, repeats, binds and ends sessions.

[MS-SMB2] 3.3.5.5, 3.3.5.6
"""

from collections.abc import Callable

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.crypto.keys import derive_channel_signing_key, derive_session_keys
from smbquic.crypto.preauth import PreauthHash
from smbquic.crypto.signing import Signer
from smbquic.errors import AuthenticationError, StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol.protection import Protection
from smbquic.protocol.request import Request
from smbquic.protocol.session import ServerSession, SessionTable
from smbquic.protocol.session_state import SessionEvent
from smbquic.protocol.settings import ServerSettings
from smbquic.protocol.state import ConnectionState
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, SecurityMode
from smbquic.wire.negotiate_contexts import SigningAlgorithm
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)

_MAX_CHANNELS = 32
"""Connections of one session, as on Windows."""


@dataclass(slots=True)
class SessionSetupOutcome:
    """The outcome of a SESSION_SETUP request.

    `status` goes out with `response`. `established` is true when a first logon is complete,
    `repeated` when a further one of the same session is; `bound` when the session has got this
    connection as a further one. `replaced` is the client's former session, which has just been
    removed: the server closes what it had open.
    """

    status: NtStatus
    response: SessionSetupResponse
    session: ServerSession
    established: bool = False
    repeated: bool = False
    bound: bool = False
    replaced: ServerSession | None = None


@dataclass(slots=True)
class _Binding:
    """A session of another connection that is being bound to this one."""

    acceptor: Acceptor
    preauth: PreauthHash


class Logon:
    """Logons and logoffs on one connection: the processing of SESSION_SETUP and LOGOFF.

    [MS-SMB2] 3.3.5.5, 3.3.5.6
    """

    def __init__(
        self,
        settings: ServerSettings,
        state: ConnectionState,
        table: SessionTable,
        authenticator: Authenticator,
        random: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self._state = state
        self._table = table
        self._authenticator = authenticator
        self._random = random
        self._bindings: dict[int, _Binding] = {}

    def session_setup(self, request: Request, now: float) -> SessionSetupOutcome:
        """Take one step of a logon. [MS-SMB2] 3.3.5.5

        `now` in seconds. Raises `StatusError` (the client gets its status); a session whose
        logon failed is removed before that, see `ServerSession.state`.
        """
        assert self._state.negotiated is not None
        body: SessionSetupRequest = request.body
        if body.flags & SessionSetupFlags.BINDING:
            return self._bind(request)
        negotiated = self._state.negotiated
        # Refused before a password is checked: no session could be used.
        if negotiated.encryption_required and negotiated.cipher is None:
            raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
        session = self._session_for(request, now)
        # The hash of a session covers its first logon only, from which the keys are derived. The
        # last response is left out, as it is signed with them. [MS-SMB2] 3.3.5.5
        if not session.is_valid and self._state.dialect == Dialect.SMB_3_1_1:
            session.preauth.update(request.raw)
            request.preauth = session.preauth
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

    def _session_for(self, request: Request, now: float) -> ServerSession:
        """Return the session of a SESSION_SETUP: new, in progress, or logging on again."""
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

    def _complete(
        self, request: Request, session: ServerSession, token: bytes
    ) -> SessionSetupOutcome:
        assert self._state.negotiated is not None
        assert session.acceptor is not None
        acceptor, session.acceptor = session.acceptor, None
        identity = acceptor.identity
        if session.is_valid:
            # A repeated logon renews the session and keeps its keys. It has to be the same user's,
            # or nobody's: files stay open with the rights of the first one.
            if identity != session.owner and not identity.anonymous:
                self.drop(session)
                raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
            session.identity = identity
            session.change(SessionEvent.LOGGED_ON)
            response = SessionSetupResponse(self._session_flags(session), token)
            return SessionSetupOutcome(NtStatus.SUCCESS, response, session, repeated=True)
        session.identity = session.owner = identity
        if not session.is_guest_or_anonymous:
            self._state.constrained = False
            self._protect(session, acceptor.session_key)
            request.protection = session.protection
            # The client checks this signature: it covers the whole negotiation.
            request.signed = True
            session.signing_required = self._state.negotiated.signing_required or bool(
                request.body.security_mode & SecurityMode.SIGNING_REQUIRED
            )
            session.encrypt_data = self._state.negotiated.encryption_required
        elif self._state.negotiated.encryption_required:
            self.drop(session)  # a guest has no key to encrypt with
            raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
        elif identity.anonymous:
            # Everybody knows the key, so nothing has to be signed with it; but it may be.
            self._protect(session, acceptor.session_key)
        session.negotiated = self._state.negotiated
        session.client_guid = self._state.client_guid
        session.change(SessionEvent.LOGGED_ON)
        return SessionSetupOutcome(
            NtStatus.SUCCESS,
            SessionSetupResponse(self._session_flags(session), token),
            session,
            established=True,
            replaced=self._replace(session, request.body.previous_session_id),
        )

    def _protect(self, session: ServerSession, session_key: bytes) -> None:
        assert self._state.negotiated is not None
        negotiated = self._state.negotiated
        keys = derive_session_keys(
            negotiated.dialect,
            session_key,
            cipher=negotiated.cipher,
            preauth_hash=session.preauth.value,
        )
        session.application_key = keys.application
        session.protection = Protection.of_session(
            session.id,
            keys,
            negotiated.signing_algorithm,
            negotiated.cipher,
            server=True,
            random=self._random,
        )
        self._state.protections[session.id] = session.protection

    @staticmethod
    def _session_flags(session: ServerSession) -> SessionFlags:
        flags = SessionFlags(0)
        if session.identity.guest:
            flags |= SessionFlags.IS_GUEST
        if session.identity.anonymous:
            flags |= SessionFlags.IS_NULL
        if session.encrypt_data:
            flags |= SessionFlags.ENCRYPT_DATA
        return flags

    def _replace(self, session: ServerSession, previous_id: int) -> ServerSession | None:
        """Remove the same user's session of before a reconnection. [MS-SMB2] 3.3.5.5.3"""
        if previous_id in (0, session.id):
            return None
        previous = self._table.get(previous_id)
        if previous is None or not previous.is_valid or previous.owner != session.owner:
            return None
        self.drop(previous)
        return previous

    # --- binding ----------------------------------------------------------------------------

    def _bind(self, request: Request) -> SessionSetupOutcome:
        """Take one step of binding a session to this connection. [MS-SMB2] 3.3.5.5"""
        session = self._table.get(request.header.session_id)
        if session is None:
            raise StatusError(NtStatus.USER_SESSION_DELETED, "SESSION_SETUP")
        unbound = session.id not in self._state.sessions
        if unbound and session.protection is not None and request.header.is_signed:
            # Only a client that has the session's key gets a response that is signed with it.
            if not session.protection.verify(request.raw, request.header):
                raise StatusError(NtStatus.ACCESS_DENIED, "SESSION_SETUP")
            # Until it is bound, the session's own key signs on this connection as well.
            request.session, request.protection = session, session.protection
            request.session_id = session.id
            request.signed = True
        self._check_binding(request, session)
        binding = self._bindings.get(session.id)
        if binding is None:
            acceptor = self._authenticator.new_acceptor()
            binding = self._bindings[session.id] = _Binding(acceptor, self._state.preauth.copy())
        # The key of this channel is derived from the binding's own exchange, which begins where the
        # NEGOTIATE of this connection has ended. [MS-SMB2] 3.3.5.5
        binding.preauth.update(request.raw)
        request.preauth = binding.preauth
        try:
            token = binding.acceptor.step(bytes(request.body.security_buffer))
        except AuthenticationError as error:
            del self._bindings[session.id]
            raise StatusError(error.status, "SESSION_SETUP", str(error)) from error
        if not binding.acceptor.complete:
            return SessionSetupOutcome(
                NtStatus.MORE_PROCESSING_REQUIRED,
                SessionSetupResponse(SessionFlags(0), token),
                session,
            )
        del self._bindings[session.id]
        # A client that has the session's key must not bind a channel as another user.
        if binding.acceptor.identity != session.identity:
            raise StatusError(NtStatus.NOT_SUPPORTED, "SESSION_SETUP")
        self._add_channel(session, binding)
        request.protection = self._state.protections[session.id]
        response = SessionSetupResponse(self._session_flags(session), token)
        return SessionSetupOutcome(NtStatus.SUCCESS, response, session, bound=True)

    def _check_binding(self, request: Request, session: ServerSession) -> None:
        """Raise `StatusError` if the session may not be bound to this connection.

        The checks come in the order of Windows, which decides about the status. [MS-SMB2] 3.3.5.5

        The client's GUID may differ, as on Windows: the key is what distinguishes clients.
        """
        here, there = self._state.negotiated, session.negotiated
        assert here is not None
        offered = self.settings.capabilities & GlobalCapabilities.MULTI_CHANNEL
        refusal = None
        if there is not None and here.signing_algorithm != there.signing_algorithm:
            if there.signing_algorithm == SigningAlgorithm.AES_GMAC:
                refusal = NtStatus.REQUEST_OUT_OF_SEQUENCE
            elif here.signing_algorithm == SigningAlgorithm.AES_GMAC:
                refusal = NtStatus.NOT_SUPPORTED
        if refusal is None:
            if not offered or not here.is_smb3 or there is None:
                refusal = NtStatus.REQUEST_NOT_ACCEPTED
            elif not request.header.is_signed or (here.dialect, here.cipher) != (
                there.dialect,
                there.cipher,
            ):
                refusal = NtStatus.INVALID_PARAMETER
            elif session.expired:
                refusal = NtStatus.NETWORK_SESSION_EXPIRED
            elif session.id in self._state.sessions:
                refusal = NtStatus.REQUEST_NOT_ACCEPTED
            elif session.is_guest_or_anonymous:
                refusal = NtStatus.NOT_SUPPORTED
            elif here.encryption_required and not session.encrypt_data:
                refusal = NtStatus.ACCESS_DENIED  # it was left to QUIC, which is not here
            elif session.channels >= _MAX_CHANNELS:
                refusal = NtStatus.INSUFFICIENT_RESOURCES
        if refusal is not None:
            raise StatusError(refusal, "SESSION_SETUP")

    def _add_channel(self, session: ServerSession, binding: _Binding) -> None:
        negotiated = self._state.negotiated
        assert negotiated is not None
        assert session.protection is not None
        key = derive_channel_signing_key(
            negotiated.dialect, binding.acceptor.session_key, preauth_hash=binding.preauth.value
        )
        signer = Signer(negotiated.signing_algorithm, key)
        self._state.protections[session.id] = session.protection.for_channel(signer)
        self._state.sessions[session.id] = session
        self._state.constrained = False
        session.channels += 1

    # --- the end ----------------------------------------------------------------------------

    def drop(self, session: ServerSession) -> None:
        """End a session; the server closes what it had open. [MS-SMB2] 3.3.5.6"""
        self._forget(session)
        self._table.remove(session)

    def _forget(self, session: ServerSession) -> None:
        self._state.sessions.pop(session.id, None)
        self._state.protections.pop(session.id, None)

    def close(self) -> list[ServerSession]:
        """End the connection: the sessions that ended with it. [MS-SMB2] 3.3.7.1

        A session that is bound to another connection goes on.
        """
        ended = []
        for session in list(self._state.sessions.values()):
            session.channels -= 1
            if session.channels > 0:
                self._forget(session)
            else:
                self.drop(session)
                ended.append(session)
        return ended

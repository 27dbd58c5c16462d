"""The server's side of one SMB connection, without I/O. [MS-SMB2] 3.3

Messages go in through `ServerProtocol.receive` and come out as requests that were decrypted,
verified, and charged for; responses go in through `respond` and `fail` and come out as the
buffers to send. NEGOTIATE and SESSION_SETUP are handled here; what any other request means is up
to the server above.
"""

from collections.abc import Callable

from smbquic.auth.authenticator import Authenticator
from smbquic.errors import RemoteProtocolError
from smbquic.protocol import server_negotiation
from smbquic.protocol.credits import CommandWindow
from smbquic.protocol.logon import Logon
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.receiver import MultiProtocolNegotiate, RequestReceiver
from smbquic.protocol.request import Request
from smbquic.protocol.responder import Responder
from smbquic.protocol.session import ServerSession, SessionTable
from smbquic.protocol.settings import MESSAGE_OVERHEAD, ServerSettings
from smbquic.protocol.state import ConnectionState
from smbquic.wire.ioctl import ValidateNegotiateInfoRequest, ValidateNegotiateInfoResponse
from smbquic.wire.negotiate import Dialect, NegotiateRequest, NegotiateResponse, SecurityMode


class ServerProtocol:
    """One client's connection. [MS-SMB2] 3.3.1.7

    `quic` says that the transport is QUIC, `random(n)` gives n unpredictable bytes. The methods
    of `RequestReceiver`, `Responder` and `Logon` are this object's own: `receive`, `find_pending`,
    `respond`, `fail`, `interim`, `unsolicited`, `session_setup`, `drop`, `close`.
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
        self._authenticator = authenticator
        self._random = random
        self._state = ConnectionState(CommandWindow(settings.max_credits))
        receiver, responder = RequestReceiver(self._state), Responder(self._state)
        logon = Logon(settings, self._state, sessions, authenticator, random)
        self.receive = receiver.receive
        self.find_pending = receiver.find_pending
        self.respond = responder.respond
        self.fail = responder.fail
        self.interim = responder.interim
        self.unsolicited = responder.unsolicited
        self.session_setup = logon.session_setup
        self.drop = logon.drop
        self.close = logon.close

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, once it is negotiated."""
        return self._state.dialect

    @property
    def client_guid(self) -> bytes:
        """Which client it is: 16 bytes of its own choice, the same on all of its connections."""
        return self._state.client_guid

    @property
    def negotiated(self) -> Negotiated | None:
        """All that was negotiated, once it was."""
        return self._state.negotiated

    @property
    def credits_held(self) -> int:
        """The credits that the client holds."""
        return self._state.window.held

    @property
    def max_size(self) -> int:
        """The largest READ, WRITE or transaction in bytes."""
        return self._state.negotiated.max_transact_size if self._state.negotiated else 0

    @property
    def sessions(self) -> dict[int, ServerSession]:
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
        self._state.negotiated, self.response = server_negotiation.build_response(
            self.settings,
            request.body,
            quic=self.quic,
            hint=hint,
            system_time=system_time,
            random=self._random,
        )
        self.request = request.body
        self._state.client_guid = request.body.client_guid
        self._state.max_message = self._state.negotiated.max_transact_size + MESSAGE_OVERHEAD
        if self._state.dialect == Dialect.SMB_3_1_1:
            self._state.preauth.update(request.raw)
        return self.response

    def _negotiate_multi_protocol(
        self, body: MultiProtocolNegotiate, hint: bytes, system_time: int
    ) -> NegotiateResponse:
        response = server_negotiation.build_multi_protocol_response(
            self.settings, body.dialects, hint=hint, system_time=system_time
        )
        if response.dialect_revision == Dialect.WILDCARD:
            self._state.multi_protocol = True
        else:
            self._state.negotiated, _ = server_negotiation.build_response(
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

        Raises `RemoteProtocolError`, which ends the connection without a response, if the client
        has seen another negotiation: an attacker on the path has changed it.
        """
        request, response = self.request, self.response
        if request is None or response is None or self._state.dialect == Dialect.SMB_3_1_1:
            raise RemoteProtocolError("VALIDATE_NEGOTIATE_INFO where there is nothing to validate")
        same = (
            info.capabilities == request.capabilities
            and info.guid == request.client_guid
            and info.security_mode == request.security_mode
            and server_negotiation.select_dialect(self.settings, info.dialects, quic=self.quic)
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

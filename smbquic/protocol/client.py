"""The client's side of one SMB connection, without I/O. [MS-SMB2] 3.2

Requests go in through `ClientProtocol.request` and `compound` and come out as buffers to send;
received messages go in through `receive` and come out as responses that were decrypted, verified
and matched with their request.
"""

from collections.abc import Callable, Sequence

from smbquic.auth.spnego.initiator import Initiator
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import LocalProtocolError, RemoteProtocolError, SecurityError, StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol import client_logon, client_negotiation, transform, validation
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.credits import CreditPool, credit_charge
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.response import OutstandingRequest, Response
from smbquic.protocol.session_state import SessionEvent, SessionState
from smbquic.protocol.settings import MESSAGE_OVERHEAD, ClientSettings
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.message import Message
from smbquic.wire.messages import decode_response
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
)

_MAX_CREDIT_REQUEST = 0xFFFF

# Plain integers: IntFlag takes its time, and these are used for each message.
_RELATED = int(HeaderFlags.RELATED_OPERATIONS)
_ASYNC = int(HeaderFlags.ASYNC_COMMAND)
_REPLAY = int(HeaderFlags.REPLAY_OPERATION)


@dataclass(slots=True)
class Sent:
    """A request under its message id, and the buffers that are to be sent for it."""

    message_id: int
    buffers: list[Buffer]


@dataclass(slots=True)
class SentCompound:
    """Several requests, in order, and the one message that carries them."""

    message_ids: list[int]
    buffers: list[Buffer]


class ClientProtocol:
    """One connection to a server. [MS-SMB2] 3.2.1.2

    `quic` says that the transport is QUIC, `server_name` is the name that the user gave,
    `random(n)` gives n unpredictable bytes.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        quic: bool,
        server_name: str,
        random: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.quic = quic
        self.server_name = server_name
        self.negotiated: Negotiated | None = None
        self.server: NegotiateResponse | None = None
        self._random = random
        self.credit_pool = CreditPool()
        self._preauth = PreauthHash()
        self._negotiate_request: NegotiateRequest | None = None
        self._negotiate: Sent | None = None
        self._sessions: dict[int, ClientSession] = {}
        # The keys, on this connection, of the sessions that were bound to it.
        self._channels: dict[int, Protection] = {}
        self._outstanding: dict[int, OutstandingRequest] = {}

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, once it is negotiated."""
        return self.negotiated.dialect if self.negotiated else None

    @property
    def multi_channel(self) -> bool:
        """Whether both ends can give a session further connections. [MS-SMB2] 3.2.5.2"""
        if self.server is None or self.dialect is None or self.dialect < Dialect.SMB_3_0:
            return False
        announced = self.server.capabilities & GlobalCapabilities.MULTI_CHANNEL
        return self.settings.multi_channel and bool(announced)

    @property
    def credits(self) -> int:
        """Credits that can be spent now."""
        return self.credit_pool.available

    @property
    def in_flight(self) -> int:
        """Requests that the server has not answered yet."""
        return len(self._outstanding)

    # --- sending ----------------------------------------------------------------------------

    def charge(self, body: Message) -> int:
        """Return how many credits a request costs. [MS-SMB2] 3.2.4.1.5"""
        multi_credit = self.negotiated is not None and self.negotiated.multi_credit
        return credit_charge(body) if multi_credit else 1

    def request(
        self,
        body: Message,
        *,
        session: ClientSession | None = None,
        tree_id: int = 0,
        encrypt: bool = False,
    ) -> Sent:
        """Make a request. Raises `LocalProtocolError` if `charge(body)` exceeds `credits`."""
        sent = self.compound([body], session=session, tree_id=tree_id, encrypt=encrypt)
        return Sent(sent.message_ids[0], sent.buffers)

    def compound(
        self,
        bodies: Sequence[Message],
        *,
        session: ClientSession | None = None,
        tree_id: int = 0,
        encrypt: bool = False,
        related: bool = True,
        replay: bool = False,
    ) -> SentCompound:
        """Make one message of several requests. [MS-SMB2] 3.2.4.1.4

        Related ones act on the file that the first one opens: give them `FileId.RELATED`. `replay`
        says that they were sent before, on a connection of the session that was lost.
        """
        charges = [self.charge(body) for body in bodies]
        if sum(charges) > self.credits:
            raise LocalProtocolError(f"{sum(charges)} credits wanted, {self.credits} there")
        negotiated = self.negotiated
        multi_credit = negotiated is not None and negotiated.multi_credit
        encryption = session.encryption(demanded=encrypt) if session else None
        replaying = _REPLAY if replay else 0
        message_ids: list[int] = []
        outgoing: list[OutgoingElement] = []
        for index, body in enumerate(bodies):
            message_id = self.credit_pool.spend(charges[index])
            message_ids.append(message_id)
            self._outstanding[message_id] = OutstandingRequest(
                body.command, session, tree_id, encrypt
            )
            header = Header(
                body.command,
                message_id=message_id,
                credit_charge=charges[index] if multi_credit else 0,
                credits=self._credits_to_ask(charges[index]),
                # What a response has for its status is the channel sequence of a request.
                status=session.channel_sequence if session else 0,
                flags=(_RELATED if related and index else 0) | replaying,
                tree_id=tree_id,
                session_id=session.id if session else 0,
            )
            outgoing.append(self._element(header, body, session, encryption))
        compression = negotiated.compression if negotiated else None
        return SentCompound(message_ids, transform.send(outgoing, encryption, compression))

    def _credits_to_ask(self, charge: int) -> int:
        """Ask for what this request costs, and for what is missing to the number wanted."""
        missing = max(self.settings.credits_wanted - self.credit_pool.available, 0)
        return min(charge + missing, _MAX_CREDIT_REQUEST)

    def _element(
        self,
        header: Header,
        body: Message,
        session: ClientSession | None,
        encryption: Protection | None,
    ) -> OutgoingElement:
        """Decide whether a request is signed. [MS-SMB2] 3.2.4.1.1"""
        signing = None
        if session is not None and encryption is None:
            # In 3.1.1 a signed TREE_CONNECT proves the negotiation even where nothing else is
            # signed.
            proves = header.command == Command.TREE_CONNECT and self.dialect == Dialect.SMB_3_1_1
            if session.signing_required or proves:
                signing = self._protection_of(session)
        return OutgoingElement(header, body.buffers(), signing)

    def _protection_of(self, session: ClientSession) -> Protection | None:
        """Return the keys of a session on this connection; None for a guest's."""
        return self._channels.get(session.id, session.protection)

    def cancel(self, message_id: int) -> list[Buffer]:
        """Make a CANCEL for an outstanding request; it has no response. [MS-SMB2] 3.2.4.24

        Raises `LocalProtocolError` if the request was answered already.
        """
        target = self._outstanding.get(message_id)
        if target is None:
            raise LocalProtocolError(f"there is no request {message_id} to cancel")
        header = Header(
            Command.CANCEL,
            message_id=message_id,
            flags=_ASYNC if target.async_id else 0,
            async_id=target.async_id,
            tree_id=target.tree_id,
            session_id=target.session.id if target.session else 0,
        )
        session = target.session
        encryption = session.encryption(demanded=target.encrypt) if session else None
        element = self._element(header, CancelRequest(), session, encryption)
        return transform.send([element], encryption)

    # --- receiving --------------------------------------------------------------------------

    def receive(self, message: memoryview) -> list[Response]:
        """Decrypt one message, verify its responses and find their requests. [MS-SMB2] 3.2.5.1

        Raises `RemoteProtocolError` (`WireError`, `SecurityError`) when the connection cannot go
        on. Responses to nothing are left out.
        """
        if self.negotiated and len(message) > self.settings.max_size + MESSAGE_OVERHEAD:
            raise RemoteProtocolError(f"a message of {len(message)} bytes")
        elements, encrypted_with = transform.receive(
            message, self._find_protection, self.negotiated
        )
        responses = []
        for header, raw in elements:
            response = self._check(header, raw, encrypted_with)
            if response is not None:
                responses.append(response)
        return responses

    def _find_protection(self, session_id: int) -> Protection:
        session = self._sessions.get(session_id)
        if session is None or session.protection is None:
            raise SecurityError(f"encrypted for the unknown session {session_id:#x}")
        return session.protection

    def _check(
        self, header: Header, raw: memoryview, encrypted_with: Protection | None
    ) -> Response | None:
        if not header.is_response:
            raise RemoteProtocolError("a request came from the server")
        if header.message_id == UNSOLICITED:
            # Only a break means something without a request. Its signature is not verified
            # ([MS-SMB2] 3.2.5.1.3): all that it does is to make the client give up a cache.
            if header.command != Command.OPLOCK_BREAK:
                return None
            body = decode_response(header.command, raw)
            return Response(UNSOLICITED, header, NtStatus.SUCCESS, body, raw)
        outstanding = self._outstanding.get(header.message_id)
        if outstanding is None:
            # A response to what was answered before, as to a request that was cancelled too late,
            # is left out and grants nothing.
            return None
        status = NtStatus.of(header.status)
        pending = status == NtStatus.PENDING and header.is_async
        # Before anything of it is believed, the credits included.
        session = outstanding.session
        protection = None if session is None else self._protection_of(session)
        outstanding.verify(header, raw, encrypted_with, protection, pending=pending)
        self.credit_pool.grant(header.credits)
        if pending:
            # The real response comes under the same message id, and a CANCEL has to name this one.
            outstanding.async_id = header.async_id
            return Response(header.message_id, header, status, None, raw, pending=True)
        del self._outstanding[header.message_id]
        body = decode_response(header.command, raw)
        return Response(header.message_id, header, status, body, raw)

    # --- NEGOTIATE --------------------------------------------------------------------------

    def negotiate(self) -> Sent:
        """Return the first message of a connection, a NEGOTIATE. [MS-SMB2] 3.2.4.2.2.2

        It may be made before there is a connection, and is the same until it is answered.
        """
        if self._negotiate is None:
            self._negotiate_request = client_negotiation.build_request(
                self.settings, quic=self.quic, server_name=self.server_name, random=self._random
            )
            self._negotiate = self.request(self._negotiate_request)
        return self._negotiate

    def receive_negotiate_response(self, response: Response) -> Negotiated:
        """Check what the server chose, and keep to it from now on. [MS-SMB2] 3.2.5.2

        Raises `StatusError` for a refusal, `RemoteProtocolError` for an answer that cannot be.
        """
        if response.status != NtStatus.SUCCESS:
            raise StatusError.of(response.status, "NEGOTIATE", self.server_name)
        self.server = response.body
        self.negotiated = client_negotiation.check_response(
            self.settings, response.body, quic=self.quic
        )
        if self.dialect == Dialect.SMB_3_1_1:
            assert self._negotiate is not None, "no NEGOTIATE was sent"
            self._preauth.update(*self._negotiate.buffers)
            self._preauth.update(response.raw)
        self._negotiate = None
        return self.negotiated

    @property
    def must_validate(self) -> bool:
        """Return whether the negotiation has to be confirmed after the first tree connect.

        Below 3.1.1 nothing else protects it. [MS-SMB2] 3.2.5.5
        """
        return self.dialect != Dialect.SMB_3_1_1 and max(self.settings.dialects) >= Dialect.SMB_3_0

    def validate_negotiate(self) -> IoctlRequest:
        """Return the request that asks the server what it understood. [MS-SMB2] 3.2.5.5"""
        assert self._negotiate_request is not None
        return validation.validation_request(self._negotiate_request)

    def check_validation(self, response: Response) -> None:
        """Raise `SecurityError` if an attacker on the path has changed the negotiation.

        [MS-SMB2] 3.2.5.14.12
        """
        assert self.server is not None
        validation.check_validation(response, self.server)

    # --- SESSION_SETUP, LOGOFF --------------------------------------------------------------

    def session_setup(
        self,
        initiator: Initiator,
        *,
        previous_session_id: int = 0,
        session: ClientSession | None = None,
    ) -> tuple[ClientSession, Sent]:
        """Begin a logon, or a repeated one of a session that there is. [MS-SMB2] 3.2.4.2.3"""
        assert self.server is not None
        if session is None:
            session = ClientSession(initiator, self._preauth.copy(), previous_session_id)
        session.initiator = initiator
        token = initiator.step(bytes(self.server.security_buffer) or None)
        return session, self._session_setup(session, token)

    def bind(self, initiator: Initiator, session: ClientSession) -> tuple[ClientSession, Sent]:
        """Begin a logon that binds a session of another connection to this one too.

        What is returned stands for the session until that is done. [MS-SMB2] 3.2.4.2.3
        """
        assert session.protection is not None
        # The requests are signed with the key that the session has had from the beginning, and not
        # encrypted. [MS-SMB2] 3.2.4.1.1, 3.2.4.1.8
        binding = ClientSession(
            initiator,
            self._preauth.copy(),
            id=session.id,
            protection=session.protection,
            signing_required=True,
            binds=session,
        )
        return self.session_setup(initiator, session=binding)

    def receive_session_setup_response(
        self, session: ClientSession, response: Response
    ) -> Sent | None:
        """Go on with a logon: return the next message, or None when we are logged on.

        [MS-SMB2] 3.2.5.3. Raises `AuthenticationError` if the server refuses, or does not prove
        that it knows the password as well.
        """
        assert self.negotiated is not None
        token = client_logon.next_token(session, response)
        if token is not None:
            return self._session_setup(session, token)
        if session.binds is not None:
            self._channels[session.id] = client_logon.bind(session, response, self.negotiated)
            self._sessions[session.id] = session.binds
        elif not session.established:  # a repeated logon changes no keys
            client_logon.establish(session, response, self.negotiated, self.settings, self._random)
            self._sessions[session.id] = session
        return None

    def _session_setup(self, session: ClientSession, token: bytes) -> Sent:
        body = client_logon.session_setup_request(session, token, self.settings)
        sent = self.request(body, session=session)
        if self.dialect == Dialect.SMB_3_1_1:
            session.preauth.update(*sent.buffers)
        return sent

    def forget(self, session: ClientSession) -> None:
        """Remove a session that was logged off or lost."""
        self._channels.pop(session.id, None)
        if self._sessions.pop(session.id, None) is None:
            return
        if session.state is not SessionState.CLOSED:  # another connection may have forgotten it
            session.change(SessionEvent.ENDED)

"""The client's side of one SMB connection, without I/O. [MS-SMB2] 3.2

Requests go in through `ClientProtocol.request` and `compound` and come out as buffers to send;
received messages go in through `receive` and come out as responses that were decrypted, verified
and matched with their request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from smbquic.auth.spnego.initiator import Initiator
from smbquic.crypto.keys import SESSION_KEY_SIZE, derive_session_keys
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import (
    AuthenticationError,
    LocalProtocolError,
    RemoteProtocolError,
    SecurityError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.protocol import negotiation, transform
from smbquic.protocol.credits import CreditPool, credit_charge
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.session_state import SessionEvent, SessionState, next_state
from smbquic.protocol.settings import MESSAGE_OVERHEAD, ClientSettings, EncryptionPolicy
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import (
    IoctlFlags,
    IoctlRequest,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbquic.wire.message import Message
from smbquic.wire.messages import decode_response
from smbquic.wire.negotiate import Capabilities, Dialect, NegotiateRequest, NegotiateResponse
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)

_MAX_CREDIT_REQUEST = 0xFFFF
_VALIDATE_RESPONSE_SIZE = 24

# Plain integers: IntFlag takes its time, and these are used for each message.
_RELATED = int(HeaderFlags.RELATED_OPERATIONS)
_ASYNC = int(HeaderFlags.ASYNC_COMMAND)


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


@dataclass(slots=True, eq=False)
class ClientSession:
    """A logon, from its first message on. `protection` and the flags are there once it is done."""

    initiator: Initiator
    preauth: PreauthHash
    previous_session_id: int = 0
    id: int = 0
    state: SessionState = SessionState.IN_PROGRESS
    protection: Protection | None = None
    signing_required: bool = False
    encrypt_data: bool = False
    guest: bool = False

    @property
    def established(self) -> bool:
        """Whether it was logged on once, so that its keys are there; also when it has ended."""
        return self.state is not SessionState.IN_PROGRESS

    def change(self, event: SessionEvent) -> None:
        """Go on to the state after `event`."""
        self.state = next_state(self.state, event)


@dataclass(slots=True, eq=False)
class Response:
    """What the server said to a request.

    `pending`: an interim response, the real one comes later. `body` is an `ErrorResponse` where
    `status` is an error. `message_id` is `UNSOLICITED` for what the server sends unasked.
    """

    message_id: int
    header: Header
    status: NtStatus
    body: Any
    raw: memoryview
    pending: bool = False


@dataclass(slots=True)
class _Outstanding:
    command: Command
    session: ClientSession | None
    tree_id: int
    encrypt: bool
    async_id: int = 0


def _name(command: int) -> str:
    return command.name if isinstance(command, Command) else f"{command:#x}"


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
        self._pool = CreditPool()
        self._preauth = PreauthHash()
        self._negotiate_request: NegotiateRequest | None = None
        self._negotiate_buffers: list[Buffer] = []
        self._sessions: dict[int, ClientSession] = {}
        self._outstanding: dict[int, _Outstanding] = {}

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, once it is negotiated."""
        return self.negotiated.dialect if self.negotiated else None

    @property
    def credits(self) -> int:
        """Credits that can be spent now."""
        return self._pool.available

    @property
    def in_flight(self) -> int:
        """Requests that the server has not answered yet."""
        return len(self._outstanding)

    # --- sending ----------------------------------------------------------------------------

    def charge(self, body: Message) -> int:
        """How many credits a request takes. [MS-SMB2] 3.2.4.1.5"""
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
        """One request. Raises `LocalProtocolError` if `charge(body)` exceeds `credits`."""
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
    ) -> SentCompound:
        """Several requests in one message. [MS-SMB2] 3.2.4.1.4

        Related ones act on the file that the first one opens: give them `FileId.RELATED`.
        """
        charges = [self.charge(body) for body in bodies]
        if sum(charges) > self.credits:
            raise LocalProtocolError(f"{sum(charges)} credits wanted, {self.credits} there")
        negotiated = self.negotiated
        multi_credit = negotiated is not None and negotiated.multi_credit
        encryption = self._encryption(session, encrypt=encrypt)
        message_ids: list[int] = []
        outgoing: list[OutgoingElement] = []
        for index, body in enumerate(bodies):
            message_id = self._pool.spend(charges[index])
            message_ids.append(message_id)
            self._outstanding[message_id] = _Outstanding(body.command, session, tree_id, encrypt)
            header = Header(
                body.command,
                message_id=message_id,
                credit_charge=charges[index] if multi_credit else 0,
                credits=self._credits_to_ask(charges[index]),
                flags=_RELATED if related and index else 0,
                tree_id=tree_id,
                session_id=session.id if session else 0,
            )
            outgoing.append(self._element(header, body, session, encryption))
        compression = negotiated.compression if negotiated else None
        return SentCompound(message_ids, transform.send(outgoing, encryption, compression))

    def _credits_to_ask(self, charge: int) -> int:
        """Ask for what this request costs, and for what is missing to the number wanted."""
        missing = max(self.settings.credits_wanted - self._pool.available, 0)
        return min(charge + missing, _MAX_CREDIT_REQUEST)

    @staticmethod
    def _encryption(session: ClientSession | None, *, encrypt: bool) -> Protection | None:
        """Return the keys to encrypt a request with, if it has to be. [MS-SMB2] 3.2.4.1.8"""
        if session is None or not session.established:
            return None
        if not (session.encrypt_data or encrypt):
            return None
        if session.protection is None:
            raise SecurityError("encryption is demanded, but a guest's session has no key for it")
        return session.protection

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
            signing = session.protection if session.signing_required or proves else None
        return OutgoingElement(header, body.buffers(), signing)

    def cancel(self, message_id: int) -> list[Buffer]:
        """A CANCEL for an outstanding request; it has no answer of its own. [MS-SMB2] 3.2.4.24

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
        encryption = self._encryption(target.session, encrypt=target.encrypt)
        element = self._element(header, CancelRequest(), target.session, encryption)
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
        if header.command != outstanding.command:
            raise RemoteProtocolError(
                f"{_name(header.command)} in answer to {_name(outstanding.command)}"
            )
        status = NtStatus.of(header.status)
        pending = status == NtStatus.PENDING and header.is_async
        # Before anything of it is believed, the credits included.
        self._verify(header, raw, outstanding, encrypted_with, status, pending=pending)
        self._pool.grant(header.credits)
        if pending:
            # The real response comes under the same message id, and a CANCEL has to name this one.
            outstanding.async_id = header.async_id
            return Response(header.message_id, header, status, None, raw, pending=True)
        del self._outstanding[header.message_id]
        body = decode_response(header.command, raw)
        return Response(header.message_id, header, status, body, raw)

    @staticmethod
    def _verify(
        header: Header,
        raw: memoryview,
        outstanding: _Outstanding,
        encrypted_with: Protection | None,
        status: NtStatus,
        *,
        pending: bool,
    ) -> None:
        """Raise `SecurityError` unless the response is protected as its session demands.

        [MS-SMB2] 3.2.5.1.1.1, 3.2.5.1.3
        """
        session = outstanding.session
        if encrypted_with is not None:
            if session is None or session.protection is not encrypted_with:
                raise SecurityError(
                    "the response is encrypted for another session than its request"
                )
            return  # the cipher has verified it already
        if session is None or not session.established:
            # The signature of the final SESSION_SETUP is verified with the keys that it gives.
            return
        if session.encrypt_data and outstanding.command != Command.SESSION_SETUP:
            raise SecurityError("an unencrypted response in an encrypted session")
        if session.protection is None or pending or status == NtStatus.USER_SESSION_DELETED:
            # A server that has lost the session has lost its key as well: it signs nothing, or
            # sends our own signature back.
            return
        if header.is_signed:
            if not session.protection.verify(raw, header):
                raise SecurityError(f"the signature of a {_name(header.command)} response is wrong")
        elif session.signing_required:
            raise SecurityError(f"an unsigned {_name(header.command)} response")

    # --- NEGOTIATE --------------------------------------------------------------------------

    def negotiate(self) -> Sent:
        """The first message of a connection. [MS-SMB2] 3.2.4.2.2.2"""
        self._negotiate_request = negotiation.build_request(
            self.settings, quic=self.quic, server_name=self.server_name, random=self._random
        )
        sent = self.request(self._negotiate_request)
        self._negotiate_buffers = sent.buffers
        return sent

    def receive_negotiate_response(self, response: Response) -> Negotiated:
        """Check what the server chose, and keep to it from now on. [MS-SMB2] 3.2.5.2

        Raises `StatusError` for a refusal, `RemoteProtocolError` for an answer that cannot be.
        """
        if response.status != NtStatus.SUCCESS:
            raise StatusError.of(response.status, "NEGOTIATE", self.server_name)
        self.server = response.body
        self.negotiated = negotiation.check_response(self.settings, response.body, quic=self.quic)
        if self.dialect == Dialect.SMB_3_1_1:
            self._preauth.update(*self._negotiate_buffers)
            self._preauth.update(response.raw)
        self._negotiate_buffers = []
        return self.negotiated

    @property
    def must_validate(self) -> bool:
        """Whether the negotiation has to be confirmed after the first tree connect.

        Below 3.1.1 nothing else protects it. [MS-SMB2] 3.2.5.5
        """
        return self.dialect != Dialect.SMB_3_1_1 and max(self.settings.dialects) >= Dialect.SMB_3_0

    def validate_negotiate(self) -> IoctlRequest:
        """The request that asks the server what it understood. [MS-SMB2] 3.2.5.5"""
        assert self._negotiate_request is not None
        info = ValidateNegotiateInfoRequest(
            capabilities=self._negotiate_request.capabilities,
            guid=self._negotiate_request.client_guid,
            security_mode=self._negotiate_request.security_mode,
            dialects=self._negotiate_request.dialects,
        )
        return IoctlRequest(
            ctl_code=Fsctl.VALIDATE_NEGOTIATE_INFO,
            file_id=FileId.RELATED,
            max_input_response=0,
            max_output_response=_VALIDATE_RESPONSE_SIZE,
            flags=IoctlFlags.IS_FSCTL,
            input=info.encode(),
        )

    def check_validation(self, response: Response) -> None:
        """Compare it with what we understood. [MS-SMB2] 3.2.5.14.12

        A signed refusal is fine: old servers do not know the request. Raises `SecurityError` if
        somebody in between changed the negotiation.
        """
        assert self.server is not None
        if response.status != NtStatus.SUCCESS:
            return
        info = ValidateNegotiateInfoResponse.decode(memoryview(response.body.output))
        same = (
            info.capabilities == self.server.capabilities
            and info.guid == self.server.server_guid
            and info.security_mode == self.server.security_mode
            and info.dialect == self.server.dialect_revision
        )
        if not same:
            raise SecurityError("the negotiation was changed on its way: a man in the middle?")

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

    def receive_session_setup_response(
        self, session: ClientSession, response: Response
    ) -> Sent | None:
        """Go on with a logon: return the next message, or None when we are logged on.

        [MS-SMB2] 3.2.5.3. Raises `AuthenticationError` if the server refuses, or does not prove
        that it knows the password as well.
        """
        if response.status not in (NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED):
            raise AuthenticationError(
                f"the server refuses the logon: {response.status.meaning}", response.status
            )
        body: SessionSetupResponse = response.body
        if session.id not in (0, response.header.session_id):
            raise SecurityError("the server changed the session's id in the middle of a logon")
        session.id = response.header.session_id
        if response.status == NtStatus.MORE_PROCESSING_REQUIRED:
            session.preauth.update(response.raw)
            token = session.initiator.step(bytes(body.security_buffer))
            if not token:
                raise SecurityError("the server asks for more after the client's last token")
            return self._session_setup(session, token)
        self._check_complete(session.initiator, bytes(body.security_buffer))
        if not session.established:  # a repeated logon changes no keys
            self._establish(session, body.session_flags, response)
        return None

    @staticmethod
    def _check_complete(initiator: Initiator, token: bytes) -> None:
        """Raise `SecurityError` unless the server's last token completes the security context.

        A server cannot know a key that depends on the client's proof before it has that proof.
        """
        if len(initiator.session_key) < SESSION_KEY_SIZE:
            raise SecurityError("the server ended the logon before the client proved its password")
        if token or not initiator.complete:
            initiator.step(token)
        if not initiator.complete:
            raise SecurityError("the server ended the logon before the security context was ready")

    def _session_setup(self, session: ClientSession, token: bytes) -> Sent:
        body = SessionSetupRequest(
            flags=SessionSetupFlags(0),
            security_mode=negotiation.security_mode(self.settings.signing_required),
            capabilities=Capabilities(0),
            channel=0,
            previous_session_id=session.previous_session_id,
            security_buffer=token,
        )
        sent = self.request(body, session=session)
        if self.dialect == Dialect.SMB_3_1_1:
            session.preauth.update(*sent.buffers)
        return sent

    def _establish(self, session: ClientSession, flags: SessionFlags, response: Response) -> None:
        assert self.negotiated is not None
        session.guest = bool(flags & (SessionFlags.IS_GUEST | SessionFlags.IS_NULL))
        if session.guest:
            if not self.settings.guest_allowed or (
                self.settings.encryption is EncryptionPolicy.REQUIRED
            ):
                raise AuthenticationError(
                    "the server did not accept the password and offers a guest's session, which is"
                    " neither signed nor encrypted: check the user's name"
                )
        else:
            self._protect(session, flags, response)
        session.change(SessionEvent.LOGGED_ON)
        self._sessions[session.id] = session

    def _protect(self, session: ClientSession, flags: SessionFlags, response: Response) -> None:
        assert self.negotiated is not None
        negotiated = self.negotiated
        keys = derive_session_keys(
            negotiated.dialect,
            session.initiator.session_key,
            cipher=negotiated.cipher,
            preauth_hash=session.preauth.value,
        )
        session.protection = Protection.of_session(
            session.id,
            keys,
            negotiated.signing_algorithm,
            negotiated.cipher,
            server=False,
            random=self._random,
        )
        session.signing_required = negotiated.signing_required
        session.encrypt_data = bool(flags & SessionFlags.ENCRYPT_DATA) or (
            self.settings.encryption is EncryptionPolicy.REQUIRED
        )
        # Only the signature proves that the server knows the password. [MS-SMB2] 3.2.5.3.1
        if not response.header.is_signed:
            raise SecurityError("the server did not sign the end of the logon")
        if not session.protection.verify(response.raw, response.header):
            raise SecurityError(
                "the signature of the logon's end is wrong: the negotiation was changed on its"
                " way, or the server does not know the password"
            )

    def forget(self, session: ClientSession) -> None:
        """The session was logged off, or lost."""
        if self._sessions.pop(session.id, None) is not None:
            session.change(SessionEvent.ENDED)

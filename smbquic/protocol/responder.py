"""From responses to a transport message: the half of a server's connection that sends.

[MS-SMB2] 3.3.4.1 to 3.3.4.4
"""

from smbquic.crypto.compression import Compression
from smbquic.ntstatus import NtStatus
from smbquic.protocol import transform
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.protection import Protection
from smbquic.protocol.request import PreparedResponse, Request
from smbquic.protocol.session import ServerSession
from smbquic.protocol.state import ConnectionState
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.cursor import Buffer
from smbquic.wire.error import ErrorContext, ErrorId, ErrorResponse
from smbquic.wire.header import UNSIGNED, Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.read import ReadFlags, ReadRequest

# Plain integers: IntFlag takes its time, and these are used for each message.
_FROM_SERVER = int(HeaderFlags.SERVER_TO_REDIR)
_ASYNC = int(HeaderFlags.ASYNC_COMMAND)
_RELATED = int(HeaderFlags.RELATED_OPERATIONS)
_SIGNED = int(HeaderFlags.SIGNED)

_EMPTY_ERROR: list[Buffer] = [ErrorResponse().encode()]


class Responder:
    """The maker of messages from responses: headers, credits, and the keys that protect them."""

    def __init__(self, state: ConnectionState) -> None:
        self._state = state
        self._next_async_id = 1

    def respond(
        self, request: Request, response: Message, status: NtStatus = NtStatus.SUCCESS
    ) -> list[Buffer] | None:
        """Respond to a request; the message to send, or None while its compound is incomplete.

        `status` is other than SUCCESS for the few answers with a body and a warning
        ([MS-SMB2] 3.3.4.4).
        """
        return self._respond(request, status, response.buffers())

    def fail(self, request: Request, status: NtStatus, data: bytes = b"") -> list[Buffer] | None:
        """Answer a request with an error. [MS-SMB2] 3.3.4.4

        `data` is for a client that can use it; 3.1.1 wraps it in an error context.
        """
        if not data:
            return self._respond(request, status, _EMPTY_ERROR)
        if self._state.dialect == Dialect.SMB_3_1_1:
            error = ErrorResponse.of_contexts([ErrorContext(ErrorId.DEFAULT, data)])
        else:
            error = ErrorResponse(data)
        return self._respond(request, status, error.buffers())

    def interim(self, request: Request) -> list[Buffer]:
        """Send the client an interim response: the final one will take a while. [MS-SMB2] 3.3.4.2

        Answers to earlier requests of the same compound go out with it.
        """
        pending = PreparedResponse(request, NtStatus.PENDING, _EMPTY_ERROR)
        request.async_id = self._next_async_id
        self._next_async_id += 1
        self._state.pending[request.async_id] = request
        if request.compound is None:
            return self._send([pending])
        responses = [*request.compound.responses, pending]
        request.compound.responses.clear()
        return self._send(responses)

    def unsolicited(self, session: ServerSession, body: Message) -> list[Buffer]:
        """Return a message that answers no request, such as an oplock break. [MS-SMB2] 3.3.4.6

        It may be about a file in any share, so one that demands encryption is enough for all.
        """
        header = Header(body.command, message_id=UNSOLICITED, flags=_FROM_SERVER)
        negotiated = self._state.negotiated
        by_tree = session.encrypts_tree and not (negotiated and negotiated.transport_security)
        encryption = None
        if session.encrypt_data or by_tree:
            encryption = self._state.protections.get(session.id)
        return transform.send([OutgoingElement(header, body.buffers())], encryption)

    def _respond(
        self, request: Request, status: NtStatus, body: list[Buffer]
    ) -> list[Buffer] | None:
        # Two responses to one message id would end the connection at the client.
        if self._state.outstanding.pop(request.header.message_id, None) is None:
            raise ValueError(f"message {request.header.message_id} was answered before")
        if request.async_id:
            del self._state.pending[request.async_id]
        response = PreparedResponse(request, status, body)
        compound = request.compound
        if compound is None:
            return self._send([response])
        compound.responses.append(response)
        compound.open -= 1
        return self._send(compound.responses) if compound.open == 0 else None

    def _send(self, responses: list[PreparedResponse]) -> list[Buffer]:
        first = responses[0]
        message = transform.send(
            [self._element(response, first=response is first) for response in responses],
            self._encryption(first.request),
            self._compression(first.request),
            pad_last=True,
        )
        self._update_preauth(first, message)
        return message

    def _element(self, response: PreparedResponse, *, first: bool) -> OutgoingElement:
        request = response.request
        header = request.header
        signing = self._signing(request)
        if response.status == NtStatus.PENDING and signing is not None:
            # Windows leaves them unsigned, and clients as Windows' do not look. But rclone's ends
            # the connection then, and [MS-SMB2] 3.3.4.1.1 has them signed in such a session.
            signing = signing if self._signs_interim(request, signing) else None
        flags = _FROM_SERVER
        if request.async_id:
            flags |= _ASYNC
        if request.related and not first:
            flags |= _RELATED
        signature = UNSIGNED
        if request.session is None and header.is_signed:
            # Of a session that is not there, nothing can be signed. Clients know a response for
            # one by its having the request's own signature, as Windows' and Samba's have.
            flags |= _SIGNED
            signature = header.signature
        return OutgoingElement(
            Header(
                header.command,
                message_id=header.message_id,
                credit_charge=header.credit_charge,
                status=response.status,
                credits=self._grant(request, response.status),
                flags=flags,
                tree_id=request.tree_id,
                async_id=request.async_id,
                session_id=request.session_id,
                signature=signature,
            ),
            response.body,
            signing,
        )

    def _grant(self, request: Request, status: NtStatus) -> int:
        if request.async_id and status != NtStatus.PENDING:
            return 0  # granted with the interim response already
        credits = request.header.credits
        if request.header.command == Command.SESSION_SETUP and status != NtStatus.SUCCESS:
            credits = min(credits, 1)  # as Windows: more come with the logon
        return self._state.window.grant(credits)

    @staticmethod
    def _encryption(request: Request) -> Protection | None:
        """Return the keys to encrypt the response with, if it has to be. [MS-SMB2] 3.3.4.1.4"""
        session = request.session
        if session is None:
            return None
        by_policy = (
            session.encrypt_data
            and session.is_valid
            and request.failure is None
            and request.header.command not in (Command.NEGOTIATE, Command.SESSION_SETUP)
        )
        return request.protection if request.encrypted or by_policy else None

    def _signing(self, request: Request) -> Protection | None:
        """Return the keys to sign the response with, if it has to be. [MS-SMB2] 3.3.4.1.1"""
        session = request.session
        if session is None or self._encryption(request) is not None:
            return None
        return request.protection if request.signed or session.signing_required else None

    @staticmethod
    def _signs_interim(request: Request, signing: Protection) -> bool:
        return (
            request.session is not None
            and request.session.signing_required
            and signing.signs_interim
        )

    def _compression(self, request: Request) -> Compression | None:
        """Return what compresses the response, if the client asks for it. [MS-SMB2] 3.3.4.1.5"""
        negotiated = self._state.negotiated
        if negotiated is None or negotiated.compression is None:
            return None
        asks = isinstance(request.body, ReadRequest) and (
            request.body.flags & ReadFlags.REQUEST_COMPRESSED
        )
        return negotiated.compression if asks else None

    def _update_preauth(self, response: PreparedResponse, message: list[Buffer]) -> None:
        """Hash the negotiation and unfinished logons, as they are sent. [MS-SMB2] 3.3.5.4"""
        request = response.request
        if self._state.dialect != Dialect.SMB_3_1_1:
            return
        if request.header.command == Command.NEGOTIATE and response.status == NtStatus.SUCCESS:
            self._state.preauth.update(*message)
        elif request.preauth and response.status == NtStatus.MORE_PROCESSING_REQUIRED:
            request.preauth.update(*message)

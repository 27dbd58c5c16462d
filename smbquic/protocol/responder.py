"""From answers to a transport message: the half of a server's connection that sends.

[MS-SMB2] 3.3.4.1 to 3.3.4.4
"""

from smbquic.ntstatus import NtStatus
from smbquic.protocol.message import UNSOLICITED, padding, total
from smbquic.protocol.protection import Protection
from smbquic.protocol.request import Answer, Request
from smbquic.protocol.session import Session
from smbquic.protocol.state import ConnectionState
from smbquic.wire.cursor import HEADER_SIZE, Buffer
from smbquic.wire.error import ErrorContext, ErrorId, ErrorResponse
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect

# Plain integers: IntFlag takes its time, and these are used for each message.
_FROM_SERVER = int(HeaderFlags.SERVER_TO_REDIR)
_ASYNC = int(HeaderFlags.ASYNC_COMMAND)
_RELATED = int(HeaderFlags.RELATED_OPERATIONS)
_SIGNED = int(HeaderFlags.SIGNED)

_EMPTY_ERROR: list[Buffer] = [ErrorResponse().encode()]


class Responder:
    """Puts headers, credits, signatures and seals to answers, and compounds together."""

    def __init__(self, state: ConnectionState) -> None:
        self._state = state
        self._next_async_id = 1

    def respond(
        self, request: Request, response: Message, status: NtStatus = NtStatus.SUCCESS
    ) -> list[Buffer] | None:
        """Answer a request; the message to send, or None while its compound is incomplete.

        `status` is other than SUCCESS for the few answers with a body and a warning
        ([MS-SMB2] 3.3.4.4).
        """
        return self._answer(request, status, response.buffers())

    def fail(self, request: Request, status: NtStatus, data: bytes = b"") -> list[Buffer] | None:
        """Answer a request with an error. [MS-SMB2] 3.3.4.4

        `data` is for a client that can use it; 3.1.1 wraps it in an error context.
        """
        if not data:
            return self._answer(request, status, _EMPTY_ERROR)
        if self._state.dialect == Dialect.SMB_3_1_1:
            error = ErrorResponse.of_contexts([ErrorContext(ErrorId.DEFAULT, data)])
        else:
            error = ErrorResponse(data)
        return self._answer(request, status, error.buffers())

    def interim(self, request: Request) -> list[Buffer]:
        """Tell the client that the answer will take a while. [MS-SMB2] 3.3.4.2

        Answers to earlier requests of the same compound go out with it.
        """
        pending = Answer(request, NtStatus.PENDING, _EMPTY_ERROR)
        request.async_id = self._next_async_id
        self._next_async_id += 1
        self._state.pending[request.async_id] = request
        if request.compound is None:
            return self._assemble([pending])
        answers = [*request.compound.answers, pending]
        request.compound.answers.clear()
        return self._assemble(answers)

    def unsolicited(self, session: Session, body: Message) -> list[Buffer]:
        """A message that answers no request, such as an oplock break. [MS-SMB2] 3.3.4.6

        It may be about a file in any share, so one that demands encryption is enough for all.
        """
        header = Header(
            body.command,
            message_id=UNSOLICITED,
            flags=_FROM_SERVER,
        )
        buffers: list[Buffer] = [header.encode(), *body.buffers()]
        protection, negotiated = self._state.protections.get(session.id), self._state.negotiated
        by_tree = session.encrypts_tree and not (negotiated and negotiated.transport_security)
        if (session.encrypt_data or by_tree) and protection is not None:
            return protection.seal(buffers)
        return buffers

    def _answer(
        self, request: Request, status: NtStatus, body: list[Buffer]
    ) -> list[Buffer] | None:
        if self._state.outstanding.pop(request.header.message_id, None) is None:
            raise ValueError(f"message {request.header.message_id} was answered before")
        if request.async_id:
            del self._state.pending[request.async_id]
        answer = Answer(request, status, body)
        compound = request.compound
        if compound is None:
            return self._assemble([answer])
        compound.answers.append(answer)
        compound.open -= 1
        return self._assemble(compound.answers) if compound.open == 0 else None

    def _assemble(self, answers: list[Answer]) -> list[Buffer]:
        message: list[Buffer] = []
        last = len(answers) - 1
        for index, answer in enumerate(answers):
            body = answer.body
            size = 0
            if last:
                # The last one as well, though nothing follows ([MS-SMB2] 3.3.4.1.3).
                size = HEADER_SIZE + total(body)
                filler = padding(size)
                if filler:
                    body = [*body, filler]
                size = size + len(filler) if index < last else 0
            message += self._element(answer, body, size, related=index > 0)
        seal = self._sealing(answers[0].request)
        if seal is not None:
            message = seal.seal(message)
        self._note_preauth(answers[0], message)
        return message

    def _element(
        self, answer: Answer, body: list[Buffer], size: int, *, related: bool
    ) -> list[Buffer]:
        request = answer.request
        pending = answer.status == NtStatus.PENDING
        signing = None if pending else self._signing(request)
        flags = _FROM_SERVER
        if request.async_id:
            flags |= _ASYNC
        if related and request.related:
            flags |= _RELATED
        # Of a session that is not there, nothing can be signed. Clients know an answer for one by
        # its having the request's own signature, as Windows' and Samba's have.
        echoes = request.session is None and request.header.is_signed
        if signing is not None or echoes:
            flags |= _SIGNED
        header = bytearray(
            Header(
                request.header.command,
                message_id=request.header.message_id,
                credit_charge=request.header.credit_charge,
                status=answer.status,
                credits=self._grant(request, answer.status),
                flags=flags,
                next_command=size,
                tree_id=request.tree_id,
                async_id=request.async_id,
                session_id=request.session_id,
            ).encode()
        )
        if signing is not None:
            signing.sign(header, body, request.header.message_id)
        elif echoes:
            header[48:64] = request.header.signature
        return [header, *body]

    def _grant(self, request: Request, status: NtStatus) -> int:
        if request.async_id and status != NtStatus.PENDING:
            return 0  # granted with the interim response already
        credits = request.header.credits
        if request.header.command == Command.SESSION_SETUP and status != NtStatus.SUCCESS:
            credits = min(credits, 1)  # as Windows: more come with the logon
        return self._state.window.grant(credits)

    @staticmethod
    def _sealing(request: Request) -> Protection | None:
        """What seals the response, if it is to be sealed. [MS-SMB2] 3.3.4.1.4"""
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
        """What signs the response, if it is to be signed. [MS-SMB2] 3.3.4.1.1"""
        session = request.session
        if session is None or self._sealing(request) is not None:
            return None
        return request.protection if request.signed or session.signing_required else None

    def _note_preauth(self, answer: Answer, message: list[Buffer]) -> None:
        """Negotiation and unfinished logons are hashed as they were sent. [MS-SMB2] 3.3.5.4"""
        command = answer.request.header.command
        if self._state.dialect != Dialect.SMB_3_1_1:
            return
        if command == Command.NEGOTIATE and answer.status == NtStatus.SUCCESS:
            self._state.preauth.update(*message)
        elif answer.request.preauth and answer.status == NtStatus.MORE_PROCESSING_REQUIRED:
            answer.request.preauth.update(*message)

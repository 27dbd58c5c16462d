"""A client that does whatever the bytes of a fuzzer say, over any transport.

Most of what it sends is well-formed, signed and encrypted as the session wants it, so that it gets
past the checks of the connection; some of it is changed before it is signed, or after.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from smbquic.auth.spnego.initiator import Initiator
from smbquic.errors import (
    ConnectionClosed,
    LocalProtocolError,
    RemoteProtocolError,
    SecurityError,
    SmbError,
)
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.response import Response
from smbquic.protocol.settings import DIALECTS, ClientSettings, EncryptionPolicy
from smbquic.protocol.transform import OutgoingElement
from smbquic.transport.base import MessageTransport
from smbquic.wire.create import CreateResponse
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import PROTOCOL_ID, Header
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import NegotiateRequest
from smbquic.wire.session_setup import SessionSetupRequest
from smbquic.wire.smb1 import encode_multi_protocol_negotiate
from smbquic.wire.transform import (
    COMPRESSION_PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    CompressionTransformHeader,
    TransformHeader,
)
from smbquic.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from tests.fuzz.bodies import Bodies
from tests.fuzz.payloads import Known
from tests.fuzz.place import SECRET, Trespass
from tests.fuzz.source import Source, spoiled

PATIENCE = 60.0
"""Seconds within which a server that works has answered everything."""
STEPS = 32
_SHARES = (*("data",) * 6, "readonly", "IPC$")
_KEEPS_SESSIONS = (NegotiateRequest, SessionSetupRequest, LogoffRequest)


class Misbehaviour(AssertionError):
    """The server did not answer, or not as it should."""


class _Over(Exception):
    """Nothing more can be said on this connection."""


class Tampering(ClientProtocol):
    """Lets `alter` change requests before they are signed and encrypted."""

    alter: Callable[[Header, list[Buffer]], list[Buffer]] | None = None

    def _element(self, header: Header, *rest: Any) -> OutgoingElement:
        element = super()._element(header, *rest)
        if self.alter is not None:
            element.body = self.alter(header, element.body)
        return element


class Player:
    """Plays one script. `initiator` makes what logs on; `after`, the script begins with that.

    Raises `Misbehaviour` and `Trespass`. `requests` counts what was sent.
    """

    def __init__(
        self,
        transport: MessageTransport,
        source: Source,
        initiator: Callable[[], Initiator],
        *,
        after: bool,
    ) -> None:
        self.requests = 0
        self._transport = transport
        self._source = source
        self._initiator = initiator
        self._after = after
        self._protocol = Tampering(
            self._settings(),
            quic=transport.peer.kind == "quic",
            server_name="localhost",
            random=random.Random(0).randbytes,
        )
        self._known = Known()
        self._bodies = Bodies(source, self._known)
        self._session: ClientSession | None = None
        self._tree_id = 0
        self._honest = True
        self._pending: set[int] = set()
        self._answers: dict[int, Response] = {}

    def _settings(self) -> ClientSettings:
        source = self._source
        dialects = DIALECTS[: source.pick((5, 5, 5, 4, 3, 2, 1))]
        policies = (EncryptionPolicy.ALLOWED, EncryptionPolicy.REQUIRED, EncryptionPolicy.OFF)
        return ClientSettings(
            client_guid=source.pick((bytes(16), b"g" * 16)),
            dialects=dialects,
            signing_required=source.often(),
            encryption=source.pick((*policies, EncryptionPolicy.ALLOWED)),
            skip_encryption_over_quic=source.often(),
        )

    async def play(self) -> None:
        """From the first message to the end of the script, or of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._begin()
                for _ in range(STEPS):
                    if self._source.exhausted:
                        break
                    await self._source.pick(_STEPS)(self)
        except TimeoutError as error:
            raise Misbehaviour(f"no answer within {PATIENCE:g} s") from error
        except (ConnectionClosed, _Over):
            pass
        finally:
            self._transport.close()

    # --- beginning --------------------------------------------------------------------------

    async def _begin(self) -> None:
        opening = self._source.below(16)
        if opening == 15:
            await self._send_garbage()
        elif opening == 14:
            await self._begin_as_smb1()
        elif opening == 13:
            self._protocol.alter = self._alter
            self._honest = False
        sent = self._protocol.negotiate()
        self._protocol.alter = None
        await self._transport.send(*sent.buffers)
        response = await self._answer(sent.message_id)
        try:
            self._protocol.receive_negotiate_response(response)
        except SmbError as error:
            raise _Over from error
        self._known.asked = self._protocol._negotiate_request
        if self._after:
            await self._log_on()
            share = self._source.pick(_SHARES)
            await self._send([TreeConnectRequest(rf"\\localhost\{share}")])
            for name in ("srvsvc",) if share == "IPC$" else ("known", "dir", "a"):
                await self._send([self._bodies.opening(name)])

    async def _begin_as_smb1(self) -> None:
        """[MS-SMB2] 3.3.5.3: the first of the two negotiations takes a message id."""
        strings = ["NT LM 0.12", "SMB 2.002", "SMB 2.???"][: self._source.below(4)]
        await self._transport.send(encode_multi_protocol_negotiate(strings))
        await self._transport.receive()
        self._protocol.credit_pool.grant(1)
        self._protocol.credit_pool.spend(1)

    async def _log_on(self) -> None:
        """A logon, a repeated one if somebody is logged on."""
        try:
            session, sent = self._protocol.session_setup(self._initiator(), session=self._session)
            following: Sent | None = sent
            while following is not None:
                await self._transport.send(*following.buffers)
                response = await self._answer(following.message_id)
                following = self._protocol.receive_session_setup_response(session, response)
        except ConnectionClosed:
            raise
        except SmbError:
            self._honest = False  # a session whose logon failed is gone
            return
        self._session = session
        self._known.sessions.append(session.id)

    # --- steps ------------------------------------------------------------------------------

    async def _send_one(self) -> None:
        await self._send([self._bodies.any()])

    async def _send_acknowledgment(self) -> None:
        """Of what the server has asked for, if it has."""
        if self._known.breaks:
            await self._send([self._bodies.oplock_break()])

    async def _send_sealed(self) -> None:
        await self._send([self._bodies.any()], encrypt=True)

    async def _send_compound(self) -> None:
        bodies = [self._bodies.any() for _ in range(self._source.below(4) + 2)]
        await self._send(bodies, related=self._source.often())

    async def _send_altered(self) -> None:
        self._honest = False
        self._protocol.alter = self._alter
        bodies = [self._bodies.any() for _ in range(self._source.pick((1, 1, 2, 3)))]
        await self._send(bodies)

    async def _send_spoiled(self) -> None:
        self._honest = False
        await self._send([self._bodies.any()], spoil=True)

    async def _send_garbage(self) -> None:
        source = self._source
        self._honest = False
        message = source.pick(
            (
                b"",
                PROTOCOL_ID,
                Header(source.below(32), source.edge(8), flags=source.edge(4)).encode(),
                TransformHeader(self._session_id(), source.filled(16), source.edge(4)).encode(),
                CompressionTransformHeader(
                    source.edge(4), source.below(6), source.edge(4)
                ).encode(),
                TRANSFORM_PROTOCOL_ID,
                COMPRESSION_PROTOCOL_ID,
            )
        )
        await self._transport.send(message + source.short(200))
        if self._protocol.negotiated is not None:
            await self._settle()

    async def _send_cancel(self) -> None:
        """For a request that waits; it is answered, and the CANCEL is not."""
        if not self._pending:
            return
        message_id = self._source.pick(sorted(self._pending))
        try:
            message = self._protocol.cancel(message_id)
        except (LocalProtocolError, SecurityError):
            return
        await self._transport.send(*message)
        await self._settle()

    async def _switch(self) -> None:
        """To another tree, or to none."""
        self._tree_id = self._source.pick((0, *self._known.trees))

    def _session_id(self) -> int:
        return self._session.id if self._session else self._source.edge(8)

    # --- sending ----------------------------------------------------------------------------

    async def _send(
        self,
        bodies: Sequence[Message],
        *,
        encrypt: bool = False,
        related: bool = True,
        spoil: bool = False,
    ) -> None:
        """One message, and whatever the server has to say to it."""
        if any(isinstance(body, _KEEPS_SESSIONS) for body in bodies):
            self._honest = False  # the session may be gone, and its keys
        session = None if self._source.seldom() else self._session
        try:
            sent = self._protocol.compound(
                bodies, session=session, tree_id=self._tree_id, encrypt=encrypt, related=related
            )
        except (LocalProtocolError, SecurityError):
            return  # more than the credits pay for, or sealed without a cipher
        finally:
            self._protocol.alter = None
        message = b"".join(sent.buffers)
        self.requests += len(bodies)
        await self._transport.send(spoiled(message, self._source) if spoil else message)
        await self._settle()

    def _alter(self, header: Header, parts: list[Buffer]) -> list[Buffer]:
        source = self._source
        kind = source.below(12)
        if kind == 6:
            header.flags ^= 1 << source.below(32)
        elif kind == 7:
            header.tree_id = source.pick((0, 0xFFFFFFFF, *self._known.trees))
        elif kind == 8:
            header.session_id = source.pick((0, source.edge(8), *self._known.sessions))
        elif kind == 9:
            header.credit_charge, header.credits = source.edge(2), source.edge(2)
        elif kind == 10:
            header.next_command = source.edge(4)
        elif kind == 11:
            header.command = source.below(24)
        else:
            return [spoiled(b"".join(parts), source)]
        if source.seldom():
            header.message_id = source.edge(8)
        if source.seldom():
            header.status = source.edge(4)
        return parts

    # --- receiving --------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Wait until the server has seen all that was sent: it answers an ECHO."""
        if not self._protocol.credits:
            raise _Over
        sent = self._protocol.request(EchoRequest())
        await self._transport.send(*sent.buffers)
        await self._answer(sent.message_id)

    async def _answer(self, message_id: int) -> Response:
        while message_id not in self._answers:
            await self._fetch()
        return self._answers.pop(message_id)

    async def _fetch(self) -> None:
        message = await self._transport.receive()
        try:
            responses = self._protocol.receive(message)
        except RemoteProtocolError as error:
            if self._honest:
                raise Misbehaviour(f"the server broke the protocol: {error}") from error
            raise _Over from error
        for response in responses:
            self._learn(response)

    def _learn(self, response: Response) -> None:
        if SECRET in bytes(response.raw):
            raise Trespass(f"{response.header} shows what is outside of the share")
        if response.message_id == UNSOLICITED:
            self._known.breaks.append(response.body)
            return
        if response.pending:
            self._pending.add(response.message_id)
            return
        self._pending.discard(response.message_id)
        self._answers[response.message_id] = response
        if response.status != NtStatus.SUCCESS:
            return
        if isinstance(response.body, CreateResponse):
            self._known.files.append(response.body.file_id)
        elif isinstance(response.body, TreeConnectResponse):
            self._tree_id = response.header.tree_id
            self._known.trees.append(self._tree_id)


_STEPS = (
    *(Player._send_one,) * 12,
    *(Player._send_compound,) * 4,
    *(Player._send_altered,) * 6,
    *(Player._send_sealed,) * 2,
    *(Player._send_acknowledgment,) * 2,
    *(Player._send_cancel,) * 2,
    *(Player._switch,) * 2,
    *(Player._send_spoiled,) * 2,
    Player._send_garbage,
    Player._log_on,
)

"""Somebody between a client and us passes the tokens of its logon on, and wants the session."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import smbquic
from smbquic.api import Serving
from smbquic.auth.initiator import Credentials, Initiator
from smbquic.errors import ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientConnection, ClientSession, Response, Sent
from smbquic.protocol.settings import DIALECTS, ClientSettings
from smbquic.transport import tcp
from smbquic.transport.base import MessageTransport
from smbquic.wire.header import HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.session_setup import SessionSetupResponse
from smbquic.wire.tree_connect import TreeConnectRequest

ALICE = Credentials("alice", "a secret")
SUCCESS, MORE = NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """A server with the defaults, over TCP."""
    async with smbquic.serve(
        {"data": tmp_path}, {ALICE.user: ALICE.password}, ["tcp://127.0.0.1:0"]
    ) as serving:
        yield serving


@dataclass
class Attacker:
    """Speaks to the server, and has nothing but the tokens of a client that is not his."""

    transport: MessageTransport
    protocol: ClientConnection
    session: ClientSession | None = field(default=None)

    @classmethod
    async def connect(cls, serving: Serving, dialects: tuple[Dialect, ...]) -> "Attacker":
        port = int(serving.listeners[0].rpartition(":")[2])
        transport = await tcp.connect("127.0.0.1", port, timeout=60)
        settings = ClientSettings(client_guid=bytes(16), dialects=dialects, signing_required=False)
        protocol = ClientConnection(settings, quic=False, server_name="fs", random=bytes)
        attacker = cls(transport, protocol)
        attacker.protocol.negotiate_answer(await attacker.ask(protocol.negotiate()))
        return attacker

    async def ask(self, sent: Sent) -> Response:
        await self.transport.send(*sent.buffers)
        [response] = self.protocol.receive(await self.transport.receive())
        return response

    async def relay(self, victim: Initiator) -> NtStatus:
        """Log on with the victim's tokens; what the server says at the end."""
        self.session, sent = self.protocol.session_setup(victim)
        while True:
            response = await self.ask(sent)
            if response.status != MORE:
                return response.status
            body: SessionSetupResponse = response.body
            self.session.id = response.header.session_id
            token = victim.step(bytes(body.security_buffer))
            sent = self.protocol._session_setup(self.session, token)

    async def use(self, body: Message, *, flags: int = 0) -> Response:
        """Ask for something in the session, without a signature or with a made-up one."""
        sent = self.protocol.request(body, session=self.session)
        message = bytearray(b"".join(sent.buffers))
        message[16] |= flags
        return await self.ask(Sent(sent.message_id, [message]))


TREE = TreeConnectRequest(r"\\fs\data")


@pytest.mark.parametrize("flags", [0, int(HeaderFlags.SIGNED)], ids=["unsigned", "made up"])
@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d >= Dialect.SMB_3_0])
async def test_the_session_is_of_no_use_without_its_key(
    serving: Serving, dialect: Dialect, flags: int
) -> None:
    attacker = await Attacker.connect(serving, (dialect,))
    assert await attacker.relay(Initiator(ALICE, host="127.0.0.1")) == SUCCESS
    try:
        response = await attacker.use(TREE, flags=flags)
    except ConnectionClosed:
        assert dialect == Dialect.SMB_3_1_1
    else:
        assert response.status == NtStatus.ACCESS_DENIED
    attacker.transport.close()


async def test_dialects_without_a_protected_negotiation_are_not_spoken(serving: Serving) -> None:
    with pytest.raises(StatusError) as refusal:
        await Attacker.connect(serving, (Dialect.SMB_2_0_2, Dialect.SMB_2_1))
    assert refusal.value.status == NtStatus.NOT_SUPPORTED

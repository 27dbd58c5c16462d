"""Somebody between a client and us passes the tokens of its logon on, and wants the session."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import smbquic
from smbquic.api.serving import Serving
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.spnego.initiator import Initiator
from smbquic.errors import AuthenticationError, ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.pki.channel import server_end_point
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.protocol.settings import DIALECTS, ClientSettings
from smbquic.transport import tcp
from smbquic.transport.base import MessageTransport
from smbquic.wire.header import HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.session_setup import SessionSetupResponse
from smbquic.wire.tree_connect import TreeConnectRequest
from tests.engines import ENGINES

ALICE = Credentials("alice", "a secret")
NO_DELAY = Limits(failed_logon_delay=0.0)
SUCCESS, MORE = NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """A server with the defaults, over TCP."""
    async with smbquic.serve(
        {"data": tmp_path}, {ALICE.user: ALICE.password}, ["tcp://127.0.0.1:0"]
    ) as serving:
        yield serving


@dataclass
class RelayingAttacker:
    """Speaks to the server, and has nothing but the tokens of a client that is not his."""

    transport: MessageTransport
    protocol: ClientProtocol
    session: ClientSession | None = field(default=None)

    @classmethod
    async def connect(cls, serving: Serving, dialects: tuple[Dialect, ...]) -> "RelayingAttacker":
        port = int(serving.listeners[0].rpartition(":")[2])
        transport = await tcp.connect("127.0.0.1", port, timeout=60)
        settings = ClientSettings(client_guid=bytes(16), dialects=dialects, signing_required=False)
        protocol = ClientProtocol(settings, quic=False, server_name="fs", random=bytes)
        attacker = cls(transport, protocol)
        attacker.protocol.receive_negotiate_response(await attacker.ask(protocol.negotiate()))
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
    attacker = await RelayingAttacker.connect(serving, (dialect,))
    assert await attacker.relay(new_initiator(ALICE, host="127.0.0.1")) == SUCCESS
    try:
        response = await attacker.use(TREE, flags=flags)
    except ConnectionClosed:
        assert dialect == Dialect.SMB_3_1_1
    else:
        assert response.status == NtStatus.ACCESS_DENIED
    attacker.transport.close()


async def test_dialects_without_a_protected_negotiation_are_not_spoken(serving: Serving) -> None:
    with pytest.raises(StatusError) as refusal:
        await RelayingAttacker.connect(serving, (Dialect.SMB_2_0_2, Dialect.SMB_2_1))
    assert refusal.value.status == NtStatus.NOT_SUPPORTED


MEANT_FOR_US = ("127.0.0.1", "localhost", "FS.Example", "fs", "other.example", "[::1]")
MEANT_FOR_OTHERS = ("evil.example", "10.0.0.1", "fs.example.evil.example", "example")


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Serving]:
    """The same, under names that are known."""
    async with smbquic.serve(
        {"data": tmp_path},
        {ALICE.user: ALICE.password},
        ["tcp://127.0.0.1:0"],
        limits=NO_DELAY,
        server_name="fs.example",
        target_names=["other.example"],
    ) as serving:
        yield serving


@pytest.mark.parametrize("host", MEANT_FOR_US)
async def test_a_logon_that_is_meant_for_us_is_taken(named: Serving, host: str) -> None:
    attacker = await RelayingAttacker.connect(named, (Dialect.SMB_3_1_1,))
    assert await attacker.relay(new_initiator(ALICE, host=host)) == SUCCESS
    attacker.transport.close()


@pytest.mark.parametrize("host", MEANT_FOR_OTHERS)
async def test_a_logon_that_is_meant_for_another_server_is_refused(
    named: Serving, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    attacker = await RelayingAttacker.connect(named, (Dialect.SMB_3_1_1,))
    assert await attacker.relay(new_initiator(ALICE, host=host)) == NtStatus.ACCESS_DENIED
    assert f"'cifs/{host}', which is not a name of this server" in caplog.text
    attacker.transport.close()


async def test_a_logon_at_another_service_is_refused(
    named: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.auth.ntlm.initiator._SERVICE", "HTTP")
    attacker = await RelayingAttacker.connect(named, (Dialect.SMB_3_1_1,))
    victim = new_initiator(ALICE, host="fs.example")
    assert await attacker.relay(victim) == NtStatus.ACCESS_DENIED
    attacker.transport.close()


async def test_a_logon_that_is_bound_to_tls_is_not_taken_over_tcp(named: Serving) -> None:
    attacker = await RelayingAttacker.connect(named, (Dialect.SMB_3_1_1,))
    victim = new_initiator(ALICE, host="fs.example", end_point=b"tls-server-end-point:evil")
    assert await attacker.relay(victim) == NtStatus.ACCESS_DENIED
    attacker.transport.close()


async def test_without_the_protection_it_is_taken(tmp_path: Path) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {ALICE.user: ALICE.password},
        ["tcp://127.0.0.1:0"],
        extended_protection=False,
    ) as serving:
        attacker = await RelayingAttacker.connect(serving, (Dialect.SMB_3_1_1,))
        victim = new_initiator(ALICE, host="evil.example", end_point=b"tls-server-end-point:evil")
        assert await attacker.relay(victim) == SUCCESS
        attacker.transport.close()


@pytest.mark.parametrize("engine", ENGINES)
async def test_over_quic_a_logon_is_bound_to_the_servers_certificate(
    tmp_path: Path, pki: PkiDirectory, engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in between has another certificate, which a client with --insecure takes."""
    (tmp_path / "data").mkdir()
    async with smbquic.serve(
        {"data": tmp_path / "data"},
        {ALICE.user: ALICE.password},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        engine=engine,
        limits=NO_DELAY,
    ) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        url = f"smb+quic://alice@localhost:{port}/data"
        async with smbquic.connect(url, password=ALICE.password, ca=pki.ca) as share:
            assert await share.listdir() == []
        async with smbquic.connect(url, password=ALICE.password, insecure=True) as share:
            assert await share.listdir() == []
        other = server_end_point(ssl.PEM_cert_to_DER_cert(pki.ca.read_text()))
        # The client imports it when it logs on, the server has it already.
        monkeypatch.setattr("smbquic.pki.channel.server_end_point", lambda leaf: other)
        with pytest.raises(AuthenticationError) as refusal:
            async with smbquic.connect(url, password=ALICE.password, insecure=True):
                pass
        assert refusal.value.status == NtStatus.ACCESS_DENIED

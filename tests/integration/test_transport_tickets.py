"""Tickets to a client that is not ours: aioquic's own, which offers what other TLS libraries do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aioquic.asyncio.client
import pytest
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import QuicEvent, StreamDataReceived
from aioquic.tls import SessionTicket

import smbquic
from smbquic.api.serving import Serving
from smbquic.options.quic import EngineName, TicketPolicy
from smbquic.pki import PkiDirectory
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings
from tests.engines import ENGINES

BOTH = [1, 0]
"""Key exchange modes that a TLS library may offer: psk_dhe_ke, and psk_ke, as GnuTLS does."""


class Messages(QuicConnectionProtocol):
    """Waits for the first message on the stream."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and not self.answer.done():
            self.answer.set_result(event.data[4:])


class ForeignClient:
    """Offers `modes`, and says what became of the first answer."""

    def __init__(self, serving: Serving, pki: PkiDirectory, modes: list[int] | None) -> None:
        self.tickets: asyncio.Queue[SessionTicket] = asyncio.Queue()
        self._port = int(serving.listeners[0].rpartition(":")[2])
        self._ca = pki.ca
        self._modes = modes

    async def negotiate(self, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """Connect, and get the answer to an SMB NEGOTIATE: the server's ticket came before it."""
        modes = self._modes

        class OfferingConnection(QuicConnection):
            def _initialize(self, peer_cid: bytes) -> None:
                super()._initialize(peer_cid)
                self.tls._psk_key_exchange_modes = modes  # type: ignore[assignment]
                if modes is None:
                    self.tls.new_session_ticket_cb = None

        monkeypatch.setattr(aioquic.asyncio.client, "QuicConnection", OfferingConnection)
        configuration = QuicConfiguration(alpn_protocols=["smb"], server_name="localhost")
        configuration.load_verify_locations(str(self._ca))
        protocol = ClientProtocol(
            ClientSettings(client_guid=bytes(16)), quic=True, server_name="localhost", random=bytes
        )
        request = b"".join(protocol.negotiate().buffers)
        async with connect(
            "127.0.0.1",
            self._port,
            configuration=configuration,
            create_protocol=Messages,
            session_ticket_handler=self.tickets.put_nowait,
        ) as client:
            assert isinstance(client, Messages)
            client._quic.send_stream_data(0, len(request).to_bytes(4, "big") + request)
            client.transmit()
            return await asyncio.wait_for(client.answer, 60)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    engine: EngineName = request.param
    return engine


@pytest.fixture
async def serving(
    request: pytest.FixtureRequest, engine: EngineName, tmp_path: Path, pki: PkiDirectory
) -> AsyncIterator[Serving]:
    """A server whose policy the test says."""
    policy: TicketPolicy = getattr(request, "param", "auto")
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        ["quic://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        engine=engine,
        tls_tickets=policy,
    ) as serving:
        yield serving


@pytest.mark.parametrize("modes", [BOTH, [0, 1]], ids=str)
async def test_a_client_that_may_break_on_a_ticket_gets_none(
    serving: Serving, pki: PkiDirectory, modes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ForeignClient(serving, pki, modes)
    assert (await client.negotiate(monkeypatch))[:4] == b"\xfeSMB"
    assert client.tickets.empty()


async def test_a_client_that_means_to_resume_gets_one(
    serving: Serving, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ForeignClient(serving, pki, [1])
    await client.negotiate(monkeypatch)
    assert not client.tickets.empty()


@pytest.mark.parametrize("serving", ["always"], indirect=True)
async def test_all_get_one_where_that_is_wanted(
    serving: Serving, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ForeignClient(serving, pki, BOTH)
    await client.negotiate(monkeypatch)
    assert not client.tickets.empty()


@pytest.mark.parametrize("serving", ["never"], indirect=True)
async def test_nobody_gets_one_where_that_is_wanted(
    serving: Serving, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ForeignClient(serving, pki, [1])
    await client.negotiate(monkeypatch)
    assert client.tickets.empty()


async def test_a_client_that_says_nothing_of_resumption_gets_none(
    serving: Serving, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ForeignClient(serving, pki, None)
    assert (await client.negotiate(monkeypatch))[:4] == b"\xfeSMB"
    assert client.tickets.empty()

"""Handshakes that build on an earlier one, and clients that they must not accept."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aioquic.asyncio.client import connect as aioquic_connect
from aioquic.quic.configuration import QuicConfiguration
from aioquic.tls import SessionTicket

from smbquic.crypto.aes import SecretBox
from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory, Purpose, Trust, init, verify
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport, Peer
from smbquic.transport.quic.tickets import SERVER_LIFETIME, TicketCache, TicketIssuer
from tests.engines import ENGINES
from tests.integration.pairing import CERTIFYING, PAIRINGS, Pairing

certifying = pytest.mark.parametrize("pairing", CERTIFYING, indirect=True)
"""For a server that asks for a client's certificate, which qh3 cannot."""
OPEN_TICKETS = [each for each in PAIRINGS if each.partition("-")[0] != "native"]
"""Those whose client has tickets with parts that a test can change."""
CLOCK_OF_TEST = [each for each in PAIRINGS if not each.endswith("native")]
"""Those whose server asks a test for the time."""
one_server = pytest.mark.parametrize("pairing", ENGINES, indirect=True)
"""For a server whose client is none of ours."""


def cache_of(trust: quic.ClientTls) -> TicketCache:
    """Return the tickets that a client keeps."""
    assert isinstance(trust.tickets, TicketCache)
    return trust.tickets


class ResumingEnds:
    """A listener that sends back what it gets, and a client that connects again and again."""

    def __init__(self, pairing: Pairing, pki: PkiDirectory) -> None:
        self.pairing = pairing
        self.pki = pki
        self.verified_names: list[str] = []
        self.refusal: HandshakeError | None = None
        self.trust = self.make_trust()
        self.accepted: list[Peer] = []
        self.listener: quic.QuicListener

    def make_trust(self, **more: Any) -> quic.ClientTls:
        roots = Trust.load(self.pki.ca)

        def verify_chain(chain: list[bytes], name: str) -> None:
            self.verified_names.append(name)
            if self.refusal is not None:
                raise self.refusal
            verify(chain, Purpose.SERVER, roots, name=name)

        return quic.ClientTls(ca=self.pki.ca, verify=verify_chain, **more)

    @property
    def identity(self) -> quic.ServerTls:
        return quic.ServerTls(self.pki.server.certificate, self.pki.server.key)

    @property
    def demanding(self) -> quic.ServerTls:
        roots = Trust.load(self.pki.ca)
        return replace(self.identity, verify=lambda chain: verify(chain, Purpose.CLIENT, roots))

    @property
    def port(self) -> int:
        return int(self.listener.url.rpartition(":")[2])

    async def serve(self, transport: MessageTransport) -> None:
        self.accepted.append(transport.peer)
        while True:
            await transport.send(await transport.receive())

    async def listen(
        self,
        certificate: quic.ServerTls | quic.CertificatesByName | None = None,
        *,
        port: int = 0,
        options: quic.QuicOptions | None = None,
    ) -> None:
        self.listener = await self.pairing.listen(
            "127.0.0.1",
            port,
            self.serve,
            certificate=certificate or self.identity,
            options=options,
        )

    async def visit(self, host: str = "localhost", trust: quic.ClientTls | None = None) -> Peer:
        """Connect, be answered, and leave; the client's view of the server."""
        transport = await self.pairing.connect(host, self.port, trust=trust or self.trust)
        await transport.send(b"\xfeSMB")
        assert bytes(await asyncio.wait_for(transport.receive(), 20)) == b"\xfeSMB"
        transport.close()
        await transport.wait_closed()
        return transport.peer


@pytest.fixture
async def ends(pairing: Pairing, pki: PkiDirectory) -> AsyncIterator[ResumingEnds]:
    made = ResumingEnds(pairing, pki)
    yield made
    if hasattr(made, "listener"):
        await made.listener.close()


async def test_the_second_handshake_builds_on_the_first(ends: ResumingEnds) -> None:
    await ends.listen()
    first, second, third = [await ends.visit() for _ in range(3)]

    assert [first.resumed, second.resumed, third.resumed] == [False, True, True]
    assert [peer.resumed for peer in ends.accepted] == [False, True, True]
    assert second.certificates == first.certificates
    assert len(second.certificates) == 2
    assert second.authenticated
    assert second.server_name == "localhost"
    assert second.cipher == first.cipher


async def test_the_certificate_is_verified_each_time(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()
    await ends.visit()
    assert ends.verified_names == ["localhost", "localhost"]

    ends.refusal = HandshakeError("it was revoked meanwhile", "revoked")
    with pytest.raises(HandshakeError, match="it was revoked meanwhile") as caught:
        await ends.visit()
    assert caught.value.reason == "revoked"


async def test_another_name_is_another_server(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit("localhost")

    assert not (await ends.visit("127.0.0.1")).resumed
    assert (await ends.visit("localhost")).resumed


async def test_others_do_not_get_the_tickets(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()

    assert not (await ends.visit(trust=ends.make_trust())).resumed
    assert (await ends.visit()).resumed


async def test_another_client_certificate_begins_anew(
    ends: ResumingEnds, pki: PkiDirectory, tmp_path: Path
) -> None:
    shown = tmp_path / "client.pem"
    shown.write_bytes(pki.client.certificate.read_bytes())
    trust = ends.make_trust(certificate=shown, key=pki.client.key)
    await ends.listen()
    await ends.visit(trust=trust)
    assert (await ends.visit(trust=trust)).resumed

    leaf, mark, _ = shown.read_text().partition("-----END CERTIFICATE-----\n")
    shown.write_text(leaf + mark)
    assert not (await ends.visit(trust=trust)).resumed


async def test_where_the_engine_does_the_checking_nothing_is_resumed(
    ends: ResumingEnds, pki: PkiDirectory
) -> None:
    trust = quic.ClientTls(ca=pki.ca)
    await ends.listen()

    assert [(await ends.visit(trust=trust)).resumed for _ in range(2)] == [False, False]


async def test_any_listener_with_the_same_keys_takes_a_ticket(ends: ResumingEnds) -> None:
    options = quic.QuicOptions(keys=quic.ListenerKeys())
    await ends.listen(options=options)
    await ends.visit()
    await ends.listener.close()
    # As if the process had been started again.
    await ends.listen(options=options, port=ends.port)
    assert (await ends.visit()).resumed
    await ends.listener.close()
    await ends.listen(port=ends.port)

    assert not (await ends.visit()).resumed


@pytest.mark.parametrize("pairing", CLOCK_OF_TEST, indirect=True)
async def test_a_ticket_that_has_expired_costs_nothing_but_time(
    ends: ResumingEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [0.0]
    original = TicketIssuer.__init__

    def begin(self: TicketIssuer, key: bytes, **more: Any) -> None:
        original(self, key, lambda: time.time() + late[0], **more)

    monkeypatch.setattr(TicketIssuer, "__init__", begin)
    await ends.listen()
    await ends.visit()
    late[0] = SERVER_LIFETIME
    again = await ends.visit()

    assert not again.resumed
    assert again.authenticated
    assert len(again.certificates) == 2
    assert (await ends.visit()).resumed


@pytest.mark.parametrize("pairing", OPEN_TICKETS, indirect=True)
@pytest.mark.parametrize(
    ("age", "resumed"),
    [
        (0, True),
        (SERVER_LIFETIME - 60, True),
        (SERVER_LIFETIME, False),
        (-SERVER_LIFETIME - 60, False),
    ],
)
async def test_a_server_takes_a_ticket_for_a_day(
    ends: ResumingEnds, age: int, resumed: bool
) -> None:
    """Every engine's tickets are alike in this: when it was issued is the first that is in one."""
    keys = quic.ListenerKeys()
    await ends.listen(options=quic.QuicOptions(keys=keys))
    await ends.visit()
    key = ends.identity.ticket_key("auto", keys.tickets)
    assert key is not None
    session, box = cache_of(ends.trust)._tickets[0][1].session, SecretBox(key)
    content = box.decrypt(session.ticket)
    assert content is not None
    issued = int.from_bytes(content[:8], "big")
    assert abs(time.time() - issued) < 60
    session.ticket = box.encrypt((issued - age).to_bytes(8, "big") + content[8:])
    again = await ends.visit()

    assert again.resumed is resumed
    assert again.authenticated
    assert (await ends.visit()).resumed


@pytest.mark.parametrize("pairing", OPEN_TICKETS, indirect=True)
async def test_a_ticket_that_was_tampered_with_is_unknown(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()
    session = cache_of(ends.trust)._tickets[0][1].session
    session.ticket = bytes([session.ticket[0] ^ 1]) + session.ticket[1:]

    assert not (await ends.visit()).resumed


@pytest.mark.parametrize("pairing", OPEN_TICKETS, indirect=True)
async def test_a_ticket_without_its_secret_is_refused(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()
    session = cache_of(ends.trust)._tickets[0][1].session
    session.resumption_secret = bytes(len(session.resumption_secret))

    with pytest.raises(HandshakeError):
        await ends.visit()
    assert not (await ends.visit()).resumed


async def test_a_new_certificate_makes_the_server_forget(
    ends: ResumingEnds, tmp_path: Path
) -> None:
    await ends.listen()
    await ends.visit()
    other = init(tmp_path / "other")
    ends.listener.reload(quic.ServerTls(other.server.certificate, other.server.key))

    with pytest.raises(HandshakeError) as caught:
        await ends.visit()
    assert caught.value.reason == "unknown-ca"


async def test_the_same_certificate_read_again_takes_its_tickets(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()
    ends.listener.reload()

    assert (await ends.visit()).resumed


# Clients that have to show a certificate.


@certifying
async def test_whoever_must_show_a_certificate_must_show_it_each_time(
    ends: ResumingEnds, pki: PkiDirectory
) -> None:
    trust = ends.make_trust(certificate=pki.client.certificate, key=pki.client.key)
    await ends.listen(ends.demanding)
    peers = [await ends.visit(trust=trust) for _ in range(2)]

    assert [peer.resumed for peer in peers] == [False, False]
    assert len(cache_of(trust)) == 0
    assert all(len(peer.certificates) == 2 for peer in ends.accepted)


@certifying
async def test_a_ticket_from_before_does_not_get_around_the_demand(ends: ResumingEnds) -> None:
    await ends.listen()
    await ends.visit()
    assert len(cache_of(ends.trust)) == 1
    ends.listener.reload(ends.demanding)

    with pytest.raises(HandshakeError) as caught:
        await ends.visit()
    assert caught.value.reason == "no-certificate"
    assert len(ends.accepted) == 1


@pytest.mark.parametrize("pairing", sorted({*CERTIFYING} & {*OPEN_TICKETS}), indirect=True)
async def test_a_ticket_for_one_name_does_not_open_another(ends: ResumingEnds) -> None:
    names = {"localhost": ends.identity, "127.0.0.1": ends.identity}
    await ends.listen(quic.CertificatesByName({**names, "inner.test": ends.demanding}))
    await ends.visit()
    trust = ends.trust
    (key, ticket) = cache_of(trust)._tickets[0]
    engine, _, *rest = key
    ticket.session.server_name = "inner.test"
    cache_of(trust)._tickets[0] = ((engine, "inner.test", *rest), replace(ticket))
    lenient = quic.ClientTls(ca=trust.ca, verify=lambda chain, name: None)
    cache_of(lenient)._tickets.extend(cache_of(trust)._tickets)

    with pytest.raises(HandshakeError) as caught:
        await ends.pairing.connect("127.0.0.1", ends.port, trust=lenient, server_name="inner.test")
    assert caught.value.reason == "no-certificate"
    assert len(cache_of(lenient)) == 0


# Data ahead of the handshake.


@one_server
async def test_data_ahead_of_the_handshake_is_not_taken(ends: ResumingEnds) -> None:
    await ends.listen()
    tickets: list[SessionTicket] = []
    configuration = QuicConfiguration(alpn_protocols=["smb"], server_name="localhost")
    configuration.load_verify_locations(cafile=str(ends.pki.ca))
    async with aioquic_connect(
        "127.0.0.1",
        ends.port,
        configuration=configuration,
        session_ticket_handler=tickets.append,
    ) as client:
        await client.ping()
    (ticket,) = tickets
    assert ticket.max_early_data_size is None

    # As an eager client would have it: it offers what it was not promised.
    ticket.max_early_data_size = 0xFFFFFFFF
    configuration.session_ticket = ticket
    async with aioquic_connect("127.0.0.1", ends.port, configuration=configuration) as client:
        await client.ping()
        assert not client._quic.tls.early_data_accepted
        # rustls refuses the data alone.
        assert client._quic.tls.session_resumed is (ends.pairing.server == "native")

"""Certificates and handshakes that one end refuses, with every engine that can."""

import pytest

from smbquic.errors import HandshakeError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, verify
from smbquic.transport.base import ClientHello
from smbquic.transport.quic.engine import Engine
from smbquic.transport.quic.tls import ClientTls, ServerTls
from tests.unit.transport.quic.pairings import CERTIFYING
from tests.unit.transport.quic.simulation import Simulate, library


def test_a_refusal_reaches_the_other_side(
    simulate: Simulate, engines: str, bad_pki: FaultyPki
) -> None:
    files = bad_pki.server(Fault.EXPIRED)
    simulation = simulate(engines=engines, identity=ServerTls(files.certificate, files.key))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.client.security is None
    assert simulation.close_reason("client").ours
    assert simulation.close_reason("client").code == 0x100 + 45
    assert simulation.close_reason("server").code == 0x100 + 45
    assert not simulation.close_reason("server").ours
    assert simulation.server.security is None
    assert simulation.server.client_hello == ClientHello("localhost")


def has_finished(engine: Engine) -> bool:
    """Return whether the TLS handshake is complete at this end."""
    own = vars(engine)
    return own["_handshake"] is not None if "_handshake" in own else own["_quic"].connected


@pytest.mark.parametrize("engines", CERTIFYING)
def test_a_client_waits_until_its_certificate_is_accepted(
    simulate: Simulate, engines: str, pki: PkiDirectory
) -> None:
    trust = Trust.load(pki.ca)

    def check(chain: list[bytes]) -> None:
        verify(chain, Purpose.CLIENT, trust)

    identity = ServerTls(pki.server.certificate, pki.server.key, pki.ca, check)
    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=identity,
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: has_finished(simulation.client))
    assert simulation.client.security is None
    simulation.establish()

    assert len(simulation.security("server").certificates) == 2


@pytest.mark.parametrize("engines", CERTIFYING)
@pytest.mark.parametrize(
    ("reason", "alert"),
    [
        ("access-denied", 49),
        ("expired", 45),
        ("no-certificate", 116),
        ("revoked", 44),
        ("unknown-ca", 48),
        ("weak-key", 42),
    ],
)
def test_reasons_have_alerts(
    simulate: Simulate, engines: str, pki: PkiDirectory, reason: str, alert: int
) -> None:
    def refuse(chain: list[bytes]) -> None:
        raise HandshakeError("no", reason)

    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=ServerTls(pki.server.certificate, pki.server.key, verify=refuse),
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client.close_reason)

    assert simulation.close_reason("client").code == 0x100 + alert
    cause = simulation.close_reason("server").cause
    assert isinstance(cause, HandshakeError)
    assert cause.reason == reason
    client_hello = simulation.server.client_hello
    assert client_hello.server_name == "localhost"
    assert len(client_hello.certificates) == 2


@pytest.mark.parametrize(("reason", "alert"), [("revoked", 44), ("weak-key", 42)])
def test_a_client_refuses_for_its_own_reasons(
    simulate: Simulate, engines: str, reason: str, alert: int
) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        assert (len(chain), name) == (2, "localhost")
        raise HandshakeError("no", reason)

    simulation = simulate(engines=engines, trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.close_reason("server").code == 0x100 + alert
    cause = simulation.close_reason("client").cause
    assert isinstance(cause, HandshakeError)
    assert cause.reason == reason


@pytest.mark.engine("qh3")
def test_after_a_refusal_qh3_takes_nothing_more(simulate: Simulate) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        raise HandshakeError("no", "weak-key")

    simulation = simulate(engines="qh3", trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.client.close_reason)
    # The core hands on what else has arrived, a Finished message say; to read this one would fail.
    library(simulation.client).tls.handle_message(b"\x14\0\0\x20" + bytes(32), {})

    assert simulation.client.security is None


@pytest.mark.parametrize("length", [250, 700, 3000])
def test_a_refusal_arrives_however_long_it_is(
    simulate: Simulate, engines: str, length: int
) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        raise HandshakeError("x" * length, "weak-key")

    simulation = simulate(engines=engines, trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.close_reason("server").code == 0x12A
    assert simulation.close_reason("server").phrase == "x" * min(length, 300)


@pytest.mark.parametrize("engines", CERTIFYING)
@pytest.mark.parametrize("length", [250, 700, 3000])
def test_so_does_the_refusal_of_a_client(
    simulate: Simulate, engines: str, pki: PkiDirectory, length: int
) -> None:
    def refuse(chain: list[bytes]) -> None:
        raise HandshakeError("x" * length, "weak-key")

    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=ServerTls(pki.server.certificate, pki.server.key, verify=refuse),
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client.close_reason)

    assert simulation.close_reason("client").code == 0x12A
    assert simulation.close_reason("client").phrase == "x" * min(length, 300)

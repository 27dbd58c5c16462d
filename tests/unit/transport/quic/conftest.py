"""The fixtures that tests of the QUIC transport share."""

from functools import partial

import pytest

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import (
    Acceptance,
    DatagramSizes,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from tests.engines import INSTALLED
from tests.unit.transport.quic.harness import MakeServer, NoIds, TransportHarness
from tests.unit.transport.quic.pairings import PAIRINGS
from tests.unit.transport.quic.simulation import Simulate, Simulation


@pytest.fixture(scope="session")
def simulate(pki: PkiDirectory) -> Simulate:
    """Makes simulations."""
    return partial(Simulation, pki)


@pytest.fixture
async def harness() -> TransportHarness:
    """A transport whose handshake is complete, on an engine that the test plays."""
    made = TransportHarness()
    made.establish()
    return made


@pytest.fixture(params=PAIRINGS)
def engines(request: pytest.FixtureRequest) -> str:
    """The engines of client and server."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def fresh(pki: PkiDirectory) -> MakeServer:
    identity = ServerTls(pki.server.certificate, pki.server.key)
    makers = {name: server_engine(identity, QuicOptions(engine=name))[1] for name in INSTALLED}
    return lambda name: makers[name](
        DatagramSizes(1200, 1200), NoIds(), Acceptance(original_id=bytes(8), first_datagram=1200)
    )

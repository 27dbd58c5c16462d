"""The fixtures that tests of the QUIC transport share."""

from functools import partial

import pytest

from smbquic.pki import PkiDirectory
from tests.unit.transport.quic.harness import TransportHarness
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

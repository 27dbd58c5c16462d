import pytest

from smbquic.client.share import Share
from tests.unit.client.cache.leasing import LeasingServer
from tests.unit.client.fakes import FakeServer


@pytest.fixture
def leasing(server: FakeServer, share: Share) -> LeasingServer:
    """A server that grants leases, with a folder ``d`` and a file in it."""
    fake = LeasingServer(server, share)
    fake.files = {"d/": bytearray(), "d\\a": bytearray(b"content")}
    return fake

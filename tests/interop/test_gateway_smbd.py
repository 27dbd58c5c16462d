"""The uses of a share by programs, on Debian's smbd behind the gateway."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

import smbquic
from smbquic.api.gateway import RunningGateway, gateway
from smbquic.options.gateway import PoolOptions
from smbquic.pki import PkiDirectory
from tests.integration.using import USES, Use
from tests.interop.processes import PASSWORD, Smbd, empty, running_smbd

pytestmark = [
    pytest.mark.debian("smbd", "smbpasswd"),
    pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root"),
]


@pytest.fixture(scope="module")
def _smbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    with running_smbd(tmp_path_factory.mktemp("smbd")) as smbd:
        yield smbd


@pytest.fixture
def smbd(_smbd: Smbd) -> Smbd:
    """A server whose share is empty."""
    empty(_smbd.share)
    return _smbd


@pytest.fixture
async def running(smbd: Smbd, pki: PkiDirectory) -> AsyncIterator[RunningGateway]:
    """A gateway to smbd."""
    async with gateway(
        [PoolOptions(backends=[f"tcp://127.0.0.1:{smbd.port}"])],
        listen=["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as running:
        yield running


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_uses(running: RunningGateway, smbd: Smbd, pki: PkiDirectory, use: Use) -> None:
    name = "streams" if use is USES["streams"] else "data"  # by default smbd has none
    port = running.listeners[0].rpartition(":")[2]
    url = f"smb+quic://{smbd.user}@localhost:{port}/{name}"
    async with smbquic.connect(url, password=PASSWORD, ca=pki.ca) as share:
        await use(share)
    status = running.status()
    [backend] = status["pools"][0]["backends"]
    assert backend["state"] == "up"
    assert backend["total"] >= 1
    assert status["commands"]["TREE_CONNECT"] >= 1
    assert not status["refused"]

"""A client of the gateway that gets other addresses in the middle of a transfer."""

import hashlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import smbquic
from smbquic.api.gateway import gateway
from smbquic.options.gateway import PoolOptions
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.transport import QuicTransport
from tests.engines import ENGINES
from tests.integration.test_transport_network import LossyNetwork

MOVES = 10
CONTENT = random.Random(5).randbytes(24 << 20)

Move = Callable[[], object]


class Moving:
    """The share through a gateway, and how its client gets another address."""

    def __init__(self, share: smbquic.Share, move: Move) -> None:
        self.share = share
        self.moves = 0
        self._move = move

    def progress(self, done: int, total: int) -> None:
        """Move as often as the part that is done says."""
        if self.moves < MOVES and done > (self.moves + 1) * total // (MOVES + 2):
            self.moves += 1
            self._move()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    """The engine of the client and of the gateway."""
    name: EngineName = request.param
    return name


@pytest.fixture(params=[0, 2], ids=["one-process", "two-workers"])
def workers(request: pytest.FixtureRequest) -> int:
    """How many worker processes the gateway has: each address comes to the right one."""
    count: int = request.param
    return count


@pytest.fixture(params=["translation", "client"])
async def moving(
    request: pytest.FixtureRequest,
    engine: EngineName,
    workers: int,
    tmp_path: Path,
    pki: PkiDirectory,
) -> AsyncIterator[Moving]:
    """Behind an address translation that forgets it, or with a client that moves by itself."""
    (tmp_path / "root").mkdir()
    identity = pki.server
    async with (
        smbquic.serve(
            {"data": tmp_path / "root"},
            {"alice": "secret"},
            ["tcp://127.0.0.1:0"],
            extended_protection=False,
        ) as serving,
        gateway(
            [PoolOptions(backends=serving.listeners)],
            listen=["quic://127.0.0.1:0"],
            certificate=identity.certificate,
            key=identity.key,
            engine=engine,
            health_interval=3600.0,
            workers=workers,
        ) as running,
    ):
        network = LossyNetwork(int(running.listeners[0].rpartition(":")[2]))
        url = f"smb+quic://alice@localhost:{network.port}/data"
        async with smbquic.connect(
            url, password="secret", ca=pki.ca, engine=engine, reconnect_timeout=0
        ) as share:
            transport = share.session.connection.transport
            assert isinstance(transport, QuicTransport)
            moves = {
                "translation": network.change_address,
                "client": transport.connection.rebind,
            }
            moved = Moving(share, moves[request.param])
            yield moved
            assert moved.moves == MOVES
            assert share.session.connection.transport is transport
            [backend] = running.status()["pools"][0]["backends"]
            assert (backend["total"], running.status()["refused"]) == (1, {})
        network.close()


async def test_what_it_reads_is_whole(moving: Moving, tmp_path: Path) -> None:
    (tmp_path / "root" / "file").write_bytes(CONTENT)
    await moving.share.get("file", tmp_path / "copy", progress=moving.progress)
    copy = (tmp_path / "copy").read_bytes()
    assert hashlib.sha256(copy).digest() == hashlib.sha256(CONTENT).digest()


async def test_what_it_writes_is_whole(moving: Moving, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    await moving.share.put(tmp_path / "file", "copy", progress=moving.progress)
    copy = (tmp_path / "root" / "copy").read_bytes()
    assert hashlib.sha256(copy).digest() == hashlib.sha256(CONTENT).digest()

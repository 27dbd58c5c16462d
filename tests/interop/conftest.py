"""Our server in a process of its own, for other people's clients."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.interop.processes import (
    OLD_CLIENTS,
    ServerProcess,
    Smbd,
    empty,
    running_gateway,
    running_relay,
    running_server,
    running_smbd,
)


@pytest.fixture(scope="module")
def _server(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), pki) as server:
        yield server


@pytest.fixture(scope="module")
def _old_server(
    pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("old-server"), pki, *OLD_CLIENTS) as server:
        yield server


@pytest.fixture(scope="module")
def _guest_server(
    pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    with running_server(
        tmp_path_factory.mktemp("guest-server"), pki, "--guest", *OLD_CLIENTS
    ) as server:
        yield server


@pytest.fixture(scope="module")
def _relay_port(_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_relay(tmp_path_factory.mktemp("relay"), _server) as port:
        yield port


@contextlib.contextmanager
def _unharmed(server: ServerProcess) -> Iterator[ServerProcess]:
    """The server with an empty share, and a look at what it logs in the meantime."""
    empty(server.share)
    before = len(server.log.read_text())
    yield server
    said = server.log.read_text()[before:]
    assert "ERROR" not in said, said
    assert "Traceback" not in said, said


@pytest.fixture
def server(_server: ServerProcess) -> Iterator[ServerProcess]:
    """A server whose share is empty, and which must not have stumbled when the test is over."""
    with _unharmed(_server) as server:
        yield server


@pytest.fixture
def old_server(_old_server: ServerProcess) -> Iterator[ServerProcess]:
    """The same, but for clients that speak dialects before 3.0."""
    with _unharmed(_old_server) as server:
        yield server


@pytest.fixture
def guest_server(_guest_server: ServerProcess) -> Iterator[ServerProcess]:
    """The same, but open to guests, and to clients that speak dialects before 3.0."""
    with _unharmed(_guest_server) as server:
        yield server


@pytest.fixture(scope="module")
def shared_smbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    """Debian's smbd, for all tests of a module."""
    with running_smbd(tmp_path_factory.mktemp("smbd")) as smbd:
        yield smbd


@pytest.fixture(scope="module")
def smbd_gateway(
    shared_smbd: Smbd, pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A gateway to smbd."""
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(folder, pki, shared_smbd.share, [shared_smbd.port]) as gateway:
        yield gateway


@pytest.fixture
def smbd(request: pytest.FixtureRequest, shared_smbd: Smbd) -> Iterator[Smbd]:
    """The same with an empty share; with the parameter ``gateway``, through a gateway."""
    empty(shared_smbd.share)
    if getattr(request, "param", "tcp") == "tcp":
        yield shared_smbd
        return
    gateway: ServerProcess = request.getfixturevalue("smbd_gateway")
    with _unharmed(gateway):
        yield replace(shared_smbd, gateway=gateway.ports["quic"], ca=gateway.pki.ca)


@pytest.fixture
def relay_port(server: ServerProcess, _relay_port: int) -> int:
    """The TCP port of a relay, which carries what arrives there to `server` over QUIC."""
    return _relay_port


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """An empty folder of the client."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder

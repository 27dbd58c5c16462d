"""An unauthenticated QUIC client sends little, out of order, and has the server keep much."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.attacks.quic_packets import UnauthenticatedClient, crypto_frame, packed, stream_frame
from tests.engines import ENGINES
from tests.interop.processes import ServerProcess, running_gateway, running_server
from tests.interop.recording import RecordingBackend, recording

CLIENTS = 24
ONE_CHECK = "[gateway]\nhealth_interval = 3600"
"""The back end is checked when the gateway starts, and not while it ends."""


@pytest.fixture(scope="module")
def behind(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for a gateway."""
    with running_server(tmp_path_factory.mktemp("behind"), pki) as server:
        yield server


@pytest.fixture
def backend(behind: ServerProcess) -> Iterator[RecordingBackend]:
    with recording(behind.ports["tcp"]) as backend:
        yield backend


@pytest.fixture(params=[*ENGINES, *(f"gateway-{engine}" for engine in ENGINES)])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, pki: PkiDirectory
) -> Iterator[ServerProcess]:
    """A server, or a gateway whose back end gets nothing but the gateway's own checks."""
    kind, _, engine = request.param.rpartition("-")
    # Its clients leave without a word, and nobody waits for them.
    options = ("--engine", engine, "--drain-seconds", "0")
    if not kind:
        with running_server(tmp_path, pki, *options) as server:
            yield server
        return
    backend: RecordingBackend = request.getfixturevalue("backend")
    config = tmp_path / "gateway.toml"
    config.write_text(ONE_CHECK)
    options_of_gateway = (*options, "--config", str(config))
    with running_gateway(tmp_path, pki, tmp_path, [backend.port], *options_of_gateway) as gateway:
        yield gateway
    record = backend.end()
    assert record.faults == []
    assert (record.connections, record.commands) == (1, {"0": 1})


@contextmanager
def unauthenticated_clients(server: ServerProcess) -> Iterator[list[UnauthenticatedClient]]:
    made: list[UnauthenticatedClient] = []
    try:
        for _ in range(CLIENTS):
            made.append(UnauthenticatedClient(server.ports["quic"]))
        yield made
    finally:
        for each in made:
            each.close()


def growth(server: ServerProcess, payloads: list[bytes]) -> int:
    """Return the bytes by which the server grows while unauthenticated clients send these."""
    with unauthenticated_clients(server) as crowd:
        before = server.memory()
        server.forget_peak_memory()
        for each in crowd:
            for payload in payloads:
                each.send(payload)
            each.listen()
        return server.peak_memory() - before


def test_a_byte_far_ahead_costs_no_more_than_itself(server: ServerProcess) -> None:
    """It was a gap of 15 MiB of zeros for each of them."""
    assert growth(server, [stream_frame(15 << 20, b"x")]) < 16 << 20


def test_a_byte_ahead_within_the_window_costs_no_more_than_itself(server: ServerProcess) -> None:
    assert growth(server, [stream_frame(100_000, b"x")]) < 16 << 20


@pytest.mark.parametrize("frame", [stream_frame, crypto_frame])
def test_every_other_byte_is_not_kept_for_ever(
    server: ServerProcess, frame: Callable[[int, bytes], bytes]
) -> None:
    """A fragment of one byte takes up to a hundred in the tables of an engine."""
    frames = [frame(offset, b"x") for offset in range(1, 120_000, 2)]
    assert growth(server, packed(frames)) < 96 << 20


def test_who_sends_too_much_before_logging_on_is_hung_up_on(server: ServerProcess) -> None:
    client = UnauthenticatedClient(server.ports["quic"])
    sent = 0
    while not client.ended:
        client.send(stream_frame(1, b"x" * 1000))
        sent += 1000
        assert sent < 1 << 20
    client.close()

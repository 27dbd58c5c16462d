"""Datagrams of any content and failures of the library, with every engine."""

import logging
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.engine import (
    CloseReason,
)
from tests.engines import INSTALLED
from tests.unit.transport.quic.harness import PATH, MakeServer
from tests.unit.transport.quic.pairings import ENGINES, INSTALLED_PAIRINGS
from tests.unit.transport.quic.simulation import Simulate, library


@pytest.mark.parametrize("name", ENGINES)
def test_a_client_that_has_not_been_heard_has_said_nothing(fresh: MakeServer, name: str) -> None:
    engine = fresh(name)
    assert engine.client_hello == ClientHello()
    found = engine.statistics()
    assert replace(found, congestion_window=None, ecn_received=None) == PathStatistics(
        None, 1200, 0
    )
    assert engine.unsent == engine.unacknowledged == engine.held == 0
    assert engine.idle_timeout == 30
    assert not any((engine.begun, engine.finished, engine.terminated))
    assert engine.read() == []
    assert engine.datagrams(1.0) == []


@given(data=st.binary(max_size=1500), name=st.sampled_from(INSTALLED))
def test_a_fresh_server_survives_any_datagram(fresh: MakeServer, data: bytes, name: str) -> None:
    engine = fresh(name)
    engine.receive(data, PATH, 1.0)
    engine.receive_segments(data, 700, PATH, 1.0)
    engine.datagrams(1.0)

    assert engine.security is None
    assert not engine.begun


@given(
    where=st.integers(0, 1199),
    change=st.integers(1, 255),
    name=st.sampled_from(INSTALLED_PAIRINGS),
    batch=...,
)
def test_a_connection_survives_any_change_of_a_datagram(
    simulate: Simulate, where: int, change: int, name: str, batch: bool
) -> None:
    simulation = simulate(engines=name)
    simulation.establish()
    simulation.client.write(bytes(3000))
    for datagram, _ in simulation.outgoing("client"):
        bad = bytearray(datagram)
        bad[where % len(bad)] ^= change
        if batch:
            simulation.server.receive_segments(bytes(bad), len(bad), PATH, simulation.now)
        else:
            simulation.server.receive(bytes(bad), PATH, simulation.now)

    assert simulation.server.close_reason is None
    simulation.run(lambda: len(simulation.received["server"]) == 3000)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_fails_ends_its_connection_only(
    simulate: Simulate,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulation = simulate(engines=name)
    simulation.establish()

    def fail(*_: object) -> None:
        raise RuntimeError("a bug in the library")

    if name == "native":
        # Methods of a compiled class cannot be replaced.
        monkeypatch.setitem(vars(simulation.server), "_quic", SimpleNamespace(receive=fail))
    else:
        monkeypatch.setattr(library(simulation.server), "receive_datagram", fail)
    with caplog.at_level(logging.ERROR):
        simulation.server.receive(b"\xff", PATH, simulation.now)

    assert simulation.close_reason("server").code == 1
    assert "a bug in the library" in caplog.text


class FailingCore:
    """qh3's core in Rust, whose next datagram cannot be built."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def poll_transmit(self, now: float) -> Any:
        if self.failures:
            return self._core.poll_transmit(now)
        self.failures += 1
        raise RuntimeError("no key for this packet")


@pytest.mark.engine("qh3")
def test_a_datagram_that_cannot_be_built_ends_the_connection_of_qh3(
    simulate: Simulate, caplog: pytest.LogCaptureFixture
) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    metered = library(simulation.server)._core
    metered.core = FailingCore(metered.core)
    with caplog.at_level(logging.INFO):
        simulation.run(lambda: simulation.client.close_reason)

    assert metered.core.failures == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the QUIC engine cannot build a datagram: no key for this packet"
    ]
    for name in ("server", "client"):
        close_reason = simulation.close_reason(name)
        assert (close_reason.code, close_reason.application, close_reason.ours) == (
            1,
            False,
            name == "server",
        )


@pytest.mark.parametrize("name", ENGINES)
def test_abandoning_is_immediate(simulate: Simulate, name: str, fresh: MakeServer) -> None:
    simulation = simulate(engines=name)
    simulation.establish()
    simulation.client.abandon()
    simulation.client.abandon()
    assert simulation.client.terminated
    untouched = fresh(name)
    untouched.abandon()

    assert untouched.datagrams(1.0) == []
    for engine in (simulation.client, untouched):
        assert engine.close_reason in (None, CloseReason(1, "", application=False, ours=True))


@pytest.mark.parametrize("name", ["aioquic", "qh3"])
def test_data_of_another_stream_ends_the_connection(
    simulate: Simulate, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = simulate(engines=name)
    simulation.establish()
    kind = import_module(f"{name}.quic.events").StreamDataReceived
    events = [kind(data=b"more", end_stream=False, stream_id=4)]
    monkeypatch.setattr(
        library(simulation.server), "next_event", lambda: events.pop() if events else None
    )
    simulation.server.tick(simulation.now)

    # STREAM_LIMIT_ERROR, [RFC9000] 20.1
    expected = CloseReason(0x4, "SMB has one stream", application=True, ours=True)
    assert simulation.close_reason("server") == expected
    assert simulation.server.read() == []


@pytest.mark.engine("aioquic", "native")
def test_a_second_stream_is_an_error_for_the_native_engine(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic-native")
    simulation.establish()
    quic = library(simulation.client)
    quic._remote_max_streams_bidi = 2
    quic.send_stream_data(4, b"more")
    simulation.run(lambda: simulation.server.close_reason)

    # STREAM_LIMIT_ERROR, [RFC9000] 20.1
    assert simulation.close_reason("server").code == 0x4
    assert simulation.close_reason("server").ours
    assert simulation.server.read() == []


@pytest.mark.parametrize("name", ENGINES)
def test_what_is_freed_is_not_kept_for_later(
    simulate: Simulate, fresh: MakeServer, name: str
) -> None:
    engine = fresh(name)
    engine.write(b"early")
    assert engine.unsent == 5
    engine.abandon()
    engine.free()

    kept = vars(engine).get("_early", [])
    assert kept == []


@pytest.mark.parametrize("name", ENGINES)
def test_the_closing_period_takes_three_probe_timeouts(simulate: Simulate, name: str) -> None:
    """[RFC9000] 10.2; a round trip takes 10 ms here, and an acknowledgement 25 ms at most."""
    simulation = simulate(engines=name)
    simulation.establish()
    simulation.advance(1)
    simulation.client.close(0, "enough")
    simulation.outgoing("client")
    begun = simulation.now
    simulation.run(lambda: simulation.client.terminated)

    assert 3 * 0.035 < simulation.now - begun < 3 * 0.1


@pytest.mark.engine("qh3")
@pytest.mark.parametrize(
    ("host", "address"), [("192.0.2.7", ("192.0.2.1", 1)), ("2001:db8::7", ("2001:db8::1", 1))]
)
@pytest.mark.parametrize("batch", [False, True])
def test_the_core_of_qh3_knows_the_family_of_the_peers_address(
    fresh: MakeServer, host: str, address: tuple[str, int], batch: bool
) -> None:
    engine = fresh("qh3")
    path = ((host, 50000), b"")
    if batch:
        engine.receive_segments(bytes(1200), 1200, path, 1.0)
    else:
        engine.receive(bytes(1200), path, 1.0)

    assert vars(engine)["_core_address"] == address


@pytest.mark.engine("qh3")
def test_nobody_is_pinged_before_the_first_datagram(fresh: MakeServer) -> None:
    engine = fresh("qh3")
    engine.ping()

    assert engine.close_reason is None
    assert engine.timer() is None

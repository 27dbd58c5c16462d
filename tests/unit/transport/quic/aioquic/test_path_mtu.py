"""How aioquic's datagrams grow and shrink, in simulated time."""

import json
from pathlib import Path

import pytest

from smbquic.options.quic import Congestion
from smbquic.transport.quic import mtu
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions
from tests.unit.transport.quic.simulation import Simulate, library

ETHERNET = DatagramSizes(1200, 1472)


@pytest.mark.parametrize("congestion", ["cubic", "reno", "bbr"])
def test_a_lost_probe_is_no_congestion(simulate: Simulate, congestion: Congestion) -> None:
    simulation = simulate(
        sizes=ETHERNET, options=QuicOptions(congestion=congestion, engine="aioquic")
    )
    simulation.mtu = 1200
    simulation.establish()
    control = library(simulation.client)._loss._cc
    lost: list[dict[str, object]] = []
    control.on_packets_lost = lambda **more: lost.append(more)
    simulation.client.write(bytes(300_000))
    simulation.run(lambda: len(simulation.received["server"]) == 300_000)
    simulation.advance(5)

    assert any(size > 1200 for size in simulation.sent["client"])
    assert simulation.datagram_size("client") == 1200
    assert lost == []
    assert control.bytes_in_flight == 0


@pytest.mark.parametrize("congestion", ["cubic", "reno", "bbr"])
def test_the_window_fits_the_datagrams(simulate: Simulate, congestion: Congestion) -> None:
    simulation = simulate(
        sizes=DatagramSizes(1200, 8972),
        options=QuicOptions(congestion=congestion, engine="aioquic"),
    )
    simulation.establish()
    loss = library(simulation.client)._loss
    loss._cc.congestion_window = 2400
    simulation.advance(1)

    assert simulation.datagram_size("client") == 8972
    assert loss._cc.congestion_window >= 2 * 8972
    simulation.client.write(bytes(300_000))
    simulation.run(lambda: len(simulation.received["server"]) == 300_000)
    assert simulation.sent["client"].count(8972) > 25


def test_probes_are_not_sent_into_silence(simulate: Simulate) -> None:
    simulation = simulate(sizes=ETHERNET)
    simulation.establish()
    simulation.advance(1)
    simulation.client.write(b"is anybody there?")
    simulation.loss = 1
    simulation.advance(10)
    simulation.sent["client"].clear()
    simulation.advance(10)

    assert simulation.sent["client"]
    assert max(simulation.sent["client"]) <= 1200


def test_another_path_is_searched_anew(simulate: Simulate) -> None:
    simulation = simulate(sizes=ETHERNET)
    simulation.establish()
    simulation.client.ping()
    simulation.advance(1)
    assert simulation.datagram_size("server") == 1472
    simulation.mtu = 1300
    simulation.client_path = (("192.0.2.9", 50001), b"")
    simulation.client.ping()
    simulation.advance(0.02)
    assert simulation.datagram_size("server") == 1200
    simulation.advance(5)

    assert simulation.datagram_size("server") == 1292
    assert simulation.server.resized == (1472, 1292)


def test_a_path_that_grew_is_found_later(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtu, "RAISE_INTERVAL", 20.0)
    simulation = simulate(sizes=ETHERNET)
    simulation.mtu = 1300
    simulation.establish()
    for _ in range(5):
        simulation.advance(3)
        simulation.client.ping()
    assert simulation.datagram_size("client") == 1292
    simulation.mtu = 1500
    for _ in range(8):
        simulation.advance(3)
        simulation.client.ping()

    assert simulation.datagram_size("client") == 1472


def test_probes_are_in_the_qlog(simulate: Simulate, tmp_path: Path) -> None:
    simulation = simulate(sizes=ETHERNET, options=QuicOptions(engine="aioquic", qlog=tmp_path))
    simulation.establish()
    simulation.advance(1)
    simulation.client.close(0, "")
    simulation.run(lambda: simulation.client.terminated and simulation.server.terminated)
    sent = [
        event["data"]
        for path in tmp_path.iterdir()
        for event in json.loads(path.read_text())["traces"][0]["events"]
        if event["name"] == "transport:packet_sent"
    ]
    probes = [each for each in sent if each["raw"]["length"] == 1472]

    assert probes
    assert [frame["frame_type"] for frame in probes[0]["frames"]] == ["ping", "padding"]

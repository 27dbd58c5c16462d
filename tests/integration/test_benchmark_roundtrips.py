"""The round trips of the report against what tshark, which knows nothing of it, has captured."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import place
from benchmarks.arms import ALL as ARMS
from benchmarks.link import Link
from benchmarks.link.namespaces import DEVICE
from benchmarks.links import LinkChoice
from benchmarks.place import Place, Sizes
from benchmarks.report.summary import row
from benchmarks.results import Cell
from benchmarks.works import ALL as WORKS

pytestmark = [
    pytest.mark.usefixtures("network_namespaces"),
    pytest.mark.debian("tshark", "wireguard-go"),
]
LINK = LinkChoice.parse("200ms-100mbit")
ROUND_TRIP = LINK.round_trip / 10**9
FIELDS = (
    *("frame.time_epoch", "ip.src", "udp.srcport", "udp.dstport"),
    *("tcp.flags.syn", "smb2.flags.response", "wg.type"),
)
SERVER = "198.18.0.1"


@dataclass(frozen=True, slots=True)
class Frame:
    """A packet; `at` in seconds."""

    at: float
    source: str
    udp_port: str
    """The client's."""
    syn: bool
    smb_response: bool
    wireguard: str


@pytest.fixture(scope="module")
def files() -> Iterator[Place]:
    with place.made(Sizes(bulk=1 << 16, listings=()), seed=1) as made:
        yield made


def captured(work: str, arm: str, files: Place, folder: Path) -> tuple[dict[str, Any], list[Frame]]:
    """A work's figures, and the frames on the client's device meanwhile."""
    file = folder / "seen.pcapng"
    link = LINK.make(1)
    with link, ARMS[arm].start(link, files) as running:
        with watching(link, file):
            figures = WORKS[work].run(running.perform, files, link, 1)
        assert WORKS[work].check(figures, files) == []
    return figures, frames(file)


class watching:
    """tshark's own capture program, from the moment it sees packets on."""

    def __init__(self, link: Link, file: Path) -> None:
        self._process = link.client.popen(
            ["dumpcap", "-q", "-i", DEVICE, "-w", str(file)], stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            # The device is open by then; before, packets would be missed.
            if line.startswith("File:"):
                return
        pytest.fail("dumpcap does not capture")

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


def frames(file: Path) -> list[Frame]:
    fields = [option for field in FIELDS for option in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", str(file), "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    )
    found = []
    for line in done.stdout.splitlines():
        at, source, from_port, to_port, syn, response, wireguard = line.split("\t")
        port = to_port if source == SERVER else from_port
        is_response = "True" in response or "1" in response
        found.append(Frame(float(at), source, port, syn in ("True", "1"), is_response, wireguard))
    return found


def flights(seen: list[Frame], seconds: float) -> int:
    """How often the server has spoken after a pause, up to so long after the first packet."""
    begun = next(frame.at for frame in seen if frame.source != SERVER)
    heard = [
        frame.at
        for frame in seen
        if frame.source == SERVER and begun < frame.at < begun + seconds + ROUND_TRIP / 2
    ]
    return sum(
        now - before > ROUND_TRIP / 2 for before, now in zip([begun, *heard], heard, strict=False)
    )


@pytest.mark.parametrize(
    ("arm", "work", "trips"),
    [
        ("tcp", "connect", 5),
        ("quic-qh3", "connect", 5),
        ("quic-aioquic", "connect", 5),
        ("quic-qh3", "connect-resumed", 5),
        ("wireguard", "connect", 6),
    ],
)
def test_as_many_as_the_table_has(
    arm: str, work: str, trips: int, files: Place, tmp_path: Path
) -> None:
    figures, seen = captured(work, arm, files, tmp_path)
    # The connection that gave the ticket came first, from another port.
    seen = [frame for frame in seen if frame.udp_port == seen[-1].udp_port]
    in_table = row(Cell(LINK.name, work, arm, {1: figures}, []), None).values["round_trips"]
    assert in_table.median == flights(seen, figures["total"]) == trips
    assert figures["round_trips_after"]["transport"] == trips - 4
    if arm == "tcp":
        assert sum(frame.syn and frame.source == SERVER for frame in seen) == 1
        # Negotiate, twice the logon, the tree; then the end.
        assert sum(frame.smb_response for frame in seen) >= 4
    if arm == "wireguard":
        assert [frame.wireguard for frame in seen if frame.wireguard in ("1", "2")] == ["1", "2"]

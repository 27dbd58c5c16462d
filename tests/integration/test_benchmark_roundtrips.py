"""The round trips of the report against what tshark, which knows nothing of it, has captured."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arms import ALL as ARMS
from benchmarks.comparison import roundtrips
from benchmarks.comparison.clock import ClockError
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.report.summary import row
from benchmarks.comparison.results import Cell
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.link import Link, VethPair
from benchmarks.link.namespaces import DEVICE
from benchmarks.workspace import Sizes, Workspace, temporary_workspace
from tests.clock import again_if_the_clock_is_set

pytestmark = [
    pytest.mark.usefixtures("network_namespaces"),
    pytest.mark.debian("tshark", "wireguard-go"),
]
LINKS = [LinkChoice.parse(f"{delay}-100mbit") for delay in ("200ms", "400ms", "800ms")]
FIELDS = (
    *("frame.time_epoch", "ip.src", "udp.srcport", "udp.dstport"),
    *("tcp.flags.syn", "smb2.flags.response", "wg.type"),
)
SERVER = "198.18.0.1"
DISCARD = 9
LAST = b"nothing more is to be captured"


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
def workspace() -> Iterator[Workspace]:
    with temporary_workspace(Sizes(bulk=1 << 16, listings=()), seed=1) as made:
        yield made


def captured(
    choice: LinkChoice, work: str, arm: str, workspace: Workspace, file: Path
) -> tuple[dict[str, Any], list[Frame]]:
    """A work's figures, and the frames on the client's device meanwhile."""
    link = choice.make(1)
    with link, ARMS[arm].start(link, workspace) as running, running.client() as perform:
        with watching(link, file):
            figures = WORKS[work].run(perform, workspace, link, 1)
        assert WORKS[work].check(figures, workspace) == []
    return figures, frames(file)


class watching:
    """tshark's own capture program, from the moment it sees packets on, up to the last one."""

    def __init__(self, link: Link, file: Path) -> None:
        self._link, self._file = link, file
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
        # What it has not read yet is lost when it ends.
        with self._link.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(LAST, (SERVER, DISCARD))
        deadline = time.monotonic() + 60
        while LAST not in self._file.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._process.terminate()
        self._process.communicate(timeout=60)


def frames(file: Path) -> list[Frame]:
    fields = [option for field in FIELDS for option in ("-e", field)]
    # ICMP tells the server that a client which has closed its connection has no socket any more.
    shown = f"not udp.port == {DISCARD} and not icmp"
    done = subprocess.run(
        ["tshark", "-r", str(file), "-Y", shown, "-T", "fields", *fields],
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


def flights(seen: list[Frame], round_trip: float, seconds: float) -> int:
    """In how many flights the server has spoken, up to so long after the first packet.

    One may last for nearly a round trip, since the next one is an answer to it.
    """
    count, begun = 0, next(frame.at for frame in seen if frame.source != SERVER)
    end = begun + seconds
    for frame in seen:
        if frame.source == SERVER and begun + 0.98 * round_trip <= frame.at <= end:
            count, begun = count + 1, frame.at
    return count


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
@again_if_the_clock_is_set
def test_as_many_as_the_table_has(
    arm: str, work: str, trips: int, workspace: Workspace, tmp_path: Path
) -> None:
    if missing := ARMS[arm].missing():
        pytest.skip("; ".join(missing))
    for link in (link for link in LINKS for _ in range(2)):
        round_trip = link.round_trip / 10**9
        figures, seen = captured(link, work, arm, workspace, tmp_path / "seen.pcapng")
        # A machine that takes a round trip to think is in need of longer ones.
        if figures["total"] < (trips + 0.9) * round_trip:
            break
    # The connection that gave the ticket came first, from another port.
    seen = [frame for frame in seen if frame.udp_port == seen[-1].udp_port]
    in_table = row(Cell(link.name, work, arm, {1: figures}, []), None).values["round_trips"]
    assert in_table.median == flights(seen, round_trip, figures["total"]) == trips
    assert figures["round_trips_after"]["transport"] == trips - 4
    if arm == "tcp":
        assert sum(frame.syn and frame.source == SERVER for frame in seen) == 1
        # Negotiate, twice the logon, the tree; then the end.
        assert sum(frame.smb_response for frame in seen) >= 4
    if arm == "wireguard":
        assert [frame.wireguard for frame in seen if frame.wireguard in ("1", "2")] == ["1", "2"]


def capture_with_a_step(step: int, *, back: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture of a ping in the midst of which the clock is set, and perhaps set back again."""
    now = time.time_ns
    with VethPair() as pair, roundtrips.captured(pair.client) as packets:
        monkeypatch.setattr(time, "time_ns", lambda: now() + step)
        pair.client.run(["ping", "-n", "-c", "1", pair.server.address])
        deadline = time.monotonic() + 60
        while len(packets) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if back:
            monkeypatch.setattr(time, "time_ns", now)


@pytest.mark.parametrize("step", [-(10**9), 10**9])
@pytest.mark.parametrize("back", [False, True])
def test_nothing_is_counted_by_a_clock_that_was_set(
    step: int, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClockError):
        capture_with_a_step(step, back=back, monkeypatch=monkeypatch)

"""Set against measured: what ping and iperf3, which know nothing of the emulator, see of a link."""

import contextlib
import json
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.link.errors import LinkError
from benchmarks.link.link import Link
from benchmarks.link.loss import Loss
from benchmarks.link.units import format_rate, format_share, format_time

IPERF_PORT = 5201
# IPv4 and UDP; IPv4 and TCP with timestamps.
UDP_HEADERS, TCP_HEADERS = 28, 52
# Round trip, rate: the links of the benchmark that have a rate.
LINKS = (("20ms", "100mbit"), ("50ms", "50mbit"), ("100ms", "20mbit"), ("200ms", "10mbit"))


@contextlib.contextmanager
def running_iperf(link: Link, *options: str) -> "Iterator[subprocess.Popen[str]]":
    """iperf3 sends from the client to the server; `report_of` waits for its end."""
    server = link.server.popen(["iperf3", "--server", "--one-off", "--json", "--logfile=/dev/null"])
    link.server.wait_for_port(("tcp", IPERF_PORT), process=server)
    command = ["iperf3", "--json", "--get-server-output", "--client", link.server.address, *options]
    # What it has to say against it is in its report; it warns of datagrams that fill the MTU.
    with link.client.popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as client:
        yield client
    # The next server needs the port.
    server.wait(timeout=30)


def report_of(client: "subprocess.Popen[str]") -> dict[str, Any]:
    """iperf3's report, as its server saw the transfer, when it has ended."""
    output, _ = client.communicate()
    report = json.loads(output)
    if "server_output_json" not in report:
        raise LinkError(f"iperf3: {report.get('error', output)}")
    seen: dict[str, Any] = report["server_output_json"]
    return seen


def iperf(link: Link, *options: str) -> dict[str, Any]:
    """Run it to its end."""
    with running_iperf(link, *options) as client:
        return report_of(client)


def arrived(report: dict[str, Any]) -> float:
    """Bits per second of payload: the median of whole seconds.

    iperf3's last interval waits for the sender's word, and its first has a length of its own. Where
    a busy machine made none a second long, all of them count.
    """
    parts = [part["sum"] for part in report["intervals"] if not part["sum"]["omitted"]]
    whole = [part for part in parts if 0.95 < part["seconds"] < 1.05]
    return statistics.median(float(part["bits_per_second"]) for part in whole or parts)


def ping(link: Link, count: int = 50) -> tuple[float, float]:
    """Mean round trip and its deviation in nanoseconds, by ping."""
    command = ["ping", "-n", "-q", "-c", str(count), "-i", "0.02", link.server.address]
    found = re.search(r"= [\d.]+/([\d.]+)/[\d.]+/([\d.]+) ms", link.client.run(command).stdout)
    if not found:
        raise LinkError("ping saw no answer")
    return float(found[1]) * 10**6, float(found[2]) * 10**6


def tcp_rate(link: Link, seconds: int) -> float:
    """Bits per second of IP packets that carry TCP's data, once TCP has found the rate."""
    report = iperf(link, f"--time={seconds}", "--omit=2", "--length=16K")
    return arrived(report) * link.settings.mtu / (link.settings.mtu - TCP_HEADERS)


def udp_rate(link: Link, seconds: int) -> float:
    """Bits per second of IP packets that arrive when 5 % more are sent."""
    mtu, payload = link.settings.mtu, link.settings.mtu - UDP_HEADERS
    bitrate = round(1.05 * link.settings.rate * payload / mtu)
    options = ("--udp", "--omit=1", "--window=4M", f"--length={payload}", f"--bitrate={bitrate}")
    return arrived(iperf(link, *options, f"--time={seconds}")) * mtu / payload


def udp_loss(link: Link, loss: Loss, seconds: int) -> tuple[int, int]:
    """Packets lost, of how many, when small packets leave the queue empty and the receiver idle.

    Without loss before, and with the loss afterwards: iperf3 does not survive that of its first.
    """
    payload = 200
    packets_per_second = min(link.settings.rate / 2 / 8 / (payload + UDP_HEADERS), 4000)
    bitrate = round(packets_per_second * payload * 8)
    options = ("--udp", "--window=4M", f"--length={payload}", f"--bitrate={bitrate}")
    first = link.statistics().up.other
    with running_iperf(link, *options, f"--time={seconds}") as client:
        while (start := link.statistics().up.other - first).offered.packets < 50:
            if client.poll() is not None:
                break
            time.sleep(0.001)
        link.set(loss=loss, way="up")
        seen = report_of(client)["end"]["sum"]
    # Those lost at the end are unknown to the receiver, so the sender's side is counted.
    sent = (link.statistics().up.other - first).offered.packets
    lost = sent - (int(seen["packets"]) - int(seen["lost_packets"]))
    return lost, sent - start.offered.packets


@dataclass(frozen=True, slots=True)
class Calibration:
    """A link as it was set and as it was measured. Nanoseconds, bits per second, fractions."""

    round_trip: int
    round_trip_measured: float
    round_trip_deviation: float
    rate: int
    tcp_rate: float
    udp_rate: float
    loss: float
    lost: int
    sent: int
    loss_interval: tuple[float, float]
    """Between which numbers of lost packets chance may be, 999 times in 1,000."""
    cpu_share: float
    problems: tuple[str, ...]

    @property
    def wrong(self) -> list[str]:
        """Return the problems: properties that are not as they were set."""
        found = list(self.problems)
        if abs(self.round_trip_measured - self.round_trip) > 0.4e6:
            found.append("round trip")
        if abs(self.udp_rate / self.rate - 1) > 0.01:
            found.append("rate")
        low, high = self.loss_interval
        if not low <= self.lost <= high:
            found.append("loss")
        return found


def calibrate(*, rate: str, delay: str, loss: Loss, seed: int = 0, seconds: int = 5) -> Calibration:
    """Measure a link: its round trip and its rate without loss, then its loss."""
    with Link(rate=rate, delay=delay, seed=seed) as link:
        round_trip, deviation = ping(link)
        tcp, udp = tcp_rate(link, seconds), udp_rate(link, seconds)
        lost, sent = udp_loss(link, loss, seconds)
        counters = link.statistics()
    return Calibration(
        round_trip=link.settings.round_trip,
        round_trip_measured=round_trip,
        round_trip_deviation=deviation,
        rate=link.settings.rate,
        tcp_rate=tcp,
        udp_rate=udp,
        loss=loss.mean,
        lost=lost,
        sent=sent,
        loss_interval=loss.interval(sent),
        cpu_share=max(counters.cpu_share, counters.cpu_share_peak),
        problems=tuple(counters.problems),
    )


HEADER = (
    f"{'RTT set':>8} {'measured':>10} {'+-':>8}   {'rate set':>9} {'TCP':>11} {'UDP':>11}"
    f"   {'loss set':>8} {'measured':>9} {'expected':>17}   {'emulator':>8}"
)


def row(found: Calibration) -> str:
    """A line under `HEADER`."""
    low, high = (format_share(bound / found.sent) for bound in found.loss_interval)
    cells = (
        f"{format_time(found.round_trip):>8}",
        f"{format_time(round(found.round_trip_measured, -3)):>10}",
        f"{format_time(round(found.round_trip_deviation, -3)):>8}",
        f"  {format_rate(found.rate):>9}",
        f"{format_rate(round(found.tcp_rate, -3)):>11}",
        f"{format_rate(round(found.udp_rate, -3)):>11}",
        f"  {format_share(found.loss):>8}",
        f"{format_share(found.lost / found.sent):>9}",
        f"{low + ' - ' + high:>17}",
        f"  {found.cpu_share:>8.0%}",
        f"  {'wrong: ' + ', '.join(found.wrong) if found.wrong else 'as set'}",
    )
    return " ".join(cells)

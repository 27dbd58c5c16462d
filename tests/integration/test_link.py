"""The emulated link against its settings: real namespaces, counted packets, kernel timestamps.

A busy machine makes packets late, and never early. So what must not be exceeded is asserted
strictly, and a figure that lateness spoils is measured again, a bounded number of times.
"""

import errno
import itertools
import json
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from benchmarks.link import Delay, Link, LinkError, Loss, Namespace, Ports, Statistics, VethPair
from tests.clock import again_if_the_clock_is_set
from tests.integration.link_flow import (
    IP_MTU,
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DO,
    IPV6_MTU,
    IPV6_MTU_DISCOVER,
    MS,
    OTHER_PORT,
    Flow,
    counters,
    settled,
)

pytestmark = pytest.mark.usefixtures("network_namespaces")
QUIC_PORT, VPN_PORT = 443, 51820


@pytest.fixture
def flow() -> Iterator[Callable[..., Flow]]:
    """Makes flows, and closes them."""
    with ExitStack() as stack:
        yield lambda *places, **options: stack.enter_context(closing(Flow(*places, **options)))


def many(link: Link, flow: Flow, count: int) -> Statistics:
    """Send many small packets without filling the TUN device's ring of 10,000."""
    before = link.statistics().up.total.offered.packets
    for done in range(0, count, 2000):
        flow.send(min(2000, count - done), 60)
        found = settled(link, before + min(done + 2000, count))
        flow.fetch()
    return found


def retried(measure: Callable[[], float], low: float, high: float, attempts: int = 20) -> None:
    """The figure is between these; it may be measured so many times."""
    seen = []
    for _ in range(attempts):
        seen.append(measure())
        if low <= seen[-1] <= high:
            return
    pytest.fail(f"not from {low} to {high}: {seen}")


@pytest.mark.parametrize("way", ["up", "down"])
@again_if_the_clock_is_set
def test_the_rate_is_kept_within_one_percent(way: str, flow: Callable[..., Flow]) -> None:
    packets, gap = 900, 600_000  # 1500 bytes at 20 Mbit/s
    with Link(rate="20mbit", queue="2mb") as link:
        ends = (link.client, link.server) if way == "up" else (link.server, link.client)
        packet_flow = flow(*ends)
        sent = 0

        def rate() -> float:
            nonlocal sent
            packet_flow.send(packets)
            sent += packets
            settled(link, sent)
            found = packet_flow.arrivals()
            assert len(found) == packets
            # Nothing comes early, so there is no burst at any time.
            for place, arrival in enumerate(found):
                assert arrival.arrived - found[0].sent >= (place + 1) * gap
            return (packets - 1) * 1500 * 8e9 / (found[-1].arrived - found[0].arrived)

        retried(rate, 19.8e6, 20.2e6)


@again_if_the_clock_is_set
def test_a_new_rate_holds_for_what_is_queued(flow: Callable[..., Flow]) -> None:
    with Link(rate="80kbit", queue="1mb") as link:
        packets = flow(link.client, link.server)
        packets.send(100)
        counters(link, lambda now: now.up.other.offered.packets == 100)
        assert link.statistics().up.queue_bytes > 0
        link.set(rate="40mbit")
        settled(link, 100)
        found = packets.arrivals()
        # The one that was being sent takes its 150 ms, the others 0.3 ms each.
        assert found[0].delay >= 150 * MS
        for place, arrival in enumerate(found):
            assert arrival.arrived - found[0].sent >= (150 + 0.3 * place) * MS
        assert (found[-1].arrived - found[0].sent) < 100 * 150 * MS


def late(flow: Flow, link: Link) -> float:
    """By how much this machine itself is late: a link without delay, and a sleep. Nanoseconds."""
    flow.send(60, 200, gap=0.001)
    settled(link, 60)
    slept = []
    for _ in range(60):
        begun = time.monotonic_ns()
        time.sleep(0.001)
        slept.append(time.monotonic_ns() - begun - MS)
    return statistics.median(arrival.delay for arrival in flow.arrivals()) + statistics.median(
        slept
    )


@again_if_the_clock_is_set
def test_the_delay_is_kept_within_a_fifth_of_a_millisecond(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        machine = late(flow(link.client, link.server), link)
    delay = 15 * MS
    with Link(delay="15ms") as link:
        packets = flow(link.client, link.server)
        sent = 0

        def median() -> float:
            nonlocal sent
            packets.send(120, 200, gap=0.001)
            sent += 120
            settled(link, sent)
            delays = [arrival.delay for arrival in packets.arrivals()]
            assert min(delays) >= delay
            return statistics.median(delays)

        retried(median, delay, delay + 0.2 * MS + machine)
        link.set(delay="3ms", way="up")
        delay = 3 * MS
        retried(median, delay, delay + 0.2 * MS + machine)


@again_if_the_clock_is_set
def test_jitter_varies_the_delay_and_keeps_the_order(flow: Callable[..., Flow]) -> None:
    with Link(delay=Delay("2ms", jitter="8ms"), seed=3) as link:
        packets = flow(link.client, link.server)
        packets.send(300, 100, gap=0.0005)
        settled(link, 300)
        found = packets.arrivals()
        assert [arrival.number for arrival in found] == list(range(300))
        delays = [arrival.delay for arrival in found]
        assert min(delays) >= 2 * MS
        assert max(delays) - min(delays) > 2 * MS
        assert sum(delay > 4 * MS for delay in delays) > 100


def test_random_loss_is_as_large_as_it_was_set(flow: Callable[..., Flow]) -> None:
    with Link(loss="2%", seed=11) as link:
        packets = flow(link.client, link.server, QUIC_PORT)
        found = many(link, packets, 20_000)
        low, high = Loss.random(0.02).interval(20_000)
        assert low <= found.up.quic.loss.packets <= high
        assert len(packets.arrivals()) == 20_000 - found.up.quic.loss.packets
        assert found.problems == []


def test_loss_depends_on_the_seed_alone(flow: Callable[..., Flow]) -> None:
    def arrived(**options: object) -> list[int]:
        with Link(loss="10%", **options) as link:  # type: ignore[arg-type]
            packets = flow(link.client, link.server)
            many(link, packets, 2000)
            return [arrival.number for arrival in packets.arrivals()]

    plain = arrived(seed=5)
    assert arrived(seed=5, rate="50mbit", queue="1mb", delay=Delay(0, jitter="1ms")) == plain
    assert arrived(seed=6) != plain


def test_bursts_of_loss_have_their_length(flow: Callable[..., Flow]) -> None:
    count, model = 40_000, Loss.bursts(0.05, 4)
    with Link(loss=model, seed=2) as link:
        packets = flow(link.client, link.server)
        found = many(link, packets, count)
        numbers = [-1, *(arrival.number for arrival in packets.arrivals()), count]
        bursts = [b - a - 1 for a, b in itertools.pairwise(numbers) if b - a > 1]
        assert sum(bursts) == found.up.other.loss.packets
        low, high = model.interval(count)
        assert low <= sum(bursts) <= high
        # A geometric distribution: its mean is 4, its deviation sqrt(12).
        assert statistics.mean(bursts) == pytest.approx(4, abs=3.3 * (12 / len(bursts)) ** 0.5)
        single = bursts.count(1) / len(bursts)
        assert single == pytest.approx(0.25, abs=3.3 * (0.1875 / len(bursts)) ** 0.5)


def test_each_direction_may_be_of_its_own(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        link.set(way="down", loss=1)
        up, down = flow(link.client, link.server), flow(link.server, link.client)
        up.send(20)
        down.send(30)
        found = settled(link, 50)
        assert (len(up.arrivals()), len(down.arrivals())) == (20, 0)
        assert found.down.other.loss.packets == 30
        assert found.up.other.loss.packets == 0


def test_the_queue_drops_what_it_has_no_room_for(flow: Callable[..., Flow]) -> None:
    for _ in range(5):
        # A packet takes 600 ms: all of them have to come while the first is being sent.
        if fills_a_queue(flow):
            return
    pytest.fail("no attempt took less than 600 ms")


def fills_a_queue(flow: Callable[..., Flow]) -> bool:
    """Fill one and look at it; False if that took too long to show anything."""
    with Link(rate="20kbit", queue=15_000) as link:
        packets = flow(link.client, link.server)
        begun = time.monotonic()
        packets.send(10)
        packets.send(1, 1400)
        packets.send(20)
        packets.send(1, 100)
        found = counters(link, lambda now: now.up.other.offered.packets == 32)
        if time.monotonic() - begun >= 0.6:
            return False
        # 9 of 1500 wait with one of 1400; 100 bytes are left.
        assert found.up.queue_peak_bytes == found.up.queue_bytes == 15_000
        assert found.up.other.queue.packets == 20
        assert found.up.other.queue.bytes == 20 * 1500
        link.set(rate="unlimited")
        found = settled(link, 32)
        assert [a.number for a in packets.arrivals()] == [*range(11), 31]
        assert found.up.other.delivered.bytes == 10 * 1500 + 1400 + 100
    return True


def test_every_byte_is_counted_where_it_belongs(flow: Callable[..., Flow]) -> None:
    def device(namespace: Namespace) -> dict[str, dict[str, int]]:
        shown = namespace.run(["ip", "-json", "-stats", "link", "show", "dev", "link0"]).stdout
        figures: dict[str, dict[str, int]] = json.loads(shown)[0]["stats64"]
        return figures

    with Link(
        ports=Ports(vpn=[VPN_PORT]), loss="5%", rate="50mbit", delay="1ms", queue=30_000
    ) as link:
        for port, count, size, six in (
            (QUIC_PORT, 30, 1500, False),
            (QUIC_PORT, 20, 1280, True),
            (VPN_PORT, 70, 301, False),
            (OTHER_PORT, 11, 64, True),
        ):
            flow(link.client, link.server, port, six=six).send(count, size)
        flow(link.server, link.client, VPN_PORT).send(5, 500)
        found = settled(link, 136)
        assert found.up.quic.offered.packets == 50
        assert found.up.quic.offered.bytes == 30 * 1500 + 20 * 1280
        assert found.up.vpn.offered.bytes == 70 * 301
        assert found.up.other.offered.bytes == 11 * 64
        assert found.down.vpn.offered.bytes == 5 * 500
        assert found.up.tcp.offered.bytes == found.down.total.offered.bytes - 2500 == 0
        transfer(link, 100_000)

        # The kernel counts the devices' traffic by itself.
        def is_what_the_kernel_counts(found: Statistics) -> bool:
            return all(
                (total.offered.packets, total.offered.bytes, total.delivered.packets)
                == (sent["packets"], sent["bytes"], got["packets"])
                and total.delivered.bytes == got["bytes"]
                for total, sent, got in (
                    (found.up.total, device(link.client)["tx"], device(link.server)["rx"]),
                    (found.down.total, device(link.server)["tx"], device(link.client)["rx"]),
                )
            )

        # The farewells of TCP may still be under way, or have to be repeated.
        found = counters(link, is_what_the_kernel_counts)
        assert found.up.tcp.offered.bytes > 100_000
        assert found.down.tcp.offered.packets > 0


def transfer(link: Link | VethPair, size: int, timeout: float = 60) -> None:
    """Send so many bytes over TCP from the client to the server."""
    with (
        link.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener,
        link.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client,
    ):
        listener.bind((link.server.address, 0))
        listener.listen()
        listener.settimeout(timeout)
        client.settimeout(timeout)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            server.settimeout(timeout)
            sent = received = 0
            while sent < size:
                sent += client.send(bytes(min(size - sent, 20_000)))
                while received < sent:
                    received += len(server.recv(65536))
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""


def test_a_path_that_shrinks_in_silence(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        packets = flow(link.client, link.server)
        packets.send(1)
        link.set_path_mtu(1300)
        for size in (1300, 1301, 1500, 200):
            packets.send(1, size)
        found = settled(link, 5)
        assert [arrival.number for arrival in packets.arrivals()] == [0, 1, 4]
        assert found.up.other.mtu.packets == 2
        assert found.up.other.mtu.bytes == 1301 + 1500
        assert found.up.icmp_sent == 0
        link.set_path_mtu(0)
        packets.send(1)
        settled(link, 6)
        assert len(packets.arrivals()) == 1


@pytest.mark.parametrize("six", [False, True], ids=["ipv4", "ipv6"])
def test_a_path_that_shrinks_and_says_so(six: bool, flow: Callable[..., Flow]) -> None:
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    with Link() as link:
        link.set_path_mtu(1300, icmp=True)
        packets = flow(link.client, link.server, six=six)
        discover = IPV6_MTU_DISCOVER if six else IP_MTU_DISCOVER
        packets.sender.setsockopt(level, discover, IP_PMTUDISC_DO)
        packets.send(1, 1400)
        assert settled(link, 1).up.icmp_sent == 1
        # The kernel believes it: the checksums are right, and it knows whose packet it was.
        assert packets.sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EMSGSIZE
        with pytest.raises(OSError, match="Message too long"):
            packets.send(1, 1301)
        assert packets.sender.getsockopt(level, IPV6_MTU if six else IP_MTU) == 1300
        packets.send(1, 1300)
        assert settled(link, 2).up.other.delivered.bytes == 1300


def test_icmp_spares_what_may_be_fragmented(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        link.set_path_mtu(1300, icmp=True)
        packets = flow(link.client, link.server)
        packets.sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 0)
        packets.send(2, 1400)
        found = settled(link, 2)
        assert (found.up.icmp_sent, found.up.other.mtu.packets) == (0, 2)


def test_tcp_finds_its_way_through_a_path_that_says_what_fits() -> None:
    with Link(delay="1ms") as link:
        link.set_path_mtu(1300, icmp=True)
        transfer(link, 200_000)
        found = link.statistics()
        assert found.up.icmp_sent >= 1
        assert found.up.tcp.delivered.bytes > 200_000


def test_a_blackout_swallows_what_is_sent(flow: Callable[..., Flow]) -> None:
    with Link(loss="50%", seed=1) as link:
        packets = flow(link.client, link.server)
        link.set(blackout=True)
        packets.send(40)
        assert settled(link, 40).up.other.blackout.packets == 40
        link.set(blackout=False, loss=0)
        packets.send(10)
        settled(link, 50)
        assert [arrival.number for arrival in packets.arrivals()] == list(range(40, 50))


def test_a_client_that_changes_its_address() -> None:
    with (
        Link() as link,
        link.server.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server,
        link.client.socket(socket.AF_INET6, socket.SOCK_DGRAM) as loose,
        link.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound,
    ):
        server.bind(("::", OTHER_PORT))
        server.settimeout(60)
        bound.bind((link.client.address, 0))
        targets = [link.server.address6, f"::ffff:{link.server.address}"]

        def sources() -> list[str]:
            for target in targets:
                loose.sendto(b".", (target, OTHER_PORT))
            return [server.recvfrom(10)[1][0].removeprefix("::ffff:") for _ in targets]

        loose.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for index, keep in ((1, True), (2, False), (0, False)):
            link.client.move(index, keep=keep)
            expected = [link.client.addresses6[index], link.client.addresses[index]]
            assert sources() == expected
            assert [link.client.address6, link.client.address] == expected
        bound.sendto(b".", (link.server.address, OTHER_PORT))
        assert server.recvfrom(10)[1][0] == f"::ffff:{link.client.address}"
        link.client.move(1)
        assert sources() == [link.client.addresses6[1], link.client.addresses[1]]
        with pytest.raises(OSError, match=r"Invalid argument|Network is unreachable"):
            bound.sendto(b".", (link.server.address, OTHER_PORT))


def test_what_the_kernel_drops_makes_a_run_invalid(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        packets = flow(link.client, link.server)
        os.kill(link.emulator.pid, signal.SIGSTOP)
        packets.send(10_100, 60)
        os.kill(link.emulator.pid, signal.SIGCONT)
        found = settled(link, 10_000)
        assert found.up.ring_drops == 100
        assert found.problems == ["up: 100 packets dropped by the TUN ring"]


def test_a_device_that_takes_nothing_makes_a_run_invalid(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        packets = flow(link.client, link.server)
        link.server.ip("link set link0 down")
        packets.send(3)
        found = settled(link, 3)
        assert found.up.other.write.packets == 3
        assert found.problems == ["up: 3 packets not taken by the TUN device"]


def test_counters_stay_when_the_link_has_gone(flow: Callable[..., Flow]) -> None:
    with Link() as link:
        flow(link.client, link.server).send(7)
        before = settled(link, 7)
    assert link.statistics().up == before.up


def test_counters_on_a_signal(capfd: pytest.CaptureFixture[str], flow: Callable[..., Flow]) -> None:
    with Link() as link:
        flow(link.client, link.server).send(7)
        settled(link, 7)
        os.kill(link.emulator.pid, signal.SIGUSR1)
        link.statistics()
    assert Statistics.of(json.loads(capfd.readouterr().err)).up.other.offered.packets == 7


def test_the_emulator_refuses_what_it_does_not_understand() -> None:
    with Link() as link:
        for command in (
            *("", "rate", "rate -1", "rate fast", "up", "sideways rate 1", "stop", "seed"),
            *("loss 0.1", "loss 2 0 0 1", "mtu 70000", "port 443 smb", "port 70000 quic"),
            "router here there",
        ):
            with pytest.raises(LinkError, match="not understood"):
                link.emulator.command([command])
        assert link.statistics().in_flight.packets == 0


def test_an_emulator_that_dies_is_noticed() -> None:
    link = Link()

    def use_it_to_death() -> None:
        with link:
            os.kill(link.emulator.pid, signal.SIGKILL)
            while True:
                link.statistics()

    with pytest.raises(LinkError, match="the link emulator ended with exit code -9"):
        use_it_to_death()
    assert link.client.network.exists() is False


def test_commands_fail_loudly() -> None:
    with Link() as link:
        with pytest.raises(LinkError, match="sh -c 'echo why >&2; exit 3': exit code 3\nwhy"):
            link.client.run(["sh", "-c", "echo why >&2; exit 3"])
        with pytest.raises(LinkError, match=r"nobody listens on tcp 9 of the server after 0\.1 s"):
            link.server.wait_for_port(("tcp", 9), timeout=0.1)
        with pytest.raises(LinkError, match="ended with exit code 5"):
            link.server.wait_for_port(process=link.server.popen(["sh", "-c", "exit 5"]))
        with pytest.raises(LinkError, match="entered once"), link:
            pass


@pytest.mark.parametrize("mtu", [1500, 9000])
@pytest.mark.debian("ping")
def test_a_veth_pair_carries_its_mtu(mtu: int) -> None:
    with VethPair(mtu=mtu) as pair:
        for address in (pair.server.address, pair.server.address6):
            headers = 28 if "." in address else 48
            ping = ["ping", "-c", "1", "-W", "10", "-M", "do", "-s"]
            pair.client.run([*ping, str(mtu - headers), address])
            with pytest.raises(LinkError, match="too long"):
                pair.client.run([*ping, str(mtu - headers + 1), address])
        transfer(pair, 1_000_000)

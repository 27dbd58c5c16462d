"""The transport on an engine and an endpoint that the test plays itself."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.base import MessageTransport, PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection
from smbquic.transport.quic.connection import QuicTransport
from smbquic.transport.quic.engine import Choice, Ending, Security
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.serving import Refusal, Refusals

PATH = (("192.0.2.1", 443), b"")
SECURITY = Security("smb", "AES_128_GCM_SHA256", "fs.example", (b"leaf",))


class FakeEngine:
    """A QUIC engine that does nothing by itself."""

    def __init__(self) -> None:
        self.security: Security | None = None
        self.ending: Ending | None = None
        self.finished = False
        self.begun = True
        self.terminated = False
        self.unsent = 0
        self.unacknowledged = 0
        self.idle_timeout = 30.0
        self.capacity = 16 << 20
        self.datagram_size = 1200
        self.round_trip = 0.04
        self.lost_packets = 3
        self.resized: tuple[int, int] | None = None
        self.connection_id = bytes(8)
        self.pieces: list[bytes] = []
        self.written = b""
        self.released = 0
        self.freed = 0
        self.held = 0
        self.known = False
        self.pings = 0
        self.pinged = asyncio.Event()
        self.due: float | None = None
        self.ticks: list[float] = []
        self.outgoing: list[bytes] = []
        self.sent_at: list[float] = []
        self.takes: Callable[[], None] = lambda: None
        self.makes: Callable[[], None] = lambda: None

    def connect(self, path: Any, now: float) -> None:
        self.takes()
        self.outgoing.append(b"hello")

    def receive_run(self, run: bytes, size: int, path: Any, now: float) -> None:
        self.takes()

    def receive(self, datagram: bytes, path: Any, now: float) -> None:
        self.takes()
        self.pieces.append(datagram)

    def read(self) -> list[bytes]:
        pieces, self.pieces = self.pieces, []
        return pieces

    def release(self, count: int) -> bool:
        self.released += count
        return True

    def write(self, *buffers: Any) -> None:
        self.written += b"".join(buffers)

    def ping(self) -> None:
        self.pings += 1
        self.pinged.set()

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        if self.ending is None:
            self.ending = Ending(code, reason, application, ours=True)
            self.outgoing.append(b"bye %d %s" % (code, reason.encode()))

    def abandon(self) -> None:
        self.terminated = True

    def authenticated(self) -> None:
        self.known = True

    def free(self) -> None:
        self.freed += 1

    def datagrams(self, now: float) -> list[tuple[list[bytes], Any]]:
        self.sent_at.append(now)
        self.makes()
        outgoing, self.outgoing = self.outgoing, []
        return [(outgoing, PATH)] if outgoing else []

    def timer(self) -> float | None:
        return self.due

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.due = None


class FakeEndpoint:
    """A UDP socket that remembers what it was to send."""

    local = ("192.0.2.9", 50000)

    def __init__(self) -> None:
        self.blocked = False
        self.sent: list[bytes] = []
        self.callbacks: list[Callable[[], None]] = []
        self.rebound = 0

    def send(self, datagrams: list[bytes], path: Any) -> None:
        self.sent += datagrams

    def when_writable(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def rebind(self) -> None:
        self.rebound += 1


class FakeOwner:
    """Remembers what became of its transport."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.error: Exception | None = None

    def established(self, transport: QuicTransport) -> None:
        self.events.append("established")

    def failed(self, transport: QuicTransport, error: Exception) -> None:
        self.events.append("failed")
        self.error = error

    def closed(self, transport: QuicTransport) -> None:
        self.events.append("closed")

    def gone(self, transport: QuicTransport) -> None:
        self.events.append("gone")


class Bench:
    """A transport and everything around it."""

    def __init__(self, *, is_client: bool = True, **options: Any) -> None:
        self.engine, self.endpoint, self.owner = FakeEngine(), FakeEndpoint(), FakeOwner()
        engine: Any = self.engine
        engine.capacity = options.get("window", engine.capacity)
        endpoint: Any = self.endpoint
        self.transport = QuicTransport(
            engine,
            endpoint,
            PATH,
            QuicOptions(**options),
            self.owner,
            choice=Choice("aioquic", "it is a test"),
            name="the peer",
            is_client=is_client,
            verified=True,
            max_message_size=framing.MAX_MESSAGE_SIZE,
        )

    def establish(self) -> None:
        self.engine.security = SECURITY
        self.transport.batch_received(1.0)

    def feed(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.transport.datagram_received(piece, PATH, 1.0)
        self.transport.batch_received(1.0)


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    made.establish()
    return made


async def test_the_peer_is_described() -> None:
    bench = Bench()
    bench.transport.start()
    assert bench.endpoint.sent == [b"hello"]
    bench.establish()
    peer = bench.transport.peer

    assert bench.owner.events == ["established"]
    assert (peer.kind, peer.local, peer.remote) == ("quic", FakeEndpoint.local, PATH[0])
    assert (peer.alpn, peer.cipher) == ("smb", "AES_128_GCM_SHA256")
    assert (peer.server_name, peer.certificates) == ("fs.example", (b"leaf",))
    assert (peer.engine, peer.engine_reason) == ("aioquic", "it is a test")
    assert peer.encrypted
    assert peer.authenticated
    assert bench.transport.statistics() == PathStatistics(0.04, 1200, 3)


async def test_how_long_an_engine_thinks_is_no_part_of_a_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    def think() -> None:
        nonlocal now
        now += 0.03

    monkeypatch.setattr(connection, "monotonic", lambda: now)
    client, server = Bench(), Bench(is_client=False)
    client.engine.takes = server.engine.takes = think
    client.transport.start()
    assert client.engine.sent_at == [100.03]
    server.transport.datagram_received(b"hello", PATH, 100.03)
    server.transport.batch_received(100.03)
    assert server.engine.sent_at == [100.06]


async def test_what_comes_before_the_end_is_received_before_it(bench: Bench) -> None:
    count = 3 * framing.QUEUE_LIMIT // framing.MESSAGE_COST
    bench.feed(prefix(0) * count + prefix(4) + b"last" + prefix(3) + b"br")
    assert bench.transport._backlog
    bench.engine.ending = Ending(0, "bye")
    bench.transport.batch_received(2.0)
    for _ in range(count):
        assert bytes(await bench.transport.receive()) == b""
    assert bytes(await bench.transport.receive()) == b"last"
    with pytest.raises(ConnectionClosed, match=r"the peer closed the connection.*: bye"):
        await bench.transport.receive()


async def test_what_comes_after_the_end_is_nobodys(bench: Bench) -> None:
    bench.engine.unacknowledged = 1
    bench.transport.close("enough")
    bench.feed(prefix(1) + b"x")
    with pytest.raises(ConnectionClosed, match="enough"):
        await bench.transport.receive()


async def test_garbage_in_the_backlog_ends_the_connection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    count = framing.QUEUE_LIMIT // framing.MESSAGE_COST + 1
    bench.feed(prefix(0) * count, b"GET / HTTP/1.1")
    for _ in range(count):
        await bench.transport.receive()
    with pytest.raises(RemoteProtocolError, match="first byte 0x47"):
        await bench.transport.receive()

    assert bench.engine.ending is not None
    assert bench.engine.ending.code == connection.PROTOCOL_BROKEN
    assert len(caplog.records) == 1


async def test_the_window_moves_by_what_was_fetched(bench: Bench) -> None:
    bench.feed(prefix(5) + b"12345" + prefix(0))
    assert bench.engine.released == 0
    await bench.transport.receive()
    assert bench.engine.released == 9
    await bench.transport.receive()
    assert bench.engine.released == 13


async def test_a_message_larger_than_the_window_is_refused() -> None:
    bench = Bench(window=1 << 20)
    bench.establish()
    bench.feed(prefix((1 << 20) - 4))
    assert bench.engine.ending is None
    bench = Bench(window=1 << 20)
    bench.establish()
    bench.feed(prefix((1 << 20) - 3))
    with pytest.raises(RemoteProtocolError, match="more than the 1048572 allowed"):
        await bench.transport.receive()


async def test_a_connection_that_is_gone_frees_its_engine_and_keeps_what_came(
    bench: Bench,
) -> None:
    bench.feed(prefix(3) + b"abc")
    bench.engine.ending = Ending(0, "bye")
    bench.engine.terminated = True
    bench.transport.batch_received(2.0)
    assert bench.engine.freed == 1
    bench.engine.lost_packets = 0
    bench.transport.abort(ConnectionClosed("late"))
    bench.transport.abandon()
    bench.transport._tick()
    bench.transport._ping()

    assert bench.engine.freed == 1
    assert bench.engine.pings == 0
    assert bench.transport.statistics() == PathStatistics(0.04, 1200, 3)
    assert bench.transport.flow().kept == 0
    assert bytes(await bench.transport.receive()) == b"abc"
    with pytest.raises(ConnectionClosed, match="bye"):
        await bench.transport.receive()
    with pytest.raises(ConnectionClosed, match="bye"):
        await bench.transport.send(b"too late")


async def test_what_nobody_will_fetch_is_dropped(bench: Bench) -> None:
    bench.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    bench.transport.close("enough")

    assert bench.transport.flow().unfetched == 0
    with pytest.raises(ConnectionClosed, match="enough"):
        await bench.transport.receive()


class Gate:
    """Counts what strangers cost."""

    busy = False

    def __init__(self) -> None:
        self.refusals = Refusals(lambda *_: None)
        self.charges = 0
        self.postponed: list[Callable[[], object]] = []

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        self.postponed.append(receive)
        return True

    def go_on(self) -> None:
        while self.postponed:
            self.postponed.pop(0)()

    def admits(self, host: str) -> bool:
        return True

    def expect(self, host: str) -> None:
        """See `Gate`."""

    def spend(self, seconds: float) -> None:
        self.charges += 1

    async def refuse(self, transport: MessageTransport) -> None:
        """See `Gate`."""


async def test_all_that_a_stranger_sends_is_charged_and_limited() -> None:
    bench, gate = Bench(is_client=False), Gate()
    bench.establish()
    bench.transport.restrict(gate)
    before = gate.charges
    for _ in range(3):
        bench.feed(bytes(1000))
    assert gate.charges == before
    assert bench.transport.flow().messages == 0
    gate.go_on()
    assert gate.charges == before + 3
    assert bench.transport.flow().messages == 750
    bench.transport.run_received(bytes(connection.UNAUTHENTICATED_LIMIT), 1200, PATH, 1.0)
    bench.transport.run_received(bytes(1200), 1200, PATH, 1.0)

    assert gate.refusals.counts == {Refusal.TOO_MUCH: 1}
    assert bench.engine.ending is not None
    with pytest.raises(ConnectionClosed, match="more than a logon takes"):
        await bench.transport.send(b"too late")


async def test_what_was_postponed_is_dropped_with_the_connection() -> None:
    bench, gate = Bench(is_client=False), Gate()
    bench.establish()
    bench.transport.restrict(gate)
    bench.feed(bytes(1000))
    bench.engine.terminated = True
    bench.transport.abort(ConnectionClosed("enough"))
    taken = len(bench.engine.pieces)
    gate.go_on()

    assert bench.engine.freed == 1
    assert len(bench.engine.pieces) == taken


async def test_who_has_logged_on_is_not_restricted_any_more() -> None:
    bench, gate = Bench(is_client=False), Gate()
    bench.establish()
    bench.transport.restrict(gate)
    bench.transport.authenticated()
    charges = gate.charges
    bench.transport.run_received(bytes(connection.UNAUTHENTICATED_LIMIT + 1), 1200, PATH, 1.0)

    assert bench.engine.known
    assert bench.engine.ending is None
    assert gate.charges == charges
    assert not gate.refusals.counts


async def test_what_the_engine_holds_waits_too(bench: Bench) -> None:
    bench.engine.held = 1000
    assert bench.transport.flow().unfetched == 1000


async def test_how_far_messages_have_got(bench: Bench) -> None:
    await bench.transport.send(b"12345")
    bench.engine.unacknowledged = 7
    bench.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    flow = bench.transport.flow()

    assert (flow.sent, flow.untaken) == (9, 7)
    assert (flow.received, flow.messages, flow.unfinished) == (7, 1, True)
    assert flow.unfetched == 3 + framing.MESSAGE_COST + 4
    bench.feed(b"56789")
    assert not bench.transport.flow().unfinished


async def test_a_peer_whose_messages_wait_for_us_is_not_said_to_be_late(bench: Bench) -> None:
    count = 2 * framing.QUEUE_LIMIT // framing.MESSAGE_COST
    bench.feed(prefix(0) * count + prefix(3) + b"br")

    assert bench.transport._backlog
    assert not bench.transport.flow().unfinished


async def test_whoever_is_dropped_is_not_waited_for(bench: Bench) -> None:
    bench.engine.unsent = bench.engine.unacknowledged = connection.SEND_LIMIT
    sending = asyncio.create_task(bench.transport.send(b"never"))
    await asyncio.sleep(0)
    bench.transport.drop("enough")
    with pytest.raises(ConnectionClosed, match="enough"):
        await sending

    assert bench.endpoint.sent == [b"bye 0 "]
    await bench.transport.wait_closed()


async def test_senders_take_turns(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"%d" % index)) for index in range(3)]
    await asyncio.sleep(0)
    assert bench.engine.written == b""
    waiting[0].cancel()
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    bench.transport.batch_received(1.0)
    await asyncio.gather(*waiting[1:])

    assert bench.engine.written == prefix(1) + b"1" + prefix(1) + b"2"


async def test_a_sender_that_is_cancelled_at_its_turn_passes_it_on(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"%d" % index)) for index in range(2)]
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    waiting[0].cancel()
    async with asyncio.timeout(20):
        await waiting[1]

    assert bench.engine.written == prefix(1) + b"1"


async def test_the_end_wakes_all_senders(bench: Bench) -> None:
    bench.engine.unsent = connection.SEND_LIMIT
    waiting = [asyncio.create_task(bench.transport.send(b"x")) for _ in range(3)]
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    bench.transport.batch_received(1.0)
    bench.engine.unsent = connection.SEND_LIMIT
    bench.engine.ending = Ending(0, "")
    bench.transport.batch_received(1.0)
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [ConnectionClosed] * 3


async def test_send_now_takes_what_needs_no_waiting(bench: Bench) -> None:
    assert bench.transport.send_now(b"a", b"b")
    bench.engine.unsent = connection.SEND_LIMIT
    assert not bench.transport.send_now(b"c")
    waiting = asyncio.create_task(bench.transport.send(b"d"))
    await asyncio.sleep(0)
    bench.engine.unsent = 0
    # Whoever waits comes first.
    assert not bench.transport.send_now(b"e")
    bench.transport.batch_received(1.0)
    await waiting
    bench.transport.close()
    assert not bench.transport.send_now(b"f")

    assert bench.engine.written == prefix(2) + b"ab" + prefix(1) + b"d"


async def test_an_answer_goes_out_with_the_acknowledgement(bench: Bench) -> None:
    async def answer() -> None:
        message = await bench.transport.receive()
        bench.engine.outgoing.append(b"answer")
        await bench.transport.send(b"to", message)

    answering = asyncio.create_task(answer())
    await asyncio.sleep(0)
    bench.engine.due = monotonic()
    bench.engine.outgoing.append(b"acknowledgement")
    bench.feed(prefix(5) + b"hello")
    before = list(bench.endpoint.sent)
    # A timer that is due just now changes nothing, and is not forgotten either.
    bench.transport._tick()
    assert before == bench.endpoint.sent
    assert bench.engine.ticks == []
    for _ in range(3):
        await asyncio.sleep(0)

    assert answering.done()
    assert bench.engine.written == prefix(7) + b"tohello"
    assert bench.endpoint.sent == [*before, b"acknowledgement", b"answer"]
    assert bench.transport._timer is not None


async def test_an_end_in_the_meantime_leaves_the_timer_running(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.transport.receive())
    await asyncio.sleep(0)
    bench.feed(prefix(2) + b"ho")
    bench.transport.abort(ConnectionClosed("enough"))
    bench.engine.terminated = True
    for _ in range(3):
        await asyncio.sleep(0)

    assert waiting.done()
    assert bench.owner.events == ["established", "closed", "gone"]


async def test_a_blocked_socket_is_waited_for(bench: Bench) -> None:
    bench.endpoint.blocked = True
    bench.engine.outgoing.append(b"data")
    bench.transport.batch_received(1.0)
    assert b"data" not in bench.endpoint.sent
    bench.endpoint.blocked = False
    (callback,) = bench.endpoint.callbacks
    callback()

    assert bench.endpoint.sent[-1] == b"data"


async def test_closing_waits_for_what_is_under_way(bench: Bench) -> None:
    bench.engine.unacknowledged = 10
    bench.transport.close("done")
    await asyncio.sleep(0)
    assert bench.engine.ending is None
    bench.engine.unacknowledged = 0
    bench.transport.batch_received(1.0)
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.endpoint.sent[-1] == b"bye 0 done"
    assert bench.owner.events == ["established", "closed"]


async def test_closing_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "LINGER", 0)
    bench = Bench()
    bench.establish()
    bench.engine.unacknowledged = 10
    bench.transport.close("done")
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.endpoint.sent[-1] == b"bye 0 done"


async def test_the_farewell_is_repeated_but_not_forever(bench: Bench) -> None:
    bench.transport.close("done")
    await bench.transport.wait_closed()
    sent = len(bench.endpoint.sent)
    for _ in range(connection.MAX_FAREWELLS + 10):
        bench.feed(b"still talking")

    assert len(bench.endpoint.sent) == sent + connection.MAX_FAREWELLS
    assert bench.endpoint.sent[-1] == b"bye 0 done"


async def test_an_engine_that_fails_while_it_sends_ends_the_connection(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.transport.receive())
    await asyncio.sleep(0)
    bench.engine.makes = lambda: bench.engine.close(1, "", application=False)
    await bench.transport.send(b"a message")

    with pytest.raises(RemoteProtocolError):
        async with asyncio.timeout(20):
            await waiting
    assert bench.owner.events == ["established", "closed"]


async def test_the_owner_hears_when_all_is_over(bench: Bench) -> None:
    bench.transport.close()
    await bench.transport.wait_closed()
    bench.engine.terminated = True
    bench.transport._tick()

    assert bench.owner.events == ["established", "closed", "gone"]


async def test_a_server_forgets_what_no_packet_began() -> None:
    bench = Bench(is_client=False)
    bench.engine.begun = False
    bench.feed(b"junk")

    assert bench.owner.events == ["closed", "gone"]
    assert bench.endpoint.sent == []


async def test_time_is_passed_on_when_it_has_come(bench: Bench) -> None:
    loop = asyncio.get_running_loop()
    ticked = asyncio.Event()
    tick = bench.engine.tick

    def remember(now: float) -> None:
        tick(now)
        ticked.set()

    bench.engine.tick = remember  # type: ignore[method-assign]
    bench.engine.due = monotonic() + 30
    bench.transport.batch_received(1.0)
    first = bench.transport._timer
    bench.engine.due += 10
    bench.transport.batch_received(1.0)
    assert bench.transport._timer is first
    # The timer that was set too early finds that there is time, and sets another.
    bench.transport._tick()
    assert bench.engine.ticks == []
    bench.engine.due = monotonic()
    bench.transport.batch_received(1.0)
    async with asyncio.timeout(20):
        await ticked.wait()

    assert len(bench.engine.ticks) == 1
    assert loop.is_running()


class Clock:
    """Time that the test moves, for a transport and the timers that it sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = monotonic()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        monkeypatch.setattr(connection, "monotonic", lambda: self.now)
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)

    def _call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        entry = (self.now + delay, callback)
        self.timers.append(entry)
        loop = asyncio.get_running_loop()
        clock = self

        class Handle(asyncio.TimerHandle):
            def cancel(self) -> None:
                clock.timers = [each for each in clock.timers if each is not entry]

        return Handle(entry[0], callback, [], loop)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [each for each in self.timers if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self.timers.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end


async def test_a_silent_server_that_owes_an_answer_is_asked_every_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    bench = Bench()
    bench.establish()
    clock.advance(5)
    assert bench.engine.pings == 0
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"request")
    clock.advance(10)
    assert 8 <= bench.engine.pings <= 10

    bench.engine.unacknowledged = 0
    clock.advance(2)
    before = bench.engine.pings
    clock.advance(60)
    assert bench.engine.pings == before


async def test_a_server_that_answers_is_asked_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    bench = Bench()
    bench.establish()
    bench.transport.keep_alive = True
    asked = []
    for _ in range(100):
        before = bench.engine.pings
        clock.advance(1)
        if bench.engine.pings > before:
            asked.append(clock.now)
            bench.transport.datagram_received(b"", PATH, clock.now)
    intervals = [round(later - now) for now, later in itertools.pairwise(asked)]
    assert intervals[:4] == [2, 4, 8, 10]
    assert set(intervals[4:]) == {10}

    # Who wants something is told soon again whether the server is there.
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"request")
    before = bench.engine.pings
    clock.advance(3)
    assert bench.engine.pings >= before + 1


async def test_a_server_asks_its_clients_at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    bench = Bench(is_client=False)
    bench.establish()
    bench.engine.unacknowledged = 100
    await bench.transport.send(b"answer")
    clock.advance(9)
    assert bench.engine.pings == 0
    bench.transport.keep_alive = True
    clock.advance(25)
    assert bench.engine.pings in (2, 3)


async def test_pings_are_sent_only_while_they_are_wanted(bench: Bench) -> None:
    bench.engine.idle_timeout = 0.003
    bench.transport.keep_alive = True
    for _ in range(3):
        bench.engine.pinged.clear()
        await asyncio.wait_for(bench.engine.pinged.wait(), 20)
    bench.transport.keep_alive = False
    assert bench.transport._ping_timer is None
    bench.transport.keep_alive = True
    bench.transport.close()
    assert bench.transport._ping_timer is None
    bench.transport.keep_alive = False
    bench.transport.keep_alive = True

    assert bench.transport._ping_timer is None


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    bench = Bench(handshake_timeout=0)
    await asyncio.wait_for(bench.transport.wait_closed(), 20)

    assert bench.owner.events == ["failed", "closed"]
    assert isinstance(bench.owner.error, ConnectError)
    assert "did not complete the handshake within 0 s" in str(bench.owner.error)


async def test_the_first_reason_counts(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bench.transport.close("first")
        bench.transport.abort(ConnectionClosed("second"))
    with pytest.raises(ConnectionClosed, match="first"):
        await bench.transport.receive()


async def test_an_error_code_is_told_where_there_is_no_reason(bench: Bench) -> None:
    bench.engine.ending = Ending(7, "")
    bench.transport.batch_received(1.0)
    with pytest.raises(ConnectionClosed, match="closed the connection: error 7"):
        await bench.transport.receive()

"""When qh3's core gets the data of the stream, and what datagrams it is asked for."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from smbquic.transport.quic.qh3.core_access import DirectAccess, LibraryAccess
from smbquic.transport.quic.qh3.segments import ACKNOWLEDGE
from smbquic.transport.quic.qh3.send_queue import SendMemory
from smbquic.transport.quic.qh3.sender import Sender

pytestmark = pytest.mark.engine("qh3")

# The numbers themselves, so that a change of one of them is noticed.
AHEAD = 128 << 10
ROOM_FOR_HEADERS = 64
USUAL_ACKNOWLEDGEMENT = 6

SIZE = 1464
DATA = SIZE - ROOM_FOR_HEADERS


class SendingCore:
    """Makes datagrams of `DATA` bytes of what it is given, as many as `allowed`."""

    def __init__(self) -> None:
        self.core = self
        self.given: list[int] = []
        self.unsent = 0
        self.bytes_in_flight = 0
        self.allowed = 1_000_000
        self.timer: tuple[str, float] | None = None
        self.polled_at: list[float] = []

    def send_stream(self, stream: int, data: bytes) -> None:
        assert stream == 0
        self.given.append(len(data))
        self.unsent += len(data)

    def get_send_buffer_size(self, stream: int) -> int:
        assert stream == 0
        return self.unsent

    def get_timer(self) -> tuple[str, float] | None:
        return self.timer

    def poll_transmit(self, now: float) -> tuple[bytes, None] | None:
        self.polled_at.append(now)
        if not self.allowed or not self.unsent:
            return None
        self.allowed -= 1
        size = min(self.unsent, DATA)
        self.unsent -= size
        self.bytes_in_flight += size
        return bytes(size), None


class SendingLibrary:
    """The library's connection around a core."""

    def __init__(self) -> None:
        self._core = SendingCore()
        self._quic_logger: object | None = None
        self.logged: list[tuple[str, int]] = []
        self.send_stream_data: Callable[[int, bytes], None] = self._core.send_stream
        self.get_send_buffer_size: Callable[[int], int] = self._core.get_send_buffer_size

    def _log_datagram(self, event: str, datagram: bytes) -> None:
        assert self._quic_logger is not None
        self.logged.append((event, len(datagram)))

    def _log_packets(self, event: str, datagram: bytes) -> None:
        assert self._quic_logger is not None
        self.logged.append((event, len(datagram)))


class Sending:
    """A sender on a core that the test plays."""

    def __init__(
        self, *, is_open: bool = True, direct: bool = True, memory: SendMemory | None = None
    ) -> None:
        library = SendingLibrary()
        self.core = library._core
        self.quic = cast(Any, library)
        self.failures: list[RuntimeError] = []
        self.sender = Sender(self.quic, memory, is_open=is_open, on_failure=self.failures.append)
        self.sender.datagram_size = SIZE
        if direct:
            self.sender.access = DirectAccess(self.quic)

    def datagrams(self) -> list[int]:
        """Return the sizes of the datagrams that are made now."""
        return list(map(len, self.sender.datagrams(self.core, 5.0)))


def test_what_is_written_before_the_stream_is_open_waits_for_it() -> None:
    sending = Sending(is_open=False)
    sending.sender.write([b"abc", b"de"], 1.0)
    assert (sending.core.given, sending.sender.unsent) == ([], 5)
    assert sending.datagrams() == []
    sending.sender.is_open = True

    assert sending.datagrams() == [5]
    assert sending.sender.unsent == 0


def test_the_library_gets_no_more_than_it_can_send_soon() -> None:
    sending = Sending(direct=False)
    sending.sender.write([bytes(AHEAD), bytes(100)], 1.0)

    assert sending.core.given == [AHEAD]
    assert sending.sender.unsent == AHEAD + 100


@pytest.mark.parametrize(
    ("sizes", "given"),
    [
        ([AHEAD], [AHEAD]),
        ([AHEAD - 5, 5], [AHEAD - 5, 5]),
        ([AHEAD + 1], [AHEAD]),
        ([AHEAD - 5, 6], [AHEAD - 5, 5]),
    ],
)
def test_what_the_core_may_have_goes_to_it_directly(sizes: list[int], given: list[int]) -> None:
    sending = Sending()
    sending.sender.write(list(map(bytes, sizes)), 1.0)

    assert sending.core.given == given
    assert sending.sender.unsent == sum(sizes)
    # Behind what waits, all else waits, too.
    before = len(sending.core.given)
    sending.sender.write([b"more"], 1.0)
    assert len(sending.core.given) == before
    assert sending.sender.unsent == sum(sizes) + 4


def test_what_the_core_has_not_sent_counts() -> None:
    sending = Sending()
    sending.sender.write([bytes(AHEAD // 2)], 1.0)
    sending.sender.write([bytes(AHEAD // 2 + 1)], 1.0)

    assert sending.core.given == [AHEAD // 2, AHEAD // 2]


@pytest.mark.parametrize(
    ("buffers", "due", "given"),
    [
        # The first datagram leaves room for the acknowledgement that is due.
        ([5000], 1.0, [DATA - USUAL_ACKNOWLEDGEMENT, 5000 - DATA + 6]),
        ([5000], 1.1, [5000]),
        ([100, 5000], 1.0, [100, 5000]),
    ],
)
def test_a_message_is_divided_for_the_acknowledgement_in_its_first_datagram(
    buffers: list[int], due: float, given: list[int]
) -> None:
    sending = Sending()
    sending.core.timer = (ACKNOWLEDGE, due)
    sending.sender.write(list(map(bytes, buffers)), 1.0)
    assert sending.core.given == given
    assert sending.core.polled_at == ([] if len(given) == len(buffers) else [1.0, 1.0])
    total = sum(buffers)
    first = [given[0]] if len(given) > len(buffers) else []
    rest = total - sum(first)

    sizes = sending.datagrams()
    assert sizes == [*first, *[DATA] * (rest // DATA), rest % DATA]
    assert sending.datagrams() == []


def test_the_sender_learns_from_the_size_of_its_first_datagram() -> None:
    sending = Sending()
    sending.core.timer = (ACKNOWLEDGE, 1.0)

    def first_part() -> int:
        sending.core.given.clear()
        sending.sender.write([bytes(5000)], 1.0)
        return sending.core.given[0]

    # The core here writes no acknowledgement, so there is room for more data.
    assert first_part() == DATA - USUAL_ACKNOWLEDGEMENT
    assert sending.datagrams()[:2] == [DATA - USUAL_ACKNOWLEDGEMENT, DATA]
    assert first_part() == DATA
    assert sending.datagrams()[:2] == [DATA, DATA]


def test_a_batch_that_does_not_begin_with_such_a_datagram_teaches_nothing() -> None:
    sending = Sending()
    sending.sender.write([bytes(DATA - 10)], 1.0)
    assert sending.datagrams() == [DATA - 10]
    sending.sender.write([bytes(5000)], 1.0)
    sending.datagrams()
    sending.core.timer = (ACKNOWLEDGE, 1.0)
    sending.sender.write([bytes(5000)], 1.0)
    assert sending.core.given[-2] == DATA - USUAL_ACKNOWLEDGEMENT


def test_short_datagrams_are_made_of_the_end_only() -> None:
    sending = Sending()
    size = 3 * AHEAD + 1
    sending.sender.write([bytes(size)], 1.0)
    sizes = sending.datagrams()

    assert sum(sizes) == size
    assert set(sizes[:-1]) == {DATA}
    assert sizes[-1] == size % DATA
    assert sending.sender.unsent == 0


def test_no_datagram_is_made_when_the_core_allows_none() -> None:
    sending = Sending()
    size = 3 * AHEAD
    sending.core.allowed = 10
    sending.sender.write([bytes(size)], 1.0)
    assert sending.datagrams() == [DATA] * 10
    assert sending.datagrams() == []
    sending.core.allowed = 1
    assert sending.datagrams() == [DATA]

    assert sending.sender.unsent == size - 11 * DATA


def test_a_core_that_may_have_no_more_sends_what_it_has() -> None:
    sending = Sending(memory=SendMemory(0))
    sending.sender.write([bytes(4 * AHEAD)], 1.0)
    made = sum(sending.datagrams())
    # A server's core has at most 256 KiB, unsent or in flight.
    assert 2 * AHEAD - AHEAD // 2 < made <= 2 * AHEAD
    [rest] = sending.datagrams()
    assert rest < DATA
    assert sending.datagrams() == []
    sending.core.bytes_in_flight = 0

    assert sum(sending.datagrams()) > AHEAD // 2


def test_a_datagram_that_cannot_be_built_is_reported_with_those_before_it() -> None:
    sending = Sending()
    error = RuntimeError("no key for this packet")
    poll = sending.core.poll_transmit

    def fail(now: float) -> tuple[bytes, None] | None:
        if sending.core.unsent <= 100:
            raise error
        return poll(now)

    sending.core.poll_transmit = fail  # type: ignore[method-assign]
    sending.sender.write([bytes(DATA + 100)], 1.0)

    assert sending.datagrams() == [DATA]
    assert sending.failures == [error]


def test_a_trace_has_each_datagram_once() -> None:
    sending = Sending()
    sending.quic._quic_logger = object()
    sending.sender.write([bytes(DATA + 100)], 1.0)
    sending.datagrams()

    assert sending.quic.logged == [
        ("datagrams_sent", DATA),
        ("packet_sent", DATA),
        ("datagrams_sent", 100),
        ("packet_sent", 100),
    ]


def test_a_sender_that_is_freed_keeps_nothing() -> None:
    memory = SendMemory(2 * AHEAD)
    sending = Sending(memory=memory)
    sending.core.timer = (ACKNOWLEDGE, 1.0)
    sending.sender.write([bytes(5000)], 1.0)
    sending.sender.write([bytes(4 * AHEAD)], 1.0)
    sending.core.unsent = 0
    sending.sender.free()

    assert isinstance(sending.sender.access, LibraryAccess)
    assert sending.sender.unsent == 0
    assert sending.datagrams() == []
    assert memory.acquire(2 * AHEAD)

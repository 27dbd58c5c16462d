"""The datagrams of an answer have the size of the first, so that they go in one run."""

import pytest

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.qh3.segments import ACKNOWLEDGE, FirstSegment
from tests.unit.transport.quic.simulation import Simulate, library

# The numbers themselves, so that a change of one of them is noticed.
ROOM_FOR_HEADERS = 64
USUAL_ACKNOWLEDGEMENT = 6
ANSWER_DELAY = 0.004

SIZE = 1472
DATA = SIZE - ROOM_FOR_HEADERS


class TimerCore:
    """Has nothing but a timer."""

    def __init__(self, timer: tuple[str, float] | None) -> None:
        self._timer = timer

    def get_timer(self) -> tuple[str, float] | None:
        return self._timer


DUE = TimerCore((ACKNOWLEDGE, 10.0))


@pytest.mark.parametrize("length", [0, 100, DATA, 2 * DATA])
def test_two_datagrams_make_a_run_as_they_are(length: int) -> None:
    assert FirstSegment().part(DUE, bytes(length), SIZE, 10.0) == 0


@pytest.mark.parametrize("timer", [None, (ACKNOWLEDGE, 10.5), ("loss_detection", 9.0)])
def test_where_no_acknowledgement_is_due_all_are_alike(timer: tuple[str, float] | None) -> None:
    assert FirstSegment().part(TimerCore(timer), bytes(5000), SIZE, 10.0) == 0


@pytest.mark.parametrize(
    ("sizes", "room"),
    [
        ((1443, 1443, 100), 0),
        ((1445, 1443, 100), 2),
        ((1441, 1443, 100), -2),
        ((1463, 1400, 100), 63),
        ((1400, 1463, 100), -63),
    ],
)
def test_the_first_part_leaves_room_for_the_acknowledgement(
    sizes: tuple[int, ...], room: int
) -> None:
    runs = FirstSegment()
    assert runs.part(DUE, bytes(5000), SIZE, 10.0) == DATA - USUAL_ACKNOWLEDGEMENT
    runs.learn(list(map(bytes, sizes)))
    assert runs.part(DUE, bytes(5000), SIZE, 10.0) == DATA - USUAL_ACKNOWLEDGEMENT - room


@pytest.mark.parametrize("sizes", [(1445, 1443), (1464, 1400, 9), (1400, 1464, 9)])
def test_what_is_no_such_run_teaches_nothing(sizes: tuple[int, ...]) -> None:
    runs = FirstSegment()
    runs.learn(list(map(bytes, sizes)))
    assert runs.part(DUE, bytes(5000), SIZE, 10.0) == DATA - USUAL_ACKNOWLEDGEMENT


def test_an_answer_that_acknowledges_two_packets_goes_in_one_run(simulate: Simulate) -> None:
    simulation = simulate(engines="qh3", sizes=DatagramSizes(SIZE, SIZE, certain=True))
    simulation.establish()
    client, server = simulation.client, simulation.server
    answer = bytes(range(209)) * 20
    shapes = []
    for _ in range(20):
        simulation.advance(0.1)
        for _ in range(2):
            client.write(bytes(100))
            [(datagram, there)] = simulation.outgoing("client")
            server.receive(datagram, simulation.client_path, simulation.now)
        assert sum(map(len, server.read())) == 200
        server.write(answer)
        sent = simulation.outgoing("server")
        for datagram, _ in sent:
            client.receive(datagram, there, simulation.now)
        assert b"".join(client.read()) == answer
        shapes.append([len(datagram) for datagram, _ in sent])

    # How long the acknowledgement is shows in the first answers.
    assert [shape for shape in shapes[5:] if shape != [1443, 1443, 1404]] == []


def test_an_acknowledgement_may_wait_for_the_answer(simulate: Simulate) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    simulation.advance(1)
    simulation.client.write(b"one packet")
    simulation.run(lambda: simulation.received["server"])
    kind, due = library(simulation.server)._core.core.get_timer()

    assert kind == ACKNOWLEDGE
    assert simulation.server.timer() == due + ANSWER_DELAY
    simulation.run(lambda: simulation.client.unacknowledged == 0)
    # Five milliseconds on the way.
    assert due + ANSWER_DELAY < simulation.now < due + ANSWER_DELAY + 0.006


def test_a_client_acknowledges_without_waiting_for_more(simulate: Simulate) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    simulation.client.write(b"open")
    simulation.advance(1)
    simulation.server.write(b"one packet")
    simulation.run(lambda: simulation.received["client"])
    kind, due = library(simulation.client)._core.core.get_timer()

    assert kind == ACKNOWLEDGE
    assert simulation.client.timer() == due

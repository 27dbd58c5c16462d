"""What a pipe keeps, and what is charged for it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import PIPE, SharedBudget, UserBudget
from smbquic.server.batches import begin
from smbquic.server.rpc import pipe as module
from smbquic.server.rpc.pipe import Pipe
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.pipe_information import PipeMode
from tests.unit.clock import Clock

MEMORY = 1 << 22


class Service:
    """Answers each write with `answers`; `held` bytes wait for more."""

    def __init__(self) -> None:
        self.failed = False
        self.held = 0
        self.answers: list[list[bytes]] = []

    def receive_each(self, data: bytes) -> Iterator[list[bytes]]:
        yield from self.answers


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, in which a test does everything in one step, however slow the machine is."""
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def budget() -> SharedBudget:
    return SharedBudget(MEMORY, MEMORY)


@pytest.fixture
def pipe(service: Service, budget: SharedBudget) -> Pipe:
    nothing: Any = None
    association: Any = service
    return Pipe(FileId(1, 1), nothing, "srvsvc", association, 3, 100, UserBudget(budget, "alice"))


def refused(pipe: Pipe, data: bytes = b"x") -> NtStatus:
    with pytest.raises(StatusError) as caught:
        begin(pipe.write(data))
    return caught.value.status


def read(pipe: Pipe, length: int) -> tuple[bytes, bool] | None:
    found = pipe.read(length)
    return None if found is None else (bytes(found[0]), found[1])


def test_all_that_waits_is_charged(pipe: Pipe, service: Service, budget: SharedBudget) -> None:
    assert budget.used == PIPE
    service.answers, service.held = [[b"abc", b"de"], [], [b"f"]], 7

    assert begin(pipe.write(b"x"))
    assert [bytes(message) for message in pipe.messages] == [b"abc", b"de", b"f"]
    assert (pipe.available, budget.used) == (6, PIPE + 6 + 7)
    service.held = 0
    assert read(pipe, 2) == (b"ab", True)
    assert (pipe.available, budget.used) == (4, PIPE + 4)
    assert read(pipe, 1) == (b"c", False)
    assert read(pipe, 100) == (b"de", False)
    assert budget.used == PIPE + 1

    pipe.close()
    assert budget.used == 0
    pipe.close()
    assert budget.used == 0


def test_bytes_have_no_ends_of_messages(pipe: Pipe, service: Service) -> None:
    service.answers = [[b"abc"]]
    assert begin(pipe.write(b"x"))
    pipe.read_mode = PipeMode.BYTE_STREAM

    assert read(pipe, 2) == (b"ab", False)
    assert read(pipe, 2) == (b"c", False)
    assert pipe.read(2) is None


@pytest.mark.parametrize(("waiting", "refusal"), [(100, False), (101, True)])
def test_who_does_not_read_may_not_write(
    pipe: Pipe, service: Service, waiting: int, refusal: bool
) -> None:
    service.answers = [[bytes(waiting)]]
    assert begin(pipe.write(b"x"))
    service.answers = []

    if refusal:
        assert refused(pipe) == NtStatus.INSUFFICIENT_RESOURCES
    else:
        assert begin(pipe.write(b"x"))


@pytest.mark.parametrize(("more", "refusal"), [(0, False), (1, True)])
def test_the_longest_answer(pipe: Pipe, service: Service, more: int, refusal: bool) -> None:
    service.answers = [[bytes(100)], [bytes((1 << 20) + more)]]

    if refusal:
        assert refused(pipe) == NtStatus.INSUFFICIENT_RESOURCES
    else:
        assert begin(pipe.write(b"x"))


def test_a_write_needs_memory(pipe: Pipe) -> None:
    room = MEMORY - PIPE
    assert begin(pipe.write(bytes(room)))
    assert refused(pipe, bytes(room + 1)) == NtStatus.INSUFFICIENT_RESOURCES


def test_a_service_that_has_ended(pipe: Pipe, service: Service) -> None:
    service.answers = [[b"last"]]
    assert begin(pipe.write(b"x"))
    service.failed = True

    assert refused(pipe) == NtStatus.PIPE_DISCONNECTED
    assert read(pipe, 9) == (b"last", False)
    with pytest.raises(StatusError) as caught:
        pipe.read(9)
    assert caught.value.status == NtStatus.PIPE_DISCONNECTED


def test_what_takes_long_is_done_in_steps(
    pipe: Pipe, service: Service, budget: SharedBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.0)
    monkeypatch.setattr(module, "perf_counter", clock)

    def receive_each(data: bytes) -> Iterator[list[bytes]]:
        for seconds in (0.001, 0.001, 0.001, 0.0009, 0.5):
            clock.advance(seconds)
            yield [b"x"]

    monkeypatch.setattr(service, "receive_each", receive_each)
    steps = pipe.write(b"x")

    # After each time slice of 2 ms, and with what has come by then charged.
    seen = [(pipe.available, budget.used - PIPE) for _ in steps]
    assert seen == [(2, 2), (5, 5)]
    assert (pipe.available, budget.used) == (5, PIPE + 5)


async def test_one_answer_continues_one_read(pipe: Pipe, service: Service) -> None:
    reads = [asyncio.create_task(pipe.read_later(9)) for _ in range(3)]
    await asyncio.sleep(0)
    reads[0].cancel()
    service.answers = [[b"one"]]
    assert begin(pipe.write(b"x"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert [read.done() for read in reads] == [True, True, False]
    found, more = reads[1].result()
    assert (bytes(found), more) == (b"one", False)
    pipe.close()
    with pytest.raises(StatusError) as caught:
        await reads[2]
    assert caught.value.status == NtStatus.PIPE_BROKEN


def test_rights_that_a_pipe_needs(pipe: Pipe) -> None:
    pipe.require(1)
    pipe.require(3)
    for access in (4, 5):
        with pytest.raises(StatusError) as caught:
            pipe.require(access)
        assert caught.value.status == NtStatus.ACCESS_DENIED


async def test_one_write_answers_all_reads_that_wait(pipe: Pipe, service: Service) -> None:
    service.answers = [[b"one", b"two"]]
    reads = [asyncio.create_task(pipe.read_later(10)) for _ in range(3)]
    await asyncio.sleep(0)
    assert begin(pipe.write(b"x"))
    async with asyncio.timeout(5):
        found = [bytes((await read)[0]) for read in reads[:2]]
    assert found == [b"one", b"two"]
    assert not reads[2].done()
    pipe.close()
    with pytest.raises(StatusError):
        await reads[2]

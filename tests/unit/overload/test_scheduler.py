"""Nobody's many requests keep the others waiting for long, nor fill the memory."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import exp
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload import scheduler as module
from smbquic.overload.scheduler import SAVED_TIME, Scheduler, UserQuota
from smbquic.server.server import Server
from smbquic.storage.local.file import LocalFile
from smbquic.wire.echo import EchoRequest
from smbquic.wire.flush import FlushRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Client, Connect, ServerWith, Until

MANY = 50


class Counted:
    """A connection whose client has `kept` bytes still to take; `pause` is called to count them."""

    client_network = "192.0.2.1"

    def __init__(
        self,
        scheduler: Scheduler,
        user: str,
        kept: int = 0,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.quota: UserQuota = scheduler.unauthenticated
        self.transport: Any = self
        self.kept = kept
        self.counts = 0
        self._pause = pause
        scheduler.add(self, user)

    def flow(self) -> "Counted":
        self.counts += 1
        self._pause()
        return self


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message uses a turn up."""
    monkeypatch.setattr(module, "TIME_SLICE", 1e-9)


async def test_many_requests_of_one_do_not_come_before_one_of_another(
    connect: Connect, impatient: None, until: Until
) -> None:
    greedy = [await connect() for _ in range(2)]
    modest = await connect(token="bob:secret")
    for client in greedy:
        for _ in range(MANY):
            client.send(EchoRequest())
    answered = [client.transport.to_client for client in greedy]
    modest.send(EchoRequest())
    await until(lambda: not modest.transport.to_client.empty())

    assert sum(queue.qsize() for queue in answered) < MANY // 2
    await until(lambda: sum(queue.qsize() for queue in answered) == 2 * MANY)


async def test_who_is_alone_never_waits(connect: Connect, impatient: None) -> None:
    client = await connect()
    for _ in range(MANY):
        client.send(EchoRequest())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert client.transport.to_client.qsize() == MANY


async def test_users_are_known_by_their_names(connect: Connect) -> None:
    clients = [await connect(token=f"{user}:secret") for user in ("alice", "alice", "bob")]
    unauthenticated = await connect(token="")
    scheduler = clients[0].server.scheduler

    assert sorted(len(quota.connections) for quota in scheduler.users.values()) == [1, 2]
    assert len(scheduler.unauthenticated.connections) == 1
    await unauthenticated.close()
    await clients[2].close()
    assert len(scheduler.users) == 1
    assert not scheduler.unauthenticated.connections


def test_unauthenticated_clients_have_the_time_that_users_leave(clock: Clock) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 0.1)
    assert unauthenticated.is_used_up
    clock.now += 0.2

    assert not unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(0.1)


def test_while_users_have_work_unauthenticated_clients_have_a_share(clock: Clock) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 0.1)
    scheduler.user_time += 0.1
    clock.now += 0.2
    assert unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(-0.08)
    scheduler.user_time += 0.5
    clock.now += 1.0

    assert not unauthenticated.is_used_up


async def test_the_addresses_of_unauthenticated_clients_take_turns(clock: Clock) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 0.1)
    went_on: list[str] = []

    async def wait(place: str) -> None:
        await unauthenticated.acquire(UnauthenticatedConnection(place))  # type: ignore[arg-type]
        went_on.append(place)

    waiting = [asyncio.create_task(wait(place)) for place in "aaaabbc"]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert unauthenticated.is_exhausted()
    clock.now += 1.0
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting, return_exceptions=True)

    assert "".join(went_on) == "bcabaa"
    assert not unauthenticated.is_exhausted()


async def test_unauthenticated_input_waits_for_the_turn_of_its_address(clock: Clock) -> None:
    unauthenticated = Scheduler(Limits(unauthenticated_share=0.1), clock).unauthenticated
    unauthenticated.charge(SAVED_TIME + 0.1)
    received: list[str] = []
    done = asyncio.Event()

    def receive(network: str) -> None:
        received.append(network)
        if len(received) == 6:
            done.set()

    for network in "aaaabc":
        assert unauthenticated.postpone(network, 1200, partial(receive, network))
    await asyncio.sleep(0)
    assert not received
    assert unauthenticated.is_exhausted()
    clock.now += 1.0
    async with asyncio.timeout(60):
        await done.wait()

    assert "".join(received) == "abcaaa"


async def test_unauthenticated_input_is_dropped_where_as_much_waits_as_may(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unauthenticated = Scheduler(Limits(), clock).unauthenticated
    waiting = asyncio.Event()

    def fill(network: str, size: int) -> int:
        count = 0
        while unauthenticated.postpone(network, size, waiting.set):
            count += 1
        return count

    assert fill("a", 1200) == module.MAX_POSTPONED_OF_ADDRESS
    assert unauthenticated.is_crowded
    assert not unauthenticated.is_used_up
    assert fill("b", 64 << 10) == (module.MAX_POSTPONED_BYTES - 64 * 1200) // (64 << 10)
    assert unauthenticated.postpone("c", 1200, waiting.set)
    monkeypatch.setattr(module, "MAX_POSTPONED", 200)
    assert sum(fill(str(number), 1) for number in range(20)) == 200 - 64 - 62 - 1
    async with asyncio.timeout(60):
        while unauthenticated.is_exhausted():  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert waiting.is_set()
    assert not unauthenticated.is_crowded
    assert fill("a", 1200) == module.MAX_POSTPONED_OF_ADDRESS


class UnauthenticatedConnection:
    def __init__(self, place: str) -> None:
        self.client_network = place


async def test_a_user_whose_answers_wait_gets_no_more_of_them(
    connect: Connect, server_with: ServerWith, until: Until
) -> None:
    server = server_with(Limits(buffers=4 * 4096))
    greedy, modest = await connect(to=server), await connect(to=server, token="bob:secret")
    file_id = await greedy.open("file")
    assert (await greedy.call(WriteRequest(0, file_id, bytes(8192)))).status == NtStatus.SUCCESS
    assert (await greedy.call(ReadRequest(8192, 0, file_id))).status == NtStatus.SUCCESS
    greedy.transport.waits = replace(greedy.transport.waits, sent=8192, untaken=8192, kept=8192)
    message_id = greedy.send(ReadRequest(8192, 0, file_id))

    assert (await modest.call(EchoRequest())).status == NtStatus.SUCCESS
    assert greedy.transport.to_client.empty()
    greedy.transport.waits = replace(greedy.transport.waits, untaken=0, kept=0)
    assert (await greedy.answer(message_id)).status == NtStatus.SUCCESS


async def test_who_is_gone_waits_for_nothing(
    connect: Connect, server_with: ServerWith, until: Until
) -> None:
    server = server_with(Limits(unauthenticated_share=0.0))
    unauthenticated = await connect(to=server, token="")
    server.scheduler.unauthenticated.remaining_time = float("-inf")
    unauthenticated.send(EchoRequest())
    await until(lambda: server.scheduler.unauthenticated.is_exhausted())
    await unauthenticated.close()

    assert not server.connections


async def test_where_all_hold_much_a_little_is_enough(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(buffers=32 * 1024))
    quotas = []
    for name, size in (("alice", 7000), ("bob", 7000), ("carol", 1000)):
        client = await connect(to=server, token=f"{name}:secret")
        client.transport.waits = replace(client.transport.waits, sent=size, untaken=size, kept=size)
        quotas.append(client_quota(server, client))
        [connection] = quotas[-1].connections
        quotas[-1].charge_response(connection, [b"a response"])
    server.scheduler._counted = 0.0
    server.scheduler.count_queued(quotas[0])
    assert server.scheduler.queued_bytes == 15_000
    for quota in quotas:
        quota.remaining_time = 1.0  # it is not for want of time that they wait

    assert [quota.is_exhausted() for quota in quotas] == [False, False, False]
    server.scheduler.queued_bytes = server.scheduler.total_limit
    assert [quota.is_exhausted() for quota in quotas] == [True, True, False]
    server.scheduler.queued_bytes = 0


def client_quota(server: Server, client: Client) -> UserQuota:
    [quota] = [each.quota for each in server.connections if each.transport is client.transport]
    return quota


async def test_one_user_does_not_have_all_the_threads(
    connect: Connect, server_with: ServerWith, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), Counter[str]()

    def flush(file: LocalFile) -> None:
        begun[file.name] += 1
        assert go_on.wait(60)

    monkeypatch.setattr(LocalFile, "flush", flush)
    server = server_with(Limits(threads=1, interim_delay=0.0))
    greedy, modest = await connect(to=server), await connect(to=server, token="bob:secret")
    files = [await greedy.open("greedy"), await modest.open("modest")]
    waiting = [greedy.send(FlushRequest(files[0])) for _ in range(3)]
    waiting.append(modest.send(FlushRequest(files[1])))
    await greedy.interim(waiting[0])
    await modest.interim(waiting[3])
    await until(lambda: len(begun) == 2)
    assert begun == {"greedy": 1, "modest": 1}
    go_on.set()

    for message_id in waiting[:3]:
        assert (await greedy.answer(message_id)).status == NtStatus.SUCCESS
    assert (await modest.answer(waiting[3])).status == NtStatus.SUCCESS
    assert begun["greedy"] == 3


def test_how_much_of_the_memory_for_responses_one_user_may_have(clock: Clock) -> None:
    scheduler = Scheduler(Limits(buffers=32 * 1024), clock)
    quota = UserQuota(scheduler, "alice")

    def waits(of_user: int, of_all: int) -> bool:
        quota.queued_bytes, scheduler.queued_bytes = of_user, of_all
        return quota.may_wait_long()

    assert not waits(8191, 16_383)
    assert waits(8192, 8192)
    assert not waits(1023, 16_384)
    assert waits(1024, 16_384)


def test_work_and_responses_are_charged_to_the_user_and_in_all(clock: Clock) -> None:
    scheduler = Scheduler(Limits(), clock)
    unauthenticated = scheduler.unauthenticated
    one, other = Counted(scheduler, "alice"), Counted(scheduler, "")
    quota = one.quota
    quota.charge(0.25)
    for response in ([b"abc", b"d"], [b"ef"]):
        quota.charge_response(one, response)
    assert quota.remaining_time == module.TIME_SLICE - 0.25
    assert (quota.queued_bytes, scheduler.queued_bytes, scheduler.user_time) == (6, 6, 0.25)

    unauthenticated.charge(0.5)
    unauthenticated.charge_response(other, [b"ghi", b"jk"])
    assert unauthenticated.remaining_time == SAVED_TIME - 0.5
    assert (unauthenticated.queued_bytes, scheduler.queued_bytes) == (5, 11)
    assert scheduler.user_time == 0.25


async def test_only_who_is_alone_goes_on_without_waiting(connect: Connect) -> None:
    client = await connect()
    quota = client_quota(client.server, client)
    quota.remaining_time = -1.0
    assert not quota.is_exhausted()

    for token in ("", "bob:secret"):
        other = await connect(token=token)
        quota.remaining_time = -1.0
        assert quota.is_exhausted()
        await other.close()
    assert not quota.is_exhausted()


def test_unauthenticated_clients_have_all_the_time_once_users_have_no_more_work(
    clock: Clock,
) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 1.0)
    scheduler.user_time += 0.1
    clock.now += 0.2
    assert unauthenticated.is_used_up
    clock.now += 5.0

    assert not unauthenticated.is_used_up
    assert unauthenticated.remaining_time == SAVED_TIME


@pytest.mark.parametrize(
    ("share", "missing", "delay"),
    [(0.1, 0.05, 0.5), (0.1, 0.5, 1.0), (0.1, 0.0, module.COUNT_INTERVAL), (0.0, 0.05, 1.0)],
)
async def test_who_waits_is_called_when_there_will_be_time_again(
    share: float, missing: float, delay: float, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unauthenticated = Scheduler(Limits(unauthenticated_share=share), clock).unauthenticated
    unauthenticated.charge(SAVED_TIME + missing)
    calls: list[tuple[float, object]] = []
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_later", lambda *arguments: calls.append(arguments))
        assert unauthenticated.postpone("a", 1, list)
        await asyncio.sleep(0)

    [(seconds, call)] = calls
    assert seconds == pytest.approx(delay)
    assert call == unauthenticated._schedule_next


def test_what_waits_is_counted_anew_once_in_a_while(clock: Clock) -> None:
    scheduler = Scheduler(Limits(), clock)
    connection = Counted(scheduler, "alice", kept=3)
    connection.quota.charge_response(connection, [b"bytes"])
    clock.advance(module.COUNT_INTERVAL)
    scheduler.count_queued(connection.quota)
    assert (scheduler.queued_bytes, connection.quota.queued_bytes) == (3, 3)

    connection.kept = 0
    scheduler.count_queued(connection.quota)
    assert scheduler.queued_bytes == 3
    clock.advance(2 * module.COUNT_INTERVAL)
    scheduler.count_queued(connection.quota)
    assert (scheduler.queued_bytes, connection.quota.queued_bytes) == (0, 0)
    assert connection.counts == 2


def test_few_are_counted_at_a_time_and_idle_connections_never(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_COUNTED", 2)
    scheduler = Scheduler(Limits(), clock)
    busy = [Counted(scheduler, "alice", kept=1) for _ in range(6)]
    idle = Counted(scheduler, "alice", kept=1)
    for connection in busy:
        connection.quota.charge_response(connection, [b"ten bytes!"])
    waiting = []
    for _ in range(3):
        clock.advance(1.0)
        scheduler.count_queued(idle.quota)
        waiting.append(scheduler.queued_bytes)

    assert waiting == [42, 24, 6]
    assert [connection.counts for connection in (*busy, idle)] == [1, 1, 1, 1, 1, 1, 0]


def test_who_waits_for_memory_is_counted_before_all_others(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_COUNTED", 2)
    scheduler = Scheduler(Limits(), clock)
    others = [Counted(scheduler, str(number), kept=10) for number in range(5)]
    waiting = Counted(scheduler, "alice")
    for connection in (*others, waiting):
        connection.quota.charge_response(connection, [b"ten bytes!"])
    clock.advance(1.0)
    scheduler.count_queued(waiting.quota)

    assert waiting.quota.queued_bytes == 0
    assert [connection.counts for connection in others] == [1, 1, 0, 0, 0]
    # Others have been counted just now, but nothing of this user.
    other = others[-1]
    other.kept = 0
    scheduler.count_queued(other.quota)
    assert (other.quota.queued_bytes, scheduler.queued_bytes) == (0, 40)


def test_a_connection_that_has_ended_holds_no_memory(clock: Clock) -> None:
    scheduler = Scheduler(Limits(), clock)
    connection = Counted(scheduler, "alice")
    quota = connection.quota
    quota.charge_response(connection, [b"abc"])
    scheduler.add(connection, "bob")
    assert (quota.queued_bytes, connection.quota.queued_bytes, scheduler.queued_bytes) == (0, 3, 3)
    scheduler.remove(connection)
    connection.quota.charge_response(connection, [b"late"])

    assert (connection.quota.queued_bytes, scheduler.queued_bytes) == (0, 0)


async def test_others_are_served_while_a_user_waits_for_memory(clock: Clock) -> None:
    scheduler = Scheduler(Limits(buffers=4096), clock)
    # To count takes so long that the next count is due as soon as it is done.
    connection = Counted(scheduler, "alice", kept=2000, pause=partial(clock.advance, 1.0))
    connection.quota.charge_response(connection, [bytes(2000)])
    clock.advance(1.0)
    waiting = asyncio.create_task(connection.quota.acquire(connection))
    await asyncio.sleep(0)
    assert not waiting.done()

    connection.kept = 0
    async with asyncio.timeout(60):
        await waiting
    assert scheduler.queued_bytes == 0


@pytest.mark.parametrize(("waiting", "crowded"), [(31, False), (32, True)])
async def test_new_clients_prove_their_addresses_where_many_wait(
    waiting: int, crowded: bool, clock: Clock
) -> None:
    unauthenticated = Scheduler(Limits(), clock).unauthenticated
    for number in range(waiting):
        assert unauthenticated.postpone(str(number), 1, list)
    assert unauthenticated.is_crowded is crowded
    async with asyncio.timeout(60):
        while unauthenticated.is_exhausted():  # noqa: ASYNC110
            await asyncio.sleep(0)


def test_where_no_time_is_left_it_is_crowded_too(clock: Clock) -> None:
    unauthenticated = Scheduler(Limits(), clock).unauthenticated
    assert not unauthenticated.is_crowded
    unauthenticated.charge(SAVED_TIME)
    assert unauthenticated.is_crowded


@pytest.mark.parametrize(
    ("work", "share"),
    [(0.0, 1.0), (0.2 * module.BUSY_TIME, 0.82), (module.BUSY_TIME, 0.1), (1.0, 0.1)],
)
def test_the_more_users_work_the_less_time_is_left(work: float, share: float, clock: Clock) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 10.0)
    scheduler.user_time += work
    clock.advance(1.0)

    assert unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(share - 10.0)


def test_users_count_as_busy_for_some_seconds(clock: Clock) -> None:
    scheduler = Scheduler(Limits(unauthenticated_share=0.1), clock)
    unauthenticated = scheduler.unauthenticated
    unauthenticated.charge(SAVED_TIME + 10.0)
    scheduler.user_time += 10 * module.BUSY_TIME
    clock.advance(1.0)
    assert unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(-9.9)
    # Three seconds later their work has a twentieth of its weight: half of `BUSY_TIME`.
    clock.advance(3.0)
    assert unauthenticated.is_used_up
    share = 1.0 - 10 * exp(-3.0) * 0.9

    assert unauthenticated.remaining_time == pytest.approx(-9.9 + 3.0 * share)


def test_time_is_added_in_intervals() -> None:
    clock = Clock(0.0)
    unauthenticated = Scheduler(Limits(), clock).unauthenticated
    unauthenticated.charge(SAVED_TIME + 1.0)
    clock.now = module.COUNT_INTERVAL - 0.001
    assert unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(-1.0)
    clock.now = module.COUNT_INTERVAL
    assert unauthenticated.is_used_up
    assert unauthenticated.remaining_time == pytest.approx(-1.0 + module.COUNT_INTERVAL)


def of(quota: UserQuota) -> list[object]:
    return list(quota.connections)


def test_a_connection_has_one_user_at_a_time(clock: Clock) -> None:
    scheduler = Scheduler(Limits(), clock)
    one, two, three = (
        Counted(scheduler, user, kept) for user, kept in (("", 1), ("alice", 20), ("alice", 300))
    )
    alice = scheduler.users["alice"]
    assert (alice.user, of(alice)) == ("alice", [two, three])
    assert (one.quota, two.quota, three.quota) == (scheduler.unauthenticated, alice, alice)
    assert of(scheduler.unauthenticated) == [one]
    assert not scheduler.is_only_user(alice)

    for connection in (one, two, three):
        connection.quota.charge_response(connection, [b"a response"])
    clock.advance(1.0)
    scheduler.count_queued(alice)
    assert (scheduler.unauthenticated.queued_bytes, alice.queued_bytes) == (1, 320)
    assert scheduler.queued_bytes == 321

    scheduler.add(one, "bob")
    bob = scheduler.users["bob"]
    assert (list(scheduler.users), one.quota) == (["alice", "bob"], bob)
    assert not scheduler.unauthenticated.connections
    assert not scheduler.is_only_user(alice)
    scheduler.remove(one)
    assert list(scheduler.users) == ["alice"]
    assert scheduler.is_only_user(alice)
    assert not scheduler.is_only_user(bob)
    scheduler.remove(two)
    assert of(alice) == [three]
    scheduler.remove(three)
    assert scheduler.users == {}
    assert not scheduler.is_only_user(alice)


async def test_for_want_of_memory_it_is_tried_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(Limits(buffers=4096), clock)
    connection = Counted(scheduler, "", kept=1024)
    connection.quota.charge_response(connection, [b"a response"])
    clock.advance(1.0)
    scheduler.count_queued(connection.quota)
    calls: list[float] = []
    received: list[int] = []
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_later", lambda delay, _: calls.append(delay))
        assert scheduler.unauthenticated.postpone("a", 1, lambda: received.append(1))
        await asyncio.sleep(0)
        assert (calls, received) == ([module.RETRY_INTERVAL], [])
        clock.advance(module.COUNT_INTERVAL * 2)
        connection.kept = 0
        # The count shows that the memory is free again.
        scheduler.unauthenticated._schedule_next()
        assert not scheduler.unauthenticated.is_exhausted()
        await asyncio.sleep(0)
        assert received == [1]

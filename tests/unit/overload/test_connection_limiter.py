"""Who comes in, and who makes room."""

import asyncio

import pytest

from smbquic.options.limits import Limits
from smbquic.overload import connection_limiter as module
from smbquic.overload.refusals import ServerRefusal
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Connect, ServerWith, initiator

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.1"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unauthenticated connections have had their time as soon as they are there."""
    monkeypatch.setattr(module, "MINIMUM_TIME", 0.0)


async def test_an_address_has_only_so_many_connections(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(connections_of_address=2))
    clients = [await connect(to=server) for _ in range(2)]
    assert not server.connection_limiter.admits(HERE)
    assert server.connection_limiter.admits(ELSEWHERE)
    assert server.refusals.counts == {ServerRefusal.CONNECTIONS_OF_ADDRESS: 1}
    await clients[0].close()

    assert server.connection_limiter.admits(HERE)


async def test_a_locked_out_address_is_refused_until_it_is_let_in(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits())
    limiter = server.connection_limiter
    limiter.lockouts.add("2001:db8::/64")
    assert not limiter.admits("2001:db8::7")
    assert limiter.admits("2001:db8:0:1::7")
    assert server.refusals.counts == {ServerRefusal.LOCKED_OUT: 1}
    limiter.lockouts.remove("2001:db8::/64")
    assert limiter.admits("2001:db8::7")


async def test_a_user_has_only_so_many_connections(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(connections_of_user=2))
    clients = [await connect(to=server) for _ in range(2)]
    await clients[1].log_on()
    more = await connect(to=server, token="")
    logon = asyncio.create_task(more.log_on())
    await more.served
    logon.cancel()
    assert more.transport.closed == ServerRefusal.CONNECTIONS_OF_USER.text
    assert server.refusals.counts == {ServerRefusal.CONNECTIONS_OF_USER: 1}

    await connect(to=server, token="bob:secret")
    await clients[0].close()
    await connect(to=server)
    assert not clients[1].transport.closed


async def test_who_logs_on_is_no_longer_unauthenticated(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(unauthenticated_of_address=1))
    client = await connect(to=server, token="")
    assert not server.connection_limiter.admits(HERE)
    assert server.connection_limiter.admits(ELSEWHERE)
    await client.log_on()

    assert server.connection_limiter.admits(HERE)
    assert server.refusals.counts == {ServerRefusal.UNAUTHENTICATED_OF_ADDRESS: 1}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(unauthenticated_of_address=2), ServerRefusal.UNAUTHENTICATED_OF_ADDRESS),
        (Limits(unauthenticated=2), ServerRefusal.UNAUTHENTICATED),
    ],
)
async def test_the_oldest_unauthenticated_connection_makes_room(
    connect: Connect,
    server_with: ServerWith,
    impatient: None,
    limits: Limits,
    reason: ServerRefusal,
) -> None:
    server = server_with(limits)
    friend = await connect(to=server)
    unauthenticated = [await connect(to=server, token="") for _ in range(2)]
    assert server.connection_limiter.admits(HERE)
    await unauthenticated[0].served

    assert unauthenticated[0].transport.closed == reason.text
    assert not unauthenticated[1].transport.closed
    assert await friend.is_quiet()


async def test_those_who_are_about_to_be_served_count(server_with: ServerWith) -> None:
    limiter = server_with(Limits(unauthenticated=3)).connection_limiter
    for _ in range(3):
        assert limiter.admits(HERE)
        limiter.expect(HERE)

    assert not limiter.admits(HERE)
    assert not limiter.admits(ELSEWHERE)


async def test_hanging_up_makes_nobodys_guessing_faster(
    connect: Connect, server_with: ServerWith, impatient: None
) -> None:
    server = server_with(Limits(unauthenticated_of_address=1, failed_logon_delay=60.0))
    guesser = await connect(to=server, token="")
    sent = guesser.protocol.session_setup(initiator("alice:wrong"))[1]
    guesser.deliver(sent.buffers)
    # The server has looked at the guess once it looks at what comes behind it.
    await guesser.close()

    assert not server.connections
    assert server.refusals.counts[ServerRefusal.FAILED_LOGON] == 1
    assert not server.connection_limiter.admits(HERE)


async def test_a_place_is_free_again_when_nobody_waits_any_more(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(Limits(unauthenticated_of_address=1, failed_logon_delay=0.0))
    guesser = await connect(to=server, token="")
    guesser.deliver(guesser.protocol.session_setup(initiator("alice:wrong"))[1].buffers)
    await guesser.close()

    assert server.connection_limiter.admits(HERE)


async def test_a_server_that_stops_admits_nobody(server_with: ServerWith) -> None:
    server = server_with(Limits())
    assert server.connection_limiter.admits(HERE)

    server.connection_limiter.closed = True

    assert not server.connection_limiter.admits(HERE)
    assert server.refusals.counts == {ServerRefusal.STOPPING: 1}


async def test_former_clients_take_no_memory(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(Limits())
    limiter = server.connection_limiter
    clients = [await connect(to=server), await connect(to=server, token="")]
    assert (limiter._places, sum(limiter._connections.values())) == (1, 2)
    for client in clients:
        await client.close()

    assert not limiter._places
    for counts in (
        limiter._connections,
        limiter._places_of,
        limiter._unauthenticated,
        limiter._unauthenticated_of,
        limiter._expected,
    ):
        assert not counts


class Newcomer:
    """A connection that has not logged on."""

    client_network = HERE

    def __init__(self, failed_until: float = 0.0) -> None:
        self.failed_until = failed_until
        self.dropped: list[ServerRefusal] = []

    def drop(self, reason: ServerRefusal) -> None:
        self.dropped.append(reason)


@pytest.mark.parametrize(("waited", "admitted"), [(0.0, False), (0.5, False), (1.0, True)])
async def test_a_newcomer_has_a_second_to_log_on(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch, waited: float, admitted: bool
) -> None:
    limiter = server_with(Limits(unauthenticated=1)).connection_limiter
    clock, connection = Clock(), Newcomer()
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "time", clock)
        limiter.add(connection)
        clock.advance(waited)
        assert limiter.admits(ELSEWHERE) is admitted
        # Of what has made room, nothing is left.
        assert limiter.admits(ELSEWHERE) is admitted
        assert connection.dropped == ([ServerRefusal.UNAUTHENTICATED] if admitted else [])
        limiter.remove(connection)
    assert (limiter._places, limiter.admits(ELSEWHERE)) == (0, True)


@pytest.mark.parametrize(("due", "calls"), [(-1.0, []), (0.0, []), (0.25, [0.25]), (60.0, [60.0])])
async def test_a_place_is_taken_until_the_answer_to_a_failed_logon_is_due(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch, due: float, calls: list[float]
) -> None:
    limiter = server_with(Limits(unauthenticated_of_address=1)).connection_limiter
    clock, later = Clock(), list[float]()
    connection = Newcomer(clock.now + due)
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", clock)
        patch.setattr(loop, "call_later", lambda seconds, *_: later.append(seconds))
        limiter.add(connection)
        limiter.remove(connection)
        assert limiter.admits(HERE) is (not calls)
    assert later == calls
    if calls:
        limiter._free_place(HERE)
    assert limiter.admits(HERE)


async def test_who_is_logged_on_needs_no_place_among_those_who_are_not(
    server_with: ServerWith,
) -> None:
    limiter = server_with(Limits(unauthenticated=1)).connection_limiter
    connection = Newcomer()
    limiter.add(connection)
    for _ in range(2):
        limiter.logged_on(connection)
        assert (limiter._places, limiter._connections[HERE]) == (0, 1)
    limiter.remove(connection)
    assert (limiter._places, dict(limiter._connections)) == (0, {})

"""What an administrator can do, that it is recorded, and what is refused."""

from math import inf
from typing import Any

import pytest

from smbquic.errors import AuthenticationError
from smbquic.observe.recent_records import RecentRecords
from smbquic.overload.refusals import ServerRefusal
from smbquic.server.server import Server
from smbquic.web.page.actions import Order, available, perform
from tests.unit.server.smb_client import Connect
from tests.unit.web.conftest import Source


@pytest.fixture
def recorded(server: Server) -> RecentRecords:
    server.audit.recent = RecentRecords()
    return server.audit.recent


def act(source: Source, name: str, what: Any = "", seconds: float = inf) -> str:
    return perform(source, name, Order(what, seconds), "127.0.0.1:9")


def last(recorded: RecentRecords) -> dict[str, Any]:
    """The latest record of an action."""
    found = (each.record for each in recorded if each.record["event"] == "administration")
    return next(found)


async def test_a_connection_is_closed(
    source: Source, recorded: RecentRecords, connect: Connect
) -> None:
    client = await connect()
    [connection] = source.service.connections
    number = connection.trail.connection
    assert act(source, "close-connection", number) == f"closed the connection {connection.name}"
    await client.served
    assert client.transport.closed == ServerRefusal.ADMINISTRATOR.text
    record = last(recorded)
    assert (record["action"], record["what"]) == ("close-connection", str(number))
    assert (record["address"], record["result"][:6]) == ("127.0.0.1:9", "closed")
    with pytest.raises(LookupError, match="ended already"):
        act(source, "close-connection", number)
    assert last(recorded)["result"] == "failed: this connection has ended already"


async def test_a_session_is_closed_and_its_files(
    source: Source, recorded: RecentRecords, connect: Connect
) -> None:
    client = await connect()
    await client.open("one")
    [number] = source.service.sessions
    assert act(source, "close-session", number) == "closed the session of alice"
    assert not source.service.sessions
    assert not len(source.service.files)
    with pytest.raises(LookupError, match="ended already"):
        act(source, "close-session", number)


async def test_a_file_is_closed(source: Source, recorded: RecentRecords, connect: Connect) -> None:
    client = await connect()
    entry = await client.open("one")
    assert act(source, "close-file", entry.volatile) == "closed one"
    assert not len(source.service.files)
    with pytest.raises(LookupError, match="closed already"):
        act(source, "close-file", entry.volatile)


async def test_a_user_is_locked_out_and_let_in_again(
    source: Source, recorded: RecentRecords, connect: Connect
) -> None:
    await connect(token="alice:secret")
    await connect(token="bob:secret")
    said = act(source, "lock-out-user", " Alice ", 60.0)
    assert said == "locked the user Alice out, and closed 1 sessions"
    assert last(recorded)["seconds"] == 60.0
    [left] = source.service.sessions.values()
    assert left.session.identity.user == "bob"
    logons = source.service.logon_limiter.for_connection("192.0.2.1")
    with pytest.raises(AuthenticationError, match="administrator"):
        logons.check("alice")
    act(source, "let-in-user", "alice")
    logons.check("alice")
    with pytest.raises(LookupError, match="alice is not locked out"):
        act(source, "let-in-user", "alice")


async def test_an_address_is_locked_out_and_let_in_again(
    source: Source, recorded: RecentRecords, connect: Connect
) -> None:
    client = await connect()
    said = act(source, "lock-out-address", "127.0.0.1")
    assert said == "locked 127.0.0.1 out, and closed 1 connections"
    await client.served
    assert client.transport.closed == ServerRefusal.LOCKED_OUT.text
    assert "seconds" not in last(recorded)
    act(source, "lock-out-address", "2001:db8::1")
    limiter = source.service.connection_limiter
    assert set(limiter.lockouts.items()) == {"127.0.0.1", "2001:db8::/64"}
    act(source, "let-in-address", "2001:db8::/64")
    assert set(limiter.lockouts.items()) == {"127.0.0.1"}
    with pytest.raises(LookupError, match="not locked out"):
        act(source, "let-in-address", "2001:db8::/64")
    with pytest.raises(ValueError, match="is no IP address"):
        act(source, "lock-out-address", "fs.example")


async def test_failed_logons_are_forgotten(source: Source, recorded: RecentRecords) -> None:
    limiter = source.service.logon_limiter
    for _ in range(limiter.limits.per_user):
        limiter.for_connection("192.0.2.1").failed("alice")
    assert ("user", "alice") in limiter.locked()
    assert act(source, "forget-failures", ("user", "alice")) == "forgot the failed logons of alice"
    assert ("user", "alice") not in limiter.locked()
    with pytest.raises(LookupError, match="forgotten already"):
        act(source, "forget-failures", ("user", "alice"))


async def test_only_what_the_program_offers(source: Source, recorded: RecentRecords) -> None:
    assert not {"drain", "reload"} & set(available(source))
    with pytest.raises(LookupError, match="no action 'drain' here"):
        act(source, "drain")
    with pytest.raises(LookupError, match="no action 'format' here"):
        act(source, "format")

    stopped = []
    source.controls.stop = lambda: stopped.append(1)
    assert "drain" in available(source)
    act(source, "drain")
    source.service.connection_limiter.closed = True
    with pytest.raises(LookupError, match="stopping already"):
        act(source, "drain")
    assert stopped == [1]


async def test_a_reload_says_what_has_changed(source: Source, recorded: RecentRecords) -> None:
    event: dict[str, Any] = {"event": "reloaded", "changed": ["limits"], "restart": ["listen"]}
    source.controls.reload = lambda: event
    said = act(source, "reload")
    assert "limits has changed; it takes a restart for listen" in said
    event = {"event": "reload-refused", "reason": "line 3: no such key"}
    with pytest.raises(ValueError, match="not reloaded: line 3"):
        act(source, "reload")
    assert last(recorded)["result"] == "failed: not reloaded: line 3: no such key"


@pytest.mark.parametrize(
    ("name", "what", "error"),
    [
        ("close-session", "alice", "about a number"),
        ("lock-out-user", 7, "needs a name"),
        ("lock-out-user", "  ", "needs a name"),
    ],
)
async def test_an_order_of_the_wrong_kind(
    source: Source, recorded: RecentRecords, name: str, what: Any, error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        act(source, name, what)


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({}, Order("")),
        ({"what": 7, "seconds": 60}, Order(7, 60.0)),
        ({"what": ["user", "alice"], "seconds": None}, Order(("user", "alice"))),
    ],
)
def test_orders(body: object, order: Order) -> None:
    assert Order.parse(body) == order


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"what": None},
        {"what": {"a": 1}},
        {"what": "x" * 257},
        {"what": ["x" * 300]},
        {"what": "x", "seconds": 0},
        {"what": "x", "seconds": "soon"},
        {"what": "x", "seconds": inf},
    ],
)
def test_what_is_no_order(body: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Order.parse(body)

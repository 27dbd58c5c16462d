"""Tickets of TLS sessions, and how long they are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.options.quic import TicketPolicy
from smbquic.transport.quic.tickets import (
    Key,
    ResumableSession,
    Resumption,
    Ticket,
    TicketCache,
    TicketIssuer,
)
from tests.unit.clock import Clock

# The number itself, so that a change of it is noticed.
LONGEST = 7 * 86400.0


@dataclass
class TlsSession:
    ticket: bytes
    not_valid_before: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    lifetime: timedelta = timedelta(days=1)
    max_early_data_size: int | None = 1000

    @property
    def not_valid_after(self) -> datetime:
        return self.not_valid_before + self.lifetime


HERE, THERE = ("aioquic", "here", 443), ("aioquic", "there", 443)


def ticket(name: str, expires: float = 2000.0) -> Ticket:
    return Ticket(name, (), expires)


def taken(cache: TicketCache, key: Key = HERE) -> object:
    found = cache.take(key)
    return found and found.session


# The client.


def test_each_ticket_is_used_once_and_the_newest_first(clock: Clock) -> None:
    cache = TicketCache(clock=clock)
    cache.put(HERE, ticket("first"))
    cache.put(HERE, ticket("second"))

    assert [taken(cache), taken(cache), taken(cache)] == ["second", "first", None]


def test_a_ticket_is_for_one_server_only(clock: Clock) -> None:
    cache = TicketCache(clock=clock)
    cache.put(HERE, ticket("here"))

    assert taken(cache, THERE) is None
    assert taken(cache, HERE) == "here"


def test_a_ticket_that_has_expired_is_forgotten(clock: Clock) -> None:
    cache = TicketCache(clock=clock)
    cache.put(HERE, ticket("short", 1001.0))
    cache.put(THERE, ticket("long"))
    clock.now = 1001.0

    assert taken(cache) is None
    assert len(cache) == 1


def test_the_oldest_tickets_go_where_there_are_too_many(clock: Clock) -> None:
    cache = TicketCache(2, clock)
    for name in ("a", "b", "c"):
        cache.put(HERE, ticket(name))

    assert [taken(cache), taken(cache), taken(cache)] == ["c", "b", None]


@pytest.mark.parametrize(
    ("promised", "kept"), [(timedelta(hours=1), 3600.0), (timedelta(days=99), LONGEST)]
)
def test_a_server_cannot_make_a_client_keep_a_ticket_for_long(
    promised: timedelta, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.transport.quic.tickets.time.time", lambda: 500.0)
    cache = TicketCache(clock=lambda: 500.0)
    resumption = Resumption(cache, lambda: HERE, lambda chain: True)
    session = TlsSession(b"1", lifetime=promised)
    resumption.keep(session, (b"leaf",))
    found = resumption.take()

    assert found is not None
    assert session.max_early_data_size is None
    assert found.expires == 500.0 + kept
    assert found.chain == (b"leaf",)


def test_a_ticket_whose_certificates_will_not_do_any_more_is_lost() -> None:
    cache = TicketCache()
    refusing = Resumption(cache, lambda: HERE, lambda chain: chain != (b"revoked",))
    refusing.keep(TlsSession(b"1"), (b"revoked",))

    assert refusing.take() is None
    assert len(cache) == 0


def test_no_file_is_read_for_a_ticket_that_is_not_there() -> None:
    def unreadable() -> tuple[object, ...]:
        raise FileNotFoundError

    cache = TicketCache()
    resumption = Resumption(cache, unreadable, lambda chain: True)
    assert resumption.take() is None

    # Without its files a connection has no ticket, and keeps none.
    resumption.keep(TlsSession(b"1"), (b"leaf",))
    assert len(cache) == 0
    cache.put(HERE, ticket("a"))
    assert resumption.take() is None
    assert len(cache) == 1


# The server.

KEY = bytes(range(32))
SECRET = bytes(range(48))


def test_any_server_with_the_key_accepts_a_ticket(clock: Clock) -> None:
    made = TicketIssuer(KEY, clock).issue(0x1302, SECRET)
    other = TicketIssuer(KEY, clock)

    assert other.accept(made) == other.accept(made) == ResumableSession(0x1302, SECRET)
    assert ResumableSession(0x1302, SECRET).is_valid
    assert TicketIssuer(bytes(32), clock).accept(made) is None


def test_a_ticket_shows_nothing_of_its_session(clock: Clock) -> None:
    issuer = TicketIssuer(KEY, clock)
    one, two = issuer.issue(0x1301, SECRET), issuer.issue(0x1301, SECRET)

    assert SECRET[:8] not in one
    assert one[:12] != two[:12]
    assert "ResumableSession" in repr(issuer.accept(one))
    assert repr(SECRET) not in repr(issuer.accept(one))


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [(0, True), (86_399, True), (86_400, False), (-86_399, True), (-86_400, False)],
)
def test_a_ticket_is_good_for_a_day(clock: Clock, seconds: int, accepted: bool) -> None:
    clock.now = 1e6
    issuer = TicketIssuer(KEY, clock)
    made = issuer.issue(0x1301, SECRET)
    clock.now += seconds

    assert (issuer.accept(made) is not None) is accepted


@given(st.binary(max_size=200))
def test_what_is_no_ticket_is_unknown(data: bytes) -> None:
    assert TicketIssuer(KEY).accept(data) is None


@pytest.mark.parametrize(
    ("policy", "modes", "offered"),
    [
        ("auto", [1], True),
        ("auto", [0, 1], False),
        ("auto", [1, 0], False),
        ("auto", [0], False),
        ("auto", [], False),
        ("auto", None, False),
        ("always", [0, 1], True),
        ("always", [1], True),
        # The engines could not resume the session.
        ("always", [0], False),
        ("always", None, False),
    ],
)
def test_who_gets_a_ticket(policy: TicketPolicy, modes: list[int] | None, offered: bool) -> None:
    assert TicketIssuer(KEY, policy=policy).offers(modes) is offered


def test_how_many_tickets_are_kept() -> None:
    cache = TicketCache()
    for number in range(5000):
        cache.put(HERE, ticket(str(number)))

    assert len(cache) == 64

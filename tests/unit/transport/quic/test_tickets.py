"""Tickets of TLS sessions, and how long they are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from smbquic.options.quic import TicketPolicy
from smbquic.transport.quic.tickets import Key, Resumption, Ticket, TicketCache, TicketStore
from tests.unit.clock import Clock

# The numbers themselves, so that a change of one of them is noticed.
LONGEST = 7 * 86400.0
SERVER_LIFETIME = 86400.0


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
    resumption = Resumption(cache, HERE, lambda chain: True)
    session = TlsSession(b"1", lifetime=promised)
    resumption.keep(session, (b"leaf",))
    found = resumption.take()

    assert found is not None
    assert session.max_early_data_size is None
    assert found.expires == 500.0 + kept
    assert found.chain == (b"leaf",)


def test_a_ticket_whose_certificates_will_not_do_any_more_is_lost() -> None:
    cache = TicketCache()
    refusing = Resumption(cache, HERE, lambda chain: chain != (b"revoked",))
    refusing.keep(TlsSession(b"1"), (b"revoked",))

    assert refusing.take() is None
    assert len(cache) == 0


# The server.


def test_a_server_takes_each_ticket_once(clock: Clock) -> None:
    store = TicketStore(clock=clock)
    session = TlsSession(b"1")
    store.keep(session)

    assert [store.take(b"1"), store.take(b"1"), store.take(b"2")] == [session, None, None]


def test_a_server_forgets_what_is_too_old(clock: Clock) -> None:
    store = TicketStore(clock=clock)
    store.keep(TlsSession(b"1"))
    store.keep(TlsSession(b"2"))
    clock.now += SERVER_LIFETIME + 1.0

    assert store.take(b"1") is None
    store.keep(TlsSession(b"3"))
    assert len(store) == 1


def test_a_session_has_expired_when_its_lifetime_is_over(clock: Clock) -> None:
    store = TicketStore(clock=clock)
    store.keep(TlsSession(b"1"))
    store.keep(TlsSession(b"2"))
    clock.now += SERVER_LIFETIME - 1.0
    assert store.take(b"1") is not None
    clock.now += 1.0
    store.keep(TlsSession(b"3"))

    assert len(store) == 1


def test_a_server_forgets_the_oldest_where_there_are_too_many(clock: Clock) -> None:
    store = TicketStore(2, clock)
    for name in (b"1", b"2", b"3"):
        store.keep(TlsSession(name))

    assert len(store) == 2
    assert store.take(b"1") is None
    assert store.take(b"3") is not None


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
        ("always", None, True),
    ],
)
def test_who_gets_a_ticket(policy: TicketPolicy, modes: list[int] | None, offered: bool) -> None:
    assert TicketStore(policy=policy).offers(modes) is offered


def test_how_many_tickets_are_kept() -> None:
    cache, store = TicketCache(), TicketStore()
    for number in range(5000):
        cache.put(HERE, ticket(str(number)))
        store.keep(TlsSession(str(number).encode()))

    assert (len(cache), len(store)) == (64, 4096)

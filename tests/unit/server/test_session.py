"""The tables of a session: its connections, trees, opens and pipes, and its end."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.budget import TREE, SharedBudget, UserBudget
from smbquic.server import session as module
from smbquic.server.session import UserSession, UserSessions
from smbquic.storage.partial import temporary_name_for
from smbquic.wire.echo import EchoResponse

DELETE, READ = 0x10000, 0x1
TEMPORARY = temporary_name_for("report")


class Channel:
    """A connection that a session is bound to."""

    transport: Any = None

    def __init__(self, *, takes: bool = True) -> None:
        self.opens = 0
        self.takes = takes
        self.noticed: list[object] = []
        self.dropped: list[object] = []

    def count_opens(self, change: int) -> None:
        self.opens += change

    def notify(self, session: object, body: object) -> bool:
        self.noticed.append(body)
        return self.takes

    def drop_session(self, session: object) -> None:
        self.dropped.append(session)


@pytest.fixture
def budget() -> SharedBudget:
    return SharedBudget(1 << 20, 1 << 20)


def made(budget: SharedBudget, cost: int = 0, **limits: Any) -> UserSession:
    session = SimpleNamespace(id=7, expire=lambda: None)
    return UserSession(
        cast(Any, session), Limits(**limits), cast(Any, None), UserBudget(budget, "user"), cost
    )


def tree(number: int, share: object = None) -> Any:
    return SimpleNamespace(tree_id=number, share=share)


def pipe(number: int, of: object, closed: list[int]) -> Any:
    return SimpleNamespace(
        file_id=SimpleNamespace(volatile=number), tree=of, close=lambda: closed.append(number)
    )


def exhaust(steps: object) -> None:
    for _ in cast(Any, steps):
        pass


def test_tree_ids_begin_at_one_and_go_round(budget: SharedBudget) -> None:
    session = made(budget)
    assert [session.next_tree_id() for _ in range(3)] == [1, 2, 3]
    session.last_tree_id = 0xFFFF_FFFD
    session.trees = {1: tree(1), 2: tree(2)}
    # 0xFFFFFFFF stands for the tree of the request before.
    assert [session.next_tree_id() for _ in range(2)] == [0xFFFF_FFFE, 3]


def test_connections_count_what_is_open(budget: SharedBudget) -> None:
    session, one, two = made(budget), Channel(), Channel()
    session.join(one)
    entries: list[Any] = [
        SimpleNamespace(file_id=SimpleNamespace(volatile=number)) for number in range(3)
    ]
    for entry in entries:
        session.add(entry)
    session.join(two)
    assert (one.opens, two.opens) == (3, 3)
    session.remove(entries[0])
    assert (one.opens, two.opens) == (2, 2)
    session.leave(one)
    assert (one.opens, two.opens) == (0, 2)
    assert session.channels == [cast(Any, two)]


def test_one_connection_gets_what_answers_no_request(budget: SharedBudget) -> None:
    session, body = made(budget), EchoResponse()
    assert session.notify(body) is False
    channels = [Channel(takes=False), Channel(), Channel()]
    for channel in channels:
        session.join(channel)
    assert session.notify(body) is True
    assert [channel.noticed for channel in channels] == [[body], [body], []]


@pytest.mark.parametrize("bound", ["limit", "memory"])
def test_there_are_only_so_many_trees(bound: str) -> None:
    limited = bound == "limit"
    budget = SharedBudget(1 << 20, 1 << 20 if limited else 2 * TREE)
    session = made(budget, trees=2 if limited else 100)
    one, two = tree(1), tree(2)
    session.connect(one)
    session.connect(two)
    assert budget.used == 2 * TREE
    with pytest.raises(StatusError) as caught:
        session.connect(tree(3))
    assert caught.value.status is NtStatus.INSUFFICIENT_RESOURCES
    closed: list[int] = []
    session.pipes = {1: pipe(1, one, closed), 2: pipe(2, two, closed)}
    exhaust(session.disconnecting(one))
    assert closed == [1]
    assert (list(session.trees), list(session.pipes), budget.used) == ([2], [2], TREE)
    session.connect(tree(3))


async def test_a_logon_ends_after_its_time_if_it_has_one(budget: SharedBudget) -> None:
    endless = made(budget)
    endless.renew()
    assert endless.expiry is None
    session = made(budget, session_seconds=3600.0)
    session.renew()
    first = session.expiry
    assert first is not None
    session.renew()
    second = session.expiry
    assert second is not None
    assert (first.cancelled(), second.cancelled()) == (True, False)
    assert 3590 < second.when() - first.when() + 3600 < 3610
    exhaust(session.ending(keep=False))
    assert second.cancelled()
    assert session.expiry is None


def test_all_is_given_back_at_the_end(budget: SharedBudget) -> None:
    session = made(budget, cost=1000)
    assert budget.used == 1000
    for number in (1, 2):
        session.connect(tree(number))
    closed: list[int] = []
    session.pipes = {1: pipe(1, None, closed), 2: pipe(2, None, closed)}
    exhaust(session.ending(keep=True))
    assert closed == [1, 2]
    assert (session.trees, session.pipes, budget.used) == ({}, {}, 0)


async def test_sessions_end_on_all_their_connections(budget: SharedBudget) -> None:
    sessions, channels = UserSessions(), [Channel(), Channel()]
    session = sessions[7] = made(budget)
    for channel in channels:
        session.join(channel)
    assert sessions.end(session.session) is None
    assert [channel.dropped for channel in channels] == [[session.session]] * 2
    assert sessions.end(session.session) is None
    assert not sessions


async def test_trees_are_counted_and_ended_by_their_share(budget: SharedBudget) -> None:
    data, other = SimpleNamespace(name="data"), SimpleNamespace(name="other")
    sessions = UserSessions()
    for number in (1, 2):
        session = sessions[number] = made(budget)
        for tree_id, share in enumerate((data, data, other, None), 1):
            session.connect(tree(tree_id, share))
    assert sessions.count_trees() == {"data": 4, "other": 2, "IPC$": 2}
    assert sessions.disconnect_share(cast(Any, data)) == 4
    assert sessions.count_trees() == {"other": 2, "IPC$": 2}
    assert sessions.disconnect_share(cast(Any, data)) == 0


class Entry:
    """An open with the access and the name that a test gives it, and so many locks."""

    def __init__(
        self, number: int, session: UserSession, access: int = 0, name: str = "f", locks: int = 0
    ) -> None:
        self.locks = locks
        self.file_id = SimpleNamespace(volatile=number)
        self.file_state = SimpleNamespace(
            locks=SimpleNamespace(count_of=lambda entry: entry.locks, remove_some=remove_some)
        )
        self.access = SimpleNamespace(granted=access)
        self.file = SimpleNamespace(name=name)
        self.mode = SimpleNamespace(delete_on_close=False)
        self.recovery = SimpleNamespace(durable=None)
        self.detached = False
        self._session = session
        session.add(cast(Any, self))

    def detach(self) -> None:
        self.detached = True

    def close(self) -> None:
        self._session.remove(cast(Any, self))


def remove_some(entry: Entry, most: int) -> None:
    entry.locks -= most


@pytest.mark.parametrize(
    ("locks", "left"), [(0, []), (2, []), (3, [1]), (4, [2]), (5, [3, 1]), (6, [4, 2])]
)
def test_others_are_served_while_many_locks_are_released(
    budget: SharedBudget, monkeypatch: pytest.MonkeyPatch, locks: int, left: list[int]
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    session = made(budget)
    entry = Entry(1, session, locks=locks)

    assert [entry.locks for _ in session.ending(keep=False)] == left
    assert not session.opens


def test_a_durable_open_keeps_its_locks(
    budget: SharedBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    session = made(budget)
    session.durables = cast(Any, SimpleNamespace(keep=lambda entry: True))
    entry = Entry(1, session, locks=9)
    entry.recovery.durable = object()

    exhaust(session.ending(keep=True))

    assert (entry.locks, entry.detached) == (9, True)


def test_what_another_request_closes_meanwhile_is_left_alone(
    budget: SharedBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    session = made(budget)
    entries = [Entry(number, session, locks=3) for number in (1, 2)]
    steps = session.ending(keep=False)
    next(steps)

    for entry in entries:
        entry.close()
    exhaust(steps)

    assert [entry.locks for entry in entries] == [1, 3]


@pytest.mark.parametrize(
    ("count", "left"), [(0, []), (1, []), (2, []), (3, [1]), (4, [2]), (5, [3, 1])]
)
def test_others_are_served_while_much_is_closed(
    budget: SharedBudget, monkeypatch: pytest.MonkeyPatch, count: int, left: list[int]
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    session = made(budget)
    for number in range(count):
        Entry(number, session)

    assert [len(session.opens) for _ in session.ending(keep=False)] == left
    assert not session.opens


@pytest.mark.parametrize(
    ("access", "name", "deleted"),
    [
        (DELETE, TEMPORARY, True),
        (DELETE | READ, f"a\\b\\{TEMPORARY}", True),
        (READ, TEMPORARY, False),
        (DELETE, "report", False),
        (DELETE, f"{TEMPORARY}\\report", False),
    ],
)
def test_an_unfinished_transfer_is_deleted(
    budget: SharedBudget, access: int, name: str, deleted: bool
) -> None:
    session = made(budget)
    entry = Entry(1, session, access, name)

    exhaust(session.ending(keep=False))

    assert entry.mode.delete_on_close is deleted
    assert not session.opens

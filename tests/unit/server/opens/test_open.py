"""The rights of an open, opens of a file that exclude each other, and breaks of oplocks and leases.

Most breaks here are of a client that keeps more than it may by then.
"""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE, BreakCause
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.open import CacheGrant, FileState, Open, OpenCache, OpenOwner
from smbquic.server.opens.open_parts import OpenAccess, OpenMode
from smbquic.server.opens.open_state import OpenState
from smbquic.storage import FileStat
from smbquic.wire.file_id import FileId

# [MS-SMB2] 2.2.13.1.1
READ_DATA, WRITE_DATA, APPEND_DATA, EXECUTE = 0x1, 0x2, 0x4, 0x20
READ_ATTRIBUTES, DELETE = 0x80, 0x10000
# [MS-SMB2] 2.2.13 ShareAccess
SHARE_READ, SHARE_WRITE, SHARE_DELETE = 1, 2, 4
SHARE_ALL = 7


class Grant(CacheGrant):
    """Notes what its client is told; the client is there."""

    __slots__ = ("told",)

    def __init__(self, state: FileState, entry: Any) -> None:
        super().__init__(state, entry, READ | WRITE | HANDLE, 60.0)
        self.told: list[tuple[int, bool]] = []

    @property
    def level(self) -> int:
        return 0

    def left_after(self, cause: BreakCause) -> int:
        return NOTHING

    def must_wait(self, cause: BreakCause) -> bool:
        return True

    def must_acknowledge(self) -> bool:
        return True

    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        self.told.append((left, further))
        return True


def now(grant: Grant) -> tuple[object, int, GrantState]:
    return grant.breaking, grant.caching, grant.state


def make() -> Grant:
    return Grant(FileState("key"), SimpleNamespace())


async def test_a_further_break_has_its_own_time() -> None:
    grant = make()
    grant.reduce(READ | HANDLE)
    assert grant.breaking is not None
    first = grant.breaking
    assert grant.reduce(NOTHING)

    grant.acknowledge(READ | HANDLE)

    assert first.timer.cancelled()
    assert not first.done.done()
    assert grant.told == [(READ | HANDLE, False), (READ, True)]
    second = grant.breaking
    assert second is not None
    assert (second.asked, second.required, second.done) == (READ, NOTHING, first.done)
    grant.acknowledge(READ)
    assert grant.told[2:] == [(NOTHING, True)]
    grant.acknowledge(NOTHING)
    assert first.done.done()
    assert second.timer.cancelled()
    assert now(grant) == (None, NOTHING, GrantState.HELD)


async def test_what_is_acknowledged_in_time_does_not_time_out() -> None:
    grant = make()
    grant.reduce(READ)
    assert grant.breaking is not None
    last = grant.breaking

    grant.acknowledge(READ)

    assert last.timer.cancelled()
    assert last.done.done()
    assert (grant.caching, grant.told) == (READ, [(READ, False)])


async def test_the_last_open_ends_a_break() -> None:
    grant = make()
    grant.reduce(READ)
    assert grant.breaking is not None
    last = grant.breaking

    grant.drop(grant.opens[0])

    assert last.timer.cancelled()
    assert last.done.done()
    assert grant.file_state.grants == []


async def test_a_client_that_does_not_acknowledge_loses_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    grant = make()
    grant.reduce(READ | HANDLE)
    assert grant.breaking is not None
    last = grant.breaking

    grant._time_out()

    assert last.timer.cancelled()
    assert last.done.done()
    assert now(grant) == (None, NOTHING, GrantState.HELD)
    assert "a client did not acknowledge a break within 60 s" in caplog.messages


async def test_a_client_that_need_not_acknowledge_loses_it_at_once() -> None:
    class Reads(Grant):
        __slots__ = ()

        def must_acknowledge(self) -> bool:
            return False

    grant = Reads(FileState("key"), SimpleNamespace())

    assert grant.reduce(READ)

    assert grant.told == [(READ, False)]
    assert now(grant) == (None, READ, GrantState.HELD)


async def test_opens_whose_client_cannot_be_told_are_closed() -> None:
    class Away(Grant):
        __slots__ = ()

        def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
            return False

    closed: list[int] = []
    grant: Any = Away(FileState("key"), None)
    grant.opens = [
        SimpleNamespace(close=lambda number=number: closed.append(number)) for number in range(2)
    ]

    assert not grant.reduce(NOTHING)

    assert closed == [0, 1]
    assert grant.breaking is None


def test_a_grant_goes_with_its_last_open() -> None:
    state = FileState("key")
    first, second = SimpleNamespace(number=1), SimpleNamespace(number=2)
    grant: Any = Grant(state, first)
    grant.opens.append(second)

    grant.drop(first)
    assert (grant.state, state.grants) == (GrantState.HELD, [grant])
    grant.drop(second)

    assert now(grant) == (None, NOTHING, GrantState.NONE)
    assert state.grants == []


# Share modes: [MS-FSA] 2.1.5.1.2.2


def held(state: FileState, granted: int, share: int) -> Open:
    """An open of a file, as far as others have to be compatible with it."""
    entry = opened(granted=granted, share=share, state=state)
    state.add(entry)
    return entry


def refusal(state: FileState, granted: int, share: int) -> NtStatus | None:
    try:
        state.check_open(granted, share)
    except StatusError as error:
        return error.status
    return None


VIOLATION = NtStatus.SHARING_VIOLATION


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        ((READ_DATA, SHARE_READ), (READ_DATA, SHARE_READ), None),
        ((READ_DATA, 0), (READ_DATA, SHARE_READ), VIOLATION),
        ((READ_DATA, SHARE_WRITE | SHARE_DELETE), (READ_DATA, SHARE_READ), VIOLATION),
        ((EXECUTE, SHARE_ALL), (READ_DATA, SHARE_READ), None),
        ((EXECUTE, SHARE_READ), (READ_DATA, SHARE_WRITE), VIOLATION),
        ((WRITE_DATA, SHARE_READ), (READ_DATA, SHARE_WRITE), None),
        ((WRITE_DATA, SHARE_READ), (READ_DATA, SHARE_READ), VIOLATION),
        ((WRITE_DATA, SHARE_WRITE), (READ_DATA, SHARE_WRITE), VIOLATION),
        ((APPEND_DATA, SHARE_ALL), (READ_DATA, SHARE_READ), VIOLATION),
        ((APPEND_DATA, SHARE_READ), (READ_DATA, SHARE_WRITE), None),
        ((DELETE, SHARE_READ), (READ_DATA, SHARE_DELETE), None),
        ((DELETE, SHARE_ALL), (READ_DATA, SHARE_READ | SHARE_WRITE), VIOLATION),
        ((DELETE, 0), (READ_DATA, SHARE_ALL), VIOLATION),
        ((DELETE, SHARE_DELETE), (DELETE, SHARE_DELETE), None),
        ((DELETE, 0), (DELETE, 0), VIOLATION),
        ((READ_ATTRIBUTES, 0), (WRITE_DATA | DELETE, 0), None),
        ((READ_ATTRIBUTES, 0), (READ_ATTRIBUTES, 0), None),
    ],
)
def test_which_opens_exclude_each_other(
    one: tuple[int, int], other: tuple[int, int], status: NtStatus | None, swapped: bool
) -> None:
    state = FileState("key")
    held(state, *(other if swapped else one))

    assert refusal(state, *(one if swapped else other)) == status


def test_a_share_mode_lasts_as_long_as_an_open_of_it() -> None:
    state = FileState("key")
    first, second = held(state, READ_DATA, SHARE_READ), held(state, READ_DATA, SHARE_READ)

    state.remove(first)
    assert list(state.opens) == [second]
    assert refusal(state, WRITE_DATA, SHARE_ALL) == VIOLATION
    state.remove(second)

    assert not state.opens
    assert refusal(state, WRITE_DATA, SHARE_ALL) is None


@pytest.mark.parametrize(
    ("granted", "share", "status"),
    [
        (READ_DATA, SHARE_READ | SHARE_WRITE, VIOLATION),
        (WRITE_DATA, SHARE_READ, VIOLATION),
        (DELETE, 0, VIOLATION),
        (READ_DATA, SHARE_DELETE, None),
        (READ_ATTRIBUTES, 0, None),
    ],
)
def test_who_deletes_a_file_deletes_its_streams(
    granted: int, share: int, status: NtStatus | None
) -> None:
    whole = FileState("file")
    stream = FileState("stream", whole)
    whole.streams.append(stream)

    held(stream, granted, share)
    assert refusal(whole, DELETE, SHARE_ALL) == status
    assert refusal(whole, WRITE_DATA, 0) is None

    stream.remove(next(iter(stream.opens)))
    reading = held(whole, READ_DATA, 0)
    assert refusal(stream, granted, share) is None
    whole.remove(reading)
    held(whole, DELETE, SHARE_ALL)
    assert refusal(stream, granted, share) == status


def test_nothing_opens_what_is_to_be_deleted() -> None:
    whole = FileState("file")
    stream, other = FileState("stream", whole), FileState("other", whole)
    assert refusal(stream, READ_ATTRIBUTES, SHARE_ALL) is None

    stream.delete_pending = True
    assert refusal(stream, READ_ATTRIBUTES, SHARE_ALL) == NtStatus.DELETE_PENDING
    assert refusal(other, READ_ATTRIBUTES, SHARE_ALL) is None
    assert refusal(whole, READ_ATTRIBUTES, SHARE_ALL) is None
    whole.delete_pending = True

    for state in (whole, stream, other):
        assert refusal(state, READ_ATTRIBUTES, SHARE_ALL) == NtStatus.DELETE_PENDING


def test_watches_of_a_folder_end_with_it() -> None:
    state = FileState("key")
    ended: list[NtStatus] = []
    watched: Any = held(state, 0, 0)
    watched.tracking.watch = SimpleNamespace(end=ended.append)
    held(state, 0, 0)

    state.end_watches()

    assert ended == [NtStatus.DELETE_PENDING]


# What an open may do, and what it shows


class SessionOpens:
    """Has opens."""

    def __init__(self) -> None:
        self.opens: list[Open] = []

    def add(self, entry: Open) -> None:
        self.opens.append(entry)

    def remove(self, entry: Open) -> None:
        self.opens.remove(entry)


def opened(
    *, granted: int = 0, share: int = 0, state: FileState | None = None, session: Any = None
) -> Open:
    nothing: Any = None
    return Open(
        FileId(5, 6),
        file=nothing,
        file_state=state or FileState("key"),
        table=nothing,
        owner=OpenOwner(session, tree=nothing, memory=nothing),
        access=OpenAccess(granted, granted, share),
        mode=OpenMode(0),
        cache=OpenCache(),
    )


def test_rights_that_an_open_needs() -> None:
    entry = opened(granted=READ_DATA | WRITE_DATA)

    entry.require(READ_DATA)
    entry.require(READ_DATA | WRITE_DATA)
    entry.require_any(WRITE_DATA | DELETE)
    for wanted in (READ_DATA | DELETE, DELETE):
        with pytest.raises(StatusError) as refused:
            entry.require(wanted)
        assert refused.value.status == NtStatus.ACCESS_DENIED
    with pytest.raises(StatusError) as refused:
        entry.require_any(DELETE | APPEND_DATA)
    assert refused.value.status == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize(("reserved", "shown"), [(0, 4096), (4096, 4096), (8192, 8192)])
def test_room_that_a_client_reserved_is_shown(reserved: int, shown: int) -> None:
    state = FileState("key", reserved=reserved)
    stat = FileStat("name", is_directory=False, allocation_size=4096)

    assert opened(state=state).stat(stat).allocation_size == shown


def test_requests_are_counted_before_and_after_a_change_of_the_channel() -> None:
    entry = opened()
    sequence = entry.recovery.sequence

    first, second = entry.begin_request(), entry.begin_request()
    assert (sequence.outstanding, sequence.outstanding_before) == (2, 0)
    first(None)
    assert (sequence.outstanding, sequence.outstanding_before) == (1, 0)
    # What `check` does about a request of a new channel.
    sequence.changes += 1
    sequence.outstanding, sequence.outstanding_before = 0, 1
    third = entry.begin_request()
    second(None)
    assert (sequence.outstanding, sequence.outstanding_before) == (1, 0)
    third(None)
    assert (sequence.outstanding, sequence.outstanding_before) == (0, 0)


def test_an_open_leaves_its_session_and_joins_another() -> None:
    session, other, tree = SessionOpens(), SessionOpens(), SimpleNamespace(storage="storage")
    entry: Any = opened(session=session)
    session.add(entry)
    assert entry.state is OpenState.ATTACHED

    entry.detach()
    assert (entry.state, entry.owner.session, session.opens) == (OpenState.DISCONNECTED, None, [])
    entry.attach(other, tree, 9, 3)

    assert (entry.state, entry.owner.session, other.opens) == (OpenState.ATTACHED, other, [entry])
    assert (entry.file_id, entry.storage) == (FileId(5, 9), "storage")
    assert entry.recovery.sequence.number == 3

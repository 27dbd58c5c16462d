"""What the client may cache, whatever a server says and in whatever order. [MS-SMB2] 3.2.5.7.5"""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import requests
from smbquic.client.leases import (
    HANDLE,
    NOTHING,
    READ,
    WRITE,
    CacheLease,
    OpenLease,
    grants_leases,
    with_lease,
)
from smbquic.client.tree_connect import TreeConnect
from smbquic.wire.create import CreateResponse, OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_REQUEST_LEASE,
    LeaseFlags,
    LeaseV1,
    LeaseV2,
    decode_lease,
)
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.oplock_break import LeaseBreakNotification
from tests.unit.client.fakes import opened, tree_with_leases

ALL = READ | HANDLE | WRITE
BOTH = GlobalCapabilities.LEASING | GlobalCapabilities.DIRECTORY_LEASING
OPENING = requests.create("a", requests.READ)


class CountingLease(CacheLease):
    """Counts how often it was purged."""

    purged = 0

    def purge(self) -> None:
        self.purged += 1


def granted(key: bytes, state: int, epoch: int) -> CreateResponse:
    response = opened()
    response.oplock_level = OplockLevel.OPLOCK_LEVEL_LEASE
    response.contexts.append(LeaseV2(key, state, epoch=epoch).context())
    return response


def broken(lease: CacheLease, left: int, epoch: int) -> LeaseBreakNotification:
    return LeaseBreakNotification(
        new_epoch=epoch,
        flags=0,
        lease_key=lease.key,
        current_lease_state=lease.state,
        new_lease_state=left,
    )


def leased(state: int = ALL, epoch: int = 1) -> tuple[CountingLease, TreeConnect]:
    """A lease that was granted this state."""
    lease, tree = CountingLease(ALL), tree_with_leases()
    lease.request(tree, OPENING)
    lease.opened(granted(lease.key, state, epoch))
    lease.purged = 0
    return lease, tree


# --- asking -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "capabilities", "expected"),
    [
        (Dialect.SMB_3_1_1, BOTH, True),
        (Dialect.SMB_3_0, BOTH, True),
        (Dialect.SMB_2_1, BOTH, False),
        (Dialect.SMB_3_1_1, GlobalCapabilities.LEASING, False),
        (None, BOTH, False),
    ],
)
def test_which_servers_are_asked(
    dialect: Dialect | None, capabilities: GlobalCapabilities, expected: bool
) -> None:
    tree = tree_with_leases(dialect, capabilities)
    assert grants_leases(tree, GlobalCapabilities.DIRECTORY_LEASING) is expected
    tree.connection.protocol.server = None
    assert not grants_leases(tree, GlobalCapabilities.DIRECTORY_LEASING)


def test_what_is_asked_for() -> None:
    lease, tree = CacheLease(READ | HANDLE, b"P" * 16), tree_with_leases()
    request = lease.request(tree, OPENING)
    assert request.requested_oplock_level == OplockLevel.OPLOCK_LEVEL_LEASE
    [context] = request.contexts
    asked = LeaseV2(lease.key, READ | HANDLE, LeaseFlags.PARENT_LEASE_KEY_SET, b"P" * 16)
    assert decode_lease(context.data) == asked
    assert OPENING.contexts == []
    assert len(tree.channels.lease_breaks) == 1
    lease.end()
    assert len(tree.channels.lease_breaks) == 0


def test_a_server_without_leases_is_not_asked() -> None:
    lease, tree = CountingLease(ALL), tree_with_leases(capabilities=GlobalCapabilities.LARGE_MTU)
    assert lease.request(tree, OPENING) == OPENING
    lease.opened(opened())
    assert lease.state == NOTHING
    lease.end()


def test_a_lease_that_caches_nothing() -> None:
    lease, tree = OpenLease(READ), tree_with_leases()
    lease.request(tree, OPENING)
    lease.opened(granted(lease.key, READ, 1))
    assert lease.holder is None
    lease.closed(tree)
    assert len(tree.channels.lease_breaks) == 0


# --- what is granted ----------------------------------------------------------------------------


def test_no_more_than_was_asked_for() -> None:
    lease, tree = CountingLease(READ | HANDLE), tree_with_leases()
    lease.request(tree, OPENING)
    lease.opened(granted(lease.key, 0xFFFF, 1))
    assert lease.state == READ | HANDLE


@pytest.mark.parametrize(
    "answer",
    [
        opened(),
        granted(b"another key     ", ALL, 1),
    ],
)
def test_an_answer_that_grants_nothing(answer: CreateResponse) -> None:
    lease, tree = CountingLease(ALL), tree_with_leases()
    lease.request(tree, OPENING)
    lease.opened(answer)
    assert lease.state == NOTHING


@pytest.mark.parametrize("data", [b"", b"short", LeaseV1(b"K" * 16, ALL).encode()])
def test_an_answer_that_is_none(data: bytes) -> None:
    lease, tree = CountingLease(ALL), tree_with_leases()
    lease.request(tree, OPENING)
    answer = opened()
    answer.contexts.append(CreateContext(CREATE_REQUEST_LEASE, data))
    lease.opened(answer)  # not even of the level of a lease
    answer.oplock_level = OplockLevel.OPLOCK_LEVEL_LEASE
    lease.opened(answer)
    answer.contexts.clear()
    lease.opened(answer)
    assert lease.state == NOTHING


def test_an_upgrade() -> None:
    lease, _ = leased(READ, epoch=65535)
    lease.opened(granted(lease.key, ALL, 0))
    assert lease.state == ALL
    assert not lease.purged


def test_something_was_lost_before_an_upgrade() -> None:
    lease, _ = leased(READ)
    lease.opened(granted(lease.key, ALL, 3))
    assert lease.state == ALL
    assert lease.purged


def test_the_same_epoch_grants_nothing_more() -> None:
    lease, _ = leased(READ)
    lease.opened(granted(lease.key, ALL, 1))
    assert lease.state == READ


# --- what is broken -----------------------------------------------------------------------------


async def test_a_break_of_everything() -> None:
    lease, _ = leased()
    lease.reduce(broken(lease, NOTHING, 2))
    assert lease.state == NOTHING
    assert lease.purged
    assert await lease.give_back()


def test_reads_may_still_be_cached() -> None:
    lease, _ = leased()
    lease.reduce(broken(lease, READ | HANDLE, 2))
    assert lease.state == READ | HANDLE
    assert not lease.purged


def test_a_break_that_says_something_was_lost_before() -> None:
    lease, _ = leased()
    lease.reduce(broken(lease, ALL, 3))
    assert lease.state == ALL
    assert lease.purged


def test_a_break_that_overtakes_the_response() -> None:
    lease, tree = CountingLease(ALL), tree_with_leases()
    lease.request(tree, OPENING)
    lease.reduce(broken(lease, READ, 2))
    lease.opened(granted(lease.key, ALL, 1))
    assert lease.state == NOTHING
    lease.opened(granted(lease.key, READ, 3))
    assert lease.state == READ


def test_a_break_from_the_past_takes_away_all_the_same() -> None:
    lease, _ = leased(epoch=9)
    lease.reduce(broken(lease, READ, 8))
    assert lease.state == READ
    lease.opened(granted(lease.key, ALL, 10))
    assert lease.state == ALL


HALF = 1 << 15
"""Epochs are numbers of 16 bits: what is this far ahead is the past."""


@pytest.mark.parametrize(
    ("ahead", "state", "purged"),
    [(0, READ, 0), (1, ALL, 0), (2, ALL, 1), (HALF - 1, ALL, 1), (HALF, READ, 0)],
)
def test_how_far_ahead_a_grant_may_be(ahead: int, state: int, purged: int) -> None:
    lease, _ = leased(READ, epoch=0xFFFF)
    lease.opened(granted(lease.key, ALL, (0xFFFF + ahead) % (1 << 16)))
    assert (lease.state, lease.purged) == (state, purged)


@pytest.mark.parametrize(
    ("ahead", "purged", "then"),
    [(0, 0, ALL), (1, 0, READ), (2, 1, READ), (HALF - 1, 1, READ), (HALF, 1, ALL)],
)
def test_how_far_ahead_a_break_may_be(ahead: int, purged: int, then: int) -> None:
    lease, _ = leased(ALL, epoch=7)
    lease.reduce(broken(lease, READ, 7 + ahead))
    assert (lease.state, lease.purged) == (READ, purged)
    # What the server granted right after the first grant is old news after a later break.
    lease.opened(granted(lease.key, ALL, 8))
    assert lease.state == then


# --- connections --------------------------------------------------------------------------------


def test_a_lost_connection_ends_the_lease() -> None:
    lease, tree = leased()
    cast(Any, tree.connection).closed = True
    assert lease.state == NOTHING


def test_a_break_may_be_lost_with_one_of_several_connections() -> None:
    lease, tree = leased()
    cast(Any, tree.channels).losses = 1
    assert lease.state == NOTHING
    lease.request(tree, OPENING)
    assert lease.purged
    lease.opened(granted(lease.key, READ, 1))
    assert lease.state == READ


def test_another_connection_begins_anew() -> None:
    lease, _ = leased()
    other = tree_with_leases()
    lease.request(other, OPENING)
    assert lease.state == NOTHING
    assert lease.purged
    lease.opened(granted(lease.key, READ, 1))
    assert lease.state == READ
    assert len(other.channels.lease_breaks) == 1


def test_opens_of_one_connection_share_it() -> None:
    lease, tree = leased()
    lease.request(tree, OPENING)
    lease.closed(tree)
    assert lease.state == ALL
    assert not lease.purged


# --- any order ----------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF)), max_size=20
)


@given(STEPS)
def test_whatever_comes_nothing_is_cached_that_was_not_granted(
    steps: list[tuple[bool, int, int]],
) -> None:
    lease, _ = leased(NOTHING)
    allowed = NOTHING
    for is_grant, state, epoch in steps:
        if is_grant:
            lease.opened(granted(lease.key, state, epoch))
            allowed |= state & ALL
        else:
            before = lease.purged, lease.state
            lease.reduce(broken(lease, state, epoch))
            allowed &= state
            assert lease.purged > before[0] or not before[1] & READ or state & READ
        assert lease.state & ~allowed == NOTHING


def test_without_a_lease_of_its_own() -> None:
    request = with_lease(OPENING, b"K" * 16, NOTHING, None)
    [context] = request.contexts
    assert decode_lease(context.data) == LeaseV2(b"K" * 16, NOTHING)

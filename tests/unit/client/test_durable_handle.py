"""Which servers are asked for durable handles, and what is asked. [MS-SMB2] 3.2.4.3.8, 3.2.4.4"""

from dataclasses import replace

import pytest

from smbquic.client import requests
from smbquic.client.durable_handle import DurableHandleKeys, has_durable_handles
from smbquic.client.leases import READ, OpenLease
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    LeaseState,
    LeaseV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from tests.unit.client.fakes import opened, tree_with_leases

LEASING = GlobalCapabilities.LEASING
OTHERS = GlobalCapabilities.LARGE_MTU | GlobalCapabilities.DFS
OPENING = replace(requests.create("a", requests.WRITE), contexts=[CreateContext(b"QFid")])


@pytest.mark.parametrize(
    ("dialect", "capabilities", "expected"),
    [
        (Dialect.SMB_3_1_1, LEASING, True),
        (Dialect.SMB_3_0, LEASING | OTHERS, True),
        (Dialect.SMB_2_1, LEASING, False),
        (Dialect.SMB_3_1_1, OTHERS, False),
        (None, LEASING, False),
    ],
)
def test_who_has_durable_handles(
    dialect: Dialect | None, capabilities: GlobalCapabilities, expected: bool
) -> None:
    tree = tree_with_leases(dialect, capabilities)
    assert has_durable_handles(tree) is expected
    tree.connection.protocol.server = None
    assert not has_durable_handles(tree)


def test_what_is_asked_for() -> None:
    tree, durable = tree_with_leases(capabilities=LEASING), DurableHandleKeys()
    request = durable.request(tree, OPENING)
    assert request.name == "a"
    assert request.requested_oplock_level == OplockLevel.OPLOCK_LEVEL_LEASE
    others, asked, lease = request.contexts
    assert others == OPENING.contexts[0]
    guid = DurableHandleRequestV2.decode(asked.data).create_guid
    state = LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING
    assert LeaseV2.decode(lease.data) == LeaseV2(durable.lease.key, state)

    again = durable.reconnect(tree, OPENING, FileId(1, 2))
    back, lease_again = again.contexts
    assert DurableHandleReconnectV2.decode(back.data) == DurableHandleReconnectV2(
        FileId(1, 2), guid
    )
    assert lease_again == lease
    assert OPENING.contexts == [CreateContext(b"QFid")]


def test_each_open_has_its_own() -> None:
    tree, one, two = (
        tree_with_leases(capabilities=LEASING),
        DurableHandleKeys(),
        DurableHandleKeys(),
    )
    assert one.lease.key != two.lease.key
    assert one.request(tree, OPENING).contexts[1] != two.request(tree, OPENING).contexts[1]


def test_opens_of_one_lease() -> None:
    lease = OpenLease(READ)
    one, two = DurableHandleKeys(lease), DurableHandleKeys(lease)
    assert one.lease is two.lease is lease


def test_what_is_granted() -> None:
    response = opened()
    assert not DurableHandleKeys.is_granted(response)
    response.contexts.append(DurableHandleResponseV2(60_000).context())
    assert DurableHandleKeys.is_granted(response)

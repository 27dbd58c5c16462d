"""OPLOCK_BREAK: a client acknowledges the break of an oplock or lease. [MS-SMB2] 3.3.5.22"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.opens.cache_states import NOTHING, READ, WRITE
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.opens.oplocks import Oplock
from smbquic.server.outcome import Reply
from smbquic.wire.create import OplockLevel
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakResponse,
    OplockBreakAcknowledgment,
    OplockBreakResponse,
)

_LEVELS: dict[int, int] = {
    OplockLevel.OPLOCK_LEVEL_NONE: NOTHING,
    OplockLevel.OPLOCK_LEVEL_II: READ,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE: READ | WRITE,
}


def handle(context: Context, request: Request, *, leases: LeaseTable) -> Reply:
    """End the break, so that the requests that wait for it are tried again."""
    if isinstance(request.body, OplockBreakAcknowledgment):
        return Reply(_oplock(context, request.body))
    return Reply(_lease(context, request.body, leases))


def _oplock(context: Context, body: OplockBreakAcknowledgment) -> OplockBreakResponse:
    """End the break of an oplock; an acknowledgment that makes no sense costs the oplock.

    [MS-SMB2] 3.3.5.22.1
    """
    entry = context.open(body.file_id)
    oplock = entry.cache.grant
    if not isinstance(oplock, Oplock) or not (oplock.breaking or oplock.level_two_broken):
        raise StatusError(NtStatus.INVALID_DEVICE_STATE, "OPLOCK_BREAK")
    if oplock.breaking is None:
        # A break of level II to none needs no acknowledgment, and some clients send one.
        oplock.level_two_broken = False
        raise StatusError(NtStatus.INVALID_OPLOCK_PROTOCOL, "OPLOCK_BREAK")
    kept = _LEVELS.get(body.oplock_level)
    if kept is None or not kept < oplock.caching:
        oplock.acknowledge(NOTHING)
        lease = body.oplock_level == OplockLevel.OPLOCK_LEVEL_LEASE
        raise StatusError(
            NtStatus.INVALID_PARAMETER if lease else NtStatus.INVALID_OPLOCK_PROTOCOL,
            "OPLOCK_BREAK",
        )
    # A client may keep less than it was allowed to, and never more.
    kept &= oplock.breaking.asked
    oplock.acknowledge(kept)
    level = OplockLevel.OPLOCK_LEVEL_II if kept else OplockLevel.OPLOCK_LEVEL_NONE
    return OplockBreakResponse(level, entry.file_id)


def _lease(
    context: Context, body: LeaseBreakAcknowledgment, leases: LeaseTable
) -> LeaseBreakResponse:
    """End the break of a lease. [MS-SMB2] 3.3.5.22.2"""
    client_guid, owner = context.connection.protocol.client_guid, context.session.session.identity
    lease = leases.get(client_guid, body.lease_key, owner)
    if lease is None:
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "OPLOCK_BREAK")
    if lease.breaking is None:
        raise StatusError(NtStatus.UNSUCCESSFUL, "OPLOCK_BREAK")
    if body.lease_state & ~lease.breaking.asked:
        raise StatusError(NtStatus.REQUEST_NOT_ACCEPTED, "OPLOCK_BREAK")
    lease.acknowledge(body.lease_state)
    return LeaseBreakResponse(body.lease_key, body.lease_state)

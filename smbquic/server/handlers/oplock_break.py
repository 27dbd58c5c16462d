"""OPLOCK_BREAK: a client has given up what it was asked to. [MS-SMB2] 3.3.5.22"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.opens.cache_states import NOTHING, READ, WRITE
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.opens.oplocks import Oplock
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


def handle(
    context: Context, request: Request, *, leases: LeaseTable
) -> OplockBreakResponse | LeaseBreakResponse:
    """Takes note, and lets those go on who were waiting for it."""
    if isinstance(request.body, OplockBreakAcknowledgment):
        return _oplock(context, request.body)
    return _lease(context, request.body, leases)


def _oplock(context: Context, body: OplockBreakAcknowledgment) -> OplockBreakResponse:
    """[MS-SMB2] 3.3.5.22.1; what is not understood costs the oplock."""
    entry = context.open(body.file_id)
    oplock = entry.grant
    if not isinstance(oplock, Oplock) or not (oplock.breaking or oplock.unasked):
        raise StatusError(NtStatus.INVALID_DEVICE_STATE, "OPLOCK_BREAK")
    if oplock.breaking is None:
        # Level II was lost without a question.
        oplock.unasked = False
        raise StatusError(NtStatus.INVALID_OPLOCK_PROTOCOL, "OPLOCK_BREAK")
    kept = _LEVELS.get(body.oplock_level)
    if kept is None or not kept < oplock.caching:
        oplock.acknowledge(NOTHING)
        lease = body.oplock_level == OplockLevel.OPLOCK_LEVEL_LEASE
        raise StatusError(
            NtStatus.INVALID_PARAMETER if lease else NtStatus.INVALID_OPLOCK_PROTOCOL,
            "OPLOCK_BREAK",
        )
    # Only READ survives a break, and only if that is what the client was left with.
    kept &= oplock.breaking.asked
    oplock.acknowledge(kept)
    level = OplockLevel.OPLOCK_LEVEL_II if kept else OplockLevel.OPLOCK_LEVEL_NONE
    return OplockBreakResponse(level, entry.file_id)


def _lease(
    context: Context, body: LeaseBreakAcknowledgment, leases: LeaseTable
) -> LeaseBreakResponse:
    """[MS-SMB2] 3.3.5.22.2"""
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

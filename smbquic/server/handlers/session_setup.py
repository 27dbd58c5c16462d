"""SESSION_SETUP: who it is. [MS-SMB2] 3.3.5.5"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from smbquic.errors import AuthenticationError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.outcome import Reply
from smbquic.server.overload.batches import after
from smbquic.server.overload.refusals import ServerRefusal
from smbquic.wire.session_setup import SessionSetupResponse

UNAUTHENTICATED_SESSIONS = 4
"""Logons of a connection that may be under way before the first of them has succeeded."""

_log = logging.getLogger(__name__)

Result = SessionSetupResponse | Reply


def handle(context: Context, request: Request) -> Result | Coroutine[Any, Any, Result]:
    """Takes one step of a logon.

    Whoever fails waits before hearing of it, and the next logon on the same connection waits
    behind that, so that a connection is good for one guess every few seconds.
    """
    if context.connection.logons.locked():
        return _in_turn(context, request)
    try:
        return _step(context, request)
    except StatusError as error:
        if isinstance(error.__cause__, AuthenticationError):
            # Quoted: the client chose a part of it, and may have tried to forge a line of the log.
            _log.warning("%s: no logon: %r", context.connection.name, str(error.__cause__))
            context.connection.trail.record(
                AuditEvent.LOGON_FAILURE, status=error.status.label, message=str(error.__cause__)
            )
            _take_note(context)
            return _after_a_while(context, error)
        raise


def _step(context: Context, request: Request) -> Result | Coroutine[Any, Any, Result]:
    connection, services = context.connection, context.connection.services
    protocol = connection.protocol
    most = services.limits.sessions
    if connection.quota is services.scheduler.unauthenticated:
        most = min(most, UNAUTHENTICATED_SESSIONS)
    if request.session is None and len(protocol.sessions) >= most:
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES)
    known = request.session
    try:
        outcome = protocol.session_setup(request, asyncio.get_running_loop().time())
    except StatusError:
        if known is not None and known.id not in protocol.sessions:
            services.sessions.end(known, keep=False)
        raise
    replaced = None
    if outcome.replaced is not None:
        replaced = services.sessions.end(outcome.replaced)
    if outcome.established:
        connection.logged_on(outcome.session)
    elif outcome.repeated:
        services.sessions[outcome.session.id].renew()
    elif outcome.bound:
        connection.join(services.sessions[outcome.session.id])
    if outcome.status is NtStatus.SUCCESS:
        # The client may open at once what the session that it replaces had open.
        return after(replaced, outcome.response)
    return Reply(outcome.response, outcome.status)


def _take_note(context: Context) -> None:
    """Counts a failed logon; its place is taken until the answer is due, even by who hangs up."""
    connection, services = context.connection, context.connection.services
    services.limiter.refusals.counts[ServerRefusal.FAILED_LOGON] += 1
    delay = services.limits.failed_logon_delay
    connection.failed_until = asyncio.get_running_loop().time() + delay


async def _in_turn(context: Context, request: Request) -> Result:
    async with context.connection.logons:
        pass
    result = handle(context, request)
    return await result if isinstance(result, Coroutine) else result


async def _after_a_while(context: Context, error: StatusError) -> Result:
    async with context.connection.logons:
        await asyncio.sleep(context.limits.failed_logon_delay)
    raise error

"""SESSION_SETUP: a user logs on, one step at a time. [MS-SMB2] 3.3.5.5"""

import asyncio
import logging

from smbquic.errors import AuthenticationError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.overload.refusals import ServerRefusal
from smbquic.protocol.request import Request
from smbquic.server.batches import after
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, Reply

UNAUTHENTICATED_SESSIONS = 4
"""Logons of a connection that may be under way before the first of them has succeeded."""

_log = logging.getLogger(__name__)


def handle(context: Context, request: Request) -> Reply | Pending:
    """Do one step of a logon.

    A failure is answered after a delay, and the next logon on the same connection waits for that
    answer: a connection allows one guess at a password every few seconds.
    """
    if context.connection.logons.locked():
        return Pending(_in_order(context, request))
    try:
        return _step(context, request)
    except StatusError as error:
        if isinstance(error.__cause__, AuthenticationError):
            # Quoted: the client chose a part of it, and may have tried to forge a line of the log.
            _log.warning("%s: no logon: %r", context.connection.name, str(error.__cause__))
            context.connection.trail.record(
                AuditEvent.LOGON_FAILURE, status=error.status.label, message=str(error.__cause__)
            )
            _count_failure(context)
            return Pending(_fail_later(context, error))
        raise


def _step(context: Context, request: Request) -> Reply | Pending:
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
        return after(replaced, Reply(outcome.response))
    return Reply(outcome.response, outcome.status)


def _count_failure(context: Context) -> None:
    """Count a failed logon. Its place stays taken until the reply is due, also after a hang-up."""
    connection, services = context.connection, context.connection.services
    services.limiter.refusals.counts[ServerRefusal.FAILED_LOGON] += 1
    delay = services.limits.failed_logon_delay
    connection.failed_until = asyncio.get_running_loop().time() + delay


async def _in_order(context: Context, request: Request) -> Reply:
    async with context.connection.logons:
        pass
    outcome = handle(context, request)
    return await outcome.work if isinstance(outcome, Pending) else outcome


async def _fail_later(context: Context, error: StatusError) -> Reply:
    async with context.connection.logons:
        await asyncio.sleep(context.limits.failed_logon_delay)
    raise error

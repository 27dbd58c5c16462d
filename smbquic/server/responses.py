"""Makes messages of the outcomes of requests; this is where errors become a status."""

import logging
from time import perf_counter

from smbquic.errors import RemoteProtocolError, StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.outcome import Reply
from smbquic.server.status import status_of
from smbquic.wire.cursor import Buffer

_log = logging.getLogger(__name__)


def respond(context: Context, request: Request, reply: Reply) -> list[Buffer] | None:
    """Return the message with a reply; None while other requests of its compound have none."""
    context.failed = None
    _count(context, request, reply.status)
    message = context.connection.protocol.respond(request, reply.body, reply.status)
    if message is None and request.compound is not None:
        context.held += sum(map(len, request.compound.responses[-1].body))
    return message


def fail(context: Context, request: Request, error: BaseException) -> list[Buffer] | None:
    """Return the message with an error, as `respond`; raises what ends the connection."""
    failure = failure_of(context, request, error)
    context.failed = failure.status
    _count(context, request, failure.status)
    return context.connection.protocol.fail(request, failure.status, failure.data)


def _count(context: Context, request: Request, status: NtStatus) -> None:
    """Count a request that is answered now."""
    services = context.connection.services
    command, seconds = request.header.command, perf_counter() - context.received
    services.requests.add(command, status, seconds)
    spans = services.spans
    if spans is not None and spans.is_wanted(command, seconds):
        name = getattr(command, "name", "unknown command")
        spans.add(name, seconds, {**context.labels(), "smb.status": NtStatus.of(status).label})


def failure_of(context: Context, request: Request, error: BaseException) -> StatusError:
    """Return the status of an error; the only place where an exception becomes one.

    Raises `RemoteProtocolError`, which ends the connection.
    """
    if isinstance(error, StatusError):
        return error
    # The message itself was decoded before any handler saw it: a WireError is about something
    # inside of a body, such as an information class, and costs the client this request only.
    if isinstance(error, OSError | WireError):
        return StatusError(status_of(error))
    if isinstance(error, RemoteProtocolError):
        raise error
    context.connection.services.failures += 1
    command = request.header.command
    _log.error(
        "%s: %s failed unexpectedly",
        context.connection.name,
        getattr(command, "name", command),
        exc_info=error,
    )
    return StatusError(status_of(error))

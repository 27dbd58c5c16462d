"""CREATE: a file or folder is opened or created. [MS-SMB2] 3.3.5.9"""

from collections.abc import Mapping, Sequence

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.protocol.request import Request
from smbquic.server.context import Context, as_retry
from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.handlers.fsctl.reparse_points import stopped
from smbquic.server.notify.notifier import OVERWRITTEN, Notifier
from smbquic.server.opens.create import FileOpener
from smbquic.server.opens.durable_handles import check_contexts
from smbquic.server.opens.file_audit import record_failure
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parameters import parameters_of
from smbquic.server.opens.oplocks import grant_oplock
from smbquic.server.outcome import Reply, RetryAfter
from smbquic.storage import Action, FileStat, NotReady, StoppedOnSymlink
from smbquic.wire.create import CreateFlags, CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.dtyp.filetime import from_unix_ns

_REPARSE_POINT = int(CreateFlags.REPARSEPOINT)


@dataclass(frozen=True, slots=True)
class CreateServices:
    """The services that a CREATE needs; `handlers` are those of all create contexts."""

    opener: FileOpener
    notifier: Notifier
    leases: LeaseTable
    handlers: Sequence[CreateContextHandler]


def handle(context: Context, request: Request, *, services: CreateServices) -> Reply:
    """Open or create the file of the request; a reconnect or replay returns its earlier open."""
    auditor = context.auditor()
    if auditor is None:
        return Reply(_create(context, request, services))
    body: CreateRequest = request.body
    asked = f"{body.desired_access:#010x}"
    with record_failure(auditor, AuditEvent.OPEN, body.name, access=asked):
        response = _create(context, request, services)
    entry = context.session.opens[response.file_id.volatile]
    entry.tracking.auditor = auditor
    auditor.record(
        AuditEvent.OPEN,
        entry.file.name,
        NtStatus.SUCCESS,
        access=asked,
        granted=f"{entry.access.granted:#010x}",
        action=Action(response.create_action).name.lower(),
        folder=entry.is_directory or None,
    )
    return Reply(response)


def _create(context: Context, request: Request, services: CreateServices) -> CreateResponse:
    body: CreateRequest = request.body
    # Related requests are about what this one opens, and fail if it does. [MS-SMB2] 3.3.5.2.7.2
    context.file_id = None
    share, requester = context.tree.share, context.requester()
    assert share is not None
    contexts: Mapping[bytes, bytes] = {each.name: each.data for each in body.contexts}
    if contexts:
        contexts = check_contexts(contexts, requester)
    level = body.requested_oplock_level
    create = Create(request, context.session, context.tree, share, requester, contexts, level)
    handlers = [each for each in services.handlers if not each.names.isdisjoint(contexts)]
    # A durable handle is reconnected before the parameters of the request are checked: those of the
    # earlier CREATE stay in force. [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12
    for handler in handlers:
        handler.find(create)
    if create.found is None:
        create.parameters = parameters_of(body)
        for handler in handlers:
            handler.prepare(create)
            # The replay of a CREATE whose response was lost returns the open that it made then.
            # [MS-SMB2] 3.3.5.9.10
            if create.found is not None:
                break
    if create.found is not None:
        entry, action, create.level = create.found
        context.file_id = entry.file_id
        return _response(create, entry, action, handlers)
    return _open(context, create, services, handlers)


def _open(
    context: Context,
    create: Create,
    services: CreateServices,
    handlers: Sequence[CreateContextHandler],
) -> CreateResponse:
    parameters, notifier = create.parameters, services.notifier
    if context.connection.opens >= context.limits.opens:
        raise StatusError(NtStatus.TOO_MANY_OPENED_FILES, "CREATE", parameters.name)
    try:
        entry, action = services.opener.open(create.session, create.tree, parameters)
    except (RetryAfter, NotReady) as reason:
        wait = as_retry(context, reason)
        for handler in handlers:
            wait.meanwhile = wait.meanwhile or handler.waiting(create)
        raise wait from None
    except StoppedOnSymlink as met:
        raise stopped(met) from met
    context.file_id = entry.file_id
    entry.recovery.sequence.number = create.request.header.channel_sequence
    try:
        context.require_tree()
        if action is Action.CREATED:
            notifier.added(entry.storage, entry.file.name, is_directory=entry.is_directory)
        elif action is not Action.OPENED:
            notifier.modified(entry, OVERWRITTEN)
        if action is not Action.OPENED:
            entry.file_state.reserved = 0
            for handler in handlers:
                handler.created(create, entry)
        create.level = _grant(create, services.leases, entry)
        for handler in handlers:
            handler.opened(create, entry, action)
        # The attributes of a file that was only opened are still those that it was found with.
        found = parameters.found if action is Action.OPENED else None
        return _response(create, entry, action, handlers, found)
    except BaseException:
        # The client gets no FileId to close it with. A file that this CREATE made is deleted, too:
        # a request that fails leaves nothing behind.
        entry.mode.delete_on_close = entry.mode.delete_on_close or action is Action.CREATED
        entry.close()
        raise


def _grant(create: Create, leases: LeaseTable, entry: Open) -> int:
    """Give the open its oplock or lease, as far as it can have one; return the level it got."""
    level = create.level
    if level == OplockLevel.OPLOCK_LEVEL_NONE:
        return level
    if create.lease is None:
        return grant_oplock(entry, level, leases.break_seconds)
    granted = leases.grant(entry, create.lease) is not None
    return OplockLevel.OPLOCK_LEVEL_LEASE if granted else OplockLevel.OPLOCK_LEVEL_NONE


def _response(
    create: Create,
    entry: Open,
    action: Action,
    handlers: Sequence[CreateContextHandler],
    found: FileStat | None = None,
) -> CreateResponse:
    stat = entry.stat(found)
    return CreateResponse(
        oplock_level=create.level,
        flags=0 if stat.link is None else _REPARSE_POINT,
        create_action=action.value,
        creation_time=from_unix_ns(stat.creation_time),
        last_access_time=from_unix_ns(stat.last_access_time),
        last_write_time=from_unix_ns(stat.last_write_time),
        change_time=from_unix_ns(stat.change_time),
        allocation_size=stat.allocation_size,
        end_of_file=stat.size,
        file_attributes=stat.attributes,
        file_id=entry.file_id,
        contexts=[each for handler in handlers for each in handler.respond(create, entry, stat)],
    )

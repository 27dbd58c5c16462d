"""CREATE: a file or folder is opened, made, or both. [MS-SMB2] 3.3.5.9"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import Event
from smbquic.protocol.request import Request
from smbquic.server.context import Context, Wait, wait_until_ready
from smbquic.server.handlers.create_contexts import aapl
from smbquic.server.handlers.fsctl.reparse_points import stopped
from smbquic.server.notify.notifier import OVERWRITTEN
from smbquic.server.opens import durable_handles
from smbquic.server.opens.app_instances import named
from smbquic.server.opens.create import OpenParameters, open_file, parameters_of
from smbquic.server.opens.create_replay import create_guid_of
from smbquic.server.opens.durable_handles import Contexts
from smbquic.server.opens.extended_attributes import decode_eas
from smbquic.server.opens.file_audit import refusals
from smbquic.server.opens.leases import Lease, LeaseRequest, requested
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import grant_oplock, level_of
from smbquic.server.security import security_descriptors
from smbquic.storage import Action, Capability, FileStat, NotReady, StoppedOnSymlink
from smbquic.wire.aapl import AAPL
from smbquic.wire.create import (
    CreateFlags,
    CreateOptions,
    CreateRequest,
    CreateResponse,
    OplockLevel,
)
from smbquic.wire.create_contexts import (
    CREATE_ALLOCATION_SIZE,
    CREATE_EA_BUFFER,
    CREATE_QUERY_MAXIMAL_ACCESS,
    CREATE_QUERY_ON_DISK_ID,
    CREATE_REQUEST_LEASE,
    CREATE_SD_BUFFER,
    CREATE_TIMEWARP_TOKEN,
    AllocationSize,
    CreateContext,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
)
from smbquic.wire.dtyp.filetime import from_unix_ns

_REPARSE_POINT = int(CreateFlags.REPARSEPOINT)
_DURABLE = frozenset({OplockLevel.OPLOCK_LEVEL_BATCH, OplockLevel.OPLOCK_LEVEL_LEASE})


def handle(context: Context, request: Request) -> CreateResponse:
    """Opens what the request names, or finds what was open already."""
    if not context.server.audit.files:
        return _create(context, request)
    body: CreateRequest = request.body
    asked = f"{body.desired_access:#010x}"
    with refusals(context, Event.OPEN, body.name, access=asked) as seen:
        response = _create(context, request)
    entry = context.session.opens[response.file_id.volatile]
    entry.auditor = seen
    if seen is not None:
        seen.record(
            Event.OPEN,
            entry.file.name,
            NtStatus.SUCCESS,
            access=asked,
            granted=f"{entry.granted_access:#010x}",
            action=Action(response.create_action).name.lower(),
            folder=entry.is_directory or None,
        )
    return response


def _create(context: Context, request: Request) -> CreateResponse:
    body: CreateRequest = request.body
    # Whatever comes of it, this is what related requests are about.
    context.file_id = None
    contexts: Contexts = {entry.name: entry.data for entry in body.contexts}
    if contexts:
        contexts = durable_handles.check_contexts(context, contexts)
        former = durable_handles.reconnected(context, request, contexts, body.name)
        if former is not None:
            assert former.grant is not None
            return _again(context, former, Action.OPENED, contexts, former.grant.level)
    parameters = parameters_of(body)
    level, lease = body.requested_oplock_level, None
    if level == OplockLevel.OPLOCK_LEVEL_LEASE:
        lease = requested(context, contexts.get(CREATE_REQUEST_LEASE))
    if lease is not None:
        parameters.grant = context.server.leases.find(lease, context.tree, parameters.full_name)
        parameters.parent_key = lease.parent_key
    application = create_guid = None
    if contexts:
        create_replays, create_guid = context.server.create_replays, create_guid_of(contexts)
        if create_guid is not None:
            former = create_replays.find(context, request, create_guid, lease)
            if former is not None:
                assert former.creation is not None
                level = level_of(former.grant, level)
                return _again(context, former, former.creation.action, contexts, level)
        application = named(context, contexts)
    if CREATE_TIMEWARP_TOKEN in contexts:
        # There are no snapshots.
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", body.name)
    _attach(context, parameters, contexts)
    if application is not None:
        context.server.app_instances.take_over(context, application, parameters.full_name)
    try:
        entry, action = open_file(context, parameters)
    except (Wait, NotReady) as reason:
        wait = reason if isinstance(reason, Wait) else wait_until_ready(context, reason)
        if create_guid is not None:
            wait.meanwhile = create_replays.waiting(context, request, create_guid)
        raise wait from None
    except StoppedOnSymlink as met:
        raise stopped(met) from met
    context.file_id = entry.file_id
    entry.channel_sequence = request.header.channel_sequence
    if action is Action.CREATED:
        storage, name = entry.tree.storage, entry.file.name
        context.server.notifier.added(storage, name, is_directory=entry.is_directory)
    elif action is not Action.OPENED:
        context.server.notifier.modified(entry, OVERWRITTEN)
    try:
        _allocate(entry, action, contexts.get(CREATE_ALLOCATION_SIZE))
        level = _grant(context, entry, level, lease)
        if contexts:
            durable_handles.grant(context, entry, contexts)
            if create_guid is not None:
                create_replays.add(context, entry, create_guid, action)
            if application is not None:
                context.server.app_instances.add(entry, application)
        # Nothing has happened to what was only opened since it was looked at.
        found = parameters.found if action is Action.OPENED else None
        return _response(entry, action, contexts, level, found)
    except BaseException:
        entry.delete_on_close = entry.delete_on_close or action is Action.CREATED
        entry.close()
        raise


def _attach(context: Context, parameters: OpenParameters, contexts: Contexts) -> None:
    """Adds what is to be stored with a new file. [MS-SMB2] 3.3.5.9.1, 3.3.5.9.2"""
    eas = contexts.get(CREATE_EA_BUFFER)
    if eas:
        if parameters.options & CreateOptions.FILE_NO_EA_KNOWLEDGE:
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        if Capability.EXTENDED_ATTRIBUTES not in context.tree.storage.capabilities:
            raise StatusError(NtStatus.EAS_NOT_SUPPORTED, "CREATE", parameters.name)
        parameters.extended_attributes = decode_eas(eas, "CREATE")
    descriptor = contexts.get(CREATE_SD_BUFFER)
    if descriptor:
        parameters.descriptor = security_descriptors.parse(descriptor, "CREATE")


def _allocate(entry: Open, action: Action, data: bytes | None) -> None:
    if action is Action.OPENED or entry.is_directory:
        return
    entry.state.reserved = 0
    if data is not None:
        size = AllocationSize.decode(data).allocation_size
        unit = max(entry.tree.storage.volume().block_size, 1)
        entry.file.allocate(size)
        entry.state.reserved = -(-size // unit) * unit


def _grant(context: Context, entry: Open, level: int, lease: LeaseRequest | None) -> int:
    """Gives the open its oplock or lease, as far as it can have one; the level that it got."""
    if level == OplockLevel.OPLOCK_LEVEL_NONE:
        return level
    server = context.server
    if lease is None:
        return grant_oplock(entry, level, server.limits.break_seconds)
    granted = server.leases.grant(entry, lease) is not None
    return OplockLevel.OPLOCK_LEVEL_LEASE if granted else OplockLevel.OPLOCK_LEVEL_NONE


def _again(
    context: Context, entry: Open, action: Action, contexts: Contexts, level: int
) -> CreateResponse:
    """Tells of what was open already."""
    context.file_id = entry.file_id
    return _response(entry, action, contexts, level)


def _response(
    entry: Open, action: Action, contexts: Contexts, level: int, found: FileStat | None = None
) -> CreateResponse:
    stat = entry.stat(found)
    return CreateResponse(
        oplock_level=level,
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
        contexts=_answers(entry, stat, contexts, level) if contexts else [],
    )


def _answers(entry: Open, stat: FileStat, contexts: Contexts, level: int) -> list[CreateContext]:
    answers = []
    asked = contexts.get(CREATE_QUERY_MAXIMAL_ACCESS)
    if asked is not None:
        known = QueryMaximalAccessRequest.decode(asked).timestamp
        if known is not None and known == from_unix_ns(stat.change_time):
            access = QueryMaximalAccessResponse(NtStatus.NONE_MAPPED, 0)
        else:
            access = QueryMaximalAccessResponse(NtStatus.SUCCESS, entry.maximal_access)
        answers.append(access.context())
    if CREATE_QUERY_ON_DISK_ID in contexts:
        serial = entry.tree.storage.volume().serial
        answers.append(QueryOnDiskIdResponse(stat.file_id, serial).context())
    if AAPL in contexts:
        answers.append(aapl.answer(contexts[AAPL]))
    if isinstance(entry.grant, Lease):
        answers.append(entry.grant.response())
    if entry.durable is not None and level in _DURABLE:
        answers += durable_handles.responses(entry.durable, contexts)
    return answers

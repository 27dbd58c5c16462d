"""TREE_CONNECT: access to a share. [MS-SMB2] 3.3.5.7"""

from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, who
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.outcome import Reply
from smbquic.server.share import PIPE_SHARE, ServedShare
from smbquic.server.shares import ShareTable
from smbquic.server.tree import ServerTree
from smbquic.wire.negotiate import Dialect
from smbquic.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    ShareType,
    TreeConnectRequest,
    TreeConnectResponse,
)


def handle(context: Context, request: Request, *, shares: ShareTable) -> Reply:
    """Find the share, and connect a new tree to it."""
    session = context.session
    identity = session.session.identity
    guest = identity.guest or identity.anonymous
    if (
        context.connection.protocol.dialect == Dialect.SMB_3_1_1
        and not guest
        and not (request.signed or request.encrypted)
    ):
        # The signature is what proves that nobody tampered with the negotiation.
        raise RemoteProtocolError("TREE_CONNECT without signature", NtStatus.ACCESS_DENIED)
    body: TreeConnectRequest = request.body
    trail, named = context.connection.trail, {"path": body.path, **who(identity)}
    try:
        share = _find(shares, body.path)
        encrypted = share is not None and share.encrypt and not context.transport_security
        if encrypted:
            _check_encryption(context, body.path)
        read_only = share is not None and (share.read_only or share.storage.read_only or guest)
        tree = ServerTree(session.next_tree_id(), share, read_only)
        session.connect(tree)
    except StatusError as error:
        trail.record(AuditEvent.SHARE_DENIAL, status=error.status.label, **named)
        raise
    trail.record(AuditEvent.SHARE_ACCESS, read_only=read_only, **named)
    session.session.encrypts_tree |= encrypted
    context.enter(tree)
    request.tree_id = tree.tree_id
    caching = ShareFlags.NO_CACHING if share is None else ShareFlags.MANUAL_CACHING
    return Reply(
        TreeConnectResponse(
            share_type=ShareType.PIPE if share is None else ShareType.DISK,
            share_flags=caching | ShareFlags.ENCRYPT_DATA if encrypted else caching,
            capabilities=ShareCapabilities(0),
            maximal_access=tree.maximal_access,
        )
    )


def _check_encryption(context: Context, path: str) -> None:
    """Raise ACCESS_DENIED for a session that cannot encrypt. [MS-SMB2] 3.3.5.7

    A guest has no key for it, and that of an anonymous session is known to everybody.
    """
    if context.negotiated.cipher is None or context.session.session.is_guest_or_anonymous:
        raise StatusError(NtStatus.ACCESS_DENIED, "TREE_CONNECT", path)


def _find(shares: ShareTable, path: str) -> ServedShare | None:
    r"""Return the share that ``\\server\share`` names, whatever the server; None for IPC$."""
    parts = path.split("\\")
    if len(parts) != 4 or parts[:2] != ["", ""] or not parts[2] or not parts[3]:
        raise StatusError(NtStatus.INVALID_PARAMETER, "TREE_CONNECT", path)
    name = parts[3]
    if name.casefold() == PIPE_SHARE.casefold():
        return None
    share = shares.find(name)
    if share is None:
        raise StatusError(NtStatus.BAD_NETWORK_NAME, "TREE_CONNECT", path)
    shares.reopen(share)
    return share

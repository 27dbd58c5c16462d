"""The sessions of a server, and what they have open."""

from collections.abc import Iterator
from typing import Any

from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.server.opens.leases import Lease
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_state import OpenState
from smbquic.server.security.access import MODIFIES_DATA, READS_DATA
from smbquic.server.server import Server
from smbquic.server.session import UserSession
from smbquic.web.page.paging import Query, Row, table
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess

_TEXT_LIMIT = 1024
_CHANNELS = 32
_RIGHTS = ((READS_DATA, "read"), (MODIFIES_DATA, "write"), (int(AccessMask.DELETE), "delete"))
_SHARED = (
    (int(ShareAccess.FILE_SHARE_READ), "read"),
    (int(ShareAccess.FILE_SHARE_WRITE), "write"),
    (int(ShareAccess.FILE_SHARE_DELETE), "delete"),
)
_CACHED = ((READ, "R"), (WRITE, "W"), (HANDLE, "H"))


async def sessions(server: Server, query: Query) -> dict[str, Any]:
    """Return a page of the sessions, the latest first."""
    entries = list(reversed(server.sessions.values()))
    found = await table(entries, query, _session_text, _session_row)
    return {**found, "total": len(entries)}


async def opens(server: Server, query: Query) -> dict[str, Any]:
    """Return a page of the open files, and how many there are."""
    found = await table(_opens(server), query, _open_text, _open_row)
    return {**found, "total": server.files.budget.used, "files": len(server.files)}


def find_session(server: Server, number: int) -> UserSession | None:
    """Return the session with this id, if there is one."""
    return server.sessions.get(number)


def find_open(server: Server, number: int) -> Open | None:
    """Return the open with this FileId, also one that waits for its owner."""
    for session in server.sessions.values():
        if number in session.opens:
            return session.opens[number]
    return server.files.durables.get(number)


def _opens(server: Server) -> Iterator[Open]:
    # Copies: files are opened and closed while other tasks run.
    for state in server.files.states():
        yield from list(state.opens)


def _user_of(entry: Open) -> str:
    session = entry.owner.session
    if isinstance(session, UserSession):
        return str(session.session.identity)
    durable = entry.recovery.durable
    return "" if durable is None else str(durable.owner)


def _session_text(session: UserSession) -> str:
    addresses = " ".join(each.transport.peer.remote[0] for each in session.channels)
    return f"{session.session.identity} {addresses} {' '.join(_shares(session))}"


def _shares(session: UserSession) -> list[str]:
    trees = list(session.trees.values())
    return sorted({tree.share.name for tree in trees if tree.share is not None})


def _session_row(session: UserSession) -> Row:
    state = session.session
    negotiated = state.negotiated
    peers = [each.transport.peer for each in session.channels[:_CHANNELS]]
    return {
        "id": state.id,
        "user": str(state.identity)[:_TEXT_LIMIT],
        "guest": state.identity.guest,
        "addresses": list(dict.fromkeys(peer.remote[0] for peer in peers)),
        "transports": list(dict.fromkeys(peer.kind for peer in peers)),
        "connections": len(session.channels),
        "dialect": negotiated.dialect.name if negotiated is not None else "",
        "encrypted": state.encrypt_data,
        "signed": state.signing_required,
        "expired": state.expired,
        "shares": _shares(session)[:_CHANNELS],
        "opens": len(session.opens),
        "pipes": len(session.pipes),
    }


def _open_text(entry: Open) -> str:
    share = entry.owner.tree.share
    return f"{share.name if share else ''}\\{entry.file.name} {_user_of(entry)}"


def _open_row(entry: Open) -> Row:
    share, grant = entry.owner.tree.share, entry.cache.grant
    caching = 0 if grant is None else grant.caching
    return {
        "id": entry.file_id.volatile,
        "share": share.name if share else "",
        "path": entry.file.name[:_TEXT_LIMIT],
        "folder": entry.is_directory,
        "user": _user_of(entry)[:_TEXT_LIMIT],
        "access": [name for mask, name in _RIGHTS if entry.access.granted & mask],
        "shared": [name for mask, name in _SHARED if entry.access.share & mask],
        "grant": None if grant is None else "lease" if isinstance(grant, Lease) else "oplock",
        "caching": "".join(letter for bit, letter in _CACHED if caching & bit),
        "breaking": grant is not None and grant.breaking is not None,
        "locks": entry.file_state.locks.count_of(entry),
        "durable": entry.recovery.durable is not None,
        "disconnected": entry.state is OpenState.DISCONNECTED,
        "deleting": entry.mode.delete_on_close or entry.file_state.delete_pending,
    }

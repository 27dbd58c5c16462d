"""A running server: its status, the reload of its certificates, and its end."""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbquic.errors import HandshakeError
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.access import Decision
from smbquic.pki.explain import days_left
from smbquic.pki.reload import ServerCertificates
from smbquic.server.drain import drain
from smbquic.server.overload.memory import memory_limit
from smbquic.server.server import Server
from smbquic.server.session import UserSession
from smbquic.transport.base import Peer
from smbquic.transport.quic import QuicListener

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server. `listeners` are the URLs that it listens on, with their real ports."""

    server: Server
    listeners: list[str]
    certificates: ServerCertificates | None = None
    _quic: list[QuicListener] = field(default_factory=list)

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Let clients finish their requests, and accept no new ones.

        Returns when no client is left, after `seconds`, or once `hurry` is set. Connections that
        are left are closed when serving ends.
        """
        draining = asyncio.create_task(drain(self.server, seconds))
        hurrying = asyncio.create_task(hurry.wait())
        try:
            await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
        finally:
            draining.cancel()
            hurrying.cancel()
        if self.server.connections:
            _log.warning(
                "%d connections are closed before their requests are done; for more time, set"
                " drain_seconds in [limits], or --drain-seconds",
                len(self.server.connections),
            )

    def status(self) -> dict[str, Any]:
        """Return what the server is doing: listeners, certificates, shares and sessions.

        The values are plain, ready for JSON.
        """
        over_quic = {listener.url: listener for listener in self._quic}
        identities = self.certificates.identities if self.certificates is not None else []
        sessions = [_session_status(session) for session in self.server.sessions.values()]
        return {
            "name": self.server.name,
            "pid": os.getpid(),
            "draining": self.server.draining,
            "listeners": [_listener_status(url, over_quic.get(url)) for url in self.listeners],
            "certificates": [
                {
                    "names": list(identity.names),
                    "file": str(identity.files.certificate),
                    "days_left": days_left(identity.credential.certificate),
                }
                for identity in identities
            ],
            "shares": [share.name for share in self.server.shares.values()],
            "connections": len(self.server.connections),
            "opens": sum(each["opens"] for each in sessions),
            "open_files": {
                "used": self.server.files.budget.used,
                "limit": self.server.files.budget.total,
                "limit_of_user": self.server.files.budget.of_user,
            },
            "memory": {
                "limit": self.memory_limit,
                "resident": resident(),
                "waiting": self.server.slow_peers.waiting,
                "of_users": self.server.user_memory.used,
                "limit_of_users": self.server.user_memory.total,
                "limit_of_user": self.server.user_memory.of_user,
            },
            "event_loop": {
                "held": self.server.loop_monitor.held,
                "longest_ms": round(self.server.loop_monitor.longest * 1000, 1),
            },
            "failed_deletions": self.server.files.failed_deletions,
            "refused": {str(why): count for why, count in self.server.refusals.counts.items()},
            "sessions": sessions,
        }

    @property
    def memory_limit(self) -> int:
        """The bytes of memory that the server needs at most, by its limits."""
        return memory_limit(
            self.server.limits,
            quic=len(self._quic),
            tcp=len(self.listeners) - len(self._quic),
            shares=len(self.server.shares),
            opens=self.server.files.budget.total,
        )

    def reload(self, certificates: Sequence[IdentityFiles] | None = None) -> None:
        """Read the files and rules of the certificates again, or replace them by others.

        Open connections go on, unless the new rules refuse their clients. Raises `PkiError` and
        `ValueError` for wrong ones, and keeps the former then.
        """
        if self.certificates is not None:
            self.certificates.reload(certificates)
            self.apply()

    def apply(self) -> None:
        """Use the certificates that were read, and disconnect clients that their rules refuse."""
        if self.certificates is None:
            return
        for listener in self._quic:
            listener.reload(self.certificates.names)
        for connection in list(self.server.connections):
            peer = connection.transport.peer
            if peer.kind != "quic":
                continue
            refusal = _refusal(self.certificates, peer, connection.users())
            if refusal is not None:
                _log.warning("%s: closed by new access rules: %s", connection.name, refusal.reason)
                connection.trail.decided(refusal)
                connection.transport.close("access denied")


def _refusal(certificates: ServerCertificates, peer: Peer, users: Iterable[str]) -> Decision | None:
    """Return why a client, or one of its users, is refused now; None if none is."""
    name, chain = peer.server_name, peer.certificates
    try:
        decisions = [
            certificates.decide(name, chain),
            *(certificates.decide_logon(name, chain, user) for user in users),
        ]
    except HandshakeError as error:
        return Decision(False, str(error))
    return next((each for each in decisions if each is not None and not each.granted), None)


def _listener_status(url: str, over_quic: QuicListener | None) -> dict[str, Any]:
    return {
        "url": url,
        "engine": over_quic and over_quic.engine.engine,
        "engine_reason": over_quic and over_quic.engine.reason,
        "lost_packets": over_quic and over_quic.lost_packets,
    }


def resident() -> int | None:
    """Return the resident memory of this process in bytes; None where the system has no `/proc`."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _session_status(session: UserSession) -> dict[str, Any]:
    identity = session.session.identity
    transport = session.channels[0].transport
    peer, path = transport.peer, transport.statistics()
    trees = (tree.share.name for tree in session.trees.values() if tree.share is not None)
    return {
        "user": identity.user if identity is not None else "",
        "address": peer.remote[0],
        "transport": peer.kind,
        "engine": peer.engine or None,
        "round_trip_ms": path.round_trip and round(path.round_trip * 1000, 3),
        "lost_packets": path.lost_packets,
        "connections": len(session.channels),
        "shares": sorted(set(trees)),
        "opens": len(session.opens),
    }

"""A running server: its status, its shares, users and certificates, which may change, its end."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from smbquic.api.listening import (
    QuicListening,
    certificates_status,
    engines_status,
    listeners_status,
)
from smbquic.api.web import web_status
from smbquic.auth.users import UserStore
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.process_usage import resident
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits, replaceable
from smbquic.overload.memory import memory_limit
from smbquic.pki.acme.renewer import AcmeRenewer
from smbquic.pki.reload import ServerCertificates
from smbquic.server.server import Server
from smbquic.server.session import UserSession
from smbquic.server.share import ServedShare
from smbquic.web.source import WebControls


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server. `listeners` are the URLs that it listens on, with their real ports.

    `web` is the URL of the web listener, empty if there is none. `controls` are what its status
    page can do.
    """

    server: Server
    listeners: list[str]
    _quic: QuicListening | None = None
    web: str = ""
    acme: AcmeRenewer | None = None
    _users: UserStore = field(default_factory=UserStore)
    controls: WebControls = field(default_factory=WebControls)

    @property
    def certificates(self) -> ServerCertificates | None:
        """The certificates of its QUIC listeners."""
        return self._quic.certificates if self._quic is not None else None

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Let clients finish their requests, and accept no new ones.

        Returns when no client is left, after `seconds`, or once `hurry` is set. Connections that
        are left are closed when serving ends.
        """
        if self._quic is not None:
            self._quic.drain()
        await self.server.drain(seconds, hurry)

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """Have the worker processes change to a user permanently, as this process has."""
        if self._quic is not None:
            self._quic.become(uid, gid, groups)

    @property
    def service(self) -> Server:
        """See `WebSource`."""
        return self.server

    def workers(self) -> list[dict[str, Any]]:
        """Return what is known of the worker processes."""
        return self._quic.workers() if self._quic is not None else []

    def unready(self) -> str:
        """Return why no new clients should come now; an empty text if they may."""
        return "it is stopping" if self.server.draining else ""

    def status(self) -> dict[str, Any]:
        """Return what the server is doing: listeners, certificates, shares and sessions.

        The values are plain, ready for JSON.
        """
        sessions = [_session_status(session) for session in self.server.sessions.values()]
        listeners = listeners_status(self.listeners, self._quic)
        return {**self.summary(), "listeners": listeners, "sessions": sessions}

    def summary(self) -> dict[str, Any]:
        """Return the same without what every connection has to be asked for."""
        return {
            "name": self.server.name,
            "pid": os.getpid(),
            "draining": self.server.draining,
            "listeners": engines_status(self.listeners, self._quic),
            "certificates": certificates_status(self.certificates, self.acme),
            "shares": [share.name for share in self.server.shares.values()],
            "connections": len(self.server.connections),
            "opens": sum(len(session.opens) for session in self.server.sessions.values()),
            "open_files": {
                "used": self.server.files.budget.used,
                "limit": self.server.files.budget.total,
                "limit_of_user": self.server.files.budget.of_user,
            },
            "memory": {
                "limit": self.memory_limit,
                "resident": self._quic.resident() if self._quic is not None else resident(),
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
            "workers": self.workers(),
            "web": web_status(self.web, self.controls),
        }

    @property
    def memory_limit(self) -> int:
        """The bytes of memory that the server needs at most, by its limits."""
        quic = len(self._quic.engines()) if self._quic is not None else 0
        return memory_limit(
            self.server.limits,
            quic=quic,
            tcp=len(self.listeners) - quic,
            shares=len(self.server.shares),
            opens=self.server.files.budget.total,
            workers=len(self.workers()),
        )

    def reload(self, certificates: Sequence[IdentityFiles] | None = None) -> None:
        """Read the files and rules of the certificates again, or replace them by others.

        Open connections go on, unless the new rules refuse their clients. Raises `PkiError` and
        `ValueError` for wrong ones, and keeps the former then.
        """
        if self.certificates is not None:
            self.certificates.reload(certificates)
            self.apply()
        if self.acme is not None:
            self.acme.retry()

    def add_share(self, share: ServedShare) -> None:
        """Offer one more share. Raises `ValueError` for a name that is wrong or taken."""
        self.server.shares.add(share)

    def remove_share(self, name: str) -> None:
        """Offer a share no longer. Its clients stay logged on; what they have open there is closed.

        Its storage is closed as well. Raises `KeyError` if there is none of that name.
        """
        self.server.shares.remove(name)

    def replace_users(self, users: UserStore) -> int:
        """Let these users log on, and nobody else; return how many sessions are ended by that.

        Those are the sessions of users who are there no longer. Who has another password now stays
        logged on.
        """
        return self.server.end_sessions({name.casefold() for name in self._users.replace(users)})

    def use_limits(self, limits: Limits) -> None:
        """Use other limits, also for open connections, except for what `FIXED_LIMITS` names."""
        self.server.use_limits(replaceable(limits, self.server.limits))

    def apply(self) -> None:
        """Use the certificates that were read, and disconnect clients that their rules refuse."""
        if self._quic is not None:
            self._quic.apply(self.server.connections)


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
        **path.figures(),
        "connections": len(session.channels),
        "shares": sorted(set(trees)),
        "opens": len(session.opens),
    }

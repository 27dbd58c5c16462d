"""Reloads the certificates of a running server when their files change.

The files are polled with `stat` a few times a second. That finds changes by an editor, by an ACME
client (which moves a symbolic link) and on a network file system, on every platform. New files are
checked before they are used. If one is wrong, the log says so, and the old certificates stay.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from smbquic.errors import HandshakeError, PkiError
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.access import AccessDenied, Decision
from smbquic.pki.explain import days_left, expires_soon
from smbquic.pki.server_certificate import ServerCertificate, check_distinct
from smbquic.pki.subject import now_utc
from smbquic.pki.verification import parse_der
from smbquic.transport.base import Peer
from smbquic.transport.quic.tls import CertificatesByName, ServerTls
from smbquic.transport.server_names import find_by_name

WATCH_INTERVAL = 0.25
"""Seconds between two checks of the files."""
_REMINDER = timedelta(days=1)

_log = logging.getLogger(__name__)
_Signature = tuple[tuple[str, int, int, int], ...]


class ServerCertificates:
    """The server's certificates and access rules by name. Raises `PkiError` and `ValueError`."""

    def __init__(self, files: Sequence[IdentityFiles]) -> None:
        self._files = tuple(files)
        self._seen = _signature(self._files)
        self._take(_load(self._files))
        self._reminded = now_utc()

    def _take(self, identities: list[ServerCertificate]) -> None:
        self.identities = identities
        made = [(identity, _tls(identity)) for identity in identities]
        by_name = {name: tls for identity, tls in made for name in identity.names}
        default = next((tls for identity, tls in made if identity.files.default), None)
        self.names = CertificatesByName(by_name, default)
        self._by_tls = {id(tls): identity for identity, tls in made}
        for identity in identities:
            for issue in identity.issues:
                _log.warning("%s: %s", identity.files.certificate, issue.text)

    def find(self, server_name: str) -> ServerCertificate | None:
        """Return the certificate for a name that a client asked for."""
        tls = self.names.find(server_name)
        return self._by_tls[id(tls)] if tls is not None else None

    def is_name(self, host: str) -> bool:
        """Return whether one of the certificates is for this host."""
        return find_by_name(self.names.by_name, host) is not None

    def decide(self, server_name: str, chain: Sequence[bytes]) -> Decision | None:
        """Decide whether a connected client may stay, by the current rules; None without rules.

        Raises `HandshakeError` for a chain that does not hold any more.
        """
        identity = self.find(server_name)
        if identity is None:
            return _no_certificate(server_name)
        if identity.access is None:
            return None
        try:
            return identity.access.authorize(chain)
        except AccessDenied as denied:
            return denied.decision

    def ends(self, server_name: str, chain: Sequence[bytes]) -> datetime | None:
        """Return when the client's certificate expires; None where none is needed."""
        identity = self.find(server_name)
        if identity is None or identity.access is None or not chain:
            return None
        return parse_der(chain[0]).not_valid_after_utc

    def decide_logon(self, server_name: str, chain: Sequence[bytes], user: str) -> Decision | None:
        """Decide whether a connected client may log on as `user`; None where anybody may.

        Raises `HandshakeError` for a chain that does not hold any more.
        """
        identity = self.find(server_name)
        if identity is None:
            return _no_certificate(server_name)
        if identity.access is None or identity.logons is None:
            return None
        return identity.logons.decide(identity.access.path(chain), user)

    def refusal(self, peer: Peer, users: Iterable[str] = ()) -> Decision | None:
        """Return why a connected client, or one of its users, is refused now; None if none is."""
        name, chain = peer.server_name, peer.certificates
        try:
            decisions = [
                self.decide(name, chain),
                *(self.decide_logon(name, chain, user) for user in users),
            ]
        except HandshakeError as error:
            return Decision(False, str(error))
        return next((each for each in decisions if each is not None and not each.granted), None)

    def users(self, server_name: str, chain: Sequence[bytes]) -> list[str] | None:
        """Return the users that a client may log on as; None for all.

        Raises `HandshakeError`.
        """
        identity = self.find(server_name)
        if identity is None or identity.access is None or identity.logons is None:
            return None
        return identity.logons.names(identity.access.path(chain))

    def allows_pipes(self, server_name: str) -> bool | None:
        """Return whether clients of that name may open named pipes; None if no rule says so."""
        identity = self.find(server_name)
        return identity.files.pipes if identity is not None else None

    def reload(self, files: Sequence[IdentityFiles] | None = None) -> None:
        """Read the files anew, or other ones; `PkiError` or `ValueError` if they cannot be used.

        That includes a certificate that clients would refuse. The old certificates stay then.
        """
        files = self._files if files is None else tuple(files)
        seen = _signature(files)
        identities = _load(files)
        for identity in identities:
            identity.check()
        self._files, self._seen = files, seen
        self._take(identities)

    async def watch(
        self, on_change: Callable[[], object], *, interval: float = WATCH_INTERVAL
    ) -> None:
        """Reload whenever the files have changed, and call `on_change` then; until cancelled."""
        last = refused = self._seen
        while True:
            await asyncio.sleep(interval)
            self._remind()
            now = _signature(self._files)
            # A file that is still being written is not read until two polls find it the same.
            if now == last and now not in (self._seen, refused):
                try:
                    self.reload()
                except (PkiError, HandshakeError, ValueError) as error:
                    refused = now
                    _log.error("the new certificate files are not used: %s", error)
                else:
                    _log.info("the certificate files have changed, and were read anew")
                    on_change()
            last = now

    def _remind(self) -> None:
        """Log once a day which certificates expire soon."""
        now = now_utc()
        if now - self._reminded < _REMINDER:
            return
        self._reminded = now
        for identity in self.identities:
            certificate = identity.credential.certificate
            if expires_soon(certificate, now):
                left = days_left(certificate, now)
                _log.warning("%s expires in %d days", identity.files.certificate, left)


def _no_certificate(server_name: str) -> Decision:
    return Decision(False, f"there is no certificate for the name {server_name!r} any more")


def _load(files: Sequence[IdentityFiles]) -> list[ServerCertificate]:
    identities = [ServerCertificate.load(each) for each in files]
    check_distinct(identities)
    return identities


def _tls(identity: ServerCertificate) -> ServerTls:
    access = identity.access
    return ServerTls(
        identity.credential.certificate_pem,
        identity.credential.key_pem,
        verify=access.authorize if access is not None else None,
    )


def _signature(files: Sequence[IdentityFiles]) -> _Signature:
    """Return what changes when a file does; a file that is missing has one, too."""
    return tuple(_stat(path) for each in files for path in each.watched)


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino

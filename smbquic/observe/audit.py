"""Audit records: who connected, logged on and used what, one line of JSON for each event.

`docs/reference/audit.md` lists the events and their fields. What a peer sends is escaped, so that
no name can begin a new line or control a terminal. No field is a secret.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from smbquic.auth.identity import Identity
from smbquic.errors import HandshakeError
from smbquic.observe import log_context
from smbquic.observe.aggregation import Aggregation
from smbquic.observe.event_counts import EventCounts
from smbquic.observe.log_context import LogContext
from smbquic.observe.recent_records import RecentRecords
from smbquic.options.audit import KEEP, MAX_BYTES, AuditOptions
from smbquic.pki.access import AccessDenied, Decision
from smbquic.transport.base import ClientHello, Peer

_MODE = 0o600
# O_NONBLOCK: opening a named pipe that nobody reads must not block the server.
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_APPEND |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_TEXT_LIMIT = 1024
_CHAIN_LIMIT = 16
_REPEATED = 4
"""Records from before a logon that are written once more after it."""

_log = logging.getLogger(__name__)


class AuditEvent(StrEnum):
    """The kinds of events that are recorded."""

    CONNECTION = "connection"
    BACKEND = "backend"
    DISCONNECTION = "disconnection"
    REFUSAL = "refusal"
    HANDSHAKE_FAILURE = "handshake-failure"
    ACCESS_DECISION = "access-decision"
    LOGON = "logon"
    LOGON_FAILURE = "logon-failure"
    SHARE_ACCESS = "share-access"
    SHARE_DENIAL = "share-denial"
    OPEN = "open"
    RENAME = "rename"
    LINK = "link"
    DELETE = "delete"
    WORKER = "worker"
    CERTIFICATE = "certificate"
    ADMINISTRATION = "administration"


class Sink(Protocol):
    """A destination for lines."""

    def write(self, line: str) -> None:
        """Write one line, which ends in a line feed. Raises `OSError`."""


class RotatingFile:
    """Lines in a file that only its owner can read: `path`, and `path`.1 to `path`.`keep` before.

    A new file is begun when this one would become larger than `max_bytes`, unless that is 0, and by
    `reopen`, after another program has moved this one away.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._open()

    def write(self, line: str) -> None:
        """See `Sink`."""
        data = line.encode()
        if self._max_bytes and self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        self._size += os.write(self._descriptor, data)

    def reopen(self) -> None:
        """Go on in the file that has the name now, made where there is none. Raises `OSError`."""
        before = self._descriptor
        self._open()
        os.close(before)

    def own(self, uid: int, gid: int) -> None:
        """Give the file to another user. Raises `OSError`."""
        os.fchown(self._descriptor, uid, gid)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _open(self) -> None:
        self._descriptor, self._size = _open_private(self._path)

    def _rotate(self) -> None:
        os.close(self._descriptor)
        try:
            for number in range(self._keep - 1, 0, -1):
                older = self._numbered(number)
                if older.exists():
                    older.replace(self._numbered(number + 1))
            # Another program may have moved it away already.
            with contextlib.suppress(FileNotFoundError):
                if self._keep:
                    self._path.replace(self._numbered(1))
                else:
                    self._path.unlink()
        finally:
            self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _open_private(path: Path) -> tuple[int, int]:
    """Open a file to append to it: its descriptor and its size. Raises `OSError`.

    Anybody who may write in its folder could have put something else in its place: a symbolic or
    hard link to another file, a device or a pipe. None of them is written to.
    """
    try:
        descriptor = os.open(path, _APPEND, _MODE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link", str(path)) from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(
                errno.EINVAL, "it is no regular file, or has another hard link", str(path)
            )
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found.st_size


class StandardOutputSink:
    """A sink that writes lines to standard output, as for journald."""

    def write(self, line: str) -> None:
        """See `Sink`."""
        sys.stdout.write(line)
        sys.stdout.flush()


def open_sink(options: AuditOptions) -> Sink:
    """Open the sink that the options name. Raises `OSError`."""
    if options.file is None:
        return StandardOutputSink()
    return RotatingFile(options.file, options.max_bytes, options.keep)


class AuditLog:
    """The audit log, which makes records and writes them to `sink`, and adds them to `recent`.

    Without both it makes none. `decide` returns which access rule accepted a connection's client.
    With `files`, every open, rename and deletion is recorded as well. A record that cannot be
    written is counted in `lost`, and the log says so once; what it is about goes on. `counts` are
    those of all events, recorded or not.

    Records about unauthenticated clients go to `unauthenticated`, by default the same sink, and
    are bounded by `Aggregation`.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        unauthenticated: Sink | None = None,
        decide: Callable[[Peer], Decision | None] | None = None,
        files: bool = False,
        recent: RecentRecords | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.decide = decide
        self.files = files and sink is not None
        self.lost = 0
        self.recent = recent
        self.counts = EventCounts()
        self._sink = sink
        self._unauthenticated_sink = unauthenticated or sink
        self.aggregation = Aggregation(self._write_unauthenticated)
        self._clock = clock
        self._ids = itertools.count(1)

    def begin(self, peer: Peer) -> "Trail":
        """Record a new connection, and what was decided about its client."""
        number, address = next(self._ids), _address(peer.remote)
        log_context.enter(LogContext(number, address, peer.trace_id))
        _log.info("connection %d is from %s over %s", number, address, peer.kind)
        if not self._makes_records:
            self.counts.add(AuditEvent.CONNECTION, {"transport": peer.kind})
            return Trail(self, {"connection": number})
        common: dict[str, Any] = {
            "connection": number,
            "transport": peer.kind,
            "address": address,
        }
        trail = Trail(self, common)
        details: dict[str, Any] = {"local": _address(peer.local)}
        if peer.kind == "quic":
            details |= {"server_name": peer.server_name, "cipher": peer.cipher}
            details["trace_id"] = peer.trace_id or None
            if peer.certificates:
                details["chain"] = _fingerprints(peer.certificates)
                common["client_certificate"] = details["chain"][0]
        trail.record(AuditEvent.CONNECTION, **details)
        if self.decide is not None and peer.certificates:
            try:
                decision = self.decide(peer)
            except HandshakeError as error:
                decision = Decision(False, str(error))
            if decision is not None:
                trail.decided(decision)
        return trail

    def handshake_failed(self, address: str, error: Exception, client: ClientHello) -> None:
        """Record a handshake that failed, and what its client had sent until then."""
        if self._makes_records:
            for event, fields in handshake_failure(address, error, client):
                self.record_unauthenticated(event, **fields)
        else:
            self.counts.add(AuditEvent.HANDSHAKE_FAILURE, {"reason": _reason(error)})

    @property
    def _makes_records(self) -> bool:
        return self._sink is not None or self.recent is not None

    @property
    def separates(self) -> bool:
        """Whether unauthenticated clients have a sink of their own."""
        return self._unauthenticated_sink is not self._sink

    def record(self, event: AuditEvent, **fields: Any) -> None:
        """Write one record; fields that are None are left out."""
        self.counts.add(event, fields)
        if self._makes_records:
            self.aggregation.write_due()
            record = self._made(event, fields)
            if self.recent is not None:
                self.recent.add(record, authenticated=True)
            self._write(self._sink, record)

    def record_unauthenticated(self, event: AuditEvent, **fields: Any) -> dict[str, Any]:
        """Write or count one record about an unauthenticated client, and return it."""
        self.counts.add(event, fields)
        if not self._makes_records:
            return {}
        record = self._made(event, fields)
        self.aggregation.add(record)
        return record

    def repeat(self, records: Iterable[dict[str, Any]]) -> None:
        """Write earlier records of a client that has logged on to the sink of users."""
        if self._sink is not None and self.separates:
            for record in records:
                self._write(self._sink, record)

    def _made(self, event: AuditEvent, fields: dict[str, Any]) -> dict[str, Any]:
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        record = {"time": time.replace("+00:00", "Z"), "event": str(event)}
        return record | {
            name: _bounded(value) for name, value in fields.items() if value is not None
        }

    def _write_unauthenticated(self, record: dict[str, Any]) -> None:
        if self.recent is not None:
            self.recent.add(record, authenticated=False)
        self._write(self._unauthenticated_sink, record)

    def _write(self, sink: Sink | None, record: dict[str, Any]) -> None:
        """Write a record as a line, if there is a sink."""
        if sink is None:
            return
        # JSON escapes the control characters and all that is not ASCII, but for DEL.
        line = json.dumps(record).replace("\x7f", "\\u007f") + "\n"
        try:
            sink.write(line)
        except OSError as error:
            if not self.lost:
                _log.error("audit records are lost: %s", error)
            self.lost += 1


class Trail:
    """The records of one connection, all of which have its id, address and certificate.

    Until a user has logged on they are those of an unauthenticated client. Then the first of them
    are repeated among those of users.
    """

    def __init__(self, log: AuditLog, common: dict[str, Any]) -> None:
        self._log = log
        self._common = common
        self._authenticated = False
        self._before: list[dict[str, Any]] = []

    @property
    def connection(self) -> int:
        """The number of the connection, in its records and in the log."""
        number: int = self._common["connection"]
        return number

    @property
    def files(self) -> bool:
        """Whether what is done to files is recorded, too."""
        return self._log.files

    def record(self, event: AuditEvent, **fields: Any) -> None:
        """Write one record about this connection."""
        if event is AuditEvent.LOGON and not self._authenticated:
            self._authenticated = True
            self._log.repeat(self._before)
            self._before = []
        if self._authenticated:
            self._log.record(event, **self._common, **fields)
            return
        record = self._log.record_unauthenticated(event, **self._common, **fields)
        if len(self._before) < _REPEATED:
            self._before.append(record)

    def decided(self, decision: Decision, user: str | None = None) -> None:
        """Record what was decided about the client, or about its logon as `user`."""
        self.record(AuditEvent.ACCESS_DECISION, **_decision(decision), user=user)


def handshake_failure(
    address: str, error: Exception, client: ClientHello
) -> list[tuple[AuditEvent, dict[str, Any]]]:
    """Return the events, with their fields, for a handshake that failed."""
    common: dict[str, Any] = {"transport": "quic", "address": address}
    if client.server_name:
        common["server_name"] = client.server_name
    if client.certificates:
        common["chain"] = _fingerprints(client.certificates)
        common["client_certificate"] = common["chain"][0]
    failure = common | {"reason": _reason(error), "message": str(error)[:_TEXT_LIMIT]}
    denied = error.__cause__
    if not isinstance(denied, AccessDenied):
        return [(AuditEvent.HANDSHAKE_FAILURE, failure)]
    return [
        (AuditEvent.ACCESS_DECISION, common | _decision(denied.decision)),
        (AuditEvent.HANDSHAKE_FAILURE, failure),
    ]


def _reason(error: Exception) -> str:
    """Return the word for why a handshake has failed."""
    return error.reason if isinstance(error, HandshakeError) else "no-handshake"


def who(identity: Identity) -> dict[str, Any]:
    """Return the fields that name a user."""
    return {
        "user": identity.user,
        "domain": identity.domain or None,
        "guest": identity.guest or None,
    }


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _fingerprints(chain: Sequence[bytes]) -> list[str]:
    """Return the fingerprints of a chain, which may have any length."""
    return [hashlib.sha256(der).hexdigest() for der in chain[:_CHAIN_LIMIT]]


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "granted": decision.granted,
        "rule": decision.rule,
        "matched_certificate": decision.certificate,
        "message": decision.reason,
    }


def _bounded(value: Any) -> Any:
    """Shorten text: a peer must not fill the disk with one record."""
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value

"""What the messages of one connection show to the gateway, which sends them on unchanged.

It reads headers, logons and the names of shares, to decide when a client has logged on, to count
and to audit. Encrypted and compressed messages show nothing but their size. Nothing here can fail
on what a peer sends: before its logon, a client that sends what is no logon is `Refused`; after it,
what cannot be read is counted, and is the other end's to judge.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Final, TypeVar

from smbquic.errors import WireError
from smbquic.gateway.logon import LogonUser, user_of
from smbquic.gateway.refusals import GatewayRefusal, Refused
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.wire.cursor import HEADER_SIZE
from smbquic.wire.header import PROTOCOL_ID, Command, Header
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.negotiate_contexts import TransportCapabilities, TransportCapability
from smbquic.wire.session_setup import SessionFlags, SessionSetupRequest, SessionSetupResponse
from smbquic.wire.transform import TRANSFORM_PROTOCOL_ID
from smbquic.wire.tree_connect import TreeConnectRequest

MOST_PENDING: Final = 128
"""Logons and share names that are kept until they are answered; then the oldest is forgotten."""
MOST_SESSIONS: Final = 64
"""Sessions whose users are kept for the records about shares."""
LONGEST_PATH: Final = 1024
"""Characters that are kept of the path of a share."""
MOST_REQUESTS: Final = 1024
"""Requests of one compound that are read."""

MOST_STATUSES: Final = 64
"""Statuses that are counted apart."""

_OTHER = "other"
_BEFORE_LOGON = frozenset(
    {Command.NEGOTIATE, Command.SESSION_SETUP, Command.LOGOFF, Command.ECHO, Command.CANCEL}
)
"""What a client may send before it has logged on. Also what is plain with an encrypted session.

[MS-SMB2] 3.2.4.1.8: a client encrypts all else. A SESSION_SETUP is of a further session, or binds
this connection to one; an ECHO or a CANCEL need be of no session.
"""
_SUCCESS = NtStatus.SUCCESS
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class LogonSucceeded:
    """A SESSION_SETUP was answered with success. `who` is None where the logon shows no name."""

    who: LogonUser | None
    guest: bool


@dataclass(frozen=True, slots=True)
class LogonFailed:
    """A SESSION_SETUP was refused."""

    who: LogonUser | None
    status: int


@dataclass(frozen=True, slots=True)
class ShareAnswered:
    """A TREE_CONNECT was answered; `status` is 0 if the client may use the share."""

    path: str
    who: LogonUser | None
    status: int


Event = LogonSucceeded | LogonFailed | ShareAnswered


def first_negotiate(message: memoryview) -> NegotiateRequest:
    """Return the NEGOTIATE that a connection has to begin with. Raises `Refused`."""
    try:
        header = Header.decode(message)
        if header.command == Command.NEGOTIATE and not header.is_response:
            request = NegotiateRequest.decode(message)
            if header.next_command == 0 and request.dialects:
                return request
    except WireError as error:
        raise Refused(GatewayRefusal.NOT_NEGOTIATE) from error
    raise Refused(GatewayRefusal.NOT_NEGOTIATE)


class TrafficCounts:
    """How many requests of each command, and failures of each status, have been read."""

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def count_request(self, command: int) -> None:
        """Count a request."""
        self.commands[command.name if isinstance(command, Command) else _OTHER] += 1

    def count_failure(self, name: str) -> None:
        """Count a response with an error."""
        # A back end may send any number; those that are counted apart are bounded.
        full = len(self.failures) >= MOST_STATUSES and name not in self.failures
        self.failures[_OTHER if full else name] += 1


class ConnectionTraffic:
    """The messages of one connection so far.

    `received` and `sent` count bytes from and to the client, `requests` its requests that could be
    read, `hidden` messages that are encrypted or compressed, `failed` responses with an error, and
    `malformed` messages that could not be read; `counts` are those of all connections. `logged_on`
    says that a logon has succeeded. With `require_encryption` a client may send only its logon
    without SMB encryption.
    """

    def __init__(self, counts: TrafficCounts, *, require_encryption: bool = False) -> None:
        self._counts = counts
        self.received = self.sent = 0
        self.requests = self.hidden = self.failed = self.malformed = 0
        self.logged_on = False
        self._require_encryption = require_encryption
        self._users: OrderedDict[int, LogonUser] = OrderedDict()
        self._logons: OrderedDict[int, LogonUser | None] = OrderedDict()
        self._shares: OrderedDict[int, tuple[str, int]] = OrderedDict()

    def request(self, message: memoryview) -> None:
        """Read a message of the client. Raises `Refused`."""
        self.received += len(message)
        protocol = bytes(message[:4])
        if protocol != PROTOCOL_ID:
            self._unreadable(protocol)
            return
        try:
            for header, request in _chain(message):
                self._check(header.command)
                self.requests += 1
                self._counts.count_request(header.command)
                self._read_request(header, request)
        except WireError as error:
            self._malformed(error)

    def _unreadable(self, protocol: bytes) -> None:
        """Judge a message without a plain header. Raises `Refused`."""
        self.hidden += 1
        if not self.logged_on:
            raise Refused(GatewayRefusal.BEFORE_LOGON)
        if self._require_encryption and protocol != TRANSFORM_PROTOCOL_ID:
            raise Refused(GatewayRefusal.NOT_ENCRYPTED)

    def _check(self, command: int) -> None:
        if command in _BEFORE_LOGON:
            return
        if not self.logged_on:
            raise Refused(GatewayRefusal.BEFORE_LOGON)
        if self._require_encryption:
            raise Refused(GatewayRefusal.NOT_ENCRYPTED)

    def _malformed(self, error: WireError) -> None:
        self.malformed += 1
        if not self.logged_on:
            raise Refused(GatewayRefusal.MALFORMED, str(error)) from error
        if self._require_encryption:
            raise Refused(GatewayRefusal.NOT_ENCRYPTED, str(error)) from error

    def _read_request(self, header: Header, request: memoryview) -> None:
        if header.command == Command.SESSION_SETUP:
            who = user_of(SessionSetupRequest.decode(request).security_buffer)
            # The name may come one message before the last of the logon.
            if who is not None and header.session_id:
                _remember(self._users, header.session_id, who, MOST_SESSIONS)
            _remember(self._logons, header.message_id, who, MOST_PENDING)
        elif header.command == Command.TREE_CONNECT:
            path = TreeConnectRequest.decode(request).path[:LONGEST_PATH]
            _remember(self._shares, header.message_id, (path, header.session_id), MOST_PENDING)

    def response(self, message: memoryview) -> list[Event]:
        """Read a message of the back end; return what happened. Raises `Refused`."""
        self.sent += len(message)
        events: list[Event] = []
        if bytes(message[:4]) != PROTOCOL_ID:
            self.hidden += 1
            if not self.logged_on:
                raise Refused(GatewayRefusal.MALFORMED_ANSWER)
            return events
        try:
            for header, response in _chain(message):
                event = self._read_response(header, response)
                if event is not None:
                    events.append(event)
        except WireError as error:
            self.malformed += 1
            if not self.logged_on:
                raise Refused(GatewayRefusal.MALFORMED_ANSWER, str(error)) from error
        return events

    def _read_response(self, header: Header, response: memoryview) -> Event | None:
        status = NtStatus.of(header.status)
        if not header.is_response or status == NtStatus.PENDING:
            return None
        if status.is_error and status != NtStatus.MORE_PROCESSING_REQUIRED:
            self.failed += 1
            self._counts.count_failure(status.label)
        if header.command == Command.SESSION_SETUP:
            return self._logon_answered(header, response)
        if header.command == Command.TREE_CONNECT:
            path, session = self._shares.pop(header.message_id, ("", header.session_id))
            return ShareAnswered(path, self._users.get(session), status)
        if header.command == Command.LOGOFF and status == _SUCCESS:
            self._users.pop(header.session_id, None)
        elif header.command == Command.NEGOTIATE and status == _SUCCESS:
            self._check_negotiated(response)
        return None

    def _check_negotiated(self, response: memoryview) -> None:
        """Refuse a client that is about to do without SMB encryption, as the back end agrees."""
        if not self._require_encryption:
            return
        accepts = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY
        for context in NegotiateResponse.decode(response).contexts:
            if isinstance(context, TransportCapabilities) and context.flags & accepts:
                raise Refused(GatewayRefusal.NOT_ENCRYPTED)

    def _logon_answered(self, header: Header, response: memoryview) -> Event | None:
        if header.status == NtStatus.MORE_PROCESSING_REQUIRED:
            self._logons.pop(header.message_id, None)
            return None
        # A response to no request of the client's is none: only a back end could send that.
        if header.message_id not in self._logons:
            raise WireError("a SESSION_SETUP response that answers no request")
        who = self._logons.pop(header.message_id) or self._users.get(header.session_id)
        if header.status != _SUCCESS:
            self._users.pop(header.session_id, None)
            return LogonFailed(who, header.status)
        flags = SessionSetupResponse.decode(response).session_flags
        if who is not None:
            _remember(self._users, header.session_id, who, MOST_SESSIONS)
        self.logged_on = True
        return LogonSucceeded(who, bool(flags & (SessionFlags.IS_GUEST | SessionFlags.IS_NULL)))


def _chain(message: memoryview) -> Iterator[tuple[Header, memoryview]]:
    """Yield the header and the bytes of each part of a compound. Raises `WireError`."""
    rest = message
    for _ in range(MOST_REQUESTS):
        header = Header.decode(rest)
        following = header.next_command
        if not following:
            yield header, rest
            return
        if following < HEADER_SIZE or following % 8 or following >= len(rest):
            raise WireError(f"SMB2 header: NextCommand is {following}")
        yield header, rest[:following]
        rest = rest[following:]
    raise WireError(f"a compound of more than {MOST_REQUESTS} parts")


def _remember(table: OrderedDict[int, V], key: int, value: V, most: int) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)

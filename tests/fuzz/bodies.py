"""Requests of all commands, with fields that mean something now and then."""

from collections.abc import Callable
from itertools import chain

from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, CreateRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.extended_attributes import (
    encode_get_eas,
)
from smbquic.wire.fscc.file_information import RenameInformation
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, NegotiateRequest, SecurityMode
from smbquic.wire.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
    UnknownContext,
)
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    OplockBreakAcknowledgment,
)
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_connect import TreeConnectFlags, TreeConnectRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.fuzz.payloads import CONTROLS, KEYS, SHARES, Payloads

_PATTERNS = ("*", "*", "?", "a*", "<.>", 'd"', "", "*.*", "no*ne")
_FILE_CLASSES = (4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
_ALL = int(AccessMask.MAXIMUM_ALLOWED)
_ACCESSES = (_ALL, _ALL, 1 << 31, 1 << 28, 1 << 16, 0x80, 3)
_OPTIONS = (0, 0, 0x40, 1, 0x1000, 0x1041, 0x200000, 0x2000)
_WELL_KNOWN = tuple(int(CreateOptions(1 << bit)) for bit in range(24))


class Bodies(Payloads):
    """Makes bodies as a source decides."""

    def any(self) -> Message:
        """A request of any command, those that get somewhere more often."""
        return self.source.pick(_MAKERS)(self)

    def of_every_command(self) -> list[Message]:
        """One of each."""
        return [make(self) for make in dict.fromkeys(_MAKERS)]

    # --- connection, session, tree -----------------------------------------------------------

    def negotiate(self) -> Message:
        """NEGOTIATE, of any dialects, with any contexts."""
        source = self.source
        dialects = [int(source.pick(tuple(Dialect))) for _ in range(source.below(6))]
        contexts: list[NegotiateContext] = []
        for _ in range(source.below(7)):
            some = [source.below(6) for _ in range(source.below(5))]
            known: tuple[NegotiateContext, ...] = (
                PreauthIntegrityCapabilities(some, source.short(32)),
                EncryptionCapabilities(some),
                CompressionCapabilities(some),
                NetnameNegotiateContextId(self.name()),
                TransportCapabilities(TransportCapability(source.below(4))),
                SigningCapabilities(some),
                UnknownContext(source.edge(2), source.short()),
            )
            contexts.append(source.pick(known))
        return NegotiateRequest(
            security_mode=SecurityMode(source.below(4)),
            capabilities=GlobalCapabilities(source.below(256)),
            client_guid=source.pick(KEYS),
            dialects=dialects,
            contexts=contexts,
        )

    def session_setup(self) -> Message:
        """SESSION_SETUP, with a token that nobody made."""
        source = self.source
        return SessionSetupRequest(
            SessionSetupFlags(source.pick((0, 0, 1, source.below(256)))),
            SecurityMode(source.below(4)),
            GlobalCapabilities(source.below(16)),
            source.below(4),
            source.pick((0, 0, *self.known.sessions[-2:], source.edge(8))),
            source.pick((b"", b"NTLMSSP\0\1\0\0\0", b"\x60", b"")) + source.short(),
        )

    def logoff(self) -> Message:
        """LOGOFF."""
        return LogoffRequest()

    def tree_connect(self) -> Message:
        """TREE_CONNECT, to what is there and what is not."""
        source = self.source
        path = rf"\\{source.pick(('fs', '127.0.0.1', ''))}\{source.pick(SHARES)}"
        if source.seldom():
            path = self.name()
        return TreeConnectRequest(
            path, flags=TreeConnectFlags(source.pick((0, 0, source.below(8))))
        )

    def tree_disconnect(self) -> Message:
        """TREE_DISCONNECT."""
        return TreeDisconnectRequest()

    def echo(self) -> Message:
        """ECHO."""
        return EchoRequest()

    def cancel(self) -> Message:
        """CANCEL, under a message id of its own."""
        return CancelRequest()

    # --- files ------------------------------------------------------------------------------

    def opening(self, name: str) -> Message:
        """CREATE of something that clients need, for all that they may do with it."""
        oplock = self.source.pick((0, 0, 1, 8, 9))
        return CreateRequest(oplock, 2, _ALL, 0, 7, 3, 0, name)

    def create(self) -> Message:
        """CREATE, in any way."""
        source = self.source
        plain = source.often()
        return CreateRequest(
            source.pick((0, 1, 8, 9, 0xFF)),
            2 if plain else source.below(6),
            source.pick(_ACCESSES) if plain else source.edge(4),
            source.pick((0, 0x80, 0x20, 1, 2, 0x10)) if plain else source.edge(4),
            7 if plain else source.below(9),
            source.pick((3, 3, 1, 2, 0, 4, 5)) if plain else source.below(8),
            source.pick(_OPTIONS if plain else _WELL_KNOWN),
            self.name(),
            [self.context() for _ in range(source.pick((0, 0, 1, 1, 2, 3)))],
        )

    def close(self) -> Message:
        """CLOSE."""
        return CloseRequest(self.file_id(), flags=self.source.below(3))

    def flush(self) -> Message:
        """FLUSH."""
        return FlushRequest(self.file_id())

    def read(self) -> Message:
        """READ."""
        offset, _ = self.span()
        source = self.source
        return ReadRequest(
            self.size(),
            offset,
            self.file_id(),
            minimum_count=self.size(),
            flags=source.below(3),
            channel=source.below(3),
        )

    def write(self) -> Message:
        """WRITE, RPC now and then."""
        source = self.source
        offset, _ = self.span()
        data = self.rpc() if source.below(3) == 0 else source.short(200)
        offset = offset if source.seldom() else source.number(2)
        return WriteRequest(
            offset, self.file_id(), data, flags=source.below(4), channel=source.below(3)
        )

    def lock(self) -> Message:
        """LOCK."""
        source = self.source
        locks = [
            LockElement(*self.span(), source.pick((1, 2, 4, 0x11, 0x12, source.below(32))))
            for _ in range(source.below(4))
        ]
        return LockRequest(source.edge(4), self.file_id(), locks)

    def ioctl(self) -> Message:
        """IOCTL, with what belongs to its code."""
        source = self.source
        code = source.pick(tuple(CONTROLS)) if source.often() else source.pick(tuple(Fsctl))
        data = self.control(code)
        unbound = code in (Fsctl.VALIDATE_NEGOTIATE_INFO, Fsctl.QUERY_NETWORK_INTERFACE_INFO)
        file_id = FileId.RELATED if unbound and source.often() else self.file_id()
        flags = 0 if source.seldom() else 1
        return IoctlRequest(int(code), file_id, 0, self.size(), flags, data)

    def query_directory(self) -> Message:
        """QUERY_DIRECTORY."""
        source = self.source
        kind = source.pick((1, 2, 3, 12, 37, 38, 60, 78, 79, 80, 81, source.below(256)))
        pattern = source.pick(_PATTERNS) if source.often() else self.name()
        flags = source.pick((0, 1, 2, 4, 0x10, source.below(256)))
        return QueryDirectoryRequest(
            kind, self.file_id(), pattern, self.size(), flags=flags, file_index=source.edge(4)
        )

    def change_notify(self) -> Message:
        """CHANGE_NOTIFY."""
        source = self.source
        what = source.pick((0xFFF, 1, source.edge(4)))
        return ChangeNotifyRequest(source.below(4), self.size(), self.file_id(), what)

    def query_info(self) -> Message:
        """QUERY_INFO."""
        source = self.source
        kind = source.pick((1, 1, 2, 3, 4, source.below(8)))
        of_file = (*_FILE_CLASSES, 25, 26, 28, 33, 34, 35, 48, 59, 64, 71, 72, 76, source.below(90))
        information_class = source.pick(of_file) if kind == 1 else source.below(14)
        names = encode_get_eas([b"a", b"B"][: source.below(3)])
        return QueryInfoRequest(
            kind,
            information_class,
            self.size(),
            self.file_id(),
            additional_information=source.pick((7, 0xF, 1, source.edge(4))),
            flags=source.pick((0, 0, 1, 2, 4, 7)),
            input_buffer=source.pick((b"", b"", names, source.short())),
        )

    def set_info(self) -> Message:
        """SET_INFO."""
        source = self.source
        kind = source.pick((1, 1, 1, 3, 2, 4, source.below(8)))
        information_class = source.pick((4, 10, 11, 13, 14, 15, 16, 19, 20, 39, 40, 64, 65))
        if source.seldom():
            information_class = source.below(90)
        if kind == 3:
            data = self.descriptor()
        elif information_class in (10, 11):
            data = RenameInformation(self.name(), bool(source.below(2))).encode()
        elif information_class == 15:
            data = self.attributes()
        else:
            data = b"".join(source.edge(8).to_bytes(8, "little") for _ in range(5))
            data = data[: source.pick((1, 4, 8, 40, 40))]
        return SetInfoRequest(
            kind,
            information_class,
            self.file_id(),
            data,
            additional_information=source.pick((7, 4, 1, source.edge(4))),
        )

    def oplock_break(self) -> Message:
        """An acknowledgment of an oplock or a lease, asked for or not."""
        source = self.source
        if self.known.breaks and source.often():
            asked = self.known.breaks.pop()
            if isinstance(asked, LeaseBreakNotification):
                return LeaseBreakAcknowledgment(asked.lease_key, asked.new_lease_state)
            return OplockBreakAcknowledgment(asked.oplock_level, asked.file_id)
        if source.below(2):
            return LeaseBreakAcknowledgment(source.pick(KEYS), source.below(8))
        return OplockBreakAcknowledgment(source.pick((0, 1, 8, 9, 0xFF)), self.file_id())


_Make = Callable[[Bodies], Message]

_RARE: tuple[_Make, ...] = (
    Bodies.negotiate,
    Bodies.session_setup,
    Bodies.logoff,
    Bodies.tree_disconnect,
    Bodies.cancel,
    Bodies.echo,
)
_USUAL: tuple[_Make, ...] = (
    Bodies.tree_connect,
    Bodies.close,
    Bodies.flush,
    Bodies.read,
    Bodies.lock,
    Bodies.query_directory,
    Bodies.change_notify,
    Bodies.query_info,
    Bodies.oplock_break,
)
_FREQUENT: tuple[_Make, ...] = (Bodies.create, Bodies.write, Bodies.ioctl, Bodies.set_info)
_MAKERS: tuple[_Make, ...] = tuple(chain(_RARE, _USUAL * 2, _FREQUENT * 4))

"""Payloads of requests: names, create contexts, descriptors, controls, remote calls."""

from collections.abc import Callable
from dataclasses import dataclass, field

from smbquic.wire.aapl import AaplServerQueryRequest
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_EA_BUFFER,
    CREATE_QUERY_ON_DISK_ID,
    CREATE_SD_BUFFER,
    AllocationSize,
    AppInstanceId,
    AppInstanceVersion,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    LeaseV1,
    LeaseV2,
    QueryMaximalAccessRequest,
    TimewarpToken,
)
from smbquic.wire.dtyp.acl import Ace, Acl, OtherAce
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.sid import AUTHENTICATED_USERS, EVERYONE, Sid
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.extended_attributes import FullEaInformation, encode_full_eas
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import (
    DuplicateExtentsData,
    FileLevelTrim,
    FileRange,
    PipeWaitRequest,
)
from smbquic.wire.fscc.reparse import SymbolicLinkReparseData
from smbquic.wire.ioctl import ValidateNegotiateInfoRequest
from smbquic.wire.ioctl_payloads import SrvCopychunk, SrvCopychunkCopy
from smbquic.wire.negotiate import NegotiateRequest
from smbquic.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification
from smbquic.wire.rpc.pdu import AlterContext, Bind, PresentationContext, RpcRequest
from smbquic.wire.rpc.srvsvc import (
    SRVSVC,
    NetrServerGetInfoRequest,
    NetrShareEnumRequest,
    NetrShareGetInfoRequest,
    SrvsvcOpnum,
)
from smbquic.wire.rpc.syntax import NDR
from smbquic.wire.rpc.wkssvc import WKSSVC
from tests.fuzz.source import Source

NAMES = (
    *("known", "dir", "a", "b", r"dir\c") * 6,
    *("", "known", "KNOWN", "a", "b", "dir", r"dir\c", r"dir\d", r"dir\d\e", r"a\b"),
    *("link", r"link\canary", "link2", "..", r"..\canary", r"dir\..\..\canary", r"\a", "a."),
    *("a:s", "a:s:$DATA", "a::$DATA", ":s", "dir:s", "dir::$INDEX_ALLOCATION", "CON", "NUL.txt"),
    *("a*", "?", "*", "a\0b", "srvsvc", "wkssvc", "\ud800", "\u0130", "x" * 255, "x" * 300),
)
SHARES = ("data", "data", "readonly", "IPC$", "nowhere", "", "DATA", "..")
KEYS = (bytes(16), b"k" * 16, b"l" * 16)
"""Of leases, applications and durable opens."""
_SIZES = (0, 1, 4, 8, 24, 64, 100, 256, 1024, 4096, 65536, 65537, 1 << 20, 0xFFFFFFFF)


@dataclass
class Known:
    """The ids that a client has got from the server, for use in its requests."""

    files: list[FileId] = field(default_factory=list)
    trees: list[int] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    breaks: list[OplockBreakNotification | LeaseBreakNotification] = field(default_factory=list)
    asked: NegotiateRequest | None = None


class Payloads:
    """Makes parts of requests as a source decides."""

    def __init__(self, source: Source, known: Known) -> None:
        self.source = source
        self.known = known

    def file_id(self) -> FileId:
        """Most often one that is open."""
        files, source = self.known.files, self.source
        if files and source.often():
            return source.pick(files[-8:])
        return source.pick(
            (FileId.RELATED, FileId.RELATED, FileId(source.edge(8), source.edge(8)), FileId(1, 1))
        )

    def name(self) -> str:
        """Of a file, a folder, a stream, or of nothing that can be."""
        source = self.source
        if not source.seldom():
            return source.pick(NAMES)
        return source.short(40).decode("utf-16-le", "replace")

    def size(self) -> int:
        return self.source.pick(_SIZES)

    def span(self) -> tuple[int, int]:
        source = self.source
        return source.edge(8), source.edge(8) if source.seldom() else source.number(2)

    def context(self) -> CreateContext:
        source = self.source
        key = source.pick(KEYS)
        kind = source.below(18)
        if kind == 0:
            return QueryMaximalAccessRequest(source.edge(8)).context()
        if kind == 1:
            return AllocationSize(source.edge(8)).context()
        if kind == 2:
            return TimewarpToken(source.edge(8)).context()
        if kind in (3, 4):
            return LeaseV1(key, source.below(8), source.below(8)).context()
        if kind in (5, 6):
            flags = source.below(8)
            return LeaseV2(key, source.below(8), flags, source.pick(KEYS), 1).context()
        if kind == 7:
            return DurableHandleRequest().context()
        if kind == 8:
            return DurableHandleReconnect(self.file_id()).context()
        if kind == 9:
            return DurableHandleRequestV2(source.edge(4), source.below(4), key).context()
        if kind == 10:
            return DurableHandleReconnectV2(self.file_id(), key, source.below(4)).context()
        if kind == 11:
            return AppInstanceId(key).context()
        if kind == 12:
            return AppInstanceVersion(source.edge(8), source.edge(8)).context()
        if kind == 13:
            return CreateContext(CREATE_EA_BUFFER, self.attributes())
        if kind == 14:
            return CreateContext(CREATE_SD_BUFFER, self.descriptor())
        if kind == 15:
            return AaplServerQueryRequest(source.below(16), source.below(16)).context()
        if kind == 16:
            return CreateContext(CREATE_QUERY_ON_DISK_ID, source.short(40))
        return CreateContext(source.filled(4), source.short())

    def attributes(self) -> bytes:
        source = self.source
        attributes = [
            FullEaInformation(
                source.pick((b"a", b"B", b"", b"x y", source.short(20).replace(b"\0", b"."))),
                source.short(40),
                source.pick((0, 0, 0x80, 1)),
            )
            for _ in range(source.below(4))
        ]
        return encode_full_eas(attributes)

    def descriptor(self) -> bytes:
        source = self.source

        def sid() -> Sid:
            own = Sid(5, (21, source.edge(4), source.edge(4), source.edge(4), source.edge(4)))
            return source.pick((EVERYONE, AUTHENTICATED_USERS, Sid(5, (18,)), Sid(1, ()), own))

        aces: list[Ace | OtherAce] = [
            Ace(source.below(20), source.below(256), source.edge(4), sid(), source.short(8))
            for _ in range(source.below(4))
        ]
        dacl = Acl(aces, source.pick((2, 4))) if source.often() else None
        owner, group = (sid() if source.often() else None for _ in range(2))
        descriptor = SecurityDescriptor(owner, group, dacl, None, source.edge(2))
        return descriptor.encode()

    def rpc(self) -> bytes:
        source = self.source
        kind = source.below(8)
        syntax = source.pick((SRVSVC, WKSSVC, NDR))
        if kind < 2:
            contexts = [
                PresentationContext(source.below(4), syntax, [NDR] * source.below(3))
                for _ in range(source.below(3) + 1)
            ]
            return (Bind, AlterContext)[kind](source.below(4), contexts).encode()
        if kind == 2:
            return source.short()
        stub = source.pick(
            (
                NetrShareEnumRequest(
                    source.pick((0, 1, 2, 501, 502, 503, 9)), "x", 100, 0
                ).encode(),
                NetrShareGetInfoRequest(
                    source.pick(SHARES), source.pick((0, 1, 502, 1005, 7))
                ).encode(),
                NetrServerGetInfoRequest(source.pick((100, 101, 102, 103))).encode(),
            )
        )
        opnum = source.pick((*SrvsvcOpnum, source.below(64)))
        flags = source.pick((3, 3, 3, 1, 2, 0, 0x83))
        stub = stub if source.often() else source.short()
        return RpcRequest(source.below(4), int(opnum), stub, source.below(3), flags=flags).encode()

    # --- controls ---------------------------------------------------------------------------

    def control(self, code: int) -> bytes:
        """The input of an IOCTL."""
        make = CONTROLS.get(code)
        return make(self) if make else self.source.short()

    def _chunks(self) -> bytes:
        source = self.source
        key = self.file_id().encode() + b"smbquic "
        chunks = [
            SrvCopychunk(source.number(2), source.edge(8), source.number(2))
            for _ in range(source.below(4))
        ]
        return SrvCopychunkCopy(key, chunks).encode()

    def _validate(self) -> bytes:
        asked = self.known.asked
        if asked is None or self.source.seldom():
            return self.source.short()
        return ValidateNegotiateInfoRequest(
            asked.capabilities, asked.client_guid, asked.security_mode, asked.dialects
        ).encode()

    def _extents(self) -> bytes:
        source = self.source
        return DuplicateExtentsData(
            self.file_id(), source.edge(8), source.edge(8), source.edge(8)
        ).encode()

    def _ranges(self) -> bytes:
        return FileRange(*self.span()).encode()

    def _trim(self) -> bytes:
        ranges = [FileRange(*self.span()) for _ in range(self.source.below(4))]
        return FileLevelTrim(self.source.edge(4), ranges).encode()

    def _reparse(self) -> bytes:
        name = self.source.pick((self.name(), "../../canary", r"\??\C:\x"))
        return SymbolicLinkReparseData(name, name, self.source.below(2)).encode()

    def _wait(self) -> bytes:
        return PipeWaitRequest(self.source.edge(4), bool(self.source.below(2)), "srvsvc").encode()

    def _little(self) -> bytes:
        return self.source.short(4)


CONTROLS: dict[int, Callable[[Payloads], bytes]] = {
    Fsctl.SRV_COPYCHUNK: Payloads._chunks,
    Fsctl.SRV_COPYCHUNK_WRITE: Payloads._chunks,
    Fsctl.VALIDATE_NEGOTIATE_INFO: Payloads._validate,
    Fsctl.DUPLICATE_EXTENTS_TO_FILE: Payloads._extents,
    Fsctl.QUERY_ALLOCATED_RANGES: Payloads._ranges,
    Fsctl.SET_ZERO_DATA: Payloads._ranges,
    Fsctl.FILE_LEVEL_TRIM: Payloads._trim,
    Fsctl.SET_REPARSE_POINT: Payloads._reparse,
    Fsctl.DELETE_REPARSE_POINT: Payloads._reparse,
    Fsctl.PIPE_WAIT: Payloads._wait,
    Fsctl.PIPE_TRANSCEIVE: Payloads.rpc,
    Fsctl.SET_SPARSE: Payloads._little,
    Fsctl.SET_COMPRESSION: Payloads._little,
}

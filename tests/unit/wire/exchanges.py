"""A request and its response for every command, with values that a dissector shows."""

from smbquic.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_QUERY_ON_DISK_ID,
    AllocationSize,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    LeaseV2,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
)
from smbquic.wire.dtyp.acl import Ace, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, BUILTIN_USERS, EVERYONE
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    AlignmentInformation,
    AllInformation,
    BasicInformation,
    EaInformation,
    FileInformationClass,
    InternalInformation,
    ModeInformation,
    NameInformation,
    PositionInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.filesystem_information import (
    FileSystemInformationClass,
    FsAttributeInformation,
    FsFullSizeInformation,
    FsVolumeInformation,
)
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.notify_information import NotifyInformation, encode_notifications
from smbquic.wire.fscc.stream_information import StreamInformation, encode_streams
from smbquic.wire.ioctl import (
    IoctlRequest,
    IoctlResponse,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbquic.wire.ioctl_payloads import SrvCopychunk, SrvCopychunkCopy, SrvCopychunkResponse
from smbquic.wire.lock import LockElement, LockRequest, LockResponse
from smbquic.wire.logoff import LogoffRequest, LogoffResponse
from smbquic.wire.message import Message
from smbquic.wire.negotiate import (
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    CompressionCapabilities,
    CompressionCapabilityFlags,
    EncryptionCapabilities,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
)
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment, LeaseBreakResponse
from smbquic.wire.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from smbquic.wire.query_info import InfoType, QueryInfoRequest, QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse
from smbquic.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)
from smbquic.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbquic.wire.write import WriteRequest, WriteResponse

GUID = bytes(range(16))
FILE_ID = FileId(0x11, 0x22)
TIME = 132708949736346900
PREAUTH = PreauthIntegrityCapabilities([1], bytes(32))
TRANSPORT = TransportCapabilities(TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY)
ENTRY = DirectoryEntry("naïve.text", 0, TIME, TIME, TIME, TIME, 98, 4096, 0x20, 0, 0, "", 0x99)
ALL = AllInformation(
    BasicInformation(TIME, TIME, TIME, TIME, 0x20),
    StandardInformation(4096, 98, 1, False, False),
    InternalInformation(7),
    EaInformation(0),
    AccessInformation(0x1F01FF),
    PositionInformation(0),
    ModeInformation(0),
    AlignmentInformation(0),
    NameInformation("\\naïve.text"),
)
DESCRIPTOR = SecurityDescriptor(
    BUILTIN_ADMINISTRATORS, BUILTIN_USERS, Acl([Ace(0, 3, 0x1F01FF, EVERYONE)])
)


def query(info_type: int, information_class: int, additional: int = 0) -> QueryInfoRequest:
    return QueryInfoRequest(
        info_type, information_class, 4096, FILE_ID, additional_information=additional
    )


def file_query(information_class: int, answer: bytes) -> tuple[Message, Message]:
    return query(InfoType.FILE, information_class), QueryInfoResponse(answer)


def volume_query(information_class: int, answer: bytes) -> tuple[Message, Message]:
    return query(InfoType.FILESYSTEM, information_class), QueryInfoResponse(answer)


def listing(information_class: int) -> tuple[Message, Message]:
    entries = encode_chain([encode_entry(information_class, ENTRY)] * 2, 8)
    return (
        QueryDirectoryRequest(information_class, FILE_ID, "*", 65536),
        QueryDirectoryResponse(entries),
    )


EXCHANGES: list[tuple[Message, Message]] = [
    (
        NegotiateRequest(
            SecurityMode.SIGNING_ENABLED,
            GlobalCapabilities(0x7F),
            GUID,
            [0x0202, 0x0210, 0x0300, 0x0302, 0x0311],
            [
                PREAUTH,
                EncryptionCapabilities([2, 1, 4, 3]),
                CompressionCapabilities([4, 2], CompressionCapabilityFlags.CHAINED),
                NetnameNegotiateContextId("fs.example"),
                TRANSPORT,
                SigningCapabilities([2, 1, 0]),
            ],
        ),
        NegotiateResponse(
            SecurityMode(3),
            0x0311,
            GUID,
            GlobalCapabilities(0x2F),
            8 << 20,
            8 << 20,
            8 << 20,
            TIME,
            TIME,
            b"",
            [PREAUTH, EncryptionCapabilities([2]), TRANSPORT, SigningCapabilities([2])],
        ),
    ),
    (
        SessionSetupRequest(SessionSetupFlags(0), SecurityMode(1), GlobalCapabilities(1)),
        SessionSetupResponse(SessionFlags(0)),
    ),
    (
        TreeConnectRequest(r"\\fs.example\data"),
        TreeConnectResponse(1, ShareFlags.NO_CACHING, ShareCapabilities(0), 0x1F01FF),
    ),
    (
        CreateRequest(
            0xFF,
            2,
            0x12019F,
            0x80,
            7,
            1,
            0x40,
            "naïve.text",
            [
                QueryMaximalAccessRequest().context(),
                CreateContext(CREATE_QUERY_ON_DISK_ID),
                AllocationSize(4096).context(),
                LeaseV2(GUID, 7).context(),
                DurableHandleRequestV2(60000, 0, GUID).context(),
            ],
        ),
        CreateResponse(
            0xFF,
            0,
            1,
            TIME,
            TIME,
            TIME,
            TIME,
            4096,
            98,
            0x20,
            FILE_ID,
            [
                QueryMaximalAccessResponse(0, 0x1F01FF).context(),
                QueryOnDiskIdResponse(7, 9).context(),
                LeaseV2(GUID, 7, epoch=1).context(),
                DurableHandleResponseV2(60000).context(),
            ],
        ),
    ),
    (ReadRequest(98, 0, FILE_ID), ReadResponse(b"x" * 98)),
    (WriteRequest(98, FILE_ID, b"y" * 200), WriteResponse(200)),
    (FlushRequest(FILE_ID), FlushResponse()),
    (LockRequest(0x21, FILE_ID, [LockElement(0, 10, 0x12)]), LockResponse()),
    listing(FileInformationClass.FileDirectoryInformation),
    listing(FileInformationClass.FileFullDirectoryInformation),
    listing(FileInformationClass.FileBothDirectoryInformation),
    listing(FileInformationClass.FileNamesInformation),
    listing(FileInformationClass.FileIdBothDirectoryInformation),
    listing(FileInformationClass.FileIdFullDirectoryInformation),
    file_query(FileInformationClass.FileAllInformation, ALL.encode()),
    file_query(
        FileInformationClass.FileStreamInformation,
        encode_streams([StreamInformation("::$DATA", 98, 4096)]),
    ),
    volume_query(
        FileSystemInformationClass.FileFsVolumeInformation,
        FsVolumeInformation(TIME, 0xDEADBEEF, "label").encode(),
    ),
    volume_query(
        FileSystemInformationClass.FileFsAttributeInformation,
        FsAttributeInformation(0x40006, 255, "NTFS").encode(),
    ),
    volume_query(
        FileSystemInformationClass.FileFsFullSizeInformation,
        FsFullSizeInformation(1000, 500, 600, 8, 512).encode(),
    ),
    (query(InfoType.SECURITY, 0, 7), QueryInfoResponse(DESCRIPTOR.encode())),
    (
        SetInfoRequest(
            InfoType.FILE,
            FileInformationClass.FileRenameInformation,
            FILE_ID,
            RenameInformation("new name", True).encode(),
        ),
        SetInfoResponse(),
    ),
    (
        IoctlRequest(
            Fsctl.VALIDATE_NEGOTIATE_INFO,
            FileId.RELATED,
            max_output_response=24,
            input=ValidateNegotiateInfoRequest(
                GlobalCapabilities(0x7F), GUID, SecurityMode(1), [0x0300, 0x0302]
            ).encode(),
        ),
        IoctlResponse(
            Fsctl.VALIDATE_NEGOTIATE_INFO,
            FileId.RELATED,
            output=ValidateNegotiateInfoResponse(
                GlobalCapabilities(0x2F), GUID, SecurityMode(3), 0x0302
            ).encode(),
        ),
    ),
    (
        IoctlRequest(
            Fsctl.SRV_COPYCHUNK,
            FILE_ID,
            max_output_response=12,
            input=SrvCopychunkCopy(bytes(24), [SrvCopychunk(0, 0, 98)]).encode(),
        ),
        IoctlResponse(Fsctl.SRV_COPYCHUNK, FILE_ID, output=SrvCopychunkResponse(1, 0, 98).encode()),
    ),
    (
        ChangeNotifyRequest(1, 4096, FILE_ID, 0x17),
        ChangeNotifyResponse(
            encode_notifications([NotifyInformation(1, "added"), NotifyInformation(2, "gone")])
        ),
    ),
    (LeaseBreakAcknowledgment(GUID, 1), LeaseBreakResponse(GUID, 1)),
    (CloseRequest(FILE_ID, flags=1), CloseResponse(1, TIME, TIME, TIME, TIME, 4096, 98, 0x20)),
    (EchoRequest(), EchoResponse()),
    (TreeDisconnectRequest(), TreeDisconnectResponse()),
    (LogoffRequest(), LogoffResponse()),
]

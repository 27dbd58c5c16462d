"""NTSTATUS: the 32-bit results that SMB servers answer with, and what each one means.

The codes are those that SMB2 servers and clients really exchange. A value that is not listed
still becomes an `NtStatus` (a pseudo-member), so that nothing breaks on what a peer sends.
"""

from enum import IntEnum
from typing import Self

_SEVERITY_SHIFT = 30
_SEVERITY_WARNING = 2
_SEVERITY_ERROR = 3


class NtStatus(IntEnum):
    """An NTSTATUS, named as in the specification without its STATUS_ prefix.

    [MS-ERREF] 2.3.1. `meaning` is one short English sentence, `label` the specification's name.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make the member for `value`, explained by `meaning`."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Severity success and information.
    SUCCESS = 0x00000000, "the operation succeeded"
    PENDING = 0x00000103, "the operation goes on; its result will follow"
    NOTIFY_CLEANUP = 0x0000010B, "the watched folder was closed"
    NOTIFY_ENUM_DIR = 0x0000010C, "more changed than fits into the answer; list the folder again"

    # Severity warning.
    BUFFER_OVERFLOW = 0x80000005, "only a part of the data fits into the buffer"
    NO_MORE_FILES = 0x80000006, "there are no more matching files"
    DEVICE_OFF_LINE = 0x80000010, "the device is offline"
    NO_MORE_EAS = 0x80000012, "there are no more extended attributes"
    INVALID_EA_NAME = 0x80000013, "the name of an extended attribute is not allowed"
    EA_LIST_INCONSISTENT = 0x80000014, "the list of extended attributes is malformed"
    INVALID_EA_FLAG = 0x80000015, "an extended attribute carries a flag that is not allowed"
    NO_MORE_ENTRIES = 0x8000001A, "there are no more entries"
    STOPPED_ON_SYMLINK = 0x8000002D, "a symbolic link lies on the path"

    # Severity error.
    UNSUCCESSFUL = 0xC0000001, "the operation failed"
    NOT_IMPLEMENTED = 0xC0000002, "the operation is not implemented"
    INVALID_INFO_CLASS = 0xC0000003, "the information class is not valid here"
    INFO_LENGTH_MISMATCH = 0xC0000004, "the buffer does not have the length that its kind needs"
    INVALID_HANDLE = 0xC0000008, "the handle is not valid"
    INVALID_PARAMETER = 0xC000000D, "a parameter is not valid"
    NO_SUCH_DEVICE = 0xC000000E, "the device does not exist"
    NO_SUCH_FILE = 0xC000000F, "no such file"
    INVALID_DEVICE_REQUEST = 0xC0000010, "this kind of object does not take that request"
    END_OF_FILE = 0xC0000011, "the end of the file has been reached"
    WRONG_VOLUME = 0xC0000012, "the wrong volume is in the drive"
    NO_MEDIA_IN_DEVICE = 0xC0000013, "there is no medium in the drive"
    MORE_PROCESSING_REQUIRED = 0xC0000016, "the exchange needs another step"
    NO_MEMORY = 0xC0000017, "there is not enough memory"
    INVALID_VIEW_SIZE = 0xC000001F, "the range to read or write is not valid"
    ACCESS_DENIED = 0xC0000022, "access is denied"
    BUFFER_TOO_SMALL = 0xC0000023, "the buffer is too small for even one entry"
    OBJECT_TYPE_MISMATCH = 0xC0000024, "the object is of another type"
    NOT_LOCKED = 0xC000002A, "the range is not locked"
    DISK_CORRUPT_ERROR = 0xC0000032, "the file system is damaged"
    OBJECT_NAME_INVALID = 0xC0000033, "the name is not valid"
    OBJECT_NAME_NOT_FOUND = 0xC0000034, "no such file or folder"
    OBJECT_NAME_COLLISION = 0xC0000035, "the name already exists"
    PORT_DISCONNECTED = 0xC0000037, "the other end has disconnected"
    OBJECT_PATH_INVALID = 0xC0000039, "a part of the path is not a folder"
    OBJECT_PATH_NOT_FOUND = 0xC000003A, "a folder on the path does not exist"
    OBJECT_PATH_SYNTAX_BAD = 0xC000003B, "the path is not well-formed"
    DATA_ERROR = 0xC000003E, "the data could not be read or written"
    CRC_ERROR = 0xC000003F, "the data does not match its checksum"
    SHARING_VIOLATION = 0xC0000043, "somebody else has it open and does not share it"
    QUOTA_EXCEEDED = 0xC0000044, "the quota is used up"
    EAS_NOT_SUPPORTED = 0xC000004F, "extended attributes are not supported here"
    EA_TOO_LARGE = 0xC0000050, "the extended attributes are too large"
    NONEXISTENT_EA_ENTRY = 0xC0000051, "the extended attribute does not exist"
    NO_EAS_ON_FILE = 0xC0000052, "the file has no extended attributes"
    EA_CORRUPT_ERROR = 0xC0000053, "the extended attribute is damaged"
    FILE_LOCK_CONFLICT = 0xC0000054, "somebody else has locked that part of the file"
    LOCK_NOT_GRANTED = 0xC0000055, "the lock conflicts with one that is held"
    DELETE_PENDING = 0xC0000056, "the file is about to be deleted"
    UNKNOWN_REVISION = 0xC0000058, "the revision is not known"
    REVISION_MISMATCH = 0xC0000059, "the revisions do not fit together"
    INVALID_OWNER = 0xC000005A, "that account cannot be the owner"
    INVALID_PRIMARY_GROUP = 0xC000005B, "that group cannot be the primary group"
    NO_LOGON_SERVERS = 0xC000005E, "no logon server can be reached"
    NO_SUCH_LOGON_SESSION = 0xC000005F, "the logon session does not exist"
    PRIVILEGE_NOT_HELD = 0xC0000061, "a needed privilege is missing"
    INVALID_ACCOUNT_NAME = 0xC0000062, "the account name is not well-formed"
    USER_EXISTS = 0xC0000063, "the account already exists"
    NO_SUCH_USER = 0xC0000064, "the account does not exist"
    WRONG_PASSWORD = 0xC000006A, "the password is wrong"
    LOGON_FAILURE = 0xC000006D, "user name or password is wrong"
    ACCOUNT_RESTRICTION = 0xC000006E, "a restriction of the account forbids the logon"
    INVALID_LOGON_HOURS = 0xC000006F, "the account may not log on at this hour"
    INVALID_WORKSTATION = 0xC0000070, "the account may not log on from this computer"
    PASSWORD_EXPIRED = 0xC0000071, "the password has expired"
    ACCOUNT_DISABLED = 0xC0000072, "the account is disabled"
    NONE_MAPPED = 0xC0000073, "none of the names is known"
    INVALID_ACL = 0xC0000077, "the access control list is not well-formed"
    INVALID_SID = 0xC0000078, "the security identifier is not well-formed"
    INVALID_SECURITY_DESCR = 0xC0000079, "the security descriptor is not well-formed"
    RANGE_NOT_LOCKED = 0xC000007E, "the range to unlock is not locked"
    DISK_FULL = 0xC000007F, "the disk is full"
    INSUFFICIENT_RESOURCES = 0xC000009A, "the server is out of resources"
    DFS_EXIT_PATH_FOUND = 0xC000009B, "the path leaves the DFS namespace"
    MEDIA_WRITE_PROTECTED = 0xC00000A2, "the share or the disk is read-only"
    BAD_IMPERSONATION_LEVEL = 0xC00000A5, "the impersonation level is not valid"
    INSTANCE_NOT_AVAILABLE = 0xC00000AB, "the pipe has no free instance"
    PIPE_NOT_AVAILABLE = 0xC00000AC, "the pipe is not listening"
    INVALID_PIPE_STATE = 0xC00000AD, "the pipe is not in the right state"
    PIPE_BUSY = 0xC00000AE, "the pipe is busy"
    PIPE_DISCONNECTED = 0xC00000B0, "the pipe is disconnected"
    PIPE_CLOSING = 0xC00000B1, "the pipe is closing"
    PIPE_CONNECTED = 0xC00000B2, "the pipe is already connected"
    PIPE_LISTENING = 0xC00000B3, "the pipe still waits for its other end"
    INVALID_READ_MODE = 0xC00000B4, "the pipe is not in message mode"
    IO_TIMEOUT = 0xC00000B5, "the operation took too long"
    FILE_FORCED_CLOSED = 0xC00000B6, "the file was closed by somebody else"
    FILE_IS_A_DIRECTORY = 0xC00000BA, "it is a folder"
    NOT_SUPPORTED = 0xC00000BB, "the request is not supported"
    REMOTE_NOT_LISTENING = 0xC00000BC, "the remote computer is not listening"
    DUPLICATE_NAME = 0xC00000BD, "the name is already used on the network"
    BAD_NETWORK_PATH = 0xC00000BE, "the network path cannot be found"
    NETWORK_BUSY = 0xC00000BF, "the network is busy"
    DEVICE_DOES_NOT_EXIST = 0xC00000C0, "the device does not exist"
    INVALID_NETWORK_RESPONSE = 0xC00000C3, "the answer from the network makes no sense"
    UNEXPECTED_NETWORK_ERROR = 0xC00000C4, "the network failed unexpectedly"
    NETWORK_NAME_DELETED = 0xC00000C9, "the share is no longer connected"
    NETWORK_ACCESS_DENIED = 0xC00000CA, "access from the network is denied"
    BAD_DEVICE_TYPE = 0xC00000CB, "the share is of another kind"
    BAD_NETWORK_NAME = 0xC00000CC, "no such share"
    TOO_MANY_SESSIONS = 0xC00000CE, "there are too many sessions"
    REQUEST_NOT_ACCEPTED = 0xC00000D0, "the server takes no more connections now"
    NOT_SAME_DEVICE = 0xC00000D4, "source and target lie on different volumes"
    FILE_RENAMED = 0xC00000D5, "the file was renamed meanwhile"
    PIPE_EMPTY = 0xC00000D9, "there is nothing to read in the pipe"
    NO_SUCH_DOMAIN = 0xC00000DF, "the domain does not exist"
    OPLOCK_NOT_GRANTED = 0xC00000E2, "the oplock is not granted"
    INVALID_OPLOCK_PROTOCOL = 0xC00000E3, "the oplock acknowledgement does not fit"
    INTERNAL_ERROR = 0xC00000E5, "the server failed internally"
    INVALID_USER_BUFFER = 0xC00000E8, "the buffer cannot be used"
    DIRECTORY_NOT_EMPTY = 0xC0000101, "the folder is not empty"
    NOT_A_DIRECTORY = 0xC0000103, "it is not a folder"
    NAME_TOO_LONG = 0xC0000106, "the name is too long"
    FILES_OPEN = 0xC0000107, "there are still open files"
    TOO_MANY_OPENED_FILES = 0xC000011F, "too many files are open"
    CANCELLED = 0xC0000120, "the request was cancelled"
    CANNOT_DELETE = 0xC0000121, "it cannot be deleted"
    FILE_DELETED = 0xC0000123, "the file has been deleted"
    FILE_CLOSED = 0xC0000128, "the file is not open (any more)"
    TIME_DIFFERENCE_AT_DC = 0xC0000133, "the clocks differ too much"
    PIPE_BROKEN = 0xC000014B, "the other end of the pipe has disconnected"
    LOGON_TYPE_NOT_GRANTED = 0xC000015B, "the account may not log on in this way"
    UNMAPPABLE_CHARACTER = 0xC0000162, "a character cannot be represented"
    INVALID_DEVICE_STATE = 0xC0000184, "the device is not in the right state"
    IO_DEVICE_ERROR = 0xC0000185, "the disk reported an error"
    TRUSTED_RELATIONSHIP_FAILURE = 0xC000018D, "the computer's trust in its domain is broken"
    ACCOUNT_EXPIRED = 0xC0000193, "the account has expired"
    FS_DRIVER_REQUIRED = 0xC000019C, "the volume needs a file system driver"
    INVALID_LOCK_RANGE = 0xC00001A1, "the range to lock is not valid"
    USER_SESSION_DELETED = 0xC0000203, "the session does not exist (any more)"
    INSUFF_SERVER_RESOURCES = 0xC0000205, "the server has no room for more"
    INVALID_BUFFER_SIZE = 0xC0000206, "the size of the buffer is not valid"
    CONNECTION_DISCONNECTED = 0xC000020C, "the connection has ended"
    CONNECTION_RESET = 0xC000020D, "the connection was reset"
    PASSWORD_MUST_CHANGE = 0xC0000224, "the password must be changed first"
    NOT_FOUND = 0xC0000225, "it was not found"
    DUPLICATE_OBJECTID = 0xC000022A, "the object id is in use already"
    RETRY = 0xC000022D, "the request should be tried again"
    ACCOUNT_LOCKED_OUT = 0xC0000234, "the account is locked after too many attempts"
    CONNECTION_REFUSED = 0xC0000236, "the connection was refused"
    CONNECTION_ABORTED = 0xC0000241, "the connection was aborted"
    BAD_COMPRESSION_BUFFER = 0xC0000242, "the compressed data is malformed"
    PATH_NOT_COVERED = 0xC0000257, "another server holds that part of the DFS namespace"
    TOO_MANY_LINKS = 0xC0000265, "the file cannot have more links"
    DFS_UNAVAILABLE = 0xC000026D, "DFS is not available"
    VOLUME_DISMOUNTED = 0xC000026E, "the volume is dismounted"
    NOT_A_REPARSE_POINT = 0xC0000275, "it is not a reparse point"
    IO_REPARSE_TAG_INVALID = 0xC0000276, "the reparse tag is not valid"
    IO_REPARSE_DATA_INVALID = 0xC0000278, "the reparse data is not valid"
    IO_REPARSE_TAG_NOT_HANDLED = 0xC0000279, "nothing handles this kind of reparse point"
    DIRECTORY_IS_A_REPARSE_POINT = 0xC0000281, "the folder is a reparse point"
    FILE_ENCRYPTED = 0xC0000293, "the file is encrypted for somebody else"
    KDC_UNKNOWN_ETYPE = 0xC00002FD, "the domain controller does not know the encryption type"
    NETWORK_SESSION_EXPIRED = 0xC000035C, "the session has expired; log on again"
    DOWNGRADE_DETECTED = 0xC0000388, "somebody seems to have weakened the negotiation"
    NTLM_BLOCKED = 0xC0000418, "NTLM is blocked"
    COMPRESSION_DISABLED = 0xC0000426, "compression is disabled here"
    FILE_SYSTEM_LIMITATION = 0xC0000427, "a limit of the file system has been reached"
    REQUEST_OUT_OF_SEQUENCE = 0xC000042A, "the request is out of sequence"
    NO_SECURITY_CONTEXT = 0xC000042D, "there is no security context"
    INVALID_TOKEN = 0xC0000465, "the token is not valid or has expired"
    SERVER_UNAVAILABLE = 0xC0000466, "the server is not available now"
    FILE_NOT_AVAILABLE = 0xC0000467, "the file is not available now"
    SHARE_UNAVAILABLE = 0xC0000480, "the share is not available now"
    CALLBACK_BYPASS = 0xC0000503, "the request was bypassed"
    VIRUS_INFECTED = 0xC0000906, "the file contains a virus"
    CANNOT_BREAK_OPLOCK = 0xC0000909, "an oplock would have to be broken, and may not be"
    INVALID_SIGNATURE = 0xC000A000, "the signature does not verify"
    HASH_NOT_SUPPORTED = 0xC000A100, "hashes are not offered for this share"
    HASH_NOT_PRESENT = 0xC000A101, "there is no current hash of the file"
    CLUSTER_NODE_DOWN = 0xC013000C, "the cluster node is down"
    SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP = 0xC05D0000, "no common hash for pre-authentication"
    SMB_BAD_CLUSTER_DIALECT = 0xC05D0001, "the cluster does not speak this dialect"

    @classmethod
    def of(cls, value: int) -> "NtStatus":
        """Return the member for an unsigned 32-bit `value`; a pseudo-member if it has none."""
        known = _KNOWN.get(value)
        if known is not None:
            return known
        member = int.__new__(cls, value)
        member._value_ = value
        member._name_ = f"0x{value:08X}"
        member.meaning = "a status without a name here"
        return member

    @property
    def label(self) -> str:
        """The specification's name, or the number in hexadecimal where there is none."""
        return self._name_ if self._name_[0] == "0" else f"STATUS_{self._name_}"

    @property
    def is_error(self) -> bool:
        """Whether the severity is error (3): the operation was not done."""
        return self._value_ >> _SEVERITY_SHIFT == _SEVERITY_ERROR

    @property
    def is_warning(self) -> bool:
        """Whether the severity is warning (2): done, but with a warning."""
        return self._value_ >> _SEVERITY_SHIFT == _SEVERITY_WARNING


_KNOWN = {int(status): status for status in NtStatus}

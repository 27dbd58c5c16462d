"""The parameters of a CREATE, checked before any file is opened. [MS-SMB2] 3.3.5.9

[MS-FSA] 2.1.5.1, phase 1
"""

from collections.abc import Sequence

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.server.names import Name, parse
from smbquic.server.opens.open import CacheGrant
from smbquic.server.security import access
from smbquic.storage import Disposition, FileStat
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest, ImpersonationLevel
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.fscc.attributes import FileAttributes

# Bits that stand for nothing ([MS-FSA] 2.1.5.1).
_NEVER_GRANTED = 0x0CE0_FE00
_SYSTEM_SECURITY = int(AccessMask.ACCESS_SYSTEM_SECURITY)
_VALID_OPTIONS = 0x00FF_FFFF
_VALID_ATTRIBUTES = 0x0000_7FB7
_VALID_SHARE_ACCESS = 0x7
# Tree connections, opens by file id and opportunistic filters are for local programs only.
_UNSUPPORTED_OPTIONS = int(
    CreateOptions.FILE_CREATE_TREE_CONNECTION
    | CreateOptions.FILE_OPEN_BY_FILE_ID
    | CreateOptions.FILE_RESERVE_OPFILTER
)
_KEPT_ATTRIBUTES = int(
    FileAttributes.READONLY
    | FileAttributes.HIDDEN
    | FileAttributes.SYSTEM
    | FileAttributes.ARCHIVE
    | FileAttributes.TEMPORARY
    | FileAttributes.OFFLINE
)
_DIRECTORY = int(CreateOptions.FILE_DIRECTORY_FILE)
_NON_DIRECTORY = int(CreateOptions.FILE_NON_DIRECTORY_FILE)
_DELETE_ON_CLOSE = int(CreateOptions.FILE_DELETE_ON_CLOSE)
_UNBUFFERED = int(CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING)
_MAXIMUM_ALLOWED = int(AccessMask.MAXIMUM_ALLOWED)
_OVERWRITES = frozenset({Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF})


@dataclass(slots=True)
class OpenParameters:
    """The checked parameters of a CREATE, in terms of the storage.

    `stream` is the named stream of the file `name` that is wanted, if any. `access` has no generic
    bits; with `maximum`, whatever else can be granted is wanted too. `descriptor` and
    `extended_attributes` are for what is made, the latter also for what is overwritten. `grant` is
    the lease that the open will join, `parent_lease_key` the key of that on the folder. `found` is
    what was known of the file when it was found.
    """

    name: str
    stream: str
    directory: bool | None
    disposition: Disposition
    access: int
    maximum: bool
    share_access: int
    options: int
    attributes: int
    descriptor: SecurityDescriptor | None = None
    extended_attributes: Sequence[tuple[str, bytes]] = ()
    grant: CacheGrant | None = None
    parent_lease_key: bytes | None = None
    found: FileStat | None = None

    @property
    def full_name(self) -> str:
        """The name with the stream's, if one is wanted."""
        return f"{self.name}:{self.stream}" if self.stream else self.name

    @property
    def overwrites(self) -> bool:
        """Whether the content of an existing file is replaced."""
        return self.disposition in _OVERWRITES

    @property
    def delete_on_close(self) -> bool:
        """Whether the file is deleted when the open is closed."""
        return bool(self.options & _DELETE_ON_CLOSE)


def parameters_of(body: CreateRequest) -> OpenParameters:
    """Check the parameters of a CREATE; StatusError for values that are not allowed."""
    options, attributes, wanted = body.create_options, body.file_attributes, body.desired_access
    if body.impersonation_level > ImpersonationLevel.Delegate:
        raise StatusError(NtStatus.BAD_IMPERSONATION_LEVEL, "CREATE")
    # No access at all is an error, too. [MS-FSA] 2.1.5.1, phase 1
    if not wanted or wanted & _NEVER_GRANTED:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE")
    if (
        options & ~_VALID_OPTIONS
        or attributes & ~_VALID_ATTRIBUTES
        or body.share_access & ~_VALID_SHARE_ACCESS
        or body.create_disposition > CreateDisposition.FILE_OVERWRITE_IF
    ):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    if options & _UNSUPPORTED_OPTIONS:
        raise StatusError(NtStatus.NOT_SUPPORTED, "CREATE")
    if wanted & _SYSTEM_SECURITY:
        # Auditing lists need SeSecurityPrivilege, which no user has here.
        raise StatusError(NtStatus.PRIVILEGE_NOT_HELD, "CREATE")
    disposition = Disposition(body.create_disposition)
    directory = _kind(options)
    # A folder has no content to be overwritten. [MS-FSA] 2.1.5.1, phase 1
    if directory and disposition in _OVERWRITES:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    mapped = access.map_generic(wanted)
    # Unbuffered writes begin at multiples of a sector, and the end of a file need not be one.
    # [MS-SMB2] 3.3.5.9, Open Execution
    if options & _UNBUFFERED:
        mapped &= ~int(AccessMask.FILE_APPEND_DATA)
    # [MS-FSA] 2.1.5.1, phase 1; with MAXIMUM_ALLOWED the rights of the user decide later.
    if options & _DELETE_ON_CLOSE and not mapped & (AccessMask.DELETE | AccessMask.MAXIMUM_ALLOWED):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    name = _checked_name(body.name, directory)
    return OpenParameters(
        name=name.path,
        stream=name.stream,
        directory=directory if name.directory is None else name.directory,
        disposition=disposition,
        access=mapped & ~_MAXIMUM_ALLOWED,
        maximum=bool(mapped & _MAXIMUM_ALLOWED),
        share_access=int(body.share_access),
        options=options,
        attributes=attributes & _KEPT_ATTRIBUTES,
    )


def _kind(options: int) -> bool | None:
    """Return True for a folder, False for a file, None for either."""
    if options & _DIRECTORY:
        if options & _NON_DIRECTORY:
            raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
        return True
    return False if options & _NON_DIRECTORY else None


def _checked_name(text: str, directory: bool | None) -> Name:
    """Parse a name. The storage refuses those that a disk cannot hold."""
    # Names are relative to the root of the share.
    if text.startswith("\\"):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE", text)
    # A backslash at the end can only mean a folder. [MS-FSA] 2.1.5.1, phase 1
    trailing = text.endswith("\\")
    name = parse(text[:-1] if trailing else text)
    if trailing and (directory is False or name.directory is False):
        raise StatusError(NtStatus.OBJECT_NAME_INVALID, "CREATE", text)
    if directory and name.directory is False:
        raise StatusError.of(NtStatus.NOT_A_DIRECTORY, "CREATE", text)
    if directory is False and name.directory:
        raise StatusError.of(NtStatus.FILE_IS_A_DIRECTORY, "CREATE", text)
    return name

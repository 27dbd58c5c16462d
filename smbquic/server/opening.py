"""Opening a file or folder: what a CREATE may ask for, and what comes of it.

[MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1
"""

from dataclasses import dataclass

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server import access
from smbquic.server.context import Context
from smbquic.server.files import FileState
from smbquic.server.open import Open
from smbquic.server.oplocks import Holder, admit
from smbquic.server.tree import Tree
from smbquic.storage.base import Action, Disposition, FileStat, StorageFile
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest, ImpersonationLevel
from smbquic.wire.fscc.attributes import FileAttributes

# Bits that stand for nothing, and rights that nobody has here ([MS-FSA] 2.1.5.1).
_NEVER_GRANTED = 0x0CE0_FE00 | int(AccessMask.ACCESS_SYSTEM_SECURITY)
_VALID_OPTIONS = 0x00FF_FFFF
_VALID_ATTRIBUTES = 0x0000_7FB7
_VALID_SHARE_ACCESS = 0x7
# Tree connections, opening by file id and opportunistic filters are not to be had remotely.
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
_READONLY = int(FileAttributes.READONLY)
_HIDDEN_OR_SYSTEM = int(FileAttributes.HIDDEN | FileAttributes.SYSTEM)
_DIRECTORY = int(CreateOptions.FILE_DIRECTORY_FILE)
_NON_DIRECTORY = int(CreateOptions.FILE_NON_DIRECTORY_FILE)
_DELETE_ON_CLOSE = int(CreateOptions.FILE_DELETE_ON_CLOSE)
_UNBUFFERED = int(CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING)
_MAXIMUM_ALLOWED = int(AccessMask.MAXIMUM_ALLOWED)
_OVERWRITES = frozenset({Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF})
_DEFAULT_STREAM = "::$DATA"
_WILDCARDS = frozenset('*?<>"')


@dataclass(slots=True)
class Wish:
    """What a CREATE asks for, checked and in terms of the storage.

    `access` has no generic bits; with `maximum`, whatever else can be granted is wanted too.
    `holder` is the lease that the open will join, `parent_key` the key of that on the folder.
    """

    name: str
    directory: bool | None
    disposition: Disposition
    access: int
    maximum: bool
    share_access: int
    options: int
    attributes: int
    holder: Holder | None = None
    parent_key: bytes | None = None

    @property
    def overwrites(self) -> bool:
        """Whether the content of an existing file goes."""
        return self.disposition in _OVERWRITES

    @property
    def delete_on_close(self) -> bool:
        """Whether the file goes when the open does."""
        return bool(self.options & _DELETE_ON_CLOSE)


def wish_of(body: CreateRequest) -> Wish:
    """Checks the parameters of a CREATE; StatusError for what cannot be asked for."""
    options, attributes, wanted = body.create_options, body.file_attributes, body.desired_access
    if body.impersonation_level > ImpersonationLevel.Delegate:
        raise StatusError(NtStatus.BAD_IMPERSONATION_LEVEL, "CREATE")
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
    disposition = Disposition(body.create_disposition)
    directory = _kind(options)
    if directory and disposition in _OVERWRITES:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    mapped = access.map_generic(wanted)
    if options & _UNBUFFERED:
        mapped &= ~int(AccessMask.FILE_APPEND_DATA)
    if options & _DELETE_ON_CLOSE and not mapped & (AccessMask.DELETE | AccessMask.MAXIMUM_ALLOWED):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    return Wish(
        name=_checked_name(body.name, directory),
        directory=directory,
        disposition=disposition,
        access=mapped & ~_MAXIMUM_ALLOWED,
        maximum=bool(mapped & _MAXIMUM_ALLOWED),
        share_access=int(body.share_access),
        options=options,
        attributes=attributes & _KEPT_ATTRIBUTES,
    )


def _kind(options: int) -> bool | None:
    """True for a folder, False for a file, None for either."""
    if options & _DIRECTORY:
        if options & _NON_DIRECTORY:
            raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
        return True
    return False if options & _NON_DIRECTORY else None


def _checked_name(name: str, directory: bool | None) -> str:
    """The name as the storage wants it; the storage itself refuses what a disk cannot hold."""
    if name.startswith("\\"):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE", name)
    if directory is not True and name[-len(_DEFAULT_STREAM) :].upper() == _DEFAULT_STREAM:
        name = name[: -len(_DEFAULT_STREAM)]
    if name.endswith("\\"):
        if directory is False:
            raise StatusError(NtStatus.OBJECT_NAME_INVALID, "CREATE", name)
        name = name[:-1]
    if ":" in name or not _WILDCARDS.isdisjoint(name):
        raise StatusError(NtStatus.OBJECT_NAME_INVALID, "CREATE", name)
    if ".." in name.split("\\"):
        raise StatusError(NtStatus.OBJECT_PATH_SYNTAX_BAD, "CREATE", name)
    return name


def open_file(context: Context, wish: Wish) -> tuple[Open, Action]:
    """Opens what is wished for, in the session's and the server's tables.

    Raises StatusError, and OSError as `Storage.open`.
    """
    tree, server = context.tree, context.server
    if context.connection.opens >= server.limits.opens:
        raise StatusError(NtStatus.TOO_MANY_OPENED_FILES, "CREATE", wish.name)
    if wish.access & ~tree.maximal_access:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", wish.name)
    granted = wish.access | (tree.maximal_access if wish.maximum else 0)
    if tree.read_only:
        _forbid_changes(wish)
    attempt = _Attempt(context, wish, granted)
    file, action = attempt.run()
    if action is Action.CREATED and wish.delete_on_close and wish.attributes & _READONLY:
        file.delete()
        file.close()
        raise StatusError(NtStatus.CANNOT_DELETE, "CREATE", wish.name)
    state = server.files.state(file.key)
    entry = Open(
        file_id=server.next_file_id(),
        file=file,
        state=state,
        files=server.files,
        session=context.session,
        tree=tree,
        granted_access=attempt.granted,
        share_access=wish.share_access,
        create_options=wish.options,
        delete_on_close=wish.delete_on_close,
        parent_key=wish.parent_key,
    )
    state.opens.append(entry)
    context.session.add(entry)
    if action is not Action.OPENED:
        entry.tell_folder()
    return entry, action


def file_access(tree: Tree, stat: FileStat) -> int:
    """The most that can be granted for an existing file ([MS-FSA] 2.1.5.1.2.1)."""
    if stat.attributes & _READONLY and not stat.is_directory:
        return tree.maximal_access & ~int(access.MODIFIES_DATA)
    return tree.maximal_access


def _forbid_changes(wish: Wish) -> None:
    """On a read-only tree, only what exists can be opened, and as it is."""
    if wish.disposition is Disposition.OPEN_IF:
        wish.disposition = Disposition.OPEN
    if wish.disposition is not Disposition.OPEN or wish.delete_on_close:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", wish.name)


class _Attempt:
    """One try to open; `granted` is what remains of the access that was hoped for."""

    def __init__(self, context: Context, wish: Wish, granted: int) -> None:
        self.context = context
        self.wish = wish
        self.granted = granted

    def run(self) -> tuple[StorageFile, Action]:
        writes = bool(self.granted & access.MODIFIES_DATA) or self.wish.overwrites
        try:
            return self._open(write=writes)
        except PermissionError:
            # "As much as possible" does not fail because the disk lets us only read.
            if not (self.wish.maximum and writes) or self.wish.access & access.MODIFIES_DATA:
                raise
            self.granted &= ~int(access.MODIFIES_DATA)
            return self._open(write=self.wish.overwrites)
        except FileExistsError:
            self._check_pending()
            raise

    def _open(self, *, write: bool) -> tuple[StorageFile, Action]:
        wish = self.wish
        return self.context.tree.storage.open(
            wish.name,
            wish.disposition,
            directory=wish.directory,
            write=write,
            attributes=wish.attributes,
            admit=self._admit,
        )

    def _admit(self, file: StorageFile) -> None:
        """Looks at a file that exists already, before anything happens to it."""
        wish = self.wish
        stat = file.stat()
        attributes = stat.attributes
        needed = wish.access
        if attributes & _READONLY and not stat.is_directory:
            if wish.overwrites or needed & access.MODIFIES_DATA:
                raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", wish.name)
            self.granted &= file_access(self.context.tree, stat)
        if attributes & _READONLY and wish.delete_on_close:
            raise StatusError(NtStatus.CANNOT_DELETE, "CREATE", wish.name)
        if wish.overwrites:
            needed |= int(AccessMask.FILE_WRITE_DATA)
            if stat.name.startswith("."):
                # Hidden by its name, whatever it is opened with.
                attributes &= ~int(FileAttributes.HIDDEN)
            if attributes & ~wish.attributes & _HIDDEN_OR_SYSTEM:
                raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", wish.name)
        state = self.context.server.files.get(file.key)
        if state is not None:
            self._check_sharing(state, needed)

    def _check_sharing(self, state: FileState, needed: int) -> None:
        wish = self.wish
        if wish.maximum:
            needed |= self.granted
        admit(state, needed, wish.share_access, overwrites=wish.overwrites, mine=wish.holder)

    def _check_pending(self) -> None:
        """A name that is about to go is not merely taken."""
        file, _ = self.context.tree.storage.open(self.wish.name)
        state = self.context.server.files.get(file.key)
        file.close()
        if state is not None and state.delete_pending:
            raise StatusError(NtStatus.DELETE_PENDING, "CREATE", self.wish.name)

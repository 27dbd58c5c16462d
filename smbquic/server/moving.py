"""Giving a file another name, or one more. [MS-FSA] 2.1.5.15.7, 2.1.5.15.12"""

from collections.abc import Hashable

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.open import Open
from smbquic.server.oplocks import Cause, admit, make_way
from smbquic.storage.base import READONLY, PathNotFound
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess

_ADD_FILE = int(AccessMask.FILE_ADD_FILE)
_ADD_SUBDIRECTORY = int(AccessMask.FILE_ADD_SUBDIRECTORY)
_SHARED = int(ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE)


def rename(context: Context, entry: Open, new_name: str, *, replace: bool) -> None:
    """Moves what is open to `new_name`.

    Raises `Wait` as long as somebody caches what forbids it; StatusError ACCESS_DENIED for the
    root, for what is about to go, for a folder with open files in it, and where the target cannot
    be replaced; SHARING_VIOLATION if somebody may delete the target's folder meanwhile;
    OBJECT_NAME_COLLISION if `replace` is false.
    """
    if entry.state.delete_pending or not entry.file.name or _is_busy(context, entry):
        raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
    _check_folder(context, new_name, _ADD_SUBDIRECTORY if entry.is_directory else _ADD_FILE)
    entry.make_way(Cause.MOVE)
    if new_name == entry.file.name:
        return
    if replace:
        _check_replaced(context, entry, new_name)
    source = entry.file.parent_key
    old_name = entry.file.name
    entry.file.rename(new_name, replace=replace)
    context.server.notifier.renamed(entry, old_name)
    entry.renamed = not entry.is_directory
    context.server.leases.folder_changed(source, entry.parent_key)
    if entry.file.parent_key != source:
        entry.tell_folder()


def link(context: Context, entry: Open, new_name: str, *, replace: bool) -> None:
    """Gives a file the further name `new_name`; raises as `rename` does.

    StatusError FILE_IS_A_DIRECTORY for a folder.
    """
    if entry.is_directory:
        raise StatusError.of(NtStatus.FILE_IS_A_DIRECTORY, "SET_INFO", new_name)
    if entry.state.delete_pending:
        raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
    folder = _check_folder(context, new_name, _ADD_FILE)
    entry.make_way(Cause.MOVE)
    if replace:
        _check_replaced(context, entry, new_name)
    entry.file.link(new_name, replace=replace)
    context.server.notifier.linked(entry, new_name)
    context.server.leases.folder_changed(folder, entry.parent_key)


def _is_busy(context: Context, entry: Open) -> bool:
    """Whether something in a folder is open, and stays so when its holders are asked to close it.

    [MS-FSA] 2.1.4.2
    """
    if not entry.is_directory:
        return False
    state = context.server.files.open_below(context.tree.storage, entry.file.name)
    if state is None:
        return False
    make_way(state, Cause.MOVE)
    return True


def _check_folder(context: Context, new_name: str, access: int) -> Hashable:
    """Opens the folder that the name will be in as Windows does, and so collides where it does.

    Gives the folder's key.
    """
    folder = new_name.rpartition("\\")[0]
    try:
        file, _ = context.tree.storage.open(folder, directory=True)
    except (FileNotFoundError, NotADirectoryError):
        raise PathNotFound(folder) from None
    key = file.key
    file.close()
    state = context.server.files.get(key)
    if state is not None:
        admit(state, access, _SHARED, overwrites=False, mine=None)
    return key


def _check_replaced(context: Context, entry: Open, new_name: str) -> None:
    """Refuses to replace what is open, read-only, about to go or a folder."""
    try:
        target, _ = context.tree.storage.open(new_name)
    except FileNotFoundError:
        return
    try:
        if target.key == entry.file.key:
            return
        state = context.server.files.get(target.key)
        if state is not None and state.delete_pending:
            raise StatusError.of(NtStatus.DELETE_PENDING, "SET_INFO", new_name)
        if state is not None:
            make_way(state, Cause.DELETE, entry.holder)
        if state is not None or target.is_directory or target.stat().attributes & READONLY:
            raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
    finally:
        target.close()

"""Renaming, linking and deleting a file on this machine's disk."""

import errno
import os
import stat

from smbquic.storage.local import symlinks
from smbquic.storage.local.case_index import Stamp
from smbquic.storage.local.descriptor import (
    check_removal,
    open_directory,
    rename_exclusive,
)
from smbquic.storage.local.open_file import OpenLocalFile
from smbquic.storage.local.tree import key_of
from smbquic.storage.names import SEPARATOR, fold, from_disk, to_disk


class FileNaming(OpenLocalFile):
    """Operations on an open file that go by its name: rename, delete, become a link.

    It is done within the descriptor of the folder, right after a check that the name still means
    this very file. Only a local process that swaps files between the check and the step can have
    another file of that folder meant.
    """

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move to `new_name`. What is replaced passes its spelling on to this file.

        PermissionError for a folder with links in it that would lead out of the share from there.
        """
        self._tree.require_writable()
        with self.descriptor as fd:
            depth = new_name.count(SEPARATOR)
            if self._is_directory and self._tree.links and depth < self.name.count(SEPARATOR):
                symlinks.check_below(fd, depth + 1)
            left, folders, last = self._target(new_name)
            try:
                with self._tree.lock:
                    old_parent = self._tree.verify(self._open_name)
                    raw = self._rename(old_parent, left, last, replace=replace)
                    name = [*folders, from_disk(raw)]
                    self._tree.move(self._open_name, left, raw, name, below=self._is_directory)
                    left = old_parent
            finally:
                os.close(left)

    def _rename(self, old_parent: int, parent: int, last: str, *, replace: bool) -> bytes:
        old = self._open_name.raw
        raw, status = self._tree.look_up(parent, last)
        before, after = Stamp.of(old_parent), Stamp.of(parent)
        same_folder = before.folder == after.folder
        wanted = to_disk(last)
        if status is None:
            rename_exclusive(old, wanted, old_parent, parent)
        elif (
            key_of(status) == self.key
            and same_folder
            and fold(last) == fold(from_disk(old))
            and not _are_two_links(parent, old, raw, status)
        ):
            # Its own name, in another case or not. A disk that ignores case finds it under both.
            if raw == wanted:
                os.rename(old, wanted, src_dir_fd=old_parent, dst_dir_fd=parent)
            else:
                rename_exclusive(old, wanted, old_parent, parent)
        else:
            self._require_replaceable(status, last, replace=replace)
            wanted = raw
            if key_of(status) == self.key:
                # Two names of one file: POSIX would leave both.
                os.unlink(old, dir_fd=old_parent)
            else:
                with self._tree.closer.kept(raw, parent, status):
                    os.rename(old, wanted, src_dir_fd=old_parent, dst_dir_fd=parent)
        if same_folder:
            self._tree.index.update(parent, after, wanted)
        else:
            self._tree.index.update(old_parent, before)
            self._tree.index.update(parent, after, wanted)
        return wanted

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the file a second name. Replacing is two steps: first the old file goes."""
        self._tree.require_writable()
        if self._is_directory:
            raise PermissionError(errno.EPERM, "a folder has one name", self.name)
        parent, _, last = self._target(new_name)
        try:
            with self.descriptor, self._tree.lock:
                old_parent = self._tree.verify(self._open_name)
                raw, status = self._tree.look_up(parent, last)
                before = Stamp.of(parent)
                if status is not None:
                    self._require_replaceable(status, last, replace=replace)
                    if key_of(status) == self.key:
                        return
                    with self._tree.closer.kept(raw, parent, status):
                        os.unlink(raw, dir_fd=parent)
                os.link(
                    self._open_name.raw,
                    raw,
                    src_dir_fd=old_parent,
                    dst_dir_fd=parent,
                    follow_symlinks=False,
                )
                self._tree.index.update(parent, before, raw)
        finally:
            os.close(parent)

    def _target(self, new_name: str) -> tuple[int, list[str], str]:
        if not new_name:
            raise FileExistsError(errno.EEXIST, "the root of the share has that name")
        return self._tree.walk_to_parent(new_name)

    def _require_replaceable(self, status: os.stat_result, name: str, *, replace: bool) -> None:
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        if self._is_directory or not stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EACCES, "only a file may replace a file", name)

    def delete(self) -> None:
        """Remove the name it goes by. The open goes on working."""
        self._tree.require_writable()
        with self.descriptor, self._tree.lock:
            parent = self._tree.verify(self._open_name)
            before = Stamp.of(parent)
            if self._is_directory:
                os.rmdir(self._open_name.raw, dir_fd=parent)
            else:
                os.unlink(self._open_name.raw, dir_fd=parent)
            self._tree.index.update(parent, before)

    def check_deletion(self) -> None:
        """Raise `OSError` if the folder is on a read-only disk, or lets nobody remove the file."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            if self._open_name.parent is None:
                raise PermissionError(errno.EACCES, "the root of a share has no name")
            check_removal(self._open_name.parent, os.fstat(fd))

    def become_link(self, target: str) -> None:
        """Put a symbolic link in the place of this file or folder, which is empty."""
        self._tree.require_writable()
        if not self._tree.links:
            raise OSError(errno.ENOTSUP, "links are not shown here", self.name)
        raw = symlinks.spell(target, len(self._open_name.components) - 1)
        with self.descriptor as fd, self._tree.lock:
            parent = self._tree.verify(self._open_name)
            if self._is_directory:
                os.rmdir(self._open_name.raw, dir_fd=parent)
            elif os.fstat(fd).st_size:
                raise PermissionError(errno.EACCES, "a file with content cannot become a link")
            else:
                os.unlink(self._open_name.raw, dir_fd=parent)
            os.symlink(raw, self._open_name.raw, dir_fd=parent)


def _are_two_links(folder: int, one: bytes, other: bytes, status: os.stat_result) -> bool:
    """Return whether a folder lists a file under both names.

    A disk that ignores case finds one name by the other, too, but does not list it.
    """
    if one == other or status.st_nlink == 1:
        return False
    listable = open_directory(b".", folder)
    try:
        with os.scandir(listable) as entries:
            return {one, other} <= {os.fsencode(entry.name) for entry in entries}
    finally:
        os.close(listable)

"""An open file or folder on this machine's disk: its descriptor, its name, what is known of it."""

import os

from smbquic.storage.file import StorageFile
from smbquic.storage.local import attributes
from smbquic.storage.local.descriptor import (
    SharedDescriptor,
)
from smbquic.storage.local.tree import FileKey, FolderTree, OpenName
from smbquic.storage.names import join
from smbquic.storage.types import (
    FileStat,
)


class OpenLocalFile(StorageFile):
    """An open file's descriptor and name, and its properties that follow; see `LocalFile`."""

    def __init__(
        self, tree: FolderTree, fd: int, open_name: OpenName, *, is_directory: bool
    ) -> None:
        self._tree = tree
        # A thread that still works with it when the file is closed may need the name, too.
        self.descriptor = SharedDescriptor(fd, lambda: tree.detach(open_name), tree.closer.close)
        self._open_name = open_name
        self._is_directory = is_directory

    @property
    def name(self) -> str:
        """The name within the share, in its real case."""
        return join(self._open_name.components)

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder."""
        return self._is_directory

    @property
    def key(self) -> FileKey:
        """The file's device and inode numbers."""
        return self._open_name.key

    @property
    def parent_key(self) -> FileKey:
        """The device and inode numbers of the folder that holds it; the root is its own."""
        with self.descriptor, self._tree.lock:
            return self._open_name.folder_key

    def stat(self) -> FileStat:
        """Return what is known of the file now."""
        with self.descriptor as fd:
            stored = attributes.read(fd)
            home = self._tree.home
            return attributes.describe(self._open_name.last, os.fstat(fd), stored, home, fd)

    def parent_stat(self) -> FileStat:
        """Return the same of the folder that holds it; the root is its own."""
        with self.descriptor, self._tree.lock:
            parent = self._open_name.parent
            if parent is not None:
                components = self._open_name.components
                name = components[-2] if len(components) > 1 else ""
                return self._tree.stat_folder(parent, name)
        return self.stat()

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self.descriptor.close()

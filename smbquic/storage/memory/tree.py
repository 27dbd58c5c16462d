"""The names of a tree in memory."""

import errno
import os
from typing import Final

from smbquic.storage.errors import PathNotFound
from smbquic.storage.memory.content import Budget
from smbquic.storage.memory.nodes import FileNode, NamedNode
from smbquic.storage.names import split


class MemoryTree:
    """The root folder, and what all files of a storage share."""

    def __init__(self, budget: Budget, *, read_only: bool) -> None:
        self.budget: Final = budget
        self.read_only: Final = read_only
        root = FileNode(budget, directory=True, attributes=0, account=0)
        root.links = 1
        self.root: Final = NamedNode("", root, None)

    def require_writable(self) -> None:
        """Raise `OSError` (EROFS) if nothing may be changed here."""
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def find(self, name: str) -> NamedNode:
        """Return what has a name; FileNotFoundError, PathNotFound, NameInvalid."""
        if not name:
            return self.root
        folder, last = self.folder_of(name)
        found = folder.get(last)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return found

    def folder_of(self, name: str) -> tuple[NamedNode, str]:
        """Return the folder that holds a name (not the root's), and the last component."""
        *folders, last = split(name)
        here = self.root
        for component in folders:
            found = here.get(component)
            if found is None:
                raise PathNotFound(name)
            here = found
        if here.node.entries is None:
            raise PathNotFound(name)
        return here, last

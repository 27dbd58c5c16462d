"""A tree of files in the memory of this process."""

import errno
import os
import re
import secrets
from typing import Final

from smbquic.storage.base import Storage
from smbquic.storage.memory.content import Budget
from smbquic.storage.memory.file import UNIT, MemoryFile
from smbquic.storage.memory.nodes import FileNode, NamedNode
from smbquic.storage.memory.tree import MemoryTree
from smbquic.storage.names import MAX_UNITS
from smbquic.storage.types import KEPT, Capability, VolumeStat

MAX_BYTES: Final = 256 << 20
MAX_FILES: Final = 10_000

_BOUNDS: Final = re.compile(r"(\d+)([KMG]?)(?:,(\d+))?")
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30}


class MemoryStorage(Storage):
    """A `Storage` that is empty at first, and lost when the process ends.

    Files take at most `max_bytes` together, with what is kept about them, and there are at most
    `max_files` names and named streams; more raises `OSError` (ENOSPC). What was deleted counts
    until it is closed.
    """

    capabilities = (
        Capability.STREAMS
        | Capability.EXTENDED_ATTRIBUTES
        | Capability.SECURITY_DESCRIPTORS
        | Capability.SPARSE_FILES
        | Capability.HARD_LINKS
    )

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES, read_only: bool = False
    ) -> None:
        self.read_only = read_only
        self._tree = MemoryTree(Budget(max_bytes, max_files), read_only=read_only)
        self._serial = secrets.randbits(32)

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        """Open the file or folder that has a name, in any case."""
        return MemoryFile(self._tree, self._tree.find(name))

    def create(
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> MemoryFile:
        """Make a file or folder."""
        self._tree.require_writable()
        if not name:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        folder, last = self._tree.folder_of(name)
        if folder.get(last) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        kept = attributes & KEPT
        node = FileNode(self._tree.budget, directory=directory, attributes=kept, account=account)
        entry = NamedNode(last, node, folder)
        folder.add(entry)
        return MemoryFile(self._tree, entry)

    def volume(self) -> VolumeStat:
        """Return how much room is left."""
        budget = self._tree.budget
        free = budget.max_bytes - budget.bytes
        return VolumeStat(
            total_bytes=budget.max_bytes,
            available_bytes=free,
            free_bytes=free,
            block_size=UNIT,
            name_max=MAX_UNITS,
            label="memory",
            serial=self._serial,
            created=self._tree.root.node.creation_time,
        )


def open_memory(bounds: str, *, read_only: bool, links: bool) -> MemoryStorage:
    """Make the storage of ``memory:BYTES,FILES``, both optional; BYTES may end in K, M or G.

    ValueError for anything else.
    """
    if links:
        raise ValueError("files in memory have no symbolic links: leave out links")
    if not bounds:
        return MemoryStorage(read_only=read_only)
    found = _BOUNDS.fullmatch(bounds)
    if found is None:
        raise ValueError(
            f"{bounds!r} is not a limit: write memory:BYTES,FILES, as in memory:64M,1000"
        )
    number, unit, files = found.groups()
    return MemoryStorage(
        max_bytes=int(number) << _UNITS[unit],
        max_files=int(files or MAX_FILES),
        read_only=read_only,
    )

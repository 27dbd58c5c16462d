"""The nodes of a tree in memory: files and folders, with their names and named streams."""

import time
from typing import Final

from smbquic.storage.memory.content import Budget, Content
from smbquic.storage.names import fold, join

FILE_COST: Final = 2048
"""Bytes that a name takes at most, with what is kept of its file besides content."""


def now() -> int:
    """Return the time in nanoseconds since 1970, as exact as SMB can represent it."""
    return time.time_ns() // 100 * 100


class FileNode:
    """A file, or a folder: that has `entries`, by their folded names.

    It is deleted once it has neither a name (`links`) nor an open (`opens`).
    """

    __slots__ = (
        "account",
        "attributes",
        "budget",
        "change_time",
        "content",
        "creation_time",
        "ea_bytes",
        "entries",
        "extended_attributes",
        "file_id",
        "last_access_time",
        "last_write_time",
        "links",
        "opens",
        "security",
        "streams",
    )

    def __init__(self, budget: Budget, *, directory: bool, attributes: int, account: int) -> None:
        self.budget = budget
        self.file_id = next(budget.file_ids)
        self.content = Content(budget)
        self.entries: dict[str, NamedNode] | None = {} if directory else None
        self.streams: dict[str, StreamNode] = {}
        self.extended_attributes: dict[str, tuple[str, bytes]] = {}
        self.ea_bytes = 0
        self.security: bytes | None = None
        self.attributes = attributes
        self.account = account
        self.links = self.opens = 0
        self.creation_time = self.last_access_time = self.last_write_time = now()
        self.change_time = self.creation_time

    def modified(self) -> None:
        """Set the times for a change of the content, or of the entries of a folder."""
        self.last_write_time = self.change_time = now()

    def set_extended_attributes(self, attributes: dict[str, tuple[str, bytes]]) -> None:
        """Replace them all, if there is room: `OSError` (ENOSPC)."""
        size = sum(len(name) + len(value) for name, value in attributes.values())
        self.budget.change(size - self.ea_bytes)
        self.extended_attributes, self.ea_bytes = attributes, size

    def remove_stream(self, stream: "StreamNode") -> None:
        """Remove a named stream; for those who have it open, it does not exist any more."""
        del self.streams[fold(stream.name)]
        stream.removed = True
        stream.content.truncate(0)
        self.budget.change(-FILE_COST, files=-1)

    def release(self) -> None:
        """Give everything back, with the last name, if nobody can reach it any more."""
        if self.links or self.opens:
            return
        self.budget.change(-FILE_COST, files=-1)
        for stream in list(self.streams.values()):
            self.remove_stream(stream)
        self.content.truncate(0)
        self.set_extended_attributes({})
        self.budget.change(-len(self.security or b""))
        self.security = None


class NamedNode:
    """A name of a file or folder, in `folder`. The root has none."""

    __slots__ = ("folder", "name", "node", "removed")

    def __init__(self, name: str, node: FileNode, folder: "NamedNode | None") -> None:
        self.name = name
        self.node = node
        self.folder = folder
        self.removed = False

    @property
    def path(self) -> str:
        """The whole name, from the root on."""
        components = []
        entry = self
        while entry.folder is not None:
            components.append(entry.name)
            entry = entry.folder
        return join(components[::-1])

    def is_within(self, other: "NamedNode") -> bool:
        """Return whether this is `other`, or in it."""
        entry: NamedNode | None = self
        while entry is not None and entry is not other:
            entry = entry.folder
        return entry is not None

    def get(self, component: str) -> "NamedNode | None":
        """Return what has a name in this folder, in any case; nothing is in a file."""
        entries = self.node.entries
        return None if entries is None else entries.get(fold(component))

    def add(self, entry: "NamedNode") -> None:
        """Add a new name to this folder. Raises `OSError` (ENOSPC) if there is no room for it."""
        entry.node.budget.change(FILE_COST, files=1)
        entry.node.links += 1
        self.put(entry)

    def put(self, entry: "NamedNode") -> None:
        """Put a name into this folder: a new one, or one that has been moved."""
        entries = self.node.entries
        assert entries is not None
        entry.folder = self
        entries[fold(entry.name)] = entry
        self.node.modified()

    def take(self, entry: "NamedNode") -> None:
        """Remove a name that is being moved to another folder."""
        entries = self.node.entries
        assert entries is not None
        del entries[fold(entry.name)]
        self.node.modified()

    def remove(self, entry: "NamedNode") -> None:
        """Remove a name; the file goes with its last one, unless it is open."""
        self.take(entry)
        entry.removed = True
        node = entry.node
        node.links -= 1
        node.change_time = now()
        if node.links:
            node.budget.change(-FILE_COST, files=-1)
        else:
            node.release()


class StreamNode:
    """A named stream of a file."""

    __slots__ = ("content", "name", "removed")

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self.content = Content(budget)
        self.removed = False

"""A model of a share: files and folders as dictionaries, and the requests that are refused."""

from dataclasses import dataclass, field

from smbquic.ntstatus import NtStatus


class ModelRefusal(Exception):
    """The server has to say one of `statuses`."""

    def __init__(self, *statuses: NtStatus) -> None:
        super().__init__(", ".join(status.label for status in statuses))
        self.statuses = statuses


def fold(name: str) -> str:
    """Return the form that all spellings of a name share."""
    return name.upper()


@dataclass(eq=False)
class ShareNode:
    """A file, or with `entries` a folder; those are kept by their folded names.

    `modified` is a time that was set and that nothing has changed since, in ns.
    """

    name: str
    entries: "dict[str, ShareNode] | None" = None
    content: bytes = b""
    streams: dict[str, bytes] = field(default_factory=dict)
    modified: int | None = None

    def write(self, offset: int, data: bytes) -> None:
        """Put `data` at `offset`; a gap before it is zero."""
        self.content = overlaid(self.content, offset, data)
        self.modified = None


def overlaid(content: bytes, offset: int, data: bytes) -> bytes:
    """`content` with `data` in place of what is at `offset`."""
    if not data:
        return content
    return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]


class ShareModel:
    """A folder that nobody else changes. Paths are parted by ``/``."""

    def __init__(self) -> None:
        self.root = ShareNode("", {})

    def _parent(self, path: str) -> tuple[dict[str, ShareNode], str]:
        """The entries of the folder that `path` is in, and its last component."""
        *folders, last = path.split("/")
        here = self.root
        for name in folders:
            following = (here.entries or {}).get(fold(name))
            if following is None or following.entries is None:
                raise ModelRefusal(NtStatus.OBJECT_PATH_NOT_FOUND)
            here = following
        assert here.entries is not None
        return here.entries, last

    def find(self, path: str) -> ShareNode:
        """Return the file or folder of that name."""
        if not path:
            return self.root
        entries, last = self._parent(path)
        node = entries.get(fold(last))
        if node is None:
            raise ModelRefusal(NtStatus.OBJECT_NAME_NOT_FOUND)
        return node

    def file(self, path: str) -> ShareNode:
        """The file of that name."""
        node = self.find(path)
        if node.entries is not None:
            raise ModelRefusal(NtStatus.FILE_IS_A_DIRECTORY)
        return node

    def folder(self, path: str) -> ShareNode:
        """The folder of that name."""
        node = self.find(path)
        if node.entries is None:
            raise ModelRefusal(NtStatus.NOT_A_DIRECTORY)
        return node

    def make(self, path: str, *, folder: bool = False) -> ShareNode:
        """Something new."""
        entries, last = self._parent(path)
        if fold(last) in entries:
            raise ModelRefusal(NtStatus.OBJECT_NAME_COLLISION)
        node = entries[fold(last)] = ShareNode(last, {} if folder else None)
        return node

    def file_or_new(self, path: str) -> ShareNode:
        """The file of that name, which is made if there is none."""
        entries, last = self._parent(path)
        return self.file(path) if fold(last) in entries else self.make(path)

    def remove(self, path: str, *, folder: bool = False) -> None:
        """A file or an empty folder goes."""
        node = self.folder(path) if folder else self.file(path)
        if node.entries:
            raise ModelRefusal(NtStatus.DIRECTORY_NOT_EMPTY)
        entries, last = self._parent(path)
        del entries[fold(last)]

    def rename(self, path: str, new_path: str, *, replace: bool) -> None:
        """Something gets another name; what it replaces passes its spelling on."""
        node = self.find(path)
        entries, last = self._parent(new_path)
        if entries is node.entries:
            # It is open for the move, and that keeps others from opening it as a target.
            raise ModelRefusal(NtStatus.SHARING_VIOLATION)
        old_entries, old_last = self._parent(path)
        target = entries.get(fold(last))
        name = last
        if target is not None and target is not node:
            if not replace:
                raise ModelRefusal(NtStatus.OBJECT_NAME_COLLISION)
            if node.entries is not None or target.entries is not None:
                raise ModelRefusal(NtStatus.ACCESS_DENIED)
            name = target.name
        if self._leads_into(node, new_path):
            raise ModelRefusal(NtStatus.INVALID_PARAMETER)
        del old_entries[fold(old_last)]
        node.name = name
        entries[fold(last)] = node

    def _leads_into(self, node: ShareNode, path: str) -> bool:
        here = self.root
        for name in path.split("/")[:-1]:
            following = (here.entries or {}).get(fold(name))
            if following is None:
                return False
            here = following
            if here is node:
                return True
        return False

    def listing(self, path: str) -> dict[str, int]:
        """The names in a folder, with the files' sizes, 0 for folders."""
        entries = self.folder(path).entries
        assert entries is not None
        return {node.name: len(node.content) for node in entries.values()}

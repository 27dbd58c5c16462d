"""Whether two files are the same."""

from smbquic.client.file_tree import Entry, FileTree, same_content
from smbquic.options.sync import ComparisonOptions

_NANOSECONDS = 10**9


class Comparison:
    """Compares the files of two trees."""

    def __init__(self, source: FileTree, target: FileTree, options: ComparisonOptions) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._window = round(options.modify_window * _NANOSECONDS)

    def difference(self, entry: Entry, other: Entry) -> str | None:
        """Return in what two files differ, as far as their listings say: "size" or "time"."""
        if entry.size != other.size:
            return "size"
        if self._options.size_only or self._options.checksum:
            return None
        return "time" if abs(entry.modified - other.modified) > self._window else None

    async def same_content(self, path: str, other: str) -> bool:
        """Return whether two files have the same content, which is read."""
        return await same_content(self._source, self._target, path, other)

"""The kinds of files that the builtin `open` makes: of bytes or text, with a buffer or without."""

from typing import Self

from smbquic.client.buffered_file import BufferedFile
from smbquic.client.file import File
from smbquic.client.file_handle import Reopener
from smbquic.client.opening import FileMode
from smbquic.client.text_file import TextCoding, TextFile
from smbquic.client.tree_connect import TreeConnect
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.create import CreateResponse

_LINES = 1


@dataclass(frozen=True, slots=True)
class FileKind:
    """The arguments of `open`, checked. `coding` is that of a text, None for bytes."""

    mode: FileMode
    buffering: int
    coding: TextCoding | None

    @classmethod
    def parse(
        cls,
        mode: str,
        buffering: int,
        encoding: str | None,
        errors: str | None,
        newline: str | None,
    ) -> Self:
        """Return the kind that `open` would make. Raises ValueError and LookupError for none."""
        parsed = FileMode.parse(mode)
        if parsed.text:
            if buffering == 0:
                raise ValueError("text needs a buffer: use a mode with b, or another buffering")
            return cls(parsed, buffering, TextCoding.checked(encoding, errors, newline))
        if encoding is not None or errors is not None or newline is not None:
            raise ValueError("encoding, errors and newline are for text: use a mode without b")
        if buffering == _LINES:
            raise ValueError("buffering=1 is for text, whose lines are sent at once")
        return cls(parsed, buffering, None)

    def make(
        self, tree: TreeConnect, path: str, opened: CreateResponse, reopener: Reopener
    ) -> File:
        """Return a file of bytes that was just opened."""
        if self.buffering == 0:
            return File(tree, path, opened, reopener)
        size = -1 if self.buffering == _LINES else self.buffering
        return BufferedFile(tree, path, opened, reopener, mode=self.mode, buffering=size)

    def wrapped(self, file: File) -> File | TextFile:
        """Return the file itself, or its text."""
        if self.coding is None:
            return file
        assert isinstance(file, BufferedFile)
        return TextFile(file, self.coding, line_buffering=self.buffering == _LINES)

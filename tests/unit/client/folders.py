"""A server that has the folders of this machine, for tests that list many of them."""

from fnmatch import fnmatch
from pathlib import Path

from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.query_directory import QueryDirectoryResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened


def attributes_of(path: Path) -> FileAttributes:
    """The attributes of a file, a folder, or a link."""
    attributes = FileAttributes.DIRECTORY if path.is_dir() else FileAttributes.ARCHIVE
    return attributes | (FileAttributes.REPARSE_POINT if path.is_symlink() else FileAttributes(0))


class LocalFolders:
    """Lists the folders below `root`. `listed` are the paths and patterns that were asked for."""

    def __init__(self, server: FakeServer, root: Path) -> None:
        self.root = root
        self.refused: set[str] = set()
        self.listed: list[tuple[str, str]] = []
        self._opens: list[Path] = []
        self._done: set[int] = set()
        server.handlers[Command.CREATE] = self._create
        server.handlers[Command.QUERY_DIRECTORY] = self._query
        server.handlers[Command.CLOSE] = lambda request: None

    def _create(self, request: Received) -> Answer:
        name = request.body.name.replace("\\", "/")
        path = self.root / name
        self._opens.append(path)
        if name in self.refused:
            return NtStatus.ACCESS_DENIED, None
        if not path.exists():
            return NtStatus.OBJECT_NAME_NOT_FOUND, None
        if request.body.create_options & CreateOptions.FILE_DIRECTORY_FILE and not path.is_dir():
            return NtStatus.NOT_A_DIRECTORY, None
        return opened(0, attributes_of(path), len(self._opens) - 1)

    def _query(self, request: Received) -> Answer:
        number = len(self._opens) - 1
        if request.body.file_id != FileId.RELATED:
            number = request.body.file_id.persistent
        path, pattern = self._opens[number], request.body.file_name
        if not path.is_dir() or path.relative_to(self.root).as_posix() in self.refused:
            return NtStatus.NOT_A_DIRECTORY, None
        if number in self._done:
            return NtStatus.NO_MORE_FILES, None
        self._done.add(number)
        self.listed.append((path.relative_to(self.root).as_posix(), pattern))
        found = sorted(one for one in path.iterdir() if fnmatch(one.name.lower(), pattern.lower()))
        if not found:
            return NtStatus.NO_SUCH_FILE, None
        kind = FileInformationClass.FileIdFullDirectoryInformation
        entries = [
            encode_entry(kind, DirectoryEntry(one.name, file_attributes=attributes_of(one)))
            for one in found
        ]
        return QueryDirectoryResponse(encode_chain(entries, 8))

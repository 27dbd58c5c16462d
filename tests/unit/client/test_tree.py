import os
from pathlib import Path

import pytest

from smbquic.client import local
from smbquic.client import tree as tree_module
from smbquic.client.results import TreeResult, Usage
from smbquic.client.share import Share
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    NameCollisionError,
    NotFoundError,
    PathError,
    SecurityError,
)
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.storage.partial import temporary_name
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import FileInformationClass, RenameInformation
from smbquic.wire.header import Command
from smbquic.wire.query_directory import QueryDirectoryResponse
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, FakeTransport, Received, opened

FOLDER = FileAttributes.DIRECTORY
LINK = FileAttributes.REPARSE_POINT
FILE = FileAttributes.ARCHIVE
Folder = dict[str, tuple[FileAttributes, bytes]]


class Disk:
    """A few folders and files, which a fake server serves by path.

    A file id is the index of its path in `paths`.
    """

    def __init__(self, server: FakeServer, folders: dict[str, Folder]) -> None:
        self.folders = folders
        self.paths: list[str] = []
        self.listed: set[int] = set()
        self.deleted: list[str] = []
        self.refused: dict[str, NtStatus] = {}
        self.failed: NtStatus | None = None
        self.server = server
        server.handlers[Command.CREATE] = self.create
        server.handlers[Command.QUERY_DIRECTORY] = self.query
        server.handlers[Command.READ] = self.read
        server.handlers[Command.SET_INFO] = self.set_info

    def create(self, request: Received) -> Answer:
        body: CreateRequest = request.body
        path = body.name.replace("\\", "/")
        self.failed = self.refused.get(path)
        if self.failed is not None:
            return self.failed, None
        parent, _, name = path.rpartition("/")
        if body.create_disposition != CreateDisposition.FILE_OPEN:
            if parent not in self.folders:
                return NtStatus.OBJECT_PATH_NOT_FOUND, None
            if body.create_options & CreateOptions.FILE_DIRECTORY_FILE:
                self.folders.setdefault(path, {})
        self.paths.append(path)
        attributes, content = self.folders.get(parent, {}).get(name, (FOLDER, b""))
        return opened(len(content), attributes, len(self.paths) - 1)

    def _path(self, request: Received) -> tuple[int, str]:
        index = request.body.file_id.volatile
        if index == (1 << 64) - 1:
            index = len(self.paths) - 1
        return index, self.paths[index]

    def query(self, request: Received) -> Answer:
        if self.failed is not None:
            return self.failed, None
        index, path = self._path(request)
        if index in self.listed:
            return NtStatus.NO_MORE_FILES, None
        self.listed.add(index)
        entries = [
            encode_entry(
                FileInformationClass.FileIdFullDirectoryInformation,
                DirectoryEntry(
                    name,
                    end_of_file=len(content),
                    allocation_size=4096,
                    file_attributes=attributes,
                ),
            )
            for name, (attributes, content) in self.folders[path].items()
        ]
        return (
            QueryDirectoryResponse(encode_chain(entries, 8))
            if entries
            else (
                NtStatus.NO_MORE_FILES,
                None,
            )
        )

    def read(self, request: Received) -> Answer:
        if self.failed is not None:
            return self.failed, None
        _, path = self._path(request)
        parent, _, name = path.rpartition("/")
        content = self.folders[parent][name][1]
        return ReadResponse(content[request.body.offset :][: request.body.length])

    def set_info(self, request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileDispositionInformation:
            self.deleted.append(self._path(request)[1])
        return None

    def renamed(self) -> list[str]:
        """The names that files got."""
        return sorted(
            RenameInformation.decode(memoryview(body.buffer)).file_name
            for body in self.server.bodies(Command.SET_INFO)
            if body.file_info_class == FileInformationClass.FileRenameInformation
        )


def local_tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


# --- down ---------------------------------------------------------------------------------------


async def test_a_tree_comes_down(share: Share, server: FakeServer, tmp_path: Path) -> None:
    Disk(
        server,
        {
            "top": {"a": (FOLDER, b""), "x": (FILE, b"x!"), "empty": (FILE, b"")},
            "top/a": {"b": (FOLDER, b""), "y": (FILE, b"y!!"), "l": (FOLDER | LINK, b"")},
            "top/a/b": {"l": (FILE | LINK, b"elsewhere")},
        },
    )
    states: list[tuple[int, int]] = []
    result = await share.get_tree(
        "top", tmp_path / "t", progress=lambda state: states.append((state.files, state.bytes))
    )
    assert local_tree(tmp_path / "t") == {"x": b"x!", "empty": b"", "a/y": b"y!!"}
    assert sorted(path for path, _ in result.skipped) == ["top/a/b/l", "top/a/l"]
    result.skipped = []
    assert result == TreeResult(files=3, bytes=5, folders=2, total_files=3, total_bytes=5)
    assert states[-1] == (3, 5)


async def test_the_folders_of_a_tree_are_put_on_the_disk_if_that_is_asked_for(
    share: Share, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(server, {"top": {"a": (FOLDER, b""), "x": (FILE, b"x!")}, "top/a": {}})
    synced: list[Path] = []
    monkeypatch.setattr(tree_module, "sync_folder", synced.append)
    await share.get_tree("top", tmp_path / "t")
    assert synced == []
    await share.get_tree("top", tmp_path / "u", options=TransferOptions(fsync=True))
    root = (tmp_path / "u").resolve()
    assert sorted(synced) == [root, root / "a"]


@pytest.mark.parametrize("name", ["../escape", "..", "/tmp/escape", r"..\escape", "a\0b"])
async def test_no_name_leads_out_of_the_folder(
    share: Share, server: FakeServer, tmp_path: Path, name: str
) -> None:
    Disk(
        server,
        {
            "": {"good": (FOLDER, b""), "bad": (FOLDER, b"")},
            "good": {"x": (FILE, b"x")},
            "bad": {name: (FILE, b"evil"), "z": (FILE, b"z")},
        },
    )
    result = await share.get_tree("", tmp_path / "t")
    assert {path for path in local_tree(tmp_path) if "z" not in path} == {"t/good/x"}
    if name == "..":
        assert result.failures == []  # every folder lists it, and nobody follows it
    else:
        [(path, error)] = result.failures
        assert path == "bad"
        assert isinstance(error, SecurityError)


async def test_a_link_in_the_way_is_not_followed(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").symlink_to(outside)
    Disk(server, {"": {"a": (FOLDER, b"")}, "a": {"x": (FILE, b"evil")}})
    result = await share.get_tree("", tmp_path / "t")
    assert [path for path, _ in result.failures] == ["a"]
    assert isinstance(result.failures[0][1], FileExistsError)
    assert local_tree(outside) == {}


async def test_the_target_itself_may_be_a_link(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "t").symlink_to("real")
    Disk(server, {"": {"x": (FILE, b"x")}})
    await share.get_tree("", tmp_path / "t")
    assert local_tree(tmp_path / "real") == {"x": b"x"}


async def test_what_fails_does_not_stop_the_rest(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    disk = Disk(
        server,
        {
            "": {"a": (FOLDER, b""), "b": (FILE, b"b"), "c": (FILE, b"c")},
            "a": {"x": (FILE, b"x")},
        },
    )
    disk.refused = {"a": NtStatus.ACCESS_DENIED, "b": NtStatus.SHARING_VIOLATION}
    result = await share.get_tree("", tmp_path)
    assert local_tree(tmp_path) == {"c": b"c"}
    assert sorted(path for path, _ in result.failures) == ["a", "b"]
    assert all(isinstance(error, DeniedError) for _, error in result.failures)


async def test_a_tree_that_is_not_there(share: Share, server: FakeServer, tmp_path: Path) -> None:
    disk = Disk(server, {})
    disk.refused = {"top": NtStatus.OBJECT_NAME_NOT_FOUND}
    with pytest.raises(NotFoundError):
        await share.get_tree("top", tmp_path / "t")
    assert not (tmp_path / "t").exists()


async def test_an_empty_tree(share: Share, server: FakeServer, tmp_path: Path) -> None:
    Disk(server, {"": {}})
    assert await share.get_tree("", tmp_path / "t") == TreeResult()
    assert (tmp_path / "t").is_dir()


async def test_a_lost_connection_ends_it(
    share: Share, server: FakeServer, transport: FakeTransport, tmp_path: Path
) -> None:
    Disk(server, {"": {"a": (FILE, b"a"), "b": (FILE, b"b")}})

    def read(request: Received) -> Answer:
        transport.fail(ConnectionClosed("the cable is cut"))
        return None

    server.handlers[Command.READ] = lambda request: read(request) or (NtStatus.UNSUCCESSFUL, None)
    with pytest.raises(ConnectionClosed):
        await share.get_tree("", tmp_path)


async def test_a_file_that_grew_since_it_was_listed(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    disk = Disk(server, {"": {"a": (FILE, b"a")}})
    query = disk.query

    def grow(request: Received) -> Answer:
        answer = query(request)
        disk.folders[""]["a"] = (FILE, b"abcdef")
        return answer

    server.handlers[Command.QUERY_DIRECTORY] = grow
    result = await share.get_tree("", tmp_path)
    assert local_tree(tmp_path) == {"a": b"abcdef"}
    assert result.bytes == 6


# --- up -----------------------------------------------------------------------------------------


async def test_a_tree_goes_up(share: Share, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "x").write_bytes(b"x!")
    (tmp_path / "a" / "y").write_bytes(b"y!!")
    (tmp_path / "a" / "link").symlink_to("y")
    os.mkfifo(tmp_path / "a" / "b" / "pipe")
    disk = Disk(server, {"": {}})
    result = await share.put_tree(tmp_path, "top/sub")
    assert disk.renamed() == [r"top\sub\a\y", r"top\sub\x"]
    assert set(disk.folders) == {"", "top", "top/sub", "top/sub/a", "top/sub/a/b"}
    assert (result.files, result.bytes, result.folders) == (2, 5, 2)
    assert sorted(result.skipped) == [
        (str(tmp_path / "a" / "b" / "pipe"), "a FIFO"),
        (str(tmp_path / "a" / "link"), "a symbolic link"),
    ]
    assert result.failures == []


NAMES = {
    "a:b": "a\uf022b",
    r"..\evil": "..\uf026evil",
    'what?*<>|"': "what\uf025\uf021\uf023\uf024\uf027\uf020",
    "tab\there": "tab\uf009here",
    "dot.": "dot\uf029",
    "space ": "space\uf028",
    "latin-\udce9": "latin-\uf0e9",
}
"""Names on a disk of POSIX, and on the wire."""


async def test_names_that_windows_forbids_go_up_as_mapposix_has_them(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / r"sub\dir:").mkdir()
    disk = Disk(server, {"": {}})
    result = await share.put_tree(tmp_path, "top")
    assert result.failures == []
    assert disk.renamed() == sorted(f"top\\{name}" for name in NAMES.values())
    assert set(disk.folders) == {"", "top", "top/sub\uf026dir\uf022"}


async def test_names_that_windows_forbids_come_down_as_they_are(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    Disk(server, {"": dict.fromkeys(NAMES.values(), (FILE, b"x"))})
    result = await share.get_tree("", tmp_path)
    assert result.failures == []
    assert set(local_tree(tmp_path)) == set(NAMES)


@pytest.mark.parametrize("name", ["\uf029", "\uf029\uf029", ".\uf029"])
async def test_no_name_that_stands_for_another_leads_out_of_the_folder(
    share: Share, server: FakeServer, tmp_path: Path, name: str
) -> None:
    Disk(server, {"": {"a": (FOLDER, b"")}, "a": {name: (FOLDER, b"")}})
    result = await share.get_tree("", tmp_path / "t")
    [(path, error)] = result.failures
    assert path == "a"
    assert isinstance(error, SecurityError)


async def test_names_that_only_differ_in_case_go_up_once(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    for name in ("Report.txt", "report.TXT", "REPORT.txt", "other", "Ärger", "äRGER"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "Other").mkdir()
    (tmp_path / "Other" / "below").write_bytes(b"")
    disk = Disk(server, {"": {}})
    result = await share.put_tree(tmp_path, "top")
    assert disk.renamed() == [r"top\Other\below", r"top\REPORT.txt", "top\\Ärger"]
    assert sorted(path for path, _ in result.failures) == sorted(
        str(tmp_path / name) for name in ("Report.txt", "report.TXT", "other", "äRGER")
    )
    assert all(isinstance(error, NameCollisionError) for _, error in result.failures)
    assert result.files == 3


async def test_names_that_the_disk_does_not_tell_apart_come_down_once(
    share: Share, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the test tells them apart, so it is made not to."""
    folded = Path.with_name
    monkeypatch.setattr(
        local.PartialFile,
        "__init__",
        lambda part, target, fsync=False, make=local.PartialFile.__init__: make(
            part, folded(target, target.name.lower()), fsync
        ),
    )
    Disk(server, {"": {"A": (FILE, b"one"), "a": (FILE, b"two"), "b": (FILE, b"b")}})
    result = await share.get_tree("", tmp_path)
    assert sorted(local_tree(tmp_path)) == ["a", "b"]
    [(path, error)] = result.failures
    assert path in ("A", "a")
    assert isinstance(error, NameCollisionError)
    assert result.files == 2


async def test_temporary_files_of_others_are_not_copied(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    part = temporary_name()
    disk = Disk(server, {"": {}, "old": {part: (FILE, b"half"), "x": (FILE, b"x")}})
    await share.get_tree("old", tmp_path / "t")
    assert local_tree(tmp_path / "t") == {"x": b"x"}
    (tmp_path / "t" / temporary_name()).write_bytes(b"half")
    result = await share.put_tree(tmp_path / "t", "up")
    assert (result.files, result.failures, result.skipped) == (1, [], [])
    await share.copy_tree("old", "new")
    assert disk.renamed() == [r"new\x", r"up\x"]


async def test_a_local_tree_that_is_not_there(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await share.put_tree(tmp_path / "missing", "top")
    assert server.seen == []


# --- within the share ---------------------------------------------------------------------------


async def test_a_tree_is_copied(share: Share, server: FakeServer) -> None:
    disk = Disk(
        server,
        {
            "": {},
            "old": {"a": (FOLDER, b""), "x": (FILE, b"x"), "l": (LINK, b"")},
            "old/a": {"y": (FILE, b"y")},
        },
    )
    result = await share.copy_tree("old", "new")
    assert disk.renamed() == [r"new\a\y", r"new\x"]
    assert (result.files, result.folders) == (2, 1)
    assert result.skipped == [("old/l", "a symbolic link, or another reparse point")]


@pytest.mark.parametrize(("old", "new"), [("a", "a"), ("a", "A/b"), ("", "x"), ("a/b", "a/B/c/d")])
async def test_a_folder_is_not_copied_into_itself(
    share: Share, server: FakeServer, old: str, new: str
) -> None:
    with pytest.raises(PathError, match="into itself"):
        await share.copy_tree(old, new)
    assert server.seen == []


async def test_usage(share: Share, server: FakeServer) -> None:
    Disk(
        server,
        {
            "top": {"a": (FOLDER, b""), "x": (FILE, b"xx"), "l": (FOLDER | LINK, b"")},
            "top/a": {"y": (FILE, b"yyy")},
        },
    )
    assert await share.usage("top") == Usage(files=2, folders=2, bytes=5, allocated=8192)


async def test_removing_a_tree_goes_from_the_leaves_to_the_root(
    share: Share, server: FakeServer
) -> None:
    disk = Disk(
        server,
        {
            "top": {"a": (FOLDER, b""), "x": (FILE, b""), "l": (FOLDER | LINK, b"")},
            "top/a": {"b": (FOLDER, b""), "y": (FILE, b"")},
            "top/a/b": {"z": (FILE, b"")},
        },
    )
    await share.rmtree("top")
    assert set(disk.deleted[:3]) == {"top/x", "top/a/y", "top/a/b/z"}
    assert disk.deleted[3] == "top/a/b"
    assert set(disk.deleted[4:6]) == {"top/a", "top/l"}
    assert disk.deleted[6:] == ["top"]


async def test_the_root_is_not_removed(share: Share, server: FakeServer) -> None:
    with pytest.raises(PathError, match="root of a share"):
        await share.rmtree("/")
    assert server.seen == []

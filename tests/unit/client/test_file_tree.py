import hashlib
import os
from pathlib import Path
from types import ModuleType

import pytest

from smbquic.client import file_tree as module
from smbquic.client import share_copy, transfer
from smbquic.client.file_tree import Entry, LocalTree, copy_file, overlap, same_content
from smbquic.client.local import WrittenFiles
from smbquic.client.share import Share
from smbquic.errors import SecurityError
from smbquic.options.transfer import TransferOptions
from tests.unit.client.fakes import FakeServer, share_over
from tests.unit.client.test_tree import FILE, FOLDER, LINK, Disk
from tests.unit.client.transferring import CONTENT, serve_content


@pytest.fixture
async def local(tmp_path: Path) -> LocalTree:
    tree = LocalTree(tmp_path / "root")
    await tree.prepare()
    return tree


async def test_a_local_folder_is_listed(local: LocalTree) -> None:
    (local.path / "a:b").write_bytes(b"abc")
    os.utime(local.path / "a:b", ns=(0, 1_000_000_100))
    (local.path / "folder").mkdir()
    (local.path / "link").symlink_to("folder")
    assert sorted(await local.list(""), key=lambda entry: entry.kind) == [
        Entry("a\uf022b", "file", 3, 1_000_000_100),
        Entry("folder", "folder"),
        Entry("link", "other", what="a symbolic link"),
    ]
    with pytest.raises(FileNotFoundError):
        await local.list("missing")


async def test_a_local_tree_is_changed(local: LocalTree, tmp_path: Path) -> None:
    await local.make_folder("a/b")
    await local.make_folder("a/b")
    (local.path / "a" / "b" / "c").write_bytes(b"one")
    (local.path / "a" / "d").write_bytes(b"two")
    assert await local.digest("a/b/c") != await local.digest("a/d")
    await local.back_up("a/b/c", str(tmp_path / "old"))
    assert (tmp_path / "old" / "a" / "b" / "c").read_bytes() == b"one"
    await local.remove_folder("a/b")
    (local.path / "x").touch()
    await local.remove_file("x")
    assert [path.name for path in local.path.iterdir()] == ["a"]


async def test_no_path_leads_out_of_a_local_tree(local: LocalTree, tmp_path: Path) -> None:
    (local.path / "link").symlink_to(tmp_path)
    with pytest.raises(FileExistsError):
        await local.make_folder("link/b")
    with pytest.raises(SecurityError):
        local.at("a/\uf029")  # it stands for "."


async def test_a_disk_that_ignores_case_is_recognized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = LocalTree(tmp_path)
    await tree.prepare()
    assert tree.ignores_case == (tmp_path / tmp_path.name).exists()
    assert await tree.list("") == []
    monkeypatch.setattr(Path, "exists", lambda path: True)
    folded = LocalTree(tmp_path)
    await folded.prepare()
    assert folded.ignores_case
    assert folded.written is not None


async def test_what_was_just_written_is_not_deleted_under_another_name(tmp_path: Path) -> None:
    tree = LocalTree(tmp_path)
    tree._ignores_case = True
    await tree.prepare()
    assert tree.written is not None
    await tree.make_folder("a")
    (tmp_path / "b").touch()
    (tmp_path / "a" / "x").touch()
    os.link(tmp_path / "b", tmp_path / "B")
    descriptor = os.open(tmp_path / "b", os.O_RDONLY)
    tree.written.place(tmp_path / "b", descriptor, tmp_path / "b2")
    os.close(descriptor)
    await tree.remove_file("B")
    assert (tmp_path / "B").exists()
    await tree.remove_file("a/x")
    assert not (tmp_path / "a" / "x").exists()


async def test_a_remote_folder_is_listed(share: Share, server: FakeServer) -> None:
    Disk(server, {"top": {"x": (FILE, b"abc"), "f": (FOLDER, b""), "l": (LINK, b"")}})
    entries = await share.folder("top").list("")
    assert [(entry.name, entry.kind, entry.size) for entry in entries] == [
        ("x", "file", 3),
        ("f", "folder", 0),
        ("l", "other", 0),
    ]


async def test_a_remote_tree_is_changed(share: Share, server: FakeServer) -> None:
    disk = Disk(server, {"": {"top": (FOLDER, b"")}, "top": {"x": (FILE, b"abc")}})
    tree = share.folder("/top/")
    await tree.prepare()
    await tree.make_folder("a")
    await tree.remove_file("x")
    await tree.remove_folder("a")
    assert disk.deleted == ["top/x", "top/a"]
    await tree.back_up("x", "old")
    assert server.opened_names()[-1] == "top\\x"
    assert disk.renamed() == ["old\\x"]
    assert tree.ignores_case


def test_what_lies_in_a_tree(share: Share, tmp_path: Path) -> None:
    tree = share.folder("Top/in")
    assert tree.holds("top/IN/deeper/x") == "deeper/x"
    assert tree.holds("top/in") == ""
    assert tree.holds("top/inner") is None
    assert share.folder().holds("a") == "a"
    local = LocalTree(tmp_path)
    assert local.holds(str(tmp_path / "a" / "b")) == "a/b"
    assert local.holds("/") is None
    assert overlap(share.folder(), share.folder("a"))
    assert overlap(share.folder("a"), share.folder())
    assert not overlap(share.folder("a"), share.folder("ab"))
    assert not overlap(share.folder("a"), local)


async def test_which_copy_it_is(
    share: Share, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[object, ...]] = []

    def note(module: ModuleType, name: str) -> None:
        async def work(*arguments: object, **options: object) -> None:
            called.append((name, arguments, options))

        monkeypatch.setattr(module, name, work)

    def progress(done: int, total: int) -> None: ...

    note(transfer, "get")
    note(transfer, "put")
    note(share_copy, "copy")
    local, remote, other = (
        LocalTree(tmp_path),
        share.folder("in"),
        share_over(share.tree.connection),
    )
    local.written = WrittenFiles()
    options = TransferOptions(fsync=True)
    for source, target in ((remote, local), (local, remote), (remote, other.folder("out"))):
        await copy_file(source, target, "a/x", 7, progress=progress, options=options)
    here, more = tmp_path / "a" / "x", {"progress": progress, "expected": 7, "options": options}
    assert called == [
        ("get", (share, "in/a/x", here), {**more, "written": local.written}),
        ("put", (share, here, "in/a/x"), more),
        ("copy", (share, "in/a/x", "out/a/x"), {"progress": progress, "to": other}),
    ]
    with pytest.raises(ValueError, match="has to be on a share"):
        await copy_file(
            local, local, "x", 1, progress=lambda _, __: None, options=TransferOptions()
        )


@pytest.mark.parametrize("size", [0, 9, 10, 11, 10_000])
async def test_a_digest_is_of_all_of_the_content(
    share: Share,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 10)
    serve_content(server, CONTENT[:size])
    (tmp_path / "x").write_bytes(CONTENT[:size])
    expected = hashlib.blake2b(CONTENT[:size]).digest()
    local, remote = LocalTree(tmp_path), share.folder("in")
    assert await local.digest("x") == await remote.digest("a") == expected
    assert server.opened_names() == ["in\\a"]
    assert await same_content(remote, local, "a", "x")
    (tmp_path / "x").write_bytes(CONTENT[:size] + b"!")
    assert not await same_content(remote, local, "a", "x")


async def test_what_the_disk_does_with_case_is_found_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def ignores(folder: Path) -> bool:
        asked.append(folder)
        return False

    monkeypatch.setattr(module, "_disk_ignores_case", ignores)
    tree = LocalTree(tmp_path / "new" / "root")
    assert tree.ignores_case is False
    for _ in range(2):
        await tree.prepare()
    assert asked == [tmp_path / "new" / "root"]
    assert (tree.ignores_case, tree.written) == (False, None)


async def test_the_root_of_a_share_is_not_made(share: Share, server: FakeServer) -> None:
    await share.folder().prepare()
    assert server.seen == []
    await share.folder("/a//b/").prepare()
    assert server.opened_names() == ["a\\b"]

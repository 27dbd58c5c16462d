"""Renaming, linking and deleting local files and folders."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbquic.storage import Disposition, NameInvalid, PathNotFound, StorageFile, types
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.tree import FolderTree
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.opening import Make

# Renaming


def test_renaming_a_file(opened: Make, root: Path) -> None:
    (root / "Sub").mkdir()
    file = opened("file")
    file.write(0, [b"content"])
    file.rename("sUB\\New", replace=False)

    assert file.name == "Sub\\New"
    assert file.stat().name == "New"
    assert (root / "Sub" / "New").read_bytes() == b"content"
    assert not (root / "file").exists()
    assert file.parent_stat().name == "Sub"
    file.rename("sub\\again", replace=False)
    assert file.name == "Sub\\again"
    file.write(0, [b"C"])
    assert (root / "Sub" / "again").read_bytes() == b"Content"


@pytest.mark.parametrize("folder", ["", "folder\\"])
def test_a_folder_is_not_read_again_for_a_new_name_in_it(
    opened: Make, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (root / "folder").mkdir()
    file = opened("file")
    for name in ("MISSING", f"{folder}OTHER"):
        with pytest.raises(FileNotFoundError):
            storage.lookup(name)
    monkeypatch.setattr(os, "scandir", None)
    file.rename(f"{folder}other", replace=False)
    # Neither is the one that it was in.
    for name in ("MISSING", "FILE"):
        with pytest.raises(FileNotFoundError):
            storage.lookup(name)

    found = storage.lookup(f"{folder}OTHER")
    assert found.name == f"{folder}other"
    found.close()


def test_a_folder_is_not_read_again_for_a_link_or_a_deletion_in_it(
    opened: Make, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")
    with pytest.raises(FileNotFoundError):
        storage.lookup("OTHER")
    monkeypatch.setattr(os, "scandir", None)
    file.link("other", replace=False)
    found = storage.lookup("OTHER")
    assert found.name == "other"
    found.delete()
    found.close()
    with pytest.raises(FileNotFoundError):
        storage.lookup("OTHER")


def test_whether_a_name_may_go_is_known_before(opened: Make) -> None:
    opened("file").check_deletion()
    with pytest.raises(PermissionError):
        opened("", write=False).check_deletion()


@pytest.mark.parametrize("name", ["target", "TARGET"])
def test_renaming_onto_a_file(name: str, opened: Make, root: Path) -> None:
    (root / "target").write_bytes(b"target")
    file = opened("file")
    file.write(0, [b"file"])

    with pytest.raises(FileExistsError):
        file.rename(name, replace=False)
    assert (root / "target").read_bytes() == b"target"
    assert file.name == "file"
    file.rename(name, replace=True)
    assert (root / "target").read_bytes() == b"file"
    assert file.name == "target"
    assert [path.name for path in root.iterdir()] == ["target"]


@pytest.mark.parametrize("source", ["file", "folder"])
@pytest.mark.parametrize("target", ["empty", "full", "FULL"])
def test_nothing_goes_onto_a_folder(source: str, target: str, opened: Make, root: Path) -> None:
    (root / "empty").mkdir()
    (root / "full").mkdir()
    (root / "full" / "x").touch()
    file = opened(source, directory=source == "folder")

    with pytest.raises(FileExistsError):
        file.rename(target, replace=False)
    with pytest.raises(PermissionError):
        file.rename(target, replace=True)
    assert sorted(path.name for path in root.iterdir()) == sorted(["empty", "full", source])


def test_a_folder_goes_onto_nothing(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    folder = opened("folder", directory=True)

    with pytest.raises(FileExistsError):
        folder.rename("file", replace=False)
    with pytest.raises(PermissionError):
        folder.rename("FILE", replace=True)
    assert (root / "file").read_bytes() == b"content"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("directory", [False, True])
def test_renaming_changes_nothing_but_case(
    directory: bool, replace: bool, opened: Make, root: Path
) -> None:
    file = opened("name", directory=directory)
    file.rename("NaMe", replace=replace)
    assert file.name == "NaMe"
    assert [path.name for path in root.iterdir()] == ["NaMe"]
    file.rename("NaMe", replace=replace)
    assert [path.name for path in root.iterdir()] == ["NaMe"]


def test_another_case_on_a_disk_that_ignores_case(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a disk finds a file by its new name before it is renamed."""

    def find_in_any_case(
        tree: FolderTree, parent: int, component: str
    ) -> tuple[bytes, os.stat_result | None]:
        (on_disk,) = root.iterdir()
        return component.encode(), on_disk.stat()

    file = opened("name")
    monkeypatch.setattr(FolderTree, "look_up", find_in_any_case)
    file.rename("NAME", replace=False)
    assert [path.name for path in root.iterdir()] == ["NAME"]
    assert file.name == "NAME"


def test_another_case_of_a_linked_file_on_a_disk_that_ignores_case(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("name")
    file.link("other", replace=False)

    def find_in_any_case(
        tree: FolderTree, parent: int, component: str
    ) -> tuple[bytes, os.stat_result | None]:
        return component.encode(), (root / "other").stat()

    monkeypatch.setattr(FolderTree, "look_up", find_in_any_case)
    file.rename("NAME", replace=False)
    assert sorted(path.name for path in root.iterdir()) == ["NAME", "other"]


def test_two_cases_of_a_name_may_be_two_names_of_one_file(opened: Make, root: Path) -> None:
    file = opened("name")
    (root / "NAME").hardlink_to(root / "name")

    with pytest.raises(FileExistsError):
        file.rename("NAME", replace=False)
    assert sorted(path.name for path in root.iterdir()) == ["NAME", "name"]
    file.rename("NAME", replace=True)
    assert [path.name for path in root.iterdir()] == ["NAME"]
    assert file.name == "NAME"
    file.delete()
    assert list(root.iterdir()) == []


def test_two_cases_of_a_name_are_two_files(opened: Make, root: Path) -> None:
    (root / "name").write_bytes(b"lower")
    (root / "NAME").write_bytes(b"upper")
    file = opened("name")

    with pytest.raises(FileExistsError):
        file.rename("NAME", replace=False)
    file.rename("NAME", replace=True)
    assert (root / "NAME").read_bytes() == b"lower"
    assert [path.name for path in root.iterdir()] == ["NAME"]


def test_two_names_of_one_file(opened: Make, root: Path) -> None:
    file = opened("a")
    file.link("b", replace=False)
    assert file.stat().links == 2

    with pytest.raises(FileExistsError):
        file.rename("b", replace=False)
    assert file.stat().links == 2
    file.rename("b", replace=True)
    assert [path.name for path in root.iterdir()] == ["b"]
    assert file.name == "b"
    file.delete()
    assert list(root.iterdir()) == []


def test_renaming_to_what_cannot_be(opened: Make, root: Path) -> None:
    folder = opened("folder", directory=True)
    file = opened("file")

    for replace in (True, False):
        with pytest.raises(PathNotFound):
            file.rename("no\\file", replace=replace)
        with pytest.raises(NameInvalid):
            file.rename("..\\file", replace=replace)
        with pytest.raises(FileExistsError):
            file.rename("", replace=replace)
        with pytest.raises(OSError, match="Invalid argument"):
            folder.rename("folder\\sub", replace=replace)
    assert sorted(path.name for path in root.iterdir()) == ["file", "folder"]


@pytest.fixture
def with_links(root: Path) -> Iterator[LocalStorage]:
    """The same folder as a share that shows links."""
    storage = LocalStorage(root, links=True)
    yield storage
    storage.close()


@pytest.mark.parametrize(
    ("target", "new_name", "allowed"),
    [
        ("..", "moved", True),
        ("../..", "moved", False),
        ("../..", "a\\moved", True),
        # It leads out already, and is not shown: it may stay as deep as it is, or go deeper.
        ("../../../x", "a\\moved", True),
        ("../../../x", "c\\d\\moved", True),
        ("../../../x", "moved", False),
    ],
)
@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="links take Linux")
def test_a_folder_with_links_goes_where_they_do_not_lead_out(
    with_links: LocalStorage, root: Path, target: str, new_name: str, allowed: bool
) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "c" / "d").mkdir(parents=True)
    (root / "a" / "b" / "link").symlink_to(target)
    folder, _ = with_links.open("a\\b")
    if allowed:
        folder.rename(new_name, replace=False)
    else:
        with pytest.raises(PermissionError, match="leads out"):
            folder.rename(new_name, replace=False)
    assert folder.name == (new_name if allowed else "a\\b")
    folder.close()


def test_where_no_links_are_shown_folders_go_anywhere_with_them(opened: Make, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "link").symlink_to("../../../x")
    opened("a\\b").rename("moved", replace=False)
    assert (root / "moved" / "link").is_symlink()


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="links take Linux")
def test_a_file_goes_up_where_links_are_shown(with_links: LocalStorage, root: Path) -> None:
    (root / "a").mkdir()
    file, _ = with_links.open("a\\file", Disposition.CREATE)
    file.rename("file", replace=False)
    file.close()
    assert (root / "file").is_file()


def test_nothing_is_named_anew_on_a_read_only_share(root: Path) -> None:
    (root / "file").touch()
    storage = LocalStorage(root, read_only=True, links=True)
    file, _ = storage.open("file")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: file.rename("new", replace=True),
        lambda: file.link("new", replace=True),
        file.delete,
        file.check_deletion,
        lambda: file.become_link("x"),
    )
    for attempt in attempts:
        with pytest.raises(OSError, match="Read-only") as caught:
            attempt()
        assert caught.value.errno == errno.EROFS
    file.close()
    storage.close()
    assert [path.name for path in root.iterdir()] == ["file"]


def test_the_root_keeps_its_name(storage: LocalStorage, root: Path) -> None:
    folder, _ = storage.open("")

    with pytest.raises(PermissionError):
        folder.rename("new", replace=False)
    with pytest.raises(PermissionError):
        folder.delete()
    with pytest.raises(PermissionError):
        folder.link("new", replace=False)
    folder.close()
    assert root.is_dir()


def test_a_renamed_file_is_known_to_all_its_opens(
    storage: LocalStorage, opened: Make, root: Path
) -> None:
    (root / "sub").mkdir()
    one, two = opened("file"), opened("FILE")
    one.rename("sub\\new", replace=False)
    assert two.name == "sub\\new"
    one.close()
    two.rename("sub\\newer", replace=False)
    three, _ = storage.open("sub\\newer")
    three.rename("newest", replace=False)
    three.close()

    assert two.name == "newest"
    two.delete()
    assert [path.name for path in root.iterdir()] == ["sub"]


def test_opens_by_different_names_stay_apart(opened: Make, root: Path) -> None:
    (root / "sub").mkdir()
    one = opened("file")
    one.link("other", replace=False)
    one.link("sub\\file", replace=False)
    two, three = opened("other"), opened("sub\\file")
    assert one.key == two.key == three.key
    one.rename("renamed", replace=False)
    assert (two.name, three.name) == ("other", "sub\\file")
    two.delete()
    three.delete()

    assert sorted(path.name for path in root.iterdir()) == ["renamed", "sub"]
    assert list((root / "sub").iterdir()) == []


def test_what_is_open_below_a_renamed_folder(opened: Make, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "ab").mkdir()
    folder, file, other = opened("a"), opened("a\\b\\file"), opened("ab\\file")
    folder.rename("c", replace=False)

    assert file.name == "c\\b\\file"
    assert other.name == "ab\\file"
    file.rename("c\\file", replace=False)
    assert (root / "c" / "file").exists()
    file.delete()
    assert not (root / "c" / "file").exists()


def test_two_at_once(storage: LocalStorage, root: Path) -> None:
    """Of many that rename to one name without replacing, one gets it."""
    files = [storage.open(f"file{number}", Disposition.CREATE)[0] for number in range(8)]
    barrier = threading.Barrier(len(files))
    won = []

    def race(file: LocalFile) -> None:
        barrier.wait()
        try:
            file.rename("target", replace=False)
        except FileExistsError:
            return
        won.append(file)

    threads = [threading.Thread(target=race, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()

    assert len(won) == 1
    assert len(list(root.iterdir())) == 8


# Links


def test_linking(opened: Make, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "taken").write_bytes(b"taken")
    file = opened("file")
    file.write(0, [b"content"])
    file.link("SUB\\second", replace=False)
    assert (root / "sub" / "second").samefile(root / "file")
    assert file.name == "file"

    with pytest.raises(FileExistsError):
        file.link("TAKEN", replace=False)
    assert (root / "taken").read_bytes() == b"taken"
    file.link("TAKEN", replace=True)
    assert (root / "taken").samefile(root / "file")
    file.link("taken", replace=True)
    assert file.stat().links == 3

    with pytest.raises(PermissionError):
        file.link("sub", replace=True)
    with pytest.raises(PermissionError):
        opened("sub").link("new", replace=False)


# Deleting


def test_deleting(opened: Make, root: Path) -> None:
    file = opened("file")
    file.write(0, [b"content"])
    file.delete()
    assert list(root.iterdir()) == []
    assert bytes(file.read(0, 100)) == b"content"
    assert file.write(0, [b"C"]) == 1
    assert file.stat().links == 0
    assert file.stat().name == "file"
    file.set_attributes(types.HIDDEN)
    assert file.stat().attributes == types.HIDDEN
    file.flush()
    for again in (file.delete, lambda: file.rename("x", replace=True)):
        with pytest.raises(FileNotFoundError):
            again()


def test_only_empty_folders_are_deleted(opened: Make, root: Path) -> None:
    folder = opened("folder", directory=True)
    assert folder.is_empty()
    (root / "folder" / "link").symlink_to("nowhere")
    assert list(folder.scan()) == []
    assert not folder.is_empty()
    with pytest.raises(OSError, match="not empty") as caught:
        folder.delete()
    assert caught.value.errno == errno.ENOTEMPTY
    (root / "folder" / "link").unlink()
    assert folder.is_empty()
    folder.delete()

    assert list(root.iterdir()) == []
    assert list(folder.scan()) == []
    assert folder.stat().is_directory


def test_a_file_that_others_moved_goes_on_but_has_no_name(opened: Make, root: Path) -> None:
    file = opened("file")
    (root / "file").rename(root / "moved")
    (root / "file").write_bytes(b"another")
    file.write(0, [b"content"])

    assert (root / "moved").read_bytes() == b"content"
    for attempt in (
        file.delete,
        lambda: file.rename("new", replace=True),
        lambda: file.link("new", replace=True),
    ):
        with pytest.raises(FileNotFoundError):
            attempt()
    (root / "file").unlink()
    with pytest.raises(FileNotFoundError):
        file.delete()
    assert [path.name for path in root.iterdir()] == ["moved"]


def test_a_folder_that_others_moved_still_holds_its_files(opened: Make, root: Path) -> None:
    (root / "a").mkdir()
    file = opened("a\\file")
    (root / "a").rename(root / "b")
    (root / "a").mkdir()
    (root / "a" / "file").write_bytes(b"another")
    file.delete()

    assert (root / "a" / "file").read_bytes() == b"another"
    assert list((root / "b").iterdir()) == []


def test_a_local_file_is_called_in_the_same_way_as_any_other() -> None:
    assert differences(StorageFile, LocalFile) == []

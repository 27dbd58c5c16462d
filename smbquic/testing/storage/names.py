"""The tests of names: renaming, links, deletion, listings."""

import errno

import pytest

from smbquic.storage import (
    Capability,
    Disposition,
    NameInvalid,
    PathNotFound,
    Storage,
    StorageFile,
    parent_of,
)
from smbquic.testing.storage.steps import NOT_SUPPORTED, fails, names, opened, read, write


class NameTests:
    """Tests of operations on names: rename, delete, create."""

    @pytest.mark.parametrize("new", ["New", "Folder\\New", "FILE"])
    def test_renaming(self, storage: Storage, file: StorageFile, new: str) -> None:
        """The file goes on under its new name, for all who have it open."""
        write(storage, "Folder\\other", b"")
        with opened(storage, "File") as other:
            key = file.key
            file.rename(new, replace=False)
            assert (file.name, other.name, file.key) == (new, new, key)
            assert file.stat().name == new.rpartition("\\")[2]
            with opened(storage, parent_of(new)) as folder:
                assert file.parent_key == folder.key
            assert new.rpartition("\\")[2] in names(storage, parent_of(new))
        assert read(storage, new) == b"0123456789"
        if new != "FILE":
            with pytest.raises(FileNotFoundError):
                storage.stat("File")

    def test_renaming_a_folder(self, storage: Storage) -> None:
        """The contents of a folder move with it, also files that are open."""
        write(storage, "Folder\\Inner\\file", b"content")
        write(storage, "Other\\file", b"")
        with (
            opened(storage, "folder\\inner\\file") as file,
            opened(storage, "folder") as folder,
        ):
            folder.rename("other\\New", replace=False)
            assert folder.name == "Other\\New"
            assert file.name == "Other\\New\\Inner\\file"
            with fails(errno.EINVAL):
                folder.rename("other\\new\\inner\\it", replace=False)
        assert read(storage, "other\\new\\inner\\FILE") == b"content"
        assert names(storage) == ["Other"]

    def test_names_that_are_taken(self, storage: Storage, file: StorageFile) -> None:
        """Only files are replaced, and only where that is wanted."""
        write(storage, "Taken", b"taken")
        write(storage, "Folder\\inner", b"")
        with pytest.raises(FileExistsError):
            file.rename("TAKEN", replace=False)
        with pytest.raises(PermissionError):
            file.rename("folder", replace=True)
        with opened(storage, "Folder") as folder, pytest.raises(PermissionError):
            folder.rename("taken", replace=True)
        with pytest.raises(PathNotFound):
            file.rename("missing\\name", replace=True)
        with pytest.raises(NameInvalid):
            file.rename("a*", replace=True)
        with opened(storage, "") as root, pytest.raises(PermissionError):
            root.rename("new", replace=False)
        assert read(storage, "Taken") == b"taken"
        with opened(storage, "Taken") as replaced:
            file.rename("Taken", replace=True)
            assert bytes(replaced.read(0, 10)) == b"taken"
        assert read(storage, "Taken") == b"0123456789"
        assert names(storage) == ["Folder", "Taken"]

    def test_further_names(self, storage: Storage, file: StorageFile) -> None:
        """They are names of one file."""
        if Capability.HARD_LINKS not in storage.capabilities:
            with fails(*NOT_SUPPORTED):
                file.link("other", replace=False)
            return
        file.link("Other", replace=False)
        assert file.name == "File"
        assert file.stat().links == 2
        with opened(storage, "other") as other:
            assert other.key == file.key
            assert other.name == "Other"
            file.write(0, [b"abc"])
            assert bytes(other.read(0, 3)) == b"abc"
            other.delete()
        assert file.stat().links == 1
        write(storage, "Taken", b"taken")
        with pytest.raises(FileExistsError):
            file.link("taken", replace=False)
        file.link("taken", replace=True)
        assert read(storage, "Taken") == b"abc3456789"
        with opened(storage, "Folder", Disposition.CREATE, directory=True) as folder:
            with pytest.raises(PermissionError):
                folder.link("another", replace=False)
            with pytest.raises(PermissionError):
                file.link("folder", replace=True)

    def test_symbolic_links(self, storage: Storage, file: StorageFile) -> None:
        """They are shown and not followed, where there are any."""
        file.truncate(0)
        if Capability.SYMBOLIC_LINKS not in storage.capabilities:
            with fails(*NOT_SUPPORTED):
                file.become_link("target")
            return
        file.become_link("target")
        assert storage.stat("File").link == "target"
        with opened(storage, "file", link=True) as link:
            assert link.stat().link == "target"
        with pytest.raises(PathNotFound):
            storage.open("file")

    def test_deletion(self, storage: Storage, file: StorageFile) -> None:
        """The name goes, and what is open goes on."""
        file.check_deletion()
        file.delete()
        assert names(storage) == []
        assert file.write(0, [b"abc"]) == 3
        assert bytes(file.read(0, 10)) == b"abc3456789"
        with pytest.raises(FileNotFoundError):
            file.delete()
        write(storage, "File", b"another one")
        with pytest.raises(FileNotFoundError):
            file.delete()
        with pytest.raises(FileNotFoundError):
            file.rename("new", replace=False)
        assert read(storage, "File") == b"another one"
        with opened(storage, "file") as other:
            assert other.key != file.key

    def test_deletion_of_folders(self, storage: Storage) -> None:
        """Only empty ones go, and never the root."""
        write(storage, "Folder\\file", b"")
        with opened(storage, "folder", directory=True) as folder:
            with fails(errno.ENOTEMPTY):
                folder.delete()
            with opened(storage, "folder\\file") as file:
                file.delete()
            assert folder.is_empty()
            folder.delete()
        with opened(storage, "") as root, pytest.raises(PermissionError):
            root.delete()
        assert names(storage) == []

    def test_a_listing_while_things_change(self, storage: Storage) -> None:
        """It neither fails nor shows anything twice."""
        for number in range(50):
            write(storage, f"file {number}", b"")
        with opened(storage, "", directory=True) as root:
            found = root.scan()
            seen = [next(found).name for _ in range(10)]
            for number in range(50, 60):
                write(storage, f"file {number}", b"")
            with opened(storage, "file 49") as last:
                last.delete()
            seen += [entry.name for entry in found]
        assert len(seen) == len(set(seen))
        assert {f"file {number}" for number in range(49)} <= set(seen)

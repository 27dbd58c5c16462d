"""The tests of opening, making and overwriting files."""

import pytest

from smbquic.storage import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    NORMAL,
    READONLY,
    Action,
    Disposition,
    OpenPolicy,
    PathNotFound,
    Storage,
    StorageFile,
)
from smbquic.testing.storage.steps import (
    CREATING,
    OVERWRITING,
    RefusedError,
    names,
    opened,
    read,
    write,
)


class OpeningTests:
    """The dispositions of an open, and the checks that may refuse it."""

    @pytest.mark.parametrize("disposition", CREATING)
    @pytest.mark.parametrize("directory", [None, False])
    def test_a_file_is_made(
        self, storage: Storage, disposition: Disposition, directory: bool | None
    ) -> None:
        """It is empty, new, and has the attributes that were asked for."""
        file, action = storage.open(
            "New", disposition, directory=directory, write=True, attributes=HIDDEN
        )
        assert action is Action.CREATED
        assert (file.name, file.is_directory) == ("New", False)
        stat = file.stat()
        file.close()
        assert stat.size == 0
        assert stat.attributes in (HIDDEN | ARCHIVE, ARCHIVE, NORMAL)
        assert names(storage) == ["New"]

    @pytest.mark.parametrize("disposition", [Disposition.CREATE, Disposition.OPEN_IF])
    def test_a_folder_is_made(self, storage: Storage, disposition: Disposition) -> None:
        """It is empty, and things can be made in it."""
        with opened(storage, "New", disposition, directory=True) as folder:
            assert folder.is_directory
            assert folder.is_empty()
            assert folder.stat().attributes & DIRECTORY
            write(storage, "new\\file", b"x")
            assert not folder.is_empty()
        assert names(storage, "New") == ["file"]

    def test_nothing_is_made_where_nothing_is(self, storage: Storage) -> None:
        """OPEN and OVERWRITE take what is there, and nothing is made in a missing folder."""
        for disposition in (Disposition.OPEN, Disposition.OVERWRITE):
            with pytest.raises(FileNotFoundError):
                storage.open("new", disposition)
        for disposition in Disposition:
            with pytest.raises(PathNotFound):
                storage.open("no folder\\new", disposition)
        assert names(storage) == []

    @pytest.mark.parametrize("disposition", OVERWRITING)
    def test_a_file_is_overwritten(self, storage: Storage, disposition: Disposition) -> None:
        """The content goes, the name keeps its case, and the file is the same one."""
        write(storage, "File", b"content")
        with opened(storage, "File") as before:
            file, action = storage.open("FILE", disposition, attributes=READONLY)
            assert action in (Action.SUPERSEDED, Action.OVERWRITTEN)
            assert (action is Action.SUPERSEDED) == (disposition is Disposition.SUPERSEDE)
            assert (file.name, file.stat().size, file.key) == ("File", 0, before.key)
            file.close()

    def test_who_is_not_admitted_overwrites_nothing(self, storage: Storage) -> None:
        """The check comes before anything is changed."""
        write(storage, "File", b"content")

        def refuse(file: StorageFile) -> None:
            raise RefusedError

        for disposition in OVERWRITING:
            with pytest.raises(RefusedError):
                storage.open("file", disposition, policy=OpenPolicy(admit=refuse))
        assert read(storage, "File") == b"content"

    def test_who_is_not_permitted_makes_nothing(self, storage: Storage) -> None:
        """The check gets the folder's real name."""
        write(storage, "Folder\\file", b"")
        asked = []

        def refuse(folder: str) -> None:
            asked.append(folder)
            raise RefusedError

        policy = OpenPolicy(permit=refuse)
        for name in ("new", "FOLDER\\new"):
            for directory in (False, True):
                with pytest.raises(RefusedError):
                    storage.open(name, Disposition.OPEN_IF, directory=directory, policy=policy)
        assert asked == ["", "", "Folder", "Folder"]
        with opened(storage, "folder\\FILE", Disposition.OPEN_IF, policy=policy):
            pass
        assert names(storage) == ["Folder"]

    def test_keys_are_of_one_storage(self, storage: Storage, file: StorageFile) -> None:
        """A folder's key is what its files call their parent's."""
        write(storage, "Folder\\file", b"")
        with (
            opened(storage, "") as root,
            opened(storage, "folder") as folder,
            opened(storage, "folder\\file") as inner,
        ):
            assert len({each.key for each in (root, folder, inner, file)}) == 4
            assert inner.parent_key == folder.key
            assert file.parent_key == folder.parent_key == root.key
            assert inner.parent_stat().name == "Folder"

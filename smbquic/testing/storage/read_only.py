"""The tests of looking up, reading and listing, for every storage."""

import errno
from collections.abc import Iterator, Mapping

import pytest

from smbquic.storage import (
    DIRECTORY,
    NORMAL,
    Action,
    Disposition,
    NameInvalid,
    OpenPolicy,
    PathNotFound,
    Storage,
    StorageFile,
    parent_of,
)
from smbquic.testing.storage.steps import (
    CREATING,
    OVERWRITING,
    RefusedError,
    fails,
    names,
    opened,
    read,
)


class ReadOnlyStorageTests:
    """The tests of looking up, reading and listing. ``files`` are at least one, not all empty."""

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        """Yield the storage that is tested, with `files` in it and nothing else."""
        raise NotImplementedError("a subclass has a fixture that yields its storage")

    @pytest.fixture
    def files(self) -> Mapping[str, bytes]:
        """Return the content of all files by their names, as in ``folder\\file``."""
        raise NotImplementedError("a subclass has a fixture that says what is in its storage")

    @pytest.fixture
    def name(self, files: Mapping[str, bytes]) -> str:
        """Return the name of a file with content."""
        return next(name for name, content in files.items() if content)

    def test_every_file_is_read(self, storage: Storage, files: Mapping[str, bytes]) -> None:
        """Every file is read with the content that it has."""
        for name, content in files.items():
            assert read(storage, name) == content

    def test_parts_are_read(self, storage: Storage, files: Mapping[str, bytes], name: str) -> None:
        """A read gives what there is of a range, and nothing past the end."""
        content = files[name]
        with opened(storage, name) as file:
            for offset in (0, 1, len(content) // 2, len(content) - 1, len(content), 1 << 40):
                for length in (0, 1, len(content), 1 << 20):
                    assert bytes(file.read(offset, length)) == content[offset : offset + length]

    def test_a_cached_read_is_a_read(
        self, storage: Storage, files: Mapping[str, bytes], name: str
    ) -> None:
        """A cached read returns the same bytes as a read."""
        with opened(storage, name) as file:
            file.read(0, 1 << 20)
            try:
                found = file.read_cached(1, 10)
            except BlockingIOError:
                return
            assert found is None or bytes(found) == files[name][1:11]

    def test_folders_list_what_is_in_them(
        self, storage: Storage, files: Mapping[str, bytes]
    ) -> None:
        """Each entry is in its folder once, as `stat` describes it."""
        expected: dict[str, set[str]] = {"": set()}
        for name in files:
            while name:
                folder, _, last = name.rpartition("\\")
                expected.setdefault(folder, set()).add(last)
                name = folder
        for folder, entries in expected.items():
            assert names(storage, folder) == sorted(entries)
            with opened(storage, folder, directory=True) as file:
                for found in file.scan():
                    alone = storage.stat(f"{folder}\\{found.name}".lstrip("\\"))
                    assert (found.name, found.is_directory) == (alone.name, alone.is_directory)
                    assert (found.size, found.file_id) == (alone.size, alone.file_id)
                assert file.is_empty() == (not entries)

    def test_files_are_described(
        self, storage: Storage, files: Mapping[str, bytes], name: str
    ) -> None:
        """The size, the attributes and the name are those of the file."""
        with opened(storage, name) as file:
            stat = file.stat()
            assert (file.name, file.is_directory, file.stream) == (name, False, "")
            assert file.whole is file
            assert file.streams() == []
        assert stat.name == name.rpartition("\\")[2]
        assert (stat.size, stat.is_directory, stat.link) == (len(files[name]), False, None)
        assert stat.attributes
        assert not stat.attributes & DIRECTORY
        assert not stat.attributes & NORMAL or stat.attributes == NORMAL
        assert stat.links >= 1

    def test_the_root_is_described(self, storage: Storage) -> None:
        """It is a folder without a name, and its own parent."""
        with opened(storage, "") as root:
            stat = root.stat()
            assert (root.name, root.is_directory) == ("", True)
            assert root.parent_key in (root.key, None)
            assert root.parent_stat().is_directory
        assert (stat.name, stat.size) == ("", 0)
        assert stat.attributes & DIRECTORY

    def test_names_are_found_in_any_case(
        self, storage: Storage, files: Mapping[str, bytes], name: str
    ) -> None:
        """A file that is opened by a name in another case has its real name."""
        with opened(storage, name.swapcase()) as file:
            assert file.name == name
            assert file.stat().name == name.rpartition("\\")[2]
        assert read(storage, name.upper()) == read(storage, name.lower()) == files[name]

    def test_opens_share_their_key(self, storage: Storage, name: str) -> None:
        """All opens of a file have its key, and no other file does."""
        with (
            opened(storage, name) as one,
            opened(storage, name.swapcase()) as other,
            opened(storage, "") as root,
        ):
            assert one.key == other.key
            assert hash(one.key) == hash(other.key)
            assert one.key != root.key

    def test_what_is_not_there(self, storage: Storage, name: str) -> None:
        """A missing name and a missing folder raise different errors."""
        for directory in (None, True, False):
            for missing in ("no such name", f"{parent_of(name)}\\no such name".lstrip("\\")):
                with pytest.raises(FileNotFoundError) as caught:
                    storage.open(missing, directory=directory)
                assert not isinstance(caught.value, PathNotFound)
                with pytest.raises(PathNotFound):
                    storage.open(f"{missing}\\name", directory=directory)
            with pytest.raises(PathNotFound):
                storage.open(f"{name}\\below a file", directory=directory)
        with pytest.raises(FileNotFoundError):
            storage.stat("no such name")

    @pytest.mark.parametrize("wrong", ["..", ".", "a:b", "a*", "a?", "a/b", "a\0", "\\", "\\a"])
    def test_names_that_cannot_be(self, storage: Storage, wrong: str) -> None:
        """A name that no file can have is refused, and is not merely missing."""
        with pytest.raises(NameInvalid):
            storage.open(wrong)
        with pytest.raises((NameInvalid, PathNotFound)):
            storage.open(f"folder\\{wrong}")
        with pytest.raises((NameInvalid, PathNotFound)):
            storage.open(f"{wrong}\\name")

    def test_a_file_is_no_folder(self, storage: Storage, name: str) -> None:
        """A file is not opened as a folder, nor a folder as a file."""
        with pytest.raises(NotADirectoryError):
            storage.open(name, directory=True)
        with pytest.raises(IsADirectoryError):
            storage.open("", directory=False)
        with opened(storage, name) as file, pytest.raises(NotADirectoryError):
            next(file.scan(), None)

    def test_what_is_there_cannot_be_made(self, storage: Storage, name: str) -> None:
        """CREATE fails for a name that exists."""
        for taken in (name, ""):
            with pytest.raises(FileExistsError):
                storage.open(taken, Disposition.CREATE)

    def test_folders_cannot_be_overwritten(self, storage: Storage) -> None:
        """An existing folder is not overwritten, whether it is opened as a folder or not."""
        for disposition in OVERWRITING:
            with fails(errno.EINVAL):
                storage.open("", disposition, directory=True)
            with fails(errno.EISDIR, errno.EROFS):
                storage.open("", disposition)

    def test_who_is_not_admitted_gets_nothing(
        self, storage: Storage, files: Mapping[str, bytes], name: str
    ) -> None:
        """The check of an open sees the file, and its exception goes through."""
        seen = []

        def refuse(file: StorageFile) -> None:
            seen.append((file.name, file.stat().size))
            raise RefusedError

        with pytest.raises(RefusedError):
            storage.open(name, policy=OpenPolicy(admit=refuse))
        assert seen == [(name, len(files[name]))]

    def test_closing_twice_is_fine(self, storage: Storage, name: str) -> None:
        """A file may be closed twice."""
        file, action = storage.open(name)
        assert action is Action.OPENED
        file.close()
        file.close()

    def test_the_folders_above_are_described(self, storage: Storage, name: str) -> None:
        """The folders above a file are described from the root on, each with its descriptor."""
        found = storage.securities(parent_of(name).swapcase())
        expected = ["", *filter(None, parent_of(name).split("\\"))]
        assert [stat.name for _, stat in found] == expected
        assert all(stat.is_directory for _, stat in found)
        for missing in ("no such name", name):
            with pytest.raises(PathNotFound):
                storage.securities(missing)

    def test_the_volume(self, storage: Storage) -> None:
        """Its numbers fit together and into their fields."""
        volume = storage.volume()
        assert 0 <= volume.available_bytes <= volume.free_bytes <= volume.total_bytes
        assert volume.block_size > 0
        assert 0 <= volume.serial < 1 << 32

    def test_it_is_begun_and_ended(self, storage: Storage) -> None:
        """Serving begins and ends; nothing of that touches the files."""
        before = names(storage)
        storage.begin()()
        assert storage.renewed() is storage
        assert names(storage) == before

    def test_nothing_changes_a_read_only_storage(self, storage: Storage, name: str) -> None:
        """Everything that would change it is refused."""
        if not storage.read_only:
            return
        for disposition in CREATING:
            with fails(errno.EROFS):
                storage.open("new", disposition)
        for overwriting in OVERWRITING:
            with fails(errno.EROFS):
                storage.open(name, overwriting)
        with fails(errno.EROFS):
            storage.open(name, write=True)

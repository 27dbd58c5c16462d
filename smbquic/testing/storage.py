"""What every storage has to do, as pytest classes to subclass.

For a storage that can be changed, subclass `StorageTests`, and give it a fixture ``storage``
that is an empty tree; for one that cannot, `ReadOnlyStorageTests`, and also a fixture ``files``
that says what is in it::

    class TestMyStorage(StorageTests):
        @pytest.fixture
        def storage(self) -> Iterator[Storage]:
            storage = MyStorage()
            yield storage
            storage.close()

What a storage lacks by its `capabilities` has to be refused as the contract says.
"""

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise

import pytest

from smbquic.storage import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    NORMAL,
    READONLY,
    SETTABLE,
    SPARSE,
    Action,
    Capability,
    Disposition,
    NameInvalid,
    PathNotFound,
    Storage,
    StorageFile,
    parent_of,
)

_CHANGING = [each for each in Disposition if each is not Disposition.OPEN]
_OVERWRITING = [Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF]
_CREATING = [each for each in _CHANGING if each is not Disposition.OVERWRITE]
_NOT_SUPPORTED = (errno.ENOTSUP, errno.EOPNOTSUPP)


class RefusedError(Exception):
    """What the tests' own checks raise, which no storage does."""


@contextmanager
def opened(
    storage: Storage, name: str, disposition: Disposition = Disposition.OPEN, **options: object
) -> Iterator[StorageFile]:
    """Open a file or folder for a block."""
    file, _ = storage.open(name, disposition, **options)  # type: ignore[arg-type]
    try:
        yield file
    finally:
        file.close()


@contextmanager
def fails(*codes: int) -> Iterator[None]:
    """Expect an `OSError` with one of these codes."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  (the code is what counts)
        yield
    assert caught.value.errno in codes, caught.value


def read(storage: Storage, name: str) -> bytes:
    """Return the whole content of a file."""
    with opened(storage, name) as file:
        return bytes(file.read(0, file.stat().size + 1))


def write(storage: Storage, name: str, content: bytes) -> None:
    """Make a file, and the folders that it is in."""
    parts = name.split("\\")
    for depth in range(1, len(parts)):
        folder = "\\".join(parts[:depth])
        with opened(storage, folder, Disposition.OPEN_IF, directory=True):
            pass
    with opened(storage, name, Disposition.OVERWRITE_IF, directory=False, write=True) as file:
        assert file.write(0, [content]) == len(content)


def names(storage: Storage, folder: str = "") -> list[str]:
    """Return what is in a folder, in order."""
    with opened(storage, folder, directory=True) as file:
        return sorted(found.name for found in file.scan())


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
        """What is read is what is there."""
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
        """What is told to be cached is what a read gives."""
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
        """What is found is told by its real name."""
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
        """A missing name and a missing folder are told apart."""
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
        """Whoever wants the one does not get the other."""
        with pytest.raises(NotADirectoryError):
            storage.open(name, directory=True)
        with pytest.raises(IsADirectoryError):
            storage.open("", directory=False)
        with opened(storage, name) as file, pytest.raises(NotADirectoryError):
            next(file.scan(), None)

    def test_what_is_there_cannot_be_made(self, storage: Storage, name: str) -> None:
        """CREATE is for what is new."""
        for taken in (name, ""):
            with pytest.raises(FileExistsError):
                storage.open(taken, Disposition.CREATE)

    def test_folders_cannot_be_overwritten(self, storage: Storage) -> None:
        """Whether they are asked for as folders or not."""
        for disposition in _OVERWRITING:
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
            storage.open(name, admit=refuse)
        assert seen == [(name, len(files[name]))]

    def test_closing_twice_is_fine(self, storage: Storage, name: str) -> None:
        """What is closed is closed."""
        file, action = storage.open(name)
        assert action is Action.OPENED
        file.close()
        file.close()

    def test_the_folders_above_are_described(self, storage: Storage, name: str) -> None:
        """From the root on, each with what is stored about who may do what."""
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
        for disposition in _CREATING:
            with fails(errno.EROFS):
                storage.open("new", disposition)
        for overwriting in _OVERWRITING:
            with fails(errno.EROFS):
                storage.open(name, overwriting)
        with fails(errno.EROFS):
            storage.open(name, write=True)


class StorageTests(ReadOnlyStorageTests):
    """The tests of a storage that can be changed, and is empty to begin with."""

    @pytest.fixture
    def files(self, storage: Storage) -> Mapping[str, bytes]:
        """Fill the storage, and return with what."""
        found = {
            "File": b"content of the file",
            "Folder\\Inner\\Deep.txt": b"deep",
            "Folder\\empty": b"",
            "Ünïcode ☃": b"names",
        }
        for name, content in found.items():
            write(storage, name, content)
        return found

    @pytest.fixture
    def file(self, storage: Storage) -> Iterator[StorageFile]:
        """Yield an open file called ``File`` with ten digits in it."""
        write(storage, "File", b"0123456789")
        with opened(storage, "File", write=True) as file:
            yield file

    # Opening.

    @pytest.mark.parametrize("disposition", _CREATING)
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

    @pytest.mark.parametrize("disposition", _OVERWRITING)
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

        for disposition in _OVERWRITING:
            with pytest.raises(RefusedError):
                storage.open("file", disposition, admit=refuse)
        assert read(storage, "File") == b"content"

    def test_who_is_not_permitted_makes_nothing(self, storage: Storage) -> None:
        """The check is told the folder by its real name."""
        write(storage, "Folder\\file", b"")
        asked = []

        def refuse(folder: str) -> None:
            asked.append(folder)
            raise RefusedError

        for name in ("new", "FOLDER\\new"):
            for directory in (False, True):
                with pytest.raises(RefusedError):
                    storage.open(name, Disposition.OPEN_IF, directory=directory, permit=refuse)
        assert asked == ["", "", "Folder", "Folder"]
        with opened(storage, "folder\\FILE", Disposition.OPEN_IF, permit=refuse):
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

    # Content.

    def test_writing(self, storage: Storage, file: StorageFile) -> None:
        """Buffers follow one another; a gap before them reads as zero."""
        assert file.write(8, [b"ab", memoryview(b"cd"), bytearray(b"e")]) == 5
        assert file.write(15, [b"f"]) == 1
        assert file.write(0, []) == file.write(0, [b""]) == 0
        assert bytes(file.read(0, 100)) == b"01234567abcde\0\0f"
        assert file.stat().size == storage.stat("File").size == 16

    def test_what_is_written_is_copied(self, file: StorageFile) -> None:
        """A buffer may be used again afterwards."""
        buffer = bytearray(b"abc")
        file.write(0, [buffer])
        buffer[:] = b"xyz"
        assert bytes(file.read(0, 3)) == b"abc"

    def test_what_was_read_stays(self, file: StorageFile) -> None:
        """Until the storage's next call at least."""
        assert bytes(file.read(0, 10)) == b"0123456789"
        file.write(0, [b"abc"])
        assert bytes(file.read(0, 10)) == b"abc3456789"

    @pytest.mark.parametrize("size", [0, 1, 10, 11, 100_000])
    def test_truncation(self, file: StorageFile, size: int) -> None:
        """What is new reads as zero, also where there was something once."""
        file.truncate(size)
        assert file.stat().size == size
        assert bytes(file.read(0, 200_000)) == b"0123456789"[:size].ljust(size, b"\0")
        file.truncate(5)
        file.truncate(8)
        assert bytes(file.read(0, 10)) == b"0123456789"[: min(size, 5)].ljust(8, b"\0")

    @pytest.mark.parametrize("size", [0, 4, 10, 4096])
    def test_allocation(self, file: StorageFile, size: int) -> None:
        """A longer file is cut, a shorter one stays as long as it is."""
        file.allocate(size)
        assert bytes(file.read(0, 5000)) == b"0123456789"[:size]

    def test_zeroing(self, file: StorageFile) -> None:
        """A range reads as zero, and the size stays."""
        file.zero(3, 4)
        file.zero(9, 100)
        file.zero(50, 10)
        assert bytes(file.read(0, 100)) == b"012\0\0\0\x0078\0"

    def test_where_there_is_data(self, file: StorageFile) -> None:
        """What is outside of all ranges reads as zero; they are in order and within bounds."""
        file.truncate(1 << 20)
        file.write(1 << 19, [b"middle"])
        covered = bytearray(1 << 20)
        ranges = list(file.allocated_ranges(5, 1 << 30))
        for offset, length in ranges:
            assert length > 0
            covered[offset : offset + length] = bytes(file.read(offset, length))
        assert all(offset + length <= after for (offset, length), (after, _) in pairwise(ranges))
        assert bytes(covered[5:]) == bytes(file.read(5, 1 << 20))
        assert list(file.allocated_ranges(1 << 20, 10)) == []

    def test_copying(self, storage: Storage, file: StorageFile) -> None:
        """From another file, up to its end."""
        write(storage, "source", b"abcdefghij")
        with opened(storage, "source") as source:
            assert file.copy_from(source, 2, 4, 3) == 3
            assert bytes(file.read(0, 100)) == b"0123cde789"
            assert file.copy_from(source, 8, 9, 100) == 2
            assert file.copy_from(source, 10, 0, 5) == 0
        assert bytes(file.read(0, 100)) == b"0123cde78ij"

    @pytest.mark.parametrize(("source", "target"), [(0, 3), (3, 0), (2, 2)])
    def test_copying_onto_itself(self, file: StorageFile, source: int, target: int) -> None:
        """Ranges may overlap."""
        expected = bytearray(b"0123456789")
        expected[target : target + 6] = expected[source : source + 6]
        assert file.copy_from(file, source, target, 6) == 6
        assert bytes(file.read(0, 100)) == expected

    def test_flushing(self, storage: Storage, file: StorageFile) -> None:
        """It changes nothing, whatever was or was not written."""
        file.write(0, [b"abc"])
        file.flush()
        file.flush()
        with opened(storage, "", directory=True) as root:
            root.flush()
        assert read(storage, "File") == b"abc3456789"

    def test_opens_see_each_other(self, storage: Storage, file: StorageFile) -> None:
        """What one open writes, another one reads."""
        with opened(storage, "FILE", write=True) as other:
            other.write(0, [b"abc"])
            assert bytes(file.read(0, 4)) == b"abc3"
            file.truncate(2)
            assert other.stat().size == 2

    # What is known of files.

    def test_times(self, file: StorageFile) -> None:
        """Those that a storage can hold are kept, and the others are left."""
        before = file.stat()
        # SMB knows units of 100 ns.
        wanted = before.last_write_time // 100 * 100 - 10_000_000_000
        file.set_times(last_write_time=wanted)
        assert file.stat().last_write_time in (wanted, before.last_write_time)
        file.set_times(creation_time=wanted, last_access_time=wanted, change_time=wanted)
        after = file.stat()
        assert after.creation_time in (wanted, before.creation_time)
        assert after.last_access_time in (wanted, before.last_access_time)
        assert after.last_write_time in (wanted, before.last_write_time)
        file.set_times()

    def test_writing_moves_the_write_time(self, file: StorageFile) -> None:
        """A storage that holds times notes when content changes."""
        past = file.stat().last_write_time // 100 * 100 - 10_000_000_000
        file.set_times(last_write_time=past)
        if file.stat().last_write_time != past:
            return
        file.write(0, [b"x"])
        assert file.stat().last_write_time > past

    def test_attributes(self, file: StorageFile) -> None:
        """Those that clients may set are kept, if any are."""
        before = file.stat().attributes
        file.set_attributes(HIDDEN | READONLY | DIRECTORY | SPARSE)
        assert file.stat().attributes in (HIDDEN | READONLY, before)
        file.set_attributes(0)
        assert file.stat().attributes in (NORMAL, before)
        file.mark_changed()
        assert file.stat().attributes & SETTABLE in (ARCHIVE, before & SETTABLE)
        file.mark_changed()

    def test_sparse_files(self, storage: Storage, file: StorageFile) -> None:
        """The bit is kept beside the others, where there are sparse files."""
        if Capability.SPARSE_FILES not in storage.capabilities:
            with fails(*_NOT_SUPPORTED):
                file.set_sparse(sparse=True)
            return
        file.set_sparse(sparse=True)
        file.set_attributes(HIDDEN)
        assert file.stat().attributes == HIDDEN | SPARSE
        file.set_sparse(sparse=False)
        assert file.stat().attributes == HIDDEN

    def test_extended_attributes(self, storage: Storage, file: StorageFile) -> None:
        """They are found in any case, and an empty value removes one."""
        if Capability.EXTENDED_ATTRIBUTES not in storage.capabilities:
            assert file.extended_attributes() == []
            with fails(*_NOT_SUPPORTED):
                file.set_extended_attributes([("Name", b"value")])
            return
        file.set_extended_attributes([("Name", b"value"), ("other", b"\0\xff")])
        assert sorted(file.extended_attributes()) == [("Name", b"value"), ("other", b"\0\xff")]
        assert file.stat().ea_size > 0
        file.set_extended_attributes([("NAME", b"new"), ("other", b""), ("missing", b"")])
        assert file.extended_attributes() == [("Name", b"new")]
        with pytest.raises(NameInvalid):
            file.set_extended_attributes([("fine", b"1"), ("not:fine", b"2")])
        assert file.extended_attributes() == [("Name", b"new")]
        with opened(storage, "File", Disposition.OVERWRITE):
            assert file.extended_attributes() == []
        assert file.stat().ea_size == 0

    def test_security_descriptors(self, storage: Storage, file: StorageFile) -> None:
        """What is stored comes back as it was, also by the name of a folder."""
        assert file.security() is None
        if Capability.SECURITY_DESCRIPTORS not in storage.capabilities:
            with fails(*_NOT_SUPPORTED):
                file.set_security(b"descriptor")
            return
        for descriptor in (b"descriptor", b"another one"):
            file.set_security(descriptor)
            assert file.security() == descriptor
        with opened(storage, "Folder", Disposition.CREATE, directory=True) as folder:
            folder.set_security(b"of a folder")
        assert [stored for stored, _ in storage.securities("FOLDER")] == [None, b"of a folder"]

    # Names.

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
        """What is in it moves along, also what is open."""
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
            with fails(*_NOT_SUPPORTED):
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
            with fails(*_NOT_SUPPORTED):
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

    # Named streams.

    def test_streams(self, storage: Storage, file: StorageFile) -> None:
        """They have content and a name of their own, and all else with their file."""
        if not self._has_streams(storage, file):
            return
        stream, action = self._stream(storage, "File", "Stream", Disposition.CREATE)
        assert action is Action.CREATED
        assert stream.write(0, [b"content ", b"of it"]) == 13
        assert (stream.name, stream.stream, stream.is_directory) == ("File:Stream", "Stream", False)
        assert stream.whole.key == file.key != stream.key
        assert stream.parent_key == file.parent_key
        assert [(found.name, found.size) for found in file.streams()] == [("Stream", 13)]
        assert stream.stat().size == 13
        assert file.stat().size == 10
        other, action = self._stream(storage, "file", "STREAM", Disposition.OPEN_IF)
        assert action is Action.OPENED
        assert (other.key, bytes(other.read(8, 100))) == (stream.key, b"of it")
        other.zero(0, 8)
        stream.truncate(10)
        assert bytes(other.read(0, 100)) == bytes(8) + b"of"
        stream.set_attributes(HIDDEN)
        assert file.stat().attributes == HIDDEN
        other.close()
        stream.close()

    def test_which_streams_are_there(self, storage: Storage, file: StorageFile) -> None:
        """What is missing, taken or not admitted is told."""
        if not self._has_streams(storage, file):
            return
        with pytest.raises(FileNotFoundError):
            self._stream(storage, "File", "stream")
        self._stream(storage, "File", "stream", Disposition.CREATE)[0].close()
        with pytest.raises(FileExistsError):
            self._stream(storage, "File", "STREAM", Disposition.CREATE)

        def refuse(stream: StorageFile) -> None:
            raise RefusedError

        with pytest.raises(RefusedError):
            self._stream(storage, "File", "stream", Disposition.OVERWRITE, admit=refuse)
        for wrong in ("", "a:b", "a\\b", "a/b"):
            with pytest.raises(NameInvalid):
                self._stream(storage, "File", wrong, Disposition.OPEN_IF)
        with opened(storage, "Folder", Disposition.CREATE, directory=True) as folder:
            assert folder.streams() == []
        stream, _ = self._stream(storage, "folder", "of a folder", Disposition.CREATE)
        assert not stream.is_directory
        stream.close()

    def test_streams_are_renamed_and_deleted(self, storage: Storage, file: StorageFile) -> None:
        """Within their file, and without it."""
        if not self._has_streams(storage, file):
            return
        stream, _ = self._stream(storage, "File", "Stream", Disposition.CREATE)
        stream.write(0, [b"content"])
        self._stream(storage, "File", "taken", Disposition.CREATE)[0].close()
        with pytest.raises(FileExistsError):
            stream.rename("TAKEN", replace=False)
        stream.rename("taken", replace=True)
        stream.rename("New", replace=False)
        assert stream.stream == "New"
        assert [(found.name, found.size) for found in file.streams()] == [("New", 7)]
        stream.check_deletion()
        stream.delete()
        assert file.streams() == []
        with pytest.raises(FileNotFoundError):
            stream.delete()
        stream.close()
        self._stream(storage, "File", "goes", Disposition.CREATE)[0].close()
        with opened(storage, "File", Disposition.SUPERSEDE):
            assert file.streams() == []

    @staticmethod
    def _has_streams(storage: Storage, file: StorageFile) -> bool:
        """Return whether there are any; else they are refused."""
        if Capability.STREAMS in storage.capabilities:
            return True
        assert file.streams() == []
        for disposition in Disposition:
            with pytest.raises(NameInvalid):
                file.open_stream("stream", disposition)
        return False

    @staticmethod
    def _stream(
        storage: Storage,
        name: str,
        stream: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        admit: Callable[[StorageFile], None] | None = None,
    ) -> tuple[StorageFile, Action]:
        """Open a stream, which closes its file when it is closed."""
        file, _ = storage.open(name)
        try:
            return file.open_stream(stream, disposition, admit=admit)
        except BaseException:
            file.close()
            raise

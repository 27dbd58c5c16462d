"""The tests of what is in files."""

from itertools import pairwise

import pytest

from smbquic.storage import Storage, StorageFile
from smbquic.testing.storage.steps import opened, read, write


class ContentTests:
    """Tests of the content of files: read, write, truncate, copy."""

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
        """A file that grows reads as zero in its new part, also where it had data before."""
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
        """Allocated ranges are in order and within bounds, and the rest reads as zero."""
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
        """Data that is written through one open is read through another one."""
        with opened(storage, "FILE", write=True) as other:
            other.write(0, [b"abc"])
            assert bytes(file.read(0, 4)) == b"abc3"
            file.truncate(2)
            assert other.stat().size == 2

"""The tests of what is known of files and kept with them."""

import pytest

from smbquic.storage import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    NORMAL,
    READONLY,
    SETTABLE,
    SPARSE,
    Capability,
    Disposition,
    NameInvalid,
    Storage,
    StorageFile,
)
from smbquic.testing.storage.steps import NOT_SUPPORTED, fails, opened


class MetadataTests:
    """Tests of times, attributes, extended attributes and security descriptors."""

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
            with fails(*NOT_SUPPORTED):
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
            with fails(*NOT_SUPPORTED):
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
        """A security descriptor comes back as it was stored, also by the name of a folder."""
        assert file.security() is None
        if Capability.SECURITY_DESCRIPTORS not in storage.capabilities:
            with fails(*NOT_SUPPORTED):
                file.set_security(b"descriptor")
            return
        for descriptor in (b"descriptor", b"another one"):
            file.set_security(descriptor)
            assert file.security() == descriptor
        with opened(storage, "Folder", Disposition.CREATE, directory=True) as folder:
            folder.set_security(b"of a folder")
        assert [stored for stored, _ in storage.securities("FOLDER")] == [None, b"of a folder"]

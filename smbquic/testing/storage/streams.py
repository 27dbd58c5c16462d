"""The tests of named streams."""

from collections.abc import Callable

import pytest

from smbquic.storage import (
    HIDDEN,
    Action,
    Capability,
    Disposition,
    NameInvalid,
    Storage,
    StorageFile,
)
from smbquic.testing.storage.steps import RefusedError, opened


class StreamTests:
    """Tests of named streams, where the storage has them."""

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
        """A stream that is missing, exists already or is not allowed raises its own error."""
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

"""What an open shows of a file's times, and which of them it keeps from changing.

The disk's times are always those of the last change. Windows, and Samba up to 4.22, are later:
who writes through an open sees the old write time for two seconds more, then that of his first
write, and that of the last one only when he flushes, sets something, or closes; and the change
time that comes of renaming a file is not shown before it is closed. Programs rely on it, and so
does smbtorture. Everybody else here sees the truth.

A time that was set through an open stays, whatever else happens through that open, until it says
that it may change again ([MS-FSA] 2.1.4.17, 2.1.5.15.2).
"""

from dataclasses import dataclass
from time import monotonic

from smbquic.storage import ARCHIVE, FileStat, StorageFile

_DELAY = 2.0


@dataclass(slots=True)
class Times:
    """The times of one open, in nanoseconds since 1970. Those that are kept may be set."""

    kept_write_time: int | None = None
    kept_change_time: int | None = None
    _old_write_time: int | None = None
    _first_write_time: int | None = None
    _written: float = 0.0
    _old_change_time: int | None = None

    def before_write(self, file: StorageFile, *, first: bool) -> None:
        """The content is about to change, for the `first` time through this open or again."""
        self._old_change_time = None
        if self.kept_write_time is None:
            if self._old_write_time is None:
                stat = file.stat()
                self._old_write_time, self._written = stat.last_write_time, monotonic()
                if stat.attributes & ARCHIVE:
                    return
            elif self._first_write_time is None:
                self._first_write_time = file.stat().last_write_time
        if first:
            file.mark_changed()

    def settle(self) -> None:
        """From now on, what is on the disk is shown."""
        self._old_write_time = self._first_write_time = self._old_change_time = None

    def renamed(self, change_time: int) -> None:
        """The file had that change time before it got its new name."""
        self._old_change_time = change_time

    def show(self, stat: FileStat) -> None:
        """Puts into `stat` what the open shows."""
        if self._old_write_time is not None:
            if monotonic() < self._written + _DELAY:
                stat.last_write_time = self._old_write_time
            elif self._first_write_time is not None:
                stat.last_write_time = self._first_write_time
        if self._old_change_time is not None:
            stat.change_time = self._old_change_time

    def keep(self, file: StorageFile) -> None:
        """Undoes what a change did to the times that are kept."""
        if self.kept_write_time is not None or self.kept_change_time is not None:
            file.set_times(last_write_time=self.kept_write_time, change_time=self.kept_change_time)

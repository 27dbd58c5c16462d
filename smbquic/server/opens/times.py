"""The times of a file that an open shows, and those that it keeps from changing.

The times on the disk are always those of the last change. Windows, and Samba up to 4.22, show them
later to the open through which the file is written: the old write time for two seconds more, then
the time of the first write, and that of the last write only after a flush, a SET_INFO or the close.
The change time that a rename sets is not shown before the close. Programs rely on that, and
smbtorture tests it. Other opens see the times of the disk.

A time that was set through an open stays, whatever else happens through that open, until it says
that it may change again ([MS-FSA] 2.1.4.17, 2.1.5.15.2).
"""

from time import monotonic

from smbquic.lazy_dataclass import dataclass
from smbquic.storage import ARCHIVE, FileStat, StorageFile

_DELAY = 2.0


@dataclass(slots=True)
class Times:
    """The times of one open, in nanoseconds since 1970; `kept_...` are set back after a change."""

    kept_write_time: int | None = None
    kept_change_time: int | None = None
    _old_write_time: int | None = None
    _first_write_time: int | None = None
    _written: float = 0.0
    _old_change_time: int | None = None

    def before_write(self, file: StorageFile, *, first: bool) -> None:
        """Prepare for a change of the content; `first` if it is the first one through this open."""
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

    def show_stored(self) -> None:
        """Show the times of the disk from now on."""
        self._old_write_time = self._first_write_time = self._old_change_time = None

    def renamed(self, change_time: int) -> None:
        """Show the change time that the file had before it was renamed."""
        self._old_change_time = change_time

    def show(self, stat: FileStat) -> None:
        """Replace the times in `stat` by those that the open shows."""
        if self._old_write_time is not None:
            if monotonic() < self._written + _DELAY:
                stat.last_write_time = self._old_write_time
            elif self._first_write_time is not None:
                stat.last_write_time = self._first_write_time
        if self._old_change_time is not None:
            stat.change_time = self._old_change_time

    def keep(self, file: StorageFile) -> None:
        """Set the times back that are kept."""
        if self.kept_write_time is not None or self.kept_change_time is not None:
            file.set_times(last_write_time=self.kept_write_time, change_time=self.kept_change_time)

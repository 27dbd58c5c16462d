"""Shows progress on standard error: a bar on a terminal, lines elsewhere, events for --json."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from smbquic.cli.output import emit, printable, shown, size, warn
from smbquic.client.results import TreeResult

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_INTERVAL = 10.0
"""Seconds between two lines where standard error is no terminal."""
EVENT_INTERVAL = 1.0
"""Seconds between two events of --json."""

TITLE_PART = 3
"""The title has one part in so many of the width of a terminal."""
SHORTEST_TITLE = 12
"""Columns that the title has in any case."""
ECHO_OF_CTRL_C = 3
"""Columns that stay empty at the right."""


class Bar(Protocol):
    """A progress bar, to which a transfer reports its progress."""

    def file(self, done: int, total: int) -> None:
        """Show the bytes of one file that are done, of a total."""

    def tree(self, result: TreeResult) -> None:
        """Show the state of a whole tree."""


class _Silent:
    def file(self, done: int, total: int) -> None:
        """Show nothing."""

    def tree(self, result: TreeResult) -> None:
        """Show nothing."""


def shortened(text: str, width: int) -> str:
    """Return a text of at most `width` columns, without its middle if it is longer."""
    # Imported here: only a bar needs it, and it takes long.
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    end = text[-width:]
    while cell_len(end) > (width - 1) // 2:
        end = end[1:]
    return f"{set_cell_size(text[:width], width - 1 - cell_len(end)).rstrip()}…{end}"


class TransferRate:
    """The rate of a transfer, and the time that the rest of it takes at that rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()

    def rate(self, done: int) -> float:
        """Return the bytes in a second."""
        return done / max(self._clock() - self._started, 1e-6)

    def remaining(self, done: int, total: int) -> str:
        """Return the time for the rest, as ``1:02:03``; "" where nothing says so yet."""
        if not done:
            return ""
        seconds = round((total - done) / self.rate(done))
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class _Periodic:
    """A bar that says something now and then."""

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate = TransferRate(clock)
        self._interval = interval
        self._next = clock() + interval

    def file(self, done: int, total: int) -> None:
        self._show(done, total, None)

    def tree(self, result: TreeResult) -> None:
        self._show(result.bytes, result.total_bytes, result)

    def _show(self, done: int, total: int, result: TreeResult | None) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + self._interval
            self._say(done, total, result)

    def _say(self, done: int, total: int, result: TreeResult | None) -> None:
        raise NotImplementedError


class Lines(_Periodic):
    """Prints a line on standard error every ten seconds."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(LINE_INTERVAL, clock)
        self._title = title

    def _say(self, done: int, total: int, result: TreeResult | None) -> None:
        parts = [f"{size(done)} of {size(total)}", f"{size(self._rate.rate(done))}/s"]
        if result is not None:
            parts.insert(0, f"{result.files} of {result.total_files} files")
        if remaining := self._rate.remaining(done, total):
            parts.append(f"{remaining} left")
        warn(f"{printable(self._title)}: {', '.join(parts)}")


class Events(_Periodic):
    """Prints an event on standard output every second."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(EVENT_INTERVAL, clock)
        self._title = title

    def _say(self, done: int, total: int, result: TreeResult | None) -> None:
        event: dict[str, Any] = {"event": "progress", "what": shown(self._title)}
        event |= {"bytes": done, "total_bytes": total}
        if result is not None:
            event |= {"files": result.files, "total_files": result.total_files}
        emit(event | {"rate": round(self._rate.rate(done))})


class _Shown:
    def __init__(self, progress: "Progress", title: str) -> None:
        self._progress = progress
        self._title = title
        self._task = progress.add_task(self._description(), total=None)

    def _description(self, count: str = "") -> str:
        """Return the title, as much of it as leaves room for the figures, and a count."""
        width = self._progress.console.width // TITLE_PART - len(count)
        return shortened(self._title, max(width, SHORTEST_TITLE)) + count

    def file(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def tree(self, result: TreeResult) -> None:
        self._progress.update(
            self._task,
            completed=result.bytes,
            total=result.total_bytes,
            description=self._description(f" {result.files}/{result.total_files} files"),
        )


@contextmanager
def progress_bar(title: str, *, show: bool = True, as_json: bool = False) -> Iterator[Bar]:
    """Show the progress of what is done inside the ``with``.

    With `as_json` it is events on standard output.
    """
    if as_json or not show:
        yield Events(title) if as_json else _Silent()
        return
    if not sys.stderr.isatty():
        yield Lines(title)
        return
    # Imported here: it takes longer than most commands, and few of them show progress.
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    # A terminal writes ^C behind the bar. In the next line, that would keep the bar on the screen.
    console.width -= ECHO_OF_CTRL_C
    with bars.Progress(*columns, console=console, transient=True) as progress:
        yield _Shown(progress, printable(title))

"""Shows progress on a terminal, and nothing if standard error is not one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from smbquic.cli.output import printable
from smbquic.client.results import TreeResult

if TYPE_CHECKING:
    from rich.progress import Progress


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


class _Shown:
    def __init__(self, progress: "Progress", title: str) -> None:
        self._progress = progress
        self._title = title
        self._task = progress.add_task(title, total=None)

    def file(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def tree(self, result: TreeResult) -> None:
        self._progress.update(
            self._task,
            completed=result.bytes,
            total=result.total_bytes,
            description=f"{self._title} {result.files}/{result.total_files} files",
        )


@contextmanager
def progress_bar(title: str, *, show: bool = True) -> Iterator[Bar]:
    """Show a bar on standard error inside the ``with``, if that is a terminal."""
    if not (show and sys.stderr.isatty()):
        yield _Silent()
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
    with bars.Progress(*columns, console=console, transient=True) as progress:
        yield _Shown(progress, printable(title))

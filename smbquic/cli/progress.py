"""Progress on a terminal; nothing where nobody looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from smbquic.cli.output import errors, printable
from smbquic.client.tree import TreeResult


class Bar(Protocol):
    """What a transfer reports to."""

    def file(self, done: int, total: int) -> None:
        """Bytes of one file."""

    def tree(self, result: TreeResult) -> None:
        """The state of a whole tree."""


class _Silent:
    def file(self, done: int, total: int) -> None:
        """Nobody looks."""

    def tree(self, result: TreeResult) -> None:
        """Nobody looks."""


class _Shown:
    def __init__(self, progress: Progress, title: str) -> None:
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
    """A bar on standard error while the ``with`` lasts, if that is a terminal."""
    if not (show and errors.is_terminal):
        yield _Silent()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as progress:
        yield _Shown(progress, printable(title))

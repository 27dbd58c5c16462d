"""Counts what a command did with each of its arguments, and reports what failed."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from smbquic.cli.client import Client, profile_name
from smbquic.cli.failure import ExitCode, PartialFailure, describe, exit_code
from smbquic.cli.output import counted, emit, printable, shown, size, warn
from smbquic.client.results import TreeResult
from smbquic.client.url import SmbUrl
from smbquic.errors import SmbError

if TYPE_CHECKING:
    from smbquic.client.share import Share

Failures = list[tuple[str, Exception]]


class Arguments:
    """The failures of a command's arguments: an argument that fails stops no other.

    The error of a single argument is the error of the command.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.done: list[str] = []
        self.failures: Failures = []

    def expect_several(self) -> None:
        """Let no argument's error end the command from now on: there are more than was known."""
        self._count = max(self._count, 2)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Handle one argument inside the ``with``; `what` names it in messages."""
        try:
            yield
        except (SmbError, OSError, click.UsageError) as error:
            if self._count == 1:
                raise
            self.fail(what, error)
        else:
            self.done.append(what)

    def fail(self, what: str, error: Exception) -> None:
        """Record a failure, and print it as a warning."""
        self.failures.append((what, error))
        text = describe(error)
        name = printable(what)
        warn(text if f"{name}:" in text else f"{name}: {text}")

    def failed(self) -> list[dict[str, str]]:
        """Return the failures for --json."""
        return [{"path": shown(path), "error": describe(error)} for path, error in self.failures]

    def raise_failures(self) -> None:
        """Raise `PartialFailure` if anything failed.

        If nothing is done, the exit code says whether the logon or the network failed.
        """
        if not self.failures:
            return
        rest = "the rest is done" if self.done else "nothing is done"
        text = f"{counted(len(self.failures), 'failure')}, {rest}"
        codes = {exit_code(error) for _, error in self.failures}
        if codes in ({ExitCode.AUTHENTICATION}, {ExitCode.TRANSPORT}) and not self.done:
            warn(text)
            raise click.exceptions.Exit(codes.pop())
        raise PartialFailure(text)


class Report(Arguments):
    """A report that counts files and bytes too, and prints a summary as text or JSON."""

    def __init__(self, client: Client, verb: str, count: int = 1) -> None:
        super().__init__(count)
        self._client = client
        self._verb = verb
        self._started = time.monotonic()
        self._total = TreeResult()

    def add(self, result: TreeResult) -> None:
        """Add the result of one argument, and print what failed."""
        self._total.files += result.files
        self._total.folders += result.folders
        self._total.bytes += result.bytes
        self._total.skipped += result.skipped
        if result.files or result.folders:
            self.done.append("")
        for path, error in result.failures:
            self.fail(path, error)
        for path, what in result.skipped:
            warn(f"{printable(path)}: left out, it is {what}")

    def add_file(self, count: int) -> None:
        """Add one file of `count` bytes."""
        self.add(TreeResult(files=1, bytes=count))

    @property
    def seconds(self) -> float:
        """Return how long the command has taken until now."""
        return time.monotonic() - self._started

    def document(self) -> dict[str, Any]:
        """Return the summary for --json."""
        total = self._total
        return {
            "event": "summary",
            "files": total.files,
            "folders": total.folders,
            "bytes": total.bytes,
            "seconds": round(self.seconds, 3),
            "skipped": [{"path": shown(path), "reason": what} for path, what in total.skipped],
            "failures": self.failed(),
        }

    def summary(self) -> str:
        """Return the summary for people."""
        total, rate = self._total, self._total.bytes / max(self.seconds, 1e-6)
        return (
            f"{self._verb} {counted(total.files, 'file')}, {size(total.bytes)}"
            f" in {self.seconds:.2f} s ({size(rate)}/s)"
        )

    def end(self) -> None:
        """Print the summary. Raises `PartialFailure` if anything failed."""
        if self._client.as_json:
            emit(self.document())
        else:
            click.echo(self.summary())
        self.raise_failures()


class Shares(AsyncExitStack):
    """The shares of the URLs of a command, each connected to once, until the ``async with`` ends.

    Each transfers no more than `rate` bytes in a second. There is no second attempt at a server
    that cannot be reached or refuses the logon: it would take as long, and servers count failed
    logons.
    """

    def __init__(self, client: Client, rate: float | None = None) -> None:
        super().__init__()
        self._client = client
        self._rate = rate
        self._shares: dict[tuple[str, ...], Share] = {}
        self._refused: dict[tuple[str, ...], SmbError] = {}

    async def connect(self, url: SmbUrl) -> "Share":
        """Return the share of a URL, connected."""
        server = (profile_name(url), url.transport, url.host, str(url.port), url.domain, url.user)
        share = (*server, url.share.casefold())
        if server in self._refused:
            raise self._refused[server]
        if share not in self._shares:
            try:
                connected = await self.enter_async_context(self._client.share(url))
            except SmbError as error:
                if exit_code(error) in (ExitCode.AUTHENTICATION, ExitCode.TRANSPORT):
                    self._refused[server] = error
                raise
            if self._rate is not None:
                connected.limit_rate(self._rate)
            self._shares[share] = connected
        return self._shares[share]

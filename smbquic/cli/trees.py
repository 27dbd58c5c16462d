"""`smbquic copy`, `sync` and `check`: one folder like another, with rclone's vocabulary."""

import logging
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from smbquic.cli.client import SHARE_URL, Client, client_command, is_url
from smbquic.cli.command import command
from smbquic.cli.failure import PartialFailure
from smbquic.cli.loop import run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import counted, emit, printable, shown, warn
from smbquic.cli.progress import progress_bar
from smbquic.cli.report import Report, Shares
from smbquic.cli.urls import same_share
from smbquic.client.file_tree import FileTree, LocalTree, RemoteTree
from smbquic.client.results import CheckResult, SyncResult, TreeEvent
from smbquic.client.tree_sync import check_tree, sync_tree
from smbquic.client.url import SmbUrl
from smbquic.options.filter import FilterOptions
from smbquic.options.sync import ComparisonOptions, CopyTreeOptions, SyncOptions
from smbquic.options.transfer import RateOptions

log = logging.getLogger(__name__)

Place = SmbUrl | Path


class PlaceType(click.ParamType[Place]):
    """An argument that is an SMB URL with a share, or a path on this machine."""

    name = "place"

    def convert(self, value: Any, param: Any, ctx: Any) -> Place:
        """Return the URL or the path."""
        if isinstance(value, SmbUrl | Path):
            return value
        return SHARE_URL.convert(value, param, ctx) if is_url(value) else Path(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Let the shell complete profiles and the names on their shares, or else files."""
        found = SHARE_URL.shell_complete(ctx, param, incomplete)
        return found or [CompletionItem(incomplete, "file")]


_PLACE = PlaceType()


@command("sync")
@click.argument("source", type=_PLACE)
@click.argument("target", type=_PLACE)
@client_command
@takes(SyncOptions, FilterOptions, RateOptions)
def sync(client: Client, given: Given, source: Place, target: Place) -> None:
    """Make TARGET like SOURCE: copy what differs, and delete what SOURCE has not.

    \b
    smbquic sync ./photos smb+quic://alice@fs.example/data/photos
    smbquic sync --dry-run smb+quic://alice@fs.example/data/photos ./photos

    SOURCE and TARGET are folders: one is on a share, the other on a share or on this machine. Files
    are the same if their sizes and modification times are. Files are deleted only at TARGET, and
    only after all others were copied without an error. What the filters exclude is not deleted.
    """
    _sync(client, given, source, target, SyncOptions)


@command("copy")
@click.argument("source", type=_PLACE)
@click.argument("target", type=_PLACE)
@client_command
@takes(CopyTreeOptions, FilterOptions, RateOptions)
def copy(client: Client, given: Given, source: Place, target: Place) -> None:
    """Copy the files of SOURCE that TARGET has not, or that differ there; delete nothing.

    \b
    smbquic copy ./photos smb+quic://alice@fs.example/data/photos
    smbquic copy --include '*.jpg' smb+quic://alice@fs.example/data ./photos

    SOURCE and TARGET are folders: one is on a share, the other on a share or on this machine. Files
    are the same if their sizes and modification times are.
    """
    _sync(client, given, source, target, CopyTreeOptions)


@command("check")
@click.argument("source", type=_PLACE)
@click.argument("target", type=_PLACE)
@client_command
@takes(ComparisonOptions, FilterOptions)
def check(client: Client, given: Given, source: Place, target: Place) -> None:
    """Compare the files of SOURCE and TARGET, and change nothing.

    \b
    smbquic check ./photos smb+quic://alice@fs.example/data/photos

    Files are the same if their sizes and modification times are. The exit code is 1 if a file
    differs, or is missing on one side.
    """
    options, filters = _made(ComparisonOptions, given), FilterOptions(**given[FilterOptions])

    def report(event: TreeEvent) -> None:
        if client.as_json:
            emit(_document(event))
        elif event.action == "differs":
            click.echo(f"{event.reason}: {printable(event.path)}")
        else:
            _warn(event)

    async def work() -> CheckResult:
        async with Shares(client) as shares:
            one, other = await _tree(shares, source), await _tree(shares, target)
            try:
                return await check_tree(one, other, options=options, filters=filters, report=report)
            except ValueError as error:
                raise click.UsageError(str(error)) from error

    _end_check(client, run(work()))


def _end_check(client: Client, result: CheckResult) -> None:
    missing = len(result.missing_on_source), len(result.missing_on_target)
    differ, failed = len(result.differ), len(result.failures)
    if client.as_json:
        names = ("same", "differ", "missing_on_source", "missing_on_target", "failures")
        counts = (result.same, differ, *missing, failed)
        emit({"event": "summary", **dict(zip(names, counts, strict=True))})
    else:
        click.echo(
            f"{counted(result.same, 'file')} the same, {differ} differ, {missing[0]} missing on the"
            f" source, {missing[1]} missing on the target"
        )
    if failed:
        raise PartialFailure(f"{counted(failed, 'failure')}: not everything was compared")
    if not result.equal:
        raise PartialFailure("the two are not the same")


class _SyncReport(Report):
    """The report of a sync: each file and folder that has changed, and a summary at the end."""

    def __init__(self, client: Client, *, dry_run: bool) -> None:
        super().__init__(client, "would copy" if dry_run else "copied", 2)
        self._as_json = client.as_json
        self._dry_run = dry_run
        self._result = SyncResult()

    def event(self, event: TreeEvent) -> None:
        """Report an event."""
        if self._as_json:
            emit(_document(event) | ({"dry_run": True} if self._dry_run else {}))
        elif event.action in ("skipped", "failed"):
            _warn(event)
        elif self._dry_run:
            reason = f" ({event.reason})" if event.reason else ""
            click.echo(f"{_WOULD[event.action]} {printable(event.path)}{reason}")
        else:
            log.info("%s %s", event.action, printable(event.path))

    def take(self, result: SyncResult) -> None:
        """Take the result, whose failures were reported already."""
        self._result = self._total = result
        self.failures += result.failures
        self.done += [""] * (result.files + result.deleted > 0)

    def document(self) -> dict[str, Any]:
        """Return the summary for --json."""
        more = {
            "unchanged": self._result.unchanged,
            "deleted": self._result.deleted,
            "removed": self._result.removed,
        }
        return {**super().document(), **more}

    def summary(self) -> str:
        """Return the summary for people."""
        result = self._result
        parts = [super().summary(), f"{result.unchanged} unchanged"]
        if result.deleted or result.removed:
            verb = "to delete" if self._dry_run else "deleted"
            parts.append(f"{counted(result.deleted, 'file')} {verb}")
        return "; ".join(parts)


_WOULD = {
    "copied": "would copy",
    "deleted": "would delete",
    "moved": "would move",
    "made": "would make folder",
    "removed": "would remove folder",
}


def _sync(
    client: Client,
    given: Given,
    source: Place,
    target: Place,
    kind: type[CopyTreeOptions],
) -> None:
    values = {**given[kind]}
    backup = values.get("backup_dir")
    if backup is not None:
        values["backup_dir"] = _backup_path(backup, target)
    options = _made(SyncOptions, {SyncOptions: values})
    filters, rate = FilterOptions(**given[FilterOptions]), RateOptions(**given[RateOptions])
    report = _SyncReport(client, dry_run=options.dry_run)

    async def work() -> None:
        async with Shares(client, rate.bwlimit) as shares:
            one, other = await _tree(shares, source), await _tree(shares, target)
            with progress_bar("copying", as_json=client.as_json) as bar:
                try:
                    result = await sync_tree(
                        one,
                        other,
                        delete=kind is SyncOptions,
                        options=options,
                        filters=filters,
                        report=report.event,
                        progress=bar.tree,
                    )
                except ValueError as error:
                    raise click.UsageError(str(error)) from error
            report.take(result)

    run(work())
    report.end()


def _made(kind: type[Any], given: Given) -> Any:
    try:
        return kind(**given[kind])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _backup_path(text: str, target: Place) -> str:
    """Return the folder of --backup-dir as a path of the target's share or machine."""
    if isinstance(target, SmbUrl):
        if not is_url(text):
            raise click.UsageError("--backup-dir has to be a URL on the share of the target")
        url = SHARE_URL.convert(text, None, None)
        same_share(target, url)
        return url.path
    if is_url(text):
        raise click.UsageError("--backup-dir has to be a folder on this machine, as the target is")
    return text


async def _tree(shares: Shares, place: Place) -> FileTree:
    if isinstance(place, SmbUrl):
        return RemoteTree(await shares.connect(place), place.path)
    return LocalTree(place)


def _document(event: TreeEvent) -> dict[str, Any]:
    document: dict[str, Any] = {"event": event.action, "path": shown(event.path)}
    if event.action == "copied":
        document["size"] = event.size
    if event.reason:
        document["reason"] = event.reason
    return document


def _warn(event: TreeEvent) -> None:
    text = f"left out, it is {event.reason}" if event.action == "skipped" else event.reason
    path = printable(event.path)
    warn(text if not path or f"{path}:" in text else f"{path}: {text}")

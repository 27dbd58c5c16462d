"""Makes one tree like another: copies what differs, and deletes what is only at the target.

The rules are rclone's: nothing is deleted at the source; nothing is deleted at all after an error,
or where it would be more than allowed; and what is deleted or replaced may be moved into another
folder.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from smbquic.client.comparison import Comparison
from smbquic.client.concurrency import run_each
from smbquic.client.file_tree import Entry, FileTree, LocalTree, copy_file, overlap
from smbquic.client.filters import Filters
from smbquic.client.names import join, parent
from smbquic.client.results import Action, CheckResult, SyncResult, TreeEvent, TreeReport
from smbquic.client.tree_walk import OF_ONE_FILE, TreeWalk, Work
from smbquic.errors import DeletionsLeftOut
from smbquic.options.filter import NO_FILTERS, FilterOptions
from smbquic.options.sync import SYNC_DEFAULTS, ComparisonOptions, SyncOptions

TreeState = Callable[[SyncResult], None]
"""Called with the state of things each time that it has changed."""


def _ignore(_: object) -> None:
    """Do nothing with a report that nobody wants."""


def _there(path: str, other: Entry) -> str:
    """Return the path of a file at the target, whose name may differ in case."""
    return join(parent(path), other.name)


class _Sync(TreeWalk):
    """The walk that copies."""

    def __init__(
        self,
        source: FileTree,
        target: FileTree,
        filters: Filters,
        options: SyncOptions,
        *,
        delete: bool,
        report: TreeReport,
        progress: TreeState,
    ) -> None:
        super().__init__(source, target, filters, transfers=options.transfers, extras=delete)
        self.result = SyncResult()
        self._options = options
        self._comparison = Comparison(source, target, options)
        self._report = report
        self._progress = progress
        self._files_to_delete: list[str] = []
        self._folders_to_remove: list[str] = []

    def _note(self, action: Action, path: str, size: int = 0, reason: str = "") -> None:
        self._report(TreeEvent(action, path, size, reason))
        self._progress(self.result)

    # --- copying -------------------------------------------------------------------------------

    def pair(self, path: str, entry: Entry, other: Entry | None) -> Work | None:
        """Copy a file that is missing at the target or differs there."""
        if other is None or other.kind != "file":
            return self._copying(path, entry, "new", replaces=None)
        there = _there(path, other)
        difference = self._comparison.difference(entry, other)
        if difference is not None:
            return self._copying(path, entry, difference, replaces=there)
        if not self._options.checksum:
            self._unchanged()
            return None

        async def compare() -> None:
            if await self._comparison.same_content(path, there):
                self._unchanged()
            else:
                await self._copying(path, entry, "content", replaces=there)()

        return compare

    def _unchanged(self) -> None:
        self.result.unchanged += 1
        self._progress(self.result)

    def _copying(self, path: str, entry: Entry, reason: str, *, replaces: str | None) -> Work:
        self.result.total_files += 1
        self.result.total_bytes += entry.size
        return partial(self._copy, path, entry, reason, replaces)

    async def _copy(self, path: str, entry: Entry, reason: str, replaces: str | None) -> None:
        before = 0

        def count(done: int, _: int) -> None:
            nonlocal before
            self.result.bytes += done - before
            before = done
            self._progress(self.result)

        if self._options.dry_run:
            self.result.bytes += entry.size
        else:
            if not self.filters.include_everything and "/" in path:
                # Folders are made for what the filters leave in them.
                await self.target.make_folder(parent(path))
            if replaces is not None:
                await self._back_up(replaces)
            await copy_file(
                self.source, self.target, path, entry.size, progress=count, options=self._options
            )
        self.result.files += 1
        self._note("copied", path, entry.size, reason)

    async def _back_up(self, path: str) -> bool:
        """Move a file to where those that are replaced or deleted go, if that was asked for."""
        if self._options.backup_dir is None:
            return False
        if not self._options.dry_run:
            await self.target.back_up(path, self._options.backup_dir)
        self._note("moved", path, reason="replaced or deleted")
        return True

    async def missing_folder(self, path: str) -> None:
        """Make a folder, unless filters decide what is made."""
        if path and not self.filters.include_everything:
            return
        if not self._options.dry_run:
            await self.target.make_folder(path)
        if path:
            self.result.folders += 1
            self._note("made", path)

    def skip(self, path: str, what: str) -> None:
        """Note what is neither a file nor a folder."""
        self.result.skipped.append((path, what))
        self._note("skipped", path, reason=what)

    def fail(self, path: str, error: Exception) -> None:
        """Note what could not be done."""
        self.result.failures.append((path, error))
        self._note("failed", path, reason=str(error))

    # --- deleting ------------------------------------------------------------------------------

    def extra_file(self, path: str) -> Work | None:
        """Delete a file that only the target has, now or later."""
        self._files_to_delete.append(path)
        if not self._options.delete_during or self._too_many():
            return None
        return partial(self._delete, path)

    def extra_folder(self, path: str) -> None:
        """Remember a folder, which is deleted when it is empty."""
        self._folders_to_remove.append(path)

    def _too_many(self) -> bool:
        limit = self._options.max_delete
        return limit is not None and len(self._files_to_delete) > limit

    async def finish(self) -> None:
        """Delete what is left to delete, or say why it is not."""
        files, folders = self._files_to_delete, self._folders_to_remove
        if not (files or folders):
            return
        if self._too_many():
            self.fail("", DeletionsLeftOut(_left_out_text(files, self._options)))
            return
        if self.result.failures:
            what = "nothing more" if self._options.delete_during else "nothing"
            text = f"{what} is deleted, since there were errors; correct them and run it again"
            self.fail("", DeletionsLeftOut(text))
            return
        if not self._options.delete_during:
            await run_each(files, self._attempt_delete, limit=self._transfers)
        for folder in sorted(folders, key=lambda path: (-path.count("/"), path)):
            await self._remove(folder)

    async def _attempt_delete(self, path: str) -> None:
        try:
            await self._delete(path)
        except OF_ONE_FILE as error:
            self.fail(path, error)

    async def _delete(self, path: str) -> None:
        if not await self._back_up(path) and not self._options.dry_run:
            with suppress(FileNotFoundError):
                await self.target.remove_file(path)
        self.result.deleted += 1
        self._note("deleted", path)

    async def _remove(self, path: str) -> None:
        if not self._options.dry_run:
            try:
                await self.target.remove_folder(path)
            except FileNotFoundError:
                return
            except OF_ONE_FILE as error:
                # What filters or links have left in it keeps the folder.
                if self.filters.include_everything:
                    self.fail(path, error)
                return
        self.result.removed += 1
        self._note("removed", path)


def _left_out_text(files: list[str], options: SyncOptions) -> str:
    return (
        f"{len(files)} files would be deleted, and no more than {options.max_delete} may be;"
        " raise max_delete if that is right"
    )


async def sync_tree(
    source: FileTree,
    target: FileTree,
    *,
    delete: bool = True,
    options: SyncOptions = SYNC_DEFAULTS,
    filters: FilterOptions = NO_FILTERS,
    report: TreeReport = _ignore,
    progress: TreeState = _ignore,
) -> SyncResult:
    """Make the target like the source: copy the files that differ, delete those that it has not.

    Without `delete`, nothing is deleted. Of the two trees one at least is on a share. What fails is
    in the result, and does not stop the rest; after a failure nothing is deleted. `report` is
    called for each file and folder. Raises `OSError` if the source itself is not there, and
    ValueError for wrong filters or a `backup_dir` that is part of what is copied.
    """
    chosen = Filters.of(filters)
    _check_trees(source, target, chosen, options)
    if not options.dry_run:
        await source.list("")
        await target.prepare()
    walk = _Sync(source, target, chosen, options, delete=delete, report=report, progress=progress)
    await walk.run()
    await walk.finish()
    return walk.result


def _check_trees(
    source: FileTree, target: FileTree, filters: Filters, options: SyncOptions
) -> None:
    if isinstance(source, LocalTree) and isinstance(target, LocalTree):
        raise ValueError("one of the two trees has to be on a share")
    if overlap(source, target):
        raise ValueError("one of the two folders lies in the other")
    if options.backup_dir is None:
        return
    inside = target.holds(options.backup_dir)
    if inside is None:
        return
    if not inside or filters.includes_folder(inside):
        raise ValueError(
            f"the backup folder {options.backup_dir} lies in the target: exclude it with a filter,"
            " or name another folder"
        )


# --- checking -----------------------------------------------------------------------------------


class _Check(TreeWalk):
    """The walk that only compares."""

    def __init__(
        self,
        source: FileTree,
        target: FileTree,
        filters: Filters,
        options: ComparisonOptions,
        *,
        report: TreeReport,
    ) -> None:
        super().__init__(source, target, filters, transfers=16, extras=True)
        self.result = CheckResult()
        self._options = options
        self._comparison = Comparison(source, target, options)
        self._report = report

    def pair(self, path: str, entry: Entry, other: Entry | None) -> Work | None:
        """Compare a file of the source with that of the target."""
        if other is None or other.kind != "file":
            self.result.missing_on_target.append(path)
            self._differs(path, "missing on the target")
            return None
        there = _there(path, other)
        difference = self._comparison.difference(entry, other)
        if difference is not None:
            self._other(path, difference)
            return None
        if not self._options.checksum:
            self.result.same += 1
            return None

        async def compare() -> None:
            if await self._comparison.same_content(path, there):
                self.result.same += 1
            else:
                self._other(path, "content")

        return compare

    def _other(self, path: str, difference: str) -> None:
        self.result.differ.append((path, difference))
        self._differs(path, f"{difference} differs")

    def _differs(self, path: str, reason: str) -> None:
        self._report(TreeEvent("differs", path, reason=reason))

    def extra_file(self, path: str) -> Work | None:
        """Note a file that only the target has."""
        self.result.missing_on_source.append(path)
        self._differs(path, "missing on the source")
        return None

    async def missing_folder(self, path: str) -> None:
        """Do nothing: what is compared is files."""

    def extra_folder(self, path: str) -> None:
        """Do nothing: what is compared is files."""

    def skip(self, path: str, what: str) -> None:
        """Note what is neither a file nor a folder."""
        self.result.skipped.append((path, what))
        self._report(TreeEvent("skipped", path, reason=what))

    def fail(self, path: str, error: Exception) -> None:
        """Note what could not be compared."""
        self.result.failures.append((path, error))
        self._report(TreeEvent("failed", path, reason=str(error)))


async def check_tree(
    source: FileTree,
    target: FileTree,
    *,
    options: ComparisonOptions = SYNC_DEFAULTS,
    filters: FilterOptions = NO_FILTERS,
    report: TreeReport = _ignore,
) -> CheckResult:
    """Compare the files of two trees, and change nothing.

    `report` is called for each file that differs or is missing on one side. Raises `OSError` if the
    source is not there, ValueError for wrong filters.
    """
    walk = _Check(source, target, Filters.of(filters), options, report=report)
    await walk.run()
    return walk.result

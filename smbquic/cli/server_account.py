"""The account of `serve --run-as`: the audit file is opened before root's rights are dropped."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import click

from smbquic.cli.privileges import ProcessAccount, is_root, only_roots, unreadable
from smbquic.config.document import Document
from smbquic.observe.audit import RotatingFile, Sink, open_sink
from smbquic.options.audit import AuditOptions

_log = logging.getLogger(__name__)


def account_of(name: str | None, file: Path | None = None) -> ProcessAccount | None:
    """Return the account of ``--run-as``, or of `run_as` in a configuration file.

    One that cannot be used is a usage error, or a `ConfigError` if the file names it.
    """
    try:
        return ProcessAccount.parse(name) if name else None
    except ValueError as error:
        document = Document.load(file) if file is not None else None
        if document is not None and document.content.get("run_as") == name:
            raise document.error(("run_as",), str(error)) from error
        raise click.UsageError(f"--run-as {name}: {error}") from error


def open_audit(options: AuditOptions, account: ProcessAccount | None = None) -> Sink:
    """Open the audit file; with root's rights only if nobody else can replace the file."""
    try:
        if account is None or options.file is None or not is_root():
            return open_sink(options)
        try:
            with account.acting():
                return open_sink(options)
        except PermissionError:
            if not only_roots(options.file.absolute().parent):
                raise
        sink = open_sink(options)
        if isinstance(sink, RotatingFile):
            sink.own(account.uid, account.gid)
        return sink
    except OSError as error:
        raise click.UsageError(f"{options.file}: cannot be written to: {error.strerror}") from error


def open_audits(
    options: AuditOptions | None, account: ProcessAccount | None
) -> tuple[Sink | None, Sink | None]:
    """Open the sinks of audit records: of all, and of those about unauthenticated clients."""
    if options is None:
        return None, None
    others = options.unauthenticated
    return open_audit(options, account), open_audit(others, account) if others else None


def drop_privileges(
    account: ProcessAccount | None, files: Iterable[Path], audit: AuditOptions | None, as_root: str
) -> None:
    """Change to the account, and warn about what it cannot do; warn with `as_root` as root.

    `files` are those that are read again later.
    """
    if account is not None:
        account.become()
        for path in unreadable(files):
            _log.warning(
                "%s cannot read %s: changes of it have no effect until a restart",
                account.user,
                path,
            )
        if audit is not None and audit.file is not None:
            folder = audit.file.absolute().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                _log.warning(
                    "%s cannot write in %s: audit files are not rotated", account.user, folder
                )
    if is_root():
        _log.warning("%s", as_root)

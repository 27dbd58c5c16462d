"""Files and ports that are opened before the server becomes another user."""

from pathlib import Path

import click
import pytest

from smbquic.cli.server_account import account_of, open_audit
from smbquic.options.audit import AuditOptions


def test_an_audit_file_that_cannot_be_written(tmp_path: Path) -> None:
    options = AuditOptions(file=tmp_path / "nowhere" / "audit")
    with pytest.raises(click.UsageError, match="audit: cannot be written to: No such file"):
        open_audit(options)


def test_an_account_that_is_none() -> None:
    assert account_of(None) is None
    with pytest.raises(click.UsageError, match="--run-as no-such-user: there is no user"):
        account_of("no-such-user")

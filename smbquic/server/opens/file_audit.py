"""Audit records of files, where they are configured: opens, renames, deletions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smbquic.auth.identity import Identity
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, Trail, who
from smbquic.server.outcome import RetryAfter
from smbquic.server.status import status_of
from smbquic.storage import NotReady


@dataclass(frozen=True, slots=True)
class FileAuditor:
    """The audit records about the files of a share that one user uses over one connection.

    It may be used after the connection has ended: a file is deleted when its last open is closed.
    """

    trail: Trail
    identity: Identity
    share: str

    def record(self, event: AuditEvent, path: str, status: NtStatus, **more: Any) -> None:
        """Write one record about a file."""
        self.trail.record(
            event, share=self.share, path=path, status=status.label, **who(self.identity), **more
        )


@contextmanager
def record_failure(
    auditor: FileAuditor | None, event: AuditEvent, path: str, **more: Any
) -> Iterator[None]:
    """Record the failure of the block; not if it has to wait, as it is tried again then."""
    try:
        yield
    except (RetryAfter, NotReady):
        raise
    except Exception as error:
        if auditor is not None:
            auditor.record(event, path, status_of(error), **more)
        raise


@contextmanager
def record(
    auditor: FileAuditor | None, event: AuditEvent, path: str, **more: Any
) -> Iterator[None]:
    """Record the block, whether it succeeds or fails."""
    with record_failure(auditor, event, path, **more):
        yield
    if auditor is not None:
        auditor.record(event, path, NtStatus.SUCCESS, **more)

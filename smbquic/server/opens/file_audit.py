"""Records of what is done to files, where they are asked for: opens, renames, deletions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from smbquic.auth.identity import Identity
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, Trail, who
from smbquic.server.outcome import RetryAfter
from smbquic.server.status import status_of
from smbquic.storage import NotReady


@dataclass(frozen=True, slots=True)
class FileAuditor:
    """Who uses the files of a share over which connection, for the records about them.

    What it saw begin may end when the connection is gone: a file that is marked goes when the last
    open of it does.
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
    """Record if what is done inside fails; not where it has to wait, and is tried again."""
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
    """Record what is done inside, and what came of it."""
    with record_failure(auditor, event, path, **more):
        yield
    if auditor is not None:
        auditor.record(event, path, NtStatus.SUCCESS, **more)

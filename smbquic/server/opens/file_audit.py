"""Records of what is done to files, where they are asked for: opens, renames, deletions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import Event, Trail, who
from smbquic.server.context import Context, Wait
from smbquic.server.status import status_of
from smbquic.storage import NotReady

if TYPE_CHECKING:
    from smbquic.auth.identity import Identity


@dataclass(frozen=True, slots=True)
class FileAuditor:
    """Who uses the files of a share over which connection, for the records about them.

    What it saw begin may end when the connection is gone: a file that is marked goes when the last
    open of it does.
    """

    trail: Trail
    identity: Identity
    share: str

    def record(self, event: Event, path: str, status: NtStatus, **more: Any) -> None:
        """Write one record about a file."""
        self.trail.record(
            event, share=self.share, path=path, status=status.label, **who(self.identity), **more
        )


def auditor(context: Context) -> FileAuditor | None:
    """Whoever sees what a request does to files; None where nobody wants to know."""
    share = context.tree.share
    if not context.server.audit.files or share is None:
        return None
    return FileAuditor(context.connection.trail, context.session.session.identity, share.name)


@contextmanager
def refusals(
    context: Context, event: Event, path: str, **more: Any
) -> Iterator[FileAuditor | None]:
    """Records if what is done inside fails; not where it has to wait, and comes again."""
    seen = auditor(context)
    try:
        yield seen
    except (Wait, NotReady):
        raise
    except Exception as error:
        if seen is not None:
            seen.record(event, path, status_of(error), **more)
        raise


@contextmanager
def recorded(context: Context, event: Event, path: str, **more: Any) -> Iterator[None]:
    """Records what is done inside, and what came of it."""
    with refusals(context, event, path, **more) as seen:
        yield
    if seen is not None:
        seen.record(event, path, NtStatus.SUCCESS, **more)

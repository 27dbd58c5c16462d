"""The destination of audit records."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import FilePath
from smbquic.options.model import Option, Options

MAX_BYTES = 16 << 20
KEEP = 8


@dataclass(frozen=True, kw_only=True)
class AuditOptions(Options):
    """The destination of audit records; see audit.md. Without this table there are none. Records
    about unauthenticated clients go to a file of their own, FILE.unauthenticated.
    """

    file: Annotated[
        Path | None,
        Option(
            'A file, or "-" for standard output.',
            help="Write audit records to this file, or - for standard output.",
            kind=FilePath("written"),
            flag="--audit",
            metavar="FILE",
        ),
    ]
    max_bytes: Annotated[
        int,
        Option(
            "A new file is begun before this size; 0 leaves that to other programs (logrotate).",
            unit="bytes",
        ),
    ] = MAX_BYTES
    keep: Annotated[int, Option("How many older files to keep.")] = KEEP
    file_access: Annotated[
        bool, Option("Record every open, rename, link and deletion of a file as well.")
    ] = False

    @property
    def unauthenticated(self) -> "AuditOptions | None":
        """The same for clients that have not logged on, whose records have a file of their own."""
        if self.file is None:
            return None
        file = self.file.with_name(f"{self.file.name}.unauthenticated")
        # Other programs rotate the users' file only.
        return replace(self, file=file, max_bytes=self.max_bytes or MAX_BYTES)

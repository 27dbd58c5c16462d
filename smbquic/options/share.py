"""A share of the server, as the configuration file has it."""

from pathlib import Path
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import StorageLocation
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class ShareFolder(Options):
    """A folder, or another storage, that is shared as NAME. There is at least one."""

    name: str
    path: Annotated[
        str | Path,
        Option(
            "The folder, or SCHEME:REST for another storage: memory:BYTES,FILES is an empty tree in"
            " memory.",
            kind=StorageLocation(),
        ),
    ]
    read_only: Annotated[bool, Option("Refuse all changes.")] = False
    encrypt: Annotated[
        bool,
        Option("Demand SMB encryption for this share. What QUIC encrypts counts as above."),
    ] = False
    comment: Annotated[str, Option("What a listing of shares shows.")] = ""
    links: Annotated[
        bool,
        Option(
            "Show the symbolic links that stay within the share, and let clients make such. They"
            " follow them themselves; the server never does (Linux)."
        ),
    ] = False

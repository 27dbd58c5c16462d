"""What the server offers under a name."""

from dataclasses import dataclass

from smbquic.storage.base import Storage


@dataclass(frozen=True, slots=True)
class Share:
    r"""One share, ``\\server\name``. `comment` is what a listing of shares shows.

    `encrypt` refuses what is neither sealed nor comes over QUIC with its encryption agreed on.
    """

    name: str
    storage: Storage
    read_only: bool = False
    comment: str = ""
    encrypt: bool = False


PIPE_SHARE = "IPC$"
"""The share that every server has; it holds named pipes."""

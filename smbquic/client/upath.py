"""Paths of universal_pathlib on a share: ``UPath("smb+quic://alice@fs.example/data/a.csv")``.

They have the methods of `pathlib.Path`, and `smbquic.client.fsspec` below them.
"""

from typing import Any

import fsspec
from upath import UPath

from smbquic.client.fsspec import SmbQuicFileSystem
from smbquic.client.fsspec.paths import split
from smbquic.client.url import PORTS, SmbUrl

# universal_pathlib takes paths apart by the file system that is registered when it first sees one.
for _protocol in SmbQuicFileSystem.protocol:
    fsspec.register_implementation(_protocol, SmbQuicFileSystem, clobber=True)


_SCHEME, _PROTOCOL = SmbQuicFileSystem.protocol


class SmbQuicPath(UPath):
    """A file or folder of a server that is reached over QUIC; its text is a URL.

    That begins with ``smbquic://``, for `protocol` is what a text begins with.
    """

    __slots__ = ()

    @classmethod
    def _transform_init_args(
        cls, args: tuple[Any, ...], protocol: str, storage_options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], str, dict[str, Any]]:
        """Let all paths have the protocol without a plus sign.

        universal_pathlib takes what stands before the sign for the whole name when it compares
        the protocols of two paths.
        """
        first, *others = args or ("/",)
        if isinstance(first, str) and first.startswith(f"{_SCHEME}:"):
            first = _PROTOCOL + first.removeprefix(_SCHEME)
        return (first, *others), _PROTOCOL, storage_options

    @property
    def path(self) -> str:
        """The path on the server: ``/SHARE/FOLDER/FILE``."""
        return super().path.rstrip("/") or "/"

    def __str__(self) -> str:
        """The URL, with the user and the server, without the password."""
        host = self.storage_options.get("host")
        if self._relative_base is not None or not host:
            return super().__str__()
        transport = SmbQuicFileSystem.url_transport
        share, inside = split(self.path)
        url = SmbUrl(
            transport,
            host,
            int(self.storage_options.get("port") or PORTS[transport]),
            share,
            inside,
            self.storage_options.get("user", ""),
            self.storage_options.get("domain", ""),
        )
        return str(url).replace(_SCHEME, _PROTOCOL, 1)

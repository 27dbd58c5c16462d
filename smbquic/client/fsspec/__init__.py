"""Shares as file systems of fsspec, which pandas, pyarrow, dask and others open URLs with.

The extra ``fsspec`` installs what it needs. fsspec finds `SmbQuicFileSystem` by itself, for URLs
that begin with ``smb+quic://`` or ``smbquic://``. Its own file system for ``smb://`` stays, unless
a program wants ours:

    fsspec.register_implementation("smb", SmbTcpFileSystem, clobber=True)
"""

from smbquic.client.fsspec.buffered_file import BufferedSmbFile
from smbquic.client.fsspec.filesystem import SmbQuicFileSystem, SmbTcpFileSystem

__all__ = ["BufferedSmbFile", "SmbQuicFileSystem", "SmbTcpFileSystem"]

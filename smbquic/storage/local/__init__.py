"""A folder of this machine's disk as a share: `LocalStorage`. Linux and macOS."""

from smbquic.storage.local.storage import LocalStorage, open_local

__all__ = ["LocalStorage", "open_local"]

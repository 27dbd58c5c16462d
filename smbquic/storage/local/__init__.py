"""A folder of this machine's disk as a share: `LocalStorage`. Linux and macOS."""

from smbquic.storage.local.storage import LocalStorage

__all__ = ["LocalStorage"]

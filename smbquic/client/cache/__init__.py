"""A cache of what a share has, for as long as the server's leases allow. [MS-SMB2] 3.2.4.3.8

`LeaseCache` is what a program uses. Below it are the folders with what is known of their entries
(`folders`, `folder`), and the open files with their content.
"""

from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.cache.lease_cache import LeaseCache
from smbquic.client.cache.limits import CacheLimits

__all__ = ["CacheLimits", "CachedFile", "LeaseCache"]

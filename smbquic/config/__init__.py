"""Configuration files: TOML, strictly checked. The server's, and the client's profiles.

A name is imported when it is first used: a client needs nothing of the server's file.
"""

from typing import TYPE_CHECKING

from smbquic.lazy import lazy_names

if TYPE_CHECKING:
    from smbquic.config.contents import check_contents
    from smbquic.config.merge import merged
    from smbquic.config.reader import Configuration, load
    from smbquic.errors import ConfigError
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "smbquic.config.contents": ("check_contents",),
            "smbquic.config.merge": ("merged",),
            "smbquic.config.reader": ("Configuration", "load"),
            "smbquic.errors": ("ConfigError",),
        },
    )

__all__ = ["ConfigError", "Configuration", "check_contents", "load", "merged"]

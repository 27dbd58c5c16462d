"""The server's configuration file: TOML, strictly checked."""

from smbquic.config.reader import AuditOptions, Configuration, ShareFolder, load
from smbquic.config.schema import DEFAULT_LISTEN
from smbquic.errors import ConfigError

__all__ = [
    "DEFAULT_LISTEN",
    "AuditOptions",
    "ConfigError",
    "Configuration",
    "ShareFolder",
    "load",
]

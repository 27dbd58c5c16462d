"""The server's configuration file: TOML, strictly checked."""

from smbquic.config.reader import AuditOptions, ConfigError, Configuration, ShareFolder, load
from smbquic.config.schema import DEFAULT_LISTEN

__all__ = [
    "DEFAULT_LISTEN",
    "AuditOptions",
    "ConfigError",
    "Configuration",
    "ShareFolder",
    "load",
]

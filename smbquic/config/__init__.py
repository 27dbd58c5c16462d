"""The server's configuration file: TOML, strictly checked."""

from smbquic.config.merge import merged
from smbquic.config.reader import Configuration, load
from smbquic.errors import ConfigError

__all__ = ["ConfigError", "Configuration", "load", "merged"]

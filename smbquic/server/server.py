"""The server as a whole: its shares, and what all its connections have in common."""

from smbquic.server.share import Share

__all__ = ["Share"]

"""The paths of a file system of fsspec: ``/SHARE/FOLDER/FILE``, with the names of POSIX.

What no name on a share may hold is replaced on the way there, as in docs/reference/names.md.
"""

from datetime import UTC, datetime
from typing import Any

from smbquic.client.names import from_local, to_local
from smbquic.client.stat import Stat
from smbquic.client.url import SmbUrl

Info = dict[str, Any]
"""A file or folder as fsspec describes it."""

SCHEMES = ("smb+quic", "smbquic", "smb")
"""The schemes of URLs of shares. The second is the first, for who cannot write a plus sign."""


def parse_url(text: str) -> SmbUrl | None:
    """Take a URL apart; None for a path, and for a URL without a host. Raises `UrlError`."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in SCHEMES or rest.startswith("/") or not rest:
        return None
    return SmbUrl.parse(f"smb+quic://{rest}" if scheme.lower() == "smbquic" else text)


def to_path(text: str) -> str:
    """Return the path that a URL or a path stands for. Only a URL has percent-escapes."""
    url = parse_url(text)
    if url is not None:
        parts = [url.share, *(to_local(part) for part in url.path.split("/") if part)]
    else:
        scheme, separator, rest = text.partition("://")
        parts = (rest if separator and scheme.lower() in SCHEMES else text).split("/")
    return "/" + "/".join(part for part in parts if part)


def split(path: str) -> tuple[str, str]:
    """Return the share of a path, and the path in it as the share's methods take it."""
    share, *parts = path.strip("/").split("/")
    return share, "/".join(map(from_local, parts))


def folder_info(path: str) -> Info:
    """Describe a server or a share, of which no more is known."""
    return {"name": path, "size": 0, "type": "directory"}


def file_info(path: str, stat: Stat) -> Info:
    """Describe a file or folder. A link is neither, so that nothing follows it."""
    kind = "link" if stat.is_link else "directory" if stat.is_directory else "file"
    return {
        "name": path,
        "size": 0 if stat.is_directory else stat.size,
        "type": kind,
        "created": _time(stat.creation_time),
        "mtime": _time(stat.last_write_time),
        "ctime": _time(stat.change_time),
    }


def listed_info(folder: str, stat: Stat) -> Info:
    """Describe an entry of a folder. Raises `SecurityError` for a name that leads elsewhere."""
    return file_info(f"{folder.rstrip('/')}/{to_local(stat.name)}", stat)


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)

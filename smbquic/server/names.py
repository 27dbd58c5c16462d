r"""Names of files and streams as CREATE and renames have them. [MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1

``folder\file:stream:$TYPE``: at the end of a name, and only there, a stream may be named, and after
another colon its type. The types that can be had are $DATA, which is what everybody means, and
$INDEX_ALLOCATION, which is how the content of a folder is called.
"""

import re
from typing import NamedTuple

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus

DATA = "$DATA"
_INDEX = "$INDEX_ALLOCATION"
_INDEX_NAMES = frozenset({"", "$I30"})
# Where a file system keeps quotas, object ids and reparse points: there are none here.
_VIEW_INDEXES = frozenset({"$Q", "$O", "$R"})
_FOLDER_SUFFIXES = frozenset({"$I30", f":{_INDEX}", f"$I30:{_INDEX}"})
_WILDCARDS = frozenset('*?<>"')
_SEPARATORS = re.compile(r"[\\/]+")


class Name(NamedTuple):
    """The meaning of a name in a request.

    `path` is the file or folder, `stream` the named stream of it, if any. `directory` is true if
    the name can only mean a folder, false if it can only mean a file or a stream.
    """

    path: str
    stream: str = ""
    directory: bool | None = None

    @property
    def full(self) -> str:
        """The name with the stream's, as the storage calls what it means."""
        return f"{self.path}:{self.stream}" if self.stream else self.path


def parse(name: str) -> Name:
    """Take a name apart; StatusError OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD.

    What a disk cannot hold is for the storage to refuse.
    """
    path, colon, rest = name.partition(":")
    name = separated(path) + colon + rest
    if not colon:
        _check_path(name)
        return Name(name)
    *folders, last = name.split("\\")
    parts = [_folder(component) for component in folders]
    file, colon, rest = last.partition(":")
    parts.append(file)
    joined = "\\".join(parts)
    _check_path(joined)
    if not colon:
        return Name(joined)
    if not rest or rest.endswith(":"):
        raise _invalid(name)
    stream, _, kind = rest.partition(":")
    kind = kind.upper()
    if kind == _INDEX:
        if stream.upper() in _VIEW_INDEXES:
            raise StatusError.of(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", name)
        if stream.upper() not in _INDEX_NAMES:
            raise StatusError.of(NtStatus.INVALID_PARAMETER, "CREATE", name)
        return Name(joined, directory=True)
    if kind not in ("", DATA) or "/" in stream:
        raise _invalid(name)
    return Name(joined, stream, directory=False)


def separated(path: str) -> str:
    """Return a path with one backslash between its components.

    As with Samba, a slash parts folders too, and several do as one: nothing else could be meant.
    """
    if "/" in path or "\\\\" in path:
        return _SEPARATORS.sub(r"\\", path)
    return path


def parse_stream(name: str) -> str:
    """Return the stream that a new name of a stream means; "" is the file's content.

    The name is ``:stream`` or ``:stream:$DATA``.

    Raises StatusError INVALID_PARAMETER or OBJECT_TYPE_MISMATCH. [MS-FSA] 2.1.5.15.12.1
    """
    stream, _, kind = name[1:].partition(":")
    if name.endswith(":") or ":" in kind or "\\" in name or "/" in name:
        raise StatusError.of(NtStatus.INVALID_PARAMETER, "SET_INFO", name)
    if kind.upper() not in ("", DATA):
        raise StatusError.of(NtStatus.OBJECT_TYPE_MISMATCH, "SET_INFO", name)
    return stream


def _folder(component: str) -> str:
    """Return the name of a folder in a path; it may have the suffix of a folder's content."""
    name, colon, suffix = component.partition(":")
    if colon and suffix.upper() not in _FOLDER_SUFFIXES:
        raise _invalid(component)
    return name


def _check_path(path: str) -> None:
    if not _WILDCARDS.isdisjoint(path):
        raise _invalid(path)
    if ".." in path and ".." in path.split("\\"):
        raise StatusError.of(NtStatus.OBJECT_PATH_SYNTAX_BAD, "CREATE", path)


def _invalid(name: str) -> StatusError:
    return StatusError.of(NtStatus.OBJECT_NAME_INVALID, "CREATE", name)

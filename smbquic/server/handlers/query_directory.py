"""QUERY_DIRECTORY: a folder is listed. [MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3

A listing is read from the disk as the client asks for it, and what it costs does not grow with
the folder: an open holds an iterator and at most one entry that did not fit into a response.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from struct import Struct
from time import perf_counter

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reparse_points import tag_of
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, Reply
from smbquic.server.patterns import compile_expression, has_wildcards, is_valid
from smbquic.storage import FileStat, NameInvalid, NotReady, Storage, StorageFile
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.fscc.directory_information import FIXED_SIZES, DirectoryEntry, entry_encoder
from smbquic.wire.query_directory import (
    QueryDirectoryFlags,
    QueryDirectoryRequest,
    QueryDirectoryResponse,
)

_LIST_DIRECTORY = int(AccessMask.FILE_LIST_DIRECTORY)
_RESTART = int(QueryDirectoryFlags.RESTART_SCANS | QueryDirectoryFlags.REOPEN)
_SINGLE_ENTRY = int(QueryDirectoryFlags.RETURN_SINGLE_ENTRY)
_NEXT_ENTRY_OFFSET = Struct("<I")
_ALIGNMENT = 8

TIME_SLICE = 0.002
"""Seconds of a listing before other requests are handled.

What an entry costs depends on the expression and the name: a microsecond, or half a millisecond.
"""

# Entries of a slice at least, so that the first one begins to read the folder itself: a CLOSE that
# comes after it does no harm then.
_LEAST = 3


@dataclass(slots=True, eq=False)
class Search:
    """A listing that an open is in the middle of. [MS-FSA] 2.1.1.6, QueryPattern and others"""

    pattern: str
    matches: Callable[[str], bool]
    entries: Iterator[FileStat]
    waiting: FileStat | None = None
    was_asked: bool = False

    @classmethod
    def begin(cls, storage: Storage, file: StorageFile, pattern: str) -> "Search":
        """Return a search that starts at the beginning of a folder."""
        if has_wildcards(pattern):
            entries = chain(_own_entries(file), file.scan())
            return cls(pattern, compile_expression(pattern), entries)
        if pattern in (".", ".."):
            return cls(pattern, compile_expression(pattern), _own_entries(file))
        return cls(pattern, bool, _one_entry(storage, file, pattern))


def _own_entries(file: StorageFile) -> Iterator[FileStat]:
    yield replace(file.stat(), name=".")
    yield replace(file.parent_stat(), name="..")


def _one_entry(storage: Storage, file: StorageFile, name: str) -> Iterator[FileStat]:
    """Yield the entry that a pattern without wildcards names, if it exists, without a scan.

    Windows often finds a file this way.
    """
    folder = file.name
    try:
        yield storage.stat(f"{folder}\\{name}" if folder else name)
    except (FileNotFoundError, NameInvalid):
        return


def _entry(stat: FileStat) -> DirectoryEntry:
    return DirectoryEntry(
        stat.name,
        0,
        from_unix_ns(stat.creation_time),
        from_unix_ns(stat.last_access_time),
        from_unix_ns(stat.last_write_time),
        from_unix_ns(stat.change_time),
        stat.size,
        stat.allocation_size,
        stat.attributes,
        stat.ea_size,
        tag_of(stat),
        "",
        stat.file_id,
    )


class Listing:
    """One response, entry by entry: `room` is its size, `single` allows one entry only."""

    def __init__(
        self,
        search: Search,
        encode: Callable[[DirectoryEntry], bytes],
        room: int,
        single: bool,
    ) -> None:
        self._search = search
        self._encode = encode
        self._room = room
        self._single = single
        self._data = bytearray()
        self._last = 0
        self._overflow = False

    def fill(self) -> bool:
        """Add entries for the time of a slice; return whether the response is complete."""
        search, data = self._search, self._data
        matches, encode, room = search.matches, self._encode, self._room
        deadline = perf_counter() + TIME_SLICE
        examined = 0
        while examined < _LEAST or perf_counter() < deadline:
            examined += 1
            stat, search.waiting = search.waiting, None
            if stat is None:
                stat = next(search.entries, None)
                if stat is None:
                    return True
                if not matches(stat.name):
                    continue
            entry = encode(_entry(stat))
            start = len(data)
            if start:
                start += -start % _ALIGNMENT
                if start + len(entry) > room:
                    search.waiting = stat
                    return True
                data.extend(bytes(start - len(data)))
                _NEXT_ENTRY_OFFSET.pack_into(data, self._last, start - self._last)
            elif len(entry) > room:
                # Only the first one is cut short, and it comes again.
                search.waiting = stat
                data += entry[:room]
                self._overflow = True
                return True
            data += entry
            self._last = start
            if self._single:
                return True
        return False

    def reply(self) -> Reply:
        """Return the reply, once it is complete; StatusError if it has no entry."""
        was_asked, self._search.was_asked = self._search.was_asked, True
        if not self._data:
            raise StatusError.of(
                NtStatus.NO_MORE_FILES if was_asked else NtStatus.NO_SUCH_FILE, "QUERY_DIRECTORY"
            )
        response = QueryDirectoryResponse(bytes(self._data))
        return Reply(response, NtStatus.BUFFER_OVERFLOW if self._overflow else NtStatus.SUCCESS)


def handle(context: Context, request: Request) -> Reply | Pending:
    """List as much of the folder as the client's buffer takes."""
    body: QueryDirectoryRequest = request.body
    entry = context.open(body.file_id)
    room = body.output_buffer_length
    if not entry.is_directory or room > context.max_size:
        raise StatusError.of(NtStatus.INVALID_PARAMETER, "QUERY_DIRECTORY")
    entry.require(_LIST_DIRECTORY)
    fixed_size = FIXED_SIZES.get(body.file_information_class)
    if fixed_size is None:
        raise StatusError.of(NtStatus.INVALID_INFO_CLASS, "QUERY_DIRECTORY")
    if room < fixed_size:
        raise StatusError.of(NtStatus.INFO_LENGTH_MISMATCH, "QUERY_DIRECTORY")
    search = _search(context, entry, body)
    encode = entry_encoder(body.file_information_class)
    listing = Listing(search, encode, room, bool(body.flags & _SINGLE_ENTRY))
    try:
        complete = listing.fill()
    except NotReady:
        # A generator that has raised gives nothing more.
        entry.enumeration.search = None
        raise
    return listing.reply() if complete else Pending(_go_on(listing))


async def _go_on(listing: Listing) -> Reply:
    """Complete a listing, and serve others meanwhile: a folder has no largest size.

    A CLOSE among them does not matter: the iterator reads on by itself.
    """
    while True:
        await asyncio.sleep(0)
        if listing.fill():
            return listing.reply()


def _search(context: Context, entry: Open, body: QueryDirectoryRequest) -> Search:
    """Return the search to continue, or a new one if there is none or the client asks for it."""
    search: Search | None = entry.enumeration.search
    if search is not None and not body.flags & _RESTART:
        return search
    pattern = body.file_name or (search.pattern if search is not None else "*")
    if not is_valid(pattern):
        raise StatusError.of(NtStatus.OBJECT_NAME_INVALID, "QUERY_DIRECTORY", pattern)
    entry.enumeration.search = search = Search.begin(context.tree.storage, entry.file, pattern)
    return search

"""Extended attributes between the wire and the storage. [MS-FSA] 2.1.5.12.12, 2.1.5.15.6"""

import errno
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from smbquic.errors import StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.storage import NameInvalid, StorageFile
from smbquic.storage.extended_attributes import size
from smbquic.wire.cursor import Buffer
from smbquic.wire.fscc.extended_attributes import (
    EaFlags,
    FullEaInformation,
    iterate_full_eas,
    iterate_get_eas,
)

MAX_COUNT: Final = 256
"""Attributes of a file, and of a list from a client: each costs some system calls on the loop."""
_MAX_SIZE = 0xFFFF - 5
"""Bytes of all attributes of a file together."""
_STATUS: dict[int | None, NtStatus] = {
    errno.ENOSPC: NtStatus.EA_TOO_LARGE,
    errno.ENOTSUP: NtStatus.EAS_NOT_SUPPORTED,
}


def decode_eas(buffer: Buffer, command: str) -> list[tuple[str, bytes]]:
    """Decode a list of attributes from a client: names and values.

    StatusError EA_LIST_INCONSISTENT; EA_TOO_LARGE for more than `MAX_COUNT`; INVALID_EA_FLAG for
    an attribute that others would have to understand, INVALID_EA_NAME for a name that is not ASCII.
    """
    try:
        attributes = list(islice(iterate_full_eas(buffer), MAX_COUNT + 1))
    except WireError as error:
        raise StatusError(NtStatus.EA_LIST_INCONSISTENT, command) from error
    if len(attributes) > MAX_COUNT:
        raise StatusError(NtStatus.EA_TOO_LARGE, command)
    return [(_name_of(attribute, command), attribute.ea_value) for attribute in attributes]


def decode_names(buffer: Buffer, command: str) -> list[str]:
    """Decode the names of attributes that a client asks for.

    StatusError EA_LIST_INCONSISTENT, also for more than `MAX_COUNT`.
    """
    try:
        names = [name.decode("ascii") for name in islice(iterate_get_eas(buffer), MAX_COUNT + 1)]
    except (WireError, UnicodeDecodeError) as error:
        raise StatusError.of(NtStatus.EA_LIST_INCONSISTENT, command) from error
    if len(names) > MAX_COUNT:
        raise StatusError.of(NtStatus.EA_LIST_INCONSISTENT, command)
    return names


def encode_eas(attributes: Sequence[tuple[str, bytes]]) -> Iterator[FullEaInformation]:
    """Yield the attributes of a file as structures for a client."""
    for name, value in attributes:
        yield FullEaInformation(name.encode("ascii"), value)


def store(file: StorageFile, changes: Sequence[tuple[str, bytes]], command: str) -> None:
    """Change attributes of a file.

    StatusError INVALID_EA_NAME, EAS_NOT_SUPPORTED, and EA_TOO_LARGE beyond 64 KiB,
    `MAX_COUNT` or the disk's room for them; raises what the storage does.
    """
    merged = {name.lower(): (name, value) for name, value in file.extended_attributes()}
    merged.update((name.lower(), (name, value)) for name, value in changes)
    kept = [entry for entry in merged.values() if entry[1]]
    if size(kept) > _MAX_SIZE or len(kept) > MAX_COUNT:
        raise StatusError(NtStatus.EA_TOO_LARGE, command)
    try:
        file.set_extended_attributes(changes)
    except NameInvalid as error:
        raise StatusError(NtStatus.INVALID_EA_NAME, command, str(error.filename)) from error
    except OSError as error:
        status = _STATUS.get(error.errno)
        if status is None:
            raise
        raise StatusError(status, command) from error


def _name_of(attribute: FullEaInformation, command: str) -> str:
    if attribute.flags & EaFlags.FILE_NEED_EA:
        raise StatusError(NtStatus.INVALID_EA_FLAG, command)
    try:
        return attribute.ea_name.decode("ascii")
    except UnicodeDecodeError as error:
        raise StatusError(NtStatus.INVALID_EA_NAME, command) from error

"""The FileId, by which a message names an open. [MS-SMB2] 2.2.14.1"""

from struct import Struct
from typing import ClassVar, NamedTuple

from smbquic.wire.cursor import Buffer, unpack

_FILE_ID = Struct("<QQ")


class _Halves(NamedTuple):
    persistent: int
    volatile: int


class FileId(_Halves):
    """The handle of an open. [MS-SMB2] 2.2.14.1

    `persistent` survives a reconnect, `volatile` does not; the pair is what names the open.
    `FileId.RELATED` stands for the open of the request before it in a related compound.
    """

    __slots__ = ()
    RELATED: ClassVar["FileId"]

    @classmethod
    def decode(cls, data: Buffer) -> "FileId":
        """Decode the FileId in the first 16 bytes of `data`. Raises `WireError`."""
        return cls._make(unpack(_FILE_ID, data))

    def encode(self) -> bytes:
        """Encode the 16 bytes."""
        return _FILE_ID.pack(*self)


FileId.RELATED = FileId(0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

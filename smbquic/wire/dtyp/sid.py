"""Security identifiers: who. [MS-DTYP] 2.4.2"""

from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader

_HEAD = Struct("<BB6s")
_SUB_AUTHORITY = Struct("<I")
_REVISION = 1
_MOST_SUB_AUTHORITIES = 15
_SUB_AUTHORITIES = [Struct(f"<{count}I") for count in range(_MOST_SUB_AUTHORITIES + 1)]
_LARGEST_AUTHORITY = 0xFFFFFFFFFFFF
_LARGEST_SUB_AUTHORITY = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Sid:
    """SID of a user, a group or a computer; `str()` gives "S-1-5-32-544". [MS-DTYP] 2.4.2"""

    identifier_authority: int
    sub_authorities: tuple[int, ...]

    @classmethod
    def parse(cls, string: str) -> Self:
        """Return the SID that is written as `string`. Raises ValueError. [MS-DTYP] 2.4.2.1"""
        prefix, revision, authority, *rest = string.split("-")
        sid = cls(int(authority, 0), tuple(map(int, rest)))
        if (
            prefix.upper() != "S"
            or revision != str(_REVISION)
            or sid.identifier_authority > _LARGEST_AUTHORITY
            or len(rest) > _MOST_SUB_AUTHORITIES
            or any(part > _LARGEST_SUB_AUTHORITY for part in sid.sub_authorities)
        ):
            raise ValueError(f"{string!r} is not a SID")
        return sid

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Return the SID that comes next in `reader`. Raises `WireError`."""
        revision, count, authority = reader.unpack(_HEAD)
        if revision != _REVISION or count > _MOST_SUB_AUTHORITIES:
            raise WireError(f"SID: revision {revision} with {count} sub-authorities")
        return cls(int.from_bytes(authority, "big"), reader.unpack(_SUB_AUTHORITIES[count]))

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the SID at the beginning of `data`. Raises `WireError`. [MS-DTYP] 2.4.2.2"""
        return cls.read(Reader(data))

    def encode(self) -> bytes:
        """Encode the SID in little-endian format."""
        head = _HEAD.pack(
            _REVISION, len(self.sub_authorities), self.identifier_authority.to_bytes(6, "big")
        )
        return head + b"".join(map(_SUB_AUTHORITY.pack, self.sub_authorities))

    def __str__(self) -> str:
        authority = self.identifier_authority
        first = str(authority) if authority <= _LARGEST_SUB_AUTHORITY else f"0x{authority:012x}"
        return "-".join(("S", str(_REVISION), first, *map(str, self.sub_authorities)))


EVERYONE = Sid(1, (0,))
CREATOR_OWNER = Sid(3, (0,))
CREATOR_GROUP = Sid(3, (1,))
OWNER_RIGHTS = Sid(3, (4,))
NETWORK = Sid(5, (2,))
ANONYMOUS = Sid(5, (7,))
AUTHENTICATED_USERS = Sid(5, (11,))
LOCAL_SYSTEM = Sid(5, (18,))
BUILTIN_ADMINISTRATORS = Sid(5, (32, 544))
BUILTIN_USERS = Sid(5, (32, 545))
BUILTIN_GUESTS = Sid(5, (32, 546))

"""Access control lists: who may do what. [MS-DTYP] 2.4.4, 2.4.5"""

from enum import IntEnum
from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, unpack
from smbquic.wire.dtyp.sid import Sid
from smbquic.wire.flags import Flags

_ACL = Struct("<BBHHH")
_ACE = Struct("<BBH")
_MASK = Struct("<I")
_ALIGNMENT = 4

ACL_REVISION = 0x02
ACL_REVISION_DS = 0x04


class AceType(IntEnum):
    """Types of access control entries, without the _ACE_TYPE suffix. [MS-DTYP] 2.4.4.1"""

    ACCESS_ALLOWED = 0x00
    ACCESS_DENIED = 0x01
    SYSTEM_AUDIT = 0x02
    SYSTEM_ALARM = 0x03
    ACCESS_ALLOWED_COMPOUND = 0x04
    ACCESS_ALLOWED_OBJECT = 0x05
    ACCESS_DENIED_OBJECT = 0x06
    SYSTEM_AUDIT_OBJECT = 0x07
    SYSTEM_ALARM_OBJECT = 0x08
    ACCESS_ALLOWED_CALLBACK = 0x09
    ACCESS_DENIED_CALLBACK = 0x0A
    ACCESS_ALLOWED_CALLBACK_OBJECT = 0x0B
    ACCESS_DENIED_CALLBACK_OBJECT = 0x0C
    SYSTEM_AUDIT_CALLBACK = 0x0D
    SYSTEM_ALARM_CALLBACK = 0x0E
    SYSTEM_AUDIT_CALLBACK_OBJECT = 0x0F
    SYSTEM_ALARM_CALLBACK_OBJECT = 0x10
    SYSTEM_MANDATORY_LABEL = 0x11
    SYSTEM_RESOURCE_ATTRIBUTE = 0x12
    SYSTEM_SCOPED_POLICY_ID = 0x13


class AceFlags(Flags):
    """Flags of an access control entry: its inheritance and auditing. [MS-DTYP] 2.4.4.1"""

    OBJECT_INHERIT_ACE = 0x01
    CONTAINER_INHERIT_ACE = 0x02
    NO_PROPAGATE_INHERIT_ACE = 0x04
    INHERIT_ONLY_ACE = 0x08
    INHERITED_ACE = 0x10
    SUCCESSFUL_ACCESS_ACE_FLAG = 0x40
    FAILED_ACCESS_ACE_FLAG = 0x80


_SIMPLE: frozenset[int] = frozenset(
    {
        int(AceType.ACCESS_ALLOWED),
        int(AceType.ACCESS_DENIED),
        int(AceType.SYSTEM_AUDIT),
        int(AceType.ACCESS_ALLOWED_CALLBACK),
        int(AceType.ACCESS_DENIED_CALLBACK),
        int(AceType.SYSTEM_AUDIT_CALLBACK),
        int(AceType.SYSTEM_MANDATORY_LABEL),
        int(AceType.SYSTEM_RESOURCE_ATTRIBUTE),
        int(AceType.SYSTEM_SCOPED_POLICY_ID),
    }
)


@dataclass(slots=True)
class Ace:
    """An entry with a mask and a SID. [MS-DTYP] 2.4.4.2, 2.4.4.4 and so on

    `ace_type` compares with `AceType`, `ace_flags` with `AceFlags`, `mask` with `AccessMask`;
    `application_data` is what follows the SID in some types.
    """

    ace_type: int
    ace_flags: int
    mask: int
    sid: Sid
    application_data: bytes = b""

    def encode(self) -> bytes:
        """Encode the entry, padded to a multiple of 4 bytes."""
        return _encode_ace(
            self.ace_type,
            self.ace_flags,
            b"".join((_MASK.pack(self.mask), self.sid.encode(), self.application_data)),
        )


@dataclass(slots=True)
class OtherAce:
    """An entry of another form (of a directory service, say), as it is. [MS-DTYP] 2.4.4.1"""

    ace_type: int
    ace_flags: int
    data: bytes

    def encode(self) -> bytes:
        """Encode the entry, padded to a multiple of 4 bytes."""
        return _encode_ace(self.ace_type, self.ace_flags, self.data)


def _encode_ace(ace_type: int, ace_flags: int, data: bytes) -> bytes:
    data += bytes(-len(data) % _ALIGNMENT)
    return _ACE.pack(ace_type, ace_flags, _ACE.size + len(data)) + data


@dataclass(slots=True)
class Acl:
    """ACL: entries in the order in which they are tried. [MS-DTYP] 2.4.5"""

    aces: list[Ace | OtherAce]
    acl_revision: int = ACL_REVISION

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the list at the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        revision, _, size, count, _ = reader.unpack(_ACL)
        if not ACL_REVISION <= revision <= ACL_REVISION_DS or size < _ACL.size:
            raise WireError(f"ACL: revision {revision} with {size} bytes")
        entries = Reader(reader.take(size - _ACL.size))
        return cls([_read_ace(entries) for _ in range(count)], revision)

    @staticmethod
    def count(data: Buffer) -> int:
        """Return how many entries the list at the beginning of `data` says to have; `WireError`."""
        return int(unpack(_ACL, data)[3])

    def encode(self) -> bytes:
        """Encode the list with all its entries."""
        entries = b"".join(ace.encode() for ace in self.aces)
        size = _ACL.size + len(entries)
        return _ACL.pack(self.acl_revision, 0, size, len(self.aces), 0) + entries


def _read_ace(reader: Reader) -> Ace | OtherAce:
    ace_type, ace_flags, size = reader.unpack(_ACE)
    if size < _ACE.size:
        raise WireError(f"ACE: {size} bytes are too few")
    data = reader.take(size - _ACE.size)
    if ace_type not in _SIMPLE:
        return OtherAce(ace_type, ace_flags, bytes(data))
    fields = Reader(data)
    (mask,) = fields.unpack(_MASK)
    sid = Sid.read(fields)
    return Ace(ace_type, ace_flags, mask, sid, bytes(data[fields.offset :]))

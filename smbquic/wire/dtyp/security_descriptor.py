"""Security descriptors: the owner of a file, and who may do what. [MS-DTYP] 2.4.6"""

from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, unpack
from smbquic.wire.dtyp.acl import Acl
from smbquic.wire.dtyp.sid import Sid
from smbquic.wire.flags import Flags

_DESCRIPTOR = Struct("<BBHIIII")
_REVISION = 1


class SecurityInformation(Flags):
    """Parts of a descriptor, without the _SECURITY_INFORMATION suffix. [MS-DTYP] 2.4.7"""

    OWNER = 0x00000001
    GROUP = 0x00000002
    DACL = 0x00000004
    SACL = 0x00000008
    LABEL = 0x00000010
    ATTRIBUTE = 0x00000020
    SCOPE = 0x00000040
    PROCESS_TRUST_LABEL = 0x00000080
    BACKUP = 0x00010000
    UNPROTECTED_SACL = 0x10000000
    UNPROTECTED_DACL = 0x20000000
    PROTECTED_SACL = 0x40000000
    PROTECTED_DACL = 0x80000000


class SecurityDescriptorControl(Flags):
    """Control bits, by the specification's two letters. [MS-DTYP] 2.4.6"""

    OD = 0x0001
    GD = 0x0002
    DP = 0x0004
    DD = 0x0008
    SP = 0x0010
    SD = 0x0020
    DT = 0x0040
    SS = 0x0080
    DC = 0x0100
    SC = 0x0200
    DI = 0x0400
    SI = 0x0800
    PD = 0x1000
    PS = 0x2000
    RM = 0x4000
    SR = 0x8000


_DACL_PRESENT = int(SecurityDescriptorControl.DP)
_SACL_PRESENT = int(SecurityDescriptorControl.SP)
_SELF_RELATIVE = int(SecurityDescriptorControl.SR)


@dataclass(slots=True)
class SecurityDescriptor:
    """A self-relative SECURITY_DESCRIPTOR. [MS-DTYP] 2.4.6

    `control` compares with `SecurityDescriptorControl`; `encode` adds what the parts imply. A
    `dacl` of None together with the bit DP is a NULL DACL, which grants everything to everybody;
    an empty one grants nothing.
    """

    owner: Sid | None = None
    group: Sid | None = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    control: int = _SELF_RELATIVE
    sbz1: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode all of `data`. Raises `WireError`."""
        view = memoryview(data)
        if len(view) < _DESCRIPTOR.size:
            raise WireError(f"SECURITY_DESCRIPTOR: {len(view)} bytes are too few")
        revision, sbz1, control, owner, group, sacl, dacl = _DESCRIPTOR.unpack_from(view)
        if revision != _REVISION or not control & _SELF_RELATIVE:
            raise WireError("SECURITY_DESCRIPTOR: not of revision 1 and self-relative")
        return cls(
            Sid.decode(view[owner:]) if owner else None,
            Sid.decode(view[group:]) if group else None,
            Acl.decode(view[dacl:]) if dacl and control & _DACL_PRESENT else None,
            Acl.decode(view[sacl:]) if sacl and control & _SACL_PRESENT else None,
            control,
            sbz1,
        )

    @staticmethod
    def count_aces(data: Buffer) -> int:
        """Return how many entries the longer list in `data` has, without decoding them.

        Raises `WireError`.
        """
        *_, sacl, dacl = unpack(_DESCRIPTOR, data)
        return max(Acl.count(data[offset:]) if offset else 0 for offset in (sacl, dacl))

    def encode(self) -> bytes:
        """Encode the descriptor with all its parts."""
        control = self.control | _SELF_RELATIVE
        if self.dacl is not None:
            control |= _DACL_PRESENT
        if self.sacl is not None:
            control |= _SACL_PRESENT
        parts = bytearray(_DESCRIPTOR.size)
        offsets = []
        for part in (self.owner, self.group, self.sacl, self.dacl):
            offsets.append(0 if part is None else len(parts))
            if part is not None:
                parts += part.encode()
        _DESCRIPTOR.pack_into(parts, 0, _REVISION, self.sbz1, control, *offsets)
        return bytes(parts)

"""Calls that ask for one structure, of which there are several levels. [MS-SRVS], [MS-WKST]"""

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer
from smbquic.wire.rpc.ndr import NdrReader, NdrStructure, NdrWriter

Info = TypeVar("Info")


@dataclass(slots=True)
class GetInfoRequest:
    """Arguments of a call about the machine that is asked."""

    level: int
    server_name: str | None = None

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a request. Raises `WireError`."""
        reader = NdrReader(stub)
        server_name = reader.optional_string()
        return cls(reader.aligned_u32(), server_name)

    def encode(self) -> bytes:
        """Encode the stub of a request."""
        writer = NdrWriter()
        writer.optional_string(self.server_name)
        writer.u32(self.level)
        return bytes(writer.data)


@dataclass(slots=True)
class GetInfoResponse(Generic[Info]):
    """Results of a call; `status` compares with `NetStatus`."""

    layouts: ClassVar[Mapping[int, NdrStructure]]
    """The structures by level."""
    structure: ClassVar[type[Any]]
    """The dataclass with the fields of all levels; each field has a default."""

    level: int
    info: Info | None = None
    status: int = 0

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a response. Raises `WireError`."""
        reader = NdrReader(stub)
        level, info = reader.aligned_u32(), None
        if reader.pointer():
            layout, info = cls.layouts.get(level), cls.structure()
            if layout is None:
                raise WireError(f"a {cls.structure.__name__} of the unknown level {level}")
            layout.read(reader, info)()
        return cls(level, info, reader.aligned_u32())

    def encode(self) -> bytes:
        """Encode the stub of a response."""
        writer = NdrWriter()
        writer.u32(self.level)
        writer.pointer(null=self.info is None)
        if self.info is not None:
            self.layouts[self.level].write(writer, self.info)()
        writer.u32(self.status)
        return bytes(writer.data)

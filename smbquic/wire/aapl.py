"""The create context that macOS sends and asks for (AAPL).

It is Apple's own extension, in no document of Microsoft's. The client asks with its first CREATE
what the server can do; the server answers with those of the parts that were asked for.
"""

from struct import Struct
from typing import ClassVar, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.create_context import CreateContext
from smbquic.wire.cursor import Buffer, Reader, utf16
from smbquic.wire.flags import Flags

AAPL = b"AAPL"

_SERVER_QUERY = 1
_REQUEST = Struct("<IIQQ")
_RESPONSE = Struct("<IIQ")
_CAPABILITIES = Struct("<Q")
_MODEL = Struct("<II")


class AaplBitmap(Flags):
    """Parts of a query and of its answer."""

    SERVER_CAPS = 0x01
    VOLUME_CAPS = 0x02
    MODEL_INFO = 0x04


class AaplServerCaps(Flags):
    """Capabilities of client and server."""

    SUPPORTS_READ_DIR_ATTR = 0x01
    SUPPORTS_OSX_COPYFILE = 0x02
    UNIX_BASED = 0x04
    SUPPORTS_NFS_ACE = 0x08


class AaplVolumeCaps(Flags):
    """Capabilities of the share."""

    SUPPORT_RESOLVE_ID = 0x01
    CASE_SENSITIVE = 0x02
    SUPPORTS_FULL_SYNC = 0x04


@dataclass(slots=True)
class AaplServerQueryRequest:
    """A query of a macOS client; its numbers compare with `AaplBitmap` and `AaplServerCaps`."""

    name: ClassVar[bytes] = AAPL
    request_bitmap: int
    client_capabilities: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`, also for another query."""
        query, _, bitmap, capabilities = Reader(data).unpack(_REQUEST)
        _check(query)
        return cls(bitmap, capabilities)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _REQUEST.pack(_SERVER_QUERY, 0, self.request_bitmap, self.client_capabilities)

    def context(self) -> CreateContext:
        """Return the context that carries this payload."""
        return CreateContext(self.name, self.encode())


@dataclass(slots=True)
class AaplServerQueryResponse:
    """The server's answer to a query; a part that is None was not asked for."""

    name: ClassVar[bytes] = AAPL
    server_capabilities: int | None = None
    volume_capabilities: int | None = None
    model: str | None = None

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`, also for another query."""
        reader = Reader(data)
        query, _, bitmap = reader.unpack(_RESPONSE)
        _check(query)
        answer = cls()
        if bitmap & AaplBitmap.SERVER_CAPS:
            answer.server_capabilities = reader.u64()
        if bitmap & AaplBitmap.VOLUME_CAPS:
            answer.volume_capabilities = reader.u64()
        if bitmap & AaplBitmap.MODEL_INFO:
            _, length = reader.unpack(_MODEL)
            answer.model = reader.text(length)
        return answer

    def encode(self) -> bytes:
        """Encode the data of the context."""
        bitmap = 0
        parts: list[bytes] = []
        if self.server_capabilities is not None:
            bitmap |= AaplBitmap.SERVER_CAPS
            parts.append(_CAPABILITIES.pack(self.server_capabilities))
        if self.volume_capabilities is not None:
            bitmap |= AaplBitmap.VOLUME_CAPS
            parts.append(_CAPABILITIES.pack(self.volume_capabilities))
        if self.model is not None:
            bitmap |= AaplBitmap.MODEL_INFO
            model = utf16(self.model)
            parts += (_MODEL.pack(0, len(model)), model)
        return _RESPONSE.pack(_SERVER_QUERY, 0, bitmap) + b"".join(parts)

    def context(self) -> CreateContext:
        """Return the context that carries this payload."""
        return CreateContext(self.name, self.encode())


def _check(query: int) -> None:
    if query != _SERVER_QUERY:
        raise WireError(f"AAPL: {query} is not the query of what the server can do")

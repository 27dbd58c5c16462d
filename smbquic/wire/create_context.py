"""The create contexts of a CREATE: names with data, in a chain. [MS-SMB2] 2.2.13.2, 2.2.14.2

What the data of each means is in `smbquic.wire.create_contexts`.
"""

from collections.abc import Sequence
from struct import Struct

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import padding, unpack

_CONTEXT = Struct("<IHHHHI")
_ALIGNMENT = 8
_SHORTEST_NAME = 4


@dataclass(slots=True)
class CreateContext:
    """SMB2_CREATE_CONTEXT: four or more bytes of name, and data. [MS-SMB2] 2.2.13.2"""

    name: bytes
    data: bytes = b""


def find(contexts: Sequence[CreateContext], name: bytes) -> bytes | None:
    """Return the data of the first context called `name`, or None."""
    for context in contexts:
        if context.name == name:
            return context.data
    return None


def decode_create_contexts(chain: memoryview) -> list[CreateContext]:
    """Decode all contexts of a chain that fills `chain`, in their order. Raises `WireError`."""
    contexts: list[CreateContext] = []
    rest = chain
    while len(rest):
        following, name_offset, name_length, _, data_offset, data_length = unpack(_CONTEXT, rest)
        if following:
            if following < _CONTEXT.size or following % _ALIGNMENT or following > len(rest):
                raise WireError(f"create context: the next one cannot be at {following}")
            context, rest = rest[:following], rest[following:]
        else:
            context, rest = rest, rest[:0]
        if name_length < _SHORTEST_NAME:
            raise WireError(f"create context: a name of {name_length} bytes is too short")
        contexts.append(
            CreateContext(
                _inside(context, name_offset, name_length),
                _inside(context, data_offset, data_length) if data_length else b"",
            )
        )
    return contexts


def _inside(context: memoryview, offset: int, length: int) -> bytes:
    if offset < _CONTEXT.size or offset + length > len(context):
        raise WireError(
            f"create context: {length} bytes at {offset} do not lie in its {len(context)} bytes"
        )
    return bytes(context[offset : offset + length])


def encode_create_contexts(contexts: Sequence[CreateContext]) -> bytes:
    """Encode the chain of all `contexts`, for a place that is a multiple of 8."""
    parts: list[bytes] = []
    last = len(contexts) - 1
    for index, context in enumerate(contexts):
        name, data = context.name, context.data
        size = _CONTEXT.size + len(name)
        gap = b""
        data_offset = 0
        if data:
            gap = padding(size)
            data_offset = size + len(gap)
            size = data_offset + len(data)
        tail = padding(size) if index < last else b""
        following = size + len(tail) if index < last else 0
        header = _CONTEXT.pack(following, _CONTEXT.size, len(name), 0, data_offset, len(data))
        parts += (header, name, gap, data, tail)
    return b"".join(parts)

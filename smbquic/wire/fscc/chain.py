"""Lists whose entries say where the next one is (NextEntryOffset). [MS-FSCC] 2.4"""

from collections.abc import Iterable, Iterator
from struct import Struct

from smbquic.errors import WireError
from smbquic.wire.cursor import Buffer, Reader, unpack

_NEXT_ENTRY_OFFSET = Struct("<I")


def encode_chain(entries: Iterable[bytes], alignment: int) -> bytes:
    """Encode all `entries` in one buffer, each at a multiple of `alignment`.

    An entry begins with a NextEntryOffset, which is set here; the last one keeps its zero.
    """
    chain = bytearray()
    last = 0
    for entry in entries:
        if chain:
            chain.extend(bytes(-len(chain) % alignment))
            _NEXT_ENTRY_OFFSET.pack_into(chain, last, len(chain) - last)
            last = len(chain)
        chain += entry
    return bytes(chain)


def iterate_chain(data: Buffer, fixed_size: int) -> Iterator[Reader]:
    """Return a reader behind the NextEntryOffset of each entry; `fixed_size` is its least size.

    A reader ends where the next entry begins. An empty buffer has no entries. Raises `WireError`.
    """
    rest = memoryview(data)
    while len(rest):
        (following,) = unpack(_NEXT_ENTRY_OFFSET, rest)
        if following and (following < fixed_size or following > len(rest)):
            raise WireError(f"the next entry cannot be at {following} of {len(rest)}")
        yield Reader(rest[:following] if following else rest, _NEXT_ENTRY_OFFSET.size)
        rest = rest[following:] if following else rest[:0]

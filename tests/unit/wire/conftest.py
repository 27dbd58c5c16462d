"""Helpers of the wire tests: bytes laid out by hand, and bytes that nobody meant to send."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.message import Message

HEADER = bytes(64)


@pytest.fixture(scope="session")
def lay() -> Callable[..., bytes]:
    """Lay out (width, value) pairs little-endian, bytes as they are and strings as UTF-16."""

    def lay_out(*fields: tuple[int, int] | bytes | str) -> bytes:
        parts = []
        for field in fields:
            if isinstance(field, tuple):
                width, value = field
                parts.append((value % (1 << 8 * width)).to_bytes(width, "little"))
            elif isinstance(field, str):
                parts.append(field.encode("utf-16-le"))
            else:
                parts.append(field)
        return b"".join(parts)

    return lay_out


@pytest.fixture(scope="session")
def frame() -> Callable[[bytes], memoryview]:
    """Put a body behind an empty SMB2 header."""
    return lambda body: memoryview(HEADER + body)


@cache
def mutations(valid: bytes) -> st.SearchStrategy[bytes]:
    """Anything at all, or `valid` with some of its bytes changed, cut short or made longer."""
    edits = st.lists(
        st.tuples(
            st.integers(0, max(len(valid) - 1, 0)),
            st.sampled_from([0, 1, 2, 4, 7, 8, 16, 0x40, 0x7F, 0x80, 0xFF]) | st.integers(0, 255),
        ),
        max_size=6,
    )

    def apply(edits: list[tuple[int, int]], end: int, tail: bytes) -> bytes:
        changed = bytearray(valid)
        for position, value in edits:
            if changed:
                changed[position] = value
        return bytes(changed[:end]) + tail

    changed = st.builds(apply, edits, st.integers(0, len(valid)), st.binary(max_size=24))
    whole = st.builds(apply, edits, st.just(len(valid)), st.binary(max_size=24))
    return st.one_of(whole, whole, changed, st.binary(max_size=256))


@pytest.fixture(scope="session")
def fuzz() -> Callable[..., None]:
    """Check that `decode` gives an object or WireError on any bytes, and that its object lasts.

    What was decoded must decode to the same again once `encode` has written it.
    """

    def run(
        data: st.DataObject,
        decode: Callable[[memoryview], Any],
        encode: Callable[[Any], bytes],
        valid: bytes,
    ) -> None:
        assert decode(memoryview(valid)) is not None
        message = data.draw(mutations(valid))
        try:
            decoded = decode(memoryview(message))
        except WireError:
            return
        assert decode(memoryview(encode(decoded))) == decoded

    return run


@pytest.fixture(scope="session")
def fuzz_message(fuzz: Callable[..., None]) -> Callable[[st.DataObject, Message], None]:
    """The same for the class of a message body, starting from a good one."""

    def run(data: st.DataObject, valid: Message) -> None:
        def encode(message: Message) -> bytes:
            assert b"".join(message.buffers()) == message.encode()
            return HEADER + message.encode()

        fuzz(data, type(valid).decode, encode, encode(valid))

    return run

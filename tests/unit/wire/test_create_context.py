from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.create_context import (
    CreateContext,
    decode_create_contexts,
    encode_create_contexts,
    find,
)
from smbquic.wire.create_contexts import AppInstanceId

Lay = Callable[..., bytes]

KEY = bytes(range(16))
CONTEXTS = st.lists(
    st.builds(CreateContext, st.binary(min_size=4, max_size=17), st.binary(max_size=20)), max_size=5
)


def test_chain_layout(lay: Lay) -> None:
    contexts = [CreateContext(b"MxAc"), CreateContext(b"AlSi", b"12345678"), CreateContext(b"QFid")]
    wire = lay(
        *((4, 24), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), b"MxAc", bytes(4)),
        *((4, 32), (2, 16), (2, 4), (2, 0), (2, 24), (4, 8), b"AlSi", bytes(4), b"12345678"),
        *((4, 0), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), b"QFid"),
    )
    assert encode_create_contexts(contexts) == wire
    assert decode_create_contexts(memoryview(wire)) == contexts


def test_long_name_layout(lay: Lay) -> None:
    context = AppInstanceId(KEY).context()
    wire = lay(
        (4, 0),
        (2, 16),
        (2, 16),
        (2, 0),
        (2, 32),
        (4, 20),
        bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74"),
        *((2, 20), (2, 0), KEY),
    )
    assert encode_create_contexts([context]) == wire
    assert decode_create_contexts(memoryview(wire)) == [context]


def test_no_contexts() -> None:
    assert encode_create_contexts([]) == b""
    assert decode_create_contexts(memoryview(b"")) == []


def test_what_follows_the_last_context_is_ignored(lay: Lay) -> None:
    wire = lay((4, 0), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), b"QFid", b"padding")
    assert decode_create_contexts(memoryview(wire)) == [CreateContext(b"QFid")]


def test_find() -> None:
    contexts = [CreateContext(b"MxAc", b"1"), CreateContext(b"QFid"), CreateContext(b"MxAc", b"2")]
    assert find(contexts, b"MxAc") == b"1"
    assert find(contexts, b"QFid") == b""
    assert find(contexts, b"AlSi") is None


NAMED = (b"QFid", bytes(4))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([(4, 0), (2, 16), (2, 4)], id="no header"),
        pytest.param([(4, 8), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), *NAMED], id="next too near"),
        pytest.param(
            [(4, 20), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), *NAMED, bytes(40)], id="not aligned"
        ),
        pytest.param([(4, 32), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), *NAMED], id="next outside"),
        pytest.param([(4, 0), (2, 16), (2, 3), (2, 0), (2, 0), (4, 0), *NAMED], id="short name"),
        pytest.param([(4, 0), (2, 16), (2, 0), (2, 0), (2, 0), (4, 0), *NAMED], id="no name"),
        pytest.param([(4, 0), (2, 16), (2, 9), (2, 0), (2, 0), (4, 0), *NAMED], id="long name"),
        pytest.param([(4, 0), (2, 15), (2, 4), (2, 0), (2, 0), (4, 0), *NAMED], id="name before"),
        pytest.param([(4, 0), (2, 16), (2, 4), (2, 0), (2, 24), (4, 1), *NAMED], id="long data"),
        pytest.param([(4, 0), (2, 16), (2, 4), (2, 0), (2, 0), (4, 1), *NAMED], id="data before"),
        pytest.param(
            [*((4, 24), (2, 16), (2, 4), (2, 0), (2, 24), (4, 4), *NAMED), bytes(24)],
            id="data in the next",
        ),
    ],
)
def test_malformed_chain(fields: list[tuple[int, int] | bytes], lay: Lay) -> None:
    with pytest.raises(WireError, match=r"create context|bytes are needed"):
        decode_create_contexts(memoryview(lay(*fields)))


@given(contexts=CONTEXTS)
def test_chain_round_trip(contexts: list[CreateContext]) -> None:
    assert decode_create_contexts(memoryview(encode_create_contexts(contexts))) == contexts


@given(data=st.data())
def test_any_chain(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    contexts = data.draw(CONTEXTS)
    fuzz(data, decode_create_contexts, encode_create_contexts, encode_create_contexts(contexts))

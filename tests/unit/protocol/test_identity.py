"""What is compared by identity: two of them with the same contents are two."""

import pytest

from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.request import Compound, PreparedResponse, Request
from smbquic.protocol.response import Response
from smbquic.protocol.session import ServerSession
from smbquic.protocol.state import ConnectionState


@pytest.mark.parametrize(
    "kind",
    [
        *(ClientSession, Compound, ConnectionState, Response),
        *(PreparedResponse, Request, ServerSession),
    ],
)
def test_two_objects_are_never_the_same(kind: type[object]) -> None:
    one, other = object.__new__(kind), object.__new__(kind)

    assert one == one
    assert one != other
    assert len({one, other}) == 2

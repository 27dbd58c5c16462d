from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.flush import FlushResponse
from smbquic.wire.header import Command
from smbquic.wire.lock import LockResponse
from smbquic.wire.logoff import LogoffRequest, LogoffResponse
from smbquic.wire.message import EmptyMessage, Message
from smbquic.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse

EMPTY = [
    (CancelRequest, Command.CANCEL),
    (EchoRequest, Command.ECHO),
    (EchoResponse, Command.ECHO),
    (FlushResponse, Command.FLUSH),
    (LockResponse, Command.LOCK),
    (LogoffRequest, Command.LOGOFF),
    (LogoffResponse, Command.LOGOFF),
    (TreeDisconnectRequest, Command.TREE_DISCONNECT),
    (TreeDisconnectResponse, Command.TREE_DISCONNECT),
]


@pytest.mark.parametrize(("body", "command"), EMPTY)
def test_empty_bodies(body: type[EmptyMessage], command: Command) -> None:
    message = body()
    assert message.command is command
    assert message.encode() == b"\x04\x00\x00\x00"
    assert message.buffers() == [b"\x04\x00\x00\x00"]
    assert body.decode(memoryview(bytes(64) + b"\x04\x00\xff\xff" + b"more")) == message


@pytest.mark.parametrize(("body", "command"), EMPTY)
def test_empty_bodies_of_another_size(body: type[EmptyMessage], command: Command) -> None:
    with pytest.raises(WireError, match=f"{body.__name__}: StructureSize is 5"):
        body.decode(memoryview(bytes(64) + b"\x05\x00\x00\x00"))


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, EchoRequest())


def test_a_body_must_say_how_it_is_read_and_written() -> None:
    with pytest.raises(NotImplementedError):
        Message.decode(memoryview(b""))
    with pytest.raises(NotImplementedError):
        Message().encode()

"""Somebody on the way sends a CANCEL without a session, and so without a signature."""

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import DIALECTS, ClientSettings, ServerSettings
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import Command, Header, HeaderFlags
from tests.protocol.conftest import ALICE, GUID, ProtocolPair

ASYNC = int(HeaderFlags.ASYNC_COMMAND)


@pytest.fixture
def pair() -> ProtocolPair:
    return ProtocolPair(
        ClientSettings(client_guid=GUID),
        ServerSettings(guid=GUID, dialects=DIALECTS),
        quic=False,
        identity=ALICE,
    )


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("of_session", [False, True])
def test_an_unsigned_cancel_ends_nothing(
    pair: ProtocolPair, pending: bool, of_session: bool
) -> None:
    pair.negotiate()
    session, _ = pair.log_on()
    request = pair.ask(EchoRequest(), session)
    if pending:
        pair.take(pair.server.interim(request))
    header = Header(
        Command.CANCEL,
        message_id=request.header.message_id,
        flags=ASYNC if pending else 0,
        async_id=request.async_id,
        session_id=session.id if of_session else 0,
    )
    [cancel] = pair.deliver([header.encode(), *CancelRequest().buffers()])
    if of_session:
        assert cancel.failure == NtStatus.ACCESS_DENIED  # so that nobody looks for its request
    else:
        assert pair.server.find_pending(cancel) is None


def test_nor_does_that_of_another_session(pair: ProtocolPair) -> None:
    pair.negotiate()
    session, _ = pair.log_on()
    other, _ = pair.log_on()
    request = pair.ask(EchoRequest(), session)
    cancel = pair.client.cancel(request.header.message_id)
    pair.client._outstanding[request.header.message_id].session = other
    [wrong] = pair.deliver(pair.client.cancel(request.header.message_id))
    assert wrong.failure is None
    assert pair.server.find_pending(wrong) is None
    [right] = pair.deliver(cancel)
    assert pair.server.find_pending(right) is request

"""What is done for the first messages of a connection while the server has not answered yet.

Messages compile their methods when they are first used (`smbquic.wire.message`). For the NEGOTIATE,
SESSION_SETUP and TREE_CONNECT of a program that has just started that takes longer than all else
that it does for them.
"""

import os
from collections.abc import Iterator
from typing import Any

from smbquic.client.response_waiters import ResponseWaiter, Target
from smbquic.lazy_dataclass import compile_init
from smbquic.protocol.client import ClientProtocol, Sent, SentCompound
from smbquic.protocol.response import OutstandingRequest, Response
from smbquic.protocol.settings import ClientSettings
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.header import Header
from smbquic.wire.message import Message, compile_message
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.session_setup import SessionSetupRequest, SessionSetupResponse
from smbquic.wire.tree_connect import TreeConnectRequest, TreeConnectResponse

MESSAGES: tuple[type[Message], ...] = (
    *(NegotiateRequest, NegotiateResponse),
    *(SessionSetupRequest, SessionSetupResponse),
    *(TreeConnectRequest, TreeConnectResponse),
)
"""In the order in which they are used."""
OF_EACH_REQUEST: tuple[type[Any], ...] = (
    *(Header, OutstandingRequest, OutgoingElement, SentCompound, Sent, Target, ResponseWaiter),
    Response,
)
"""What so many objects are made of that their `__init__` is compiled in any case."""


def compile_steps() -> Iterator[None]:
    """Compile one thing after the other, each for less than a millisecond.

    What is compiled already is passed over.
    """
    for message in MESSAGES:
        if compile_message(message):
            yield
    for each in OF_EACH_REQUEST:
        if compile_init(each):
            yield


def prepared_protocol(settings: ClientSettings, *, quic: bool, server_name: str) -> ClientProtocol:
    """Return the protocol of a connection that is being made, with its NEGOTIATE."""
    protocol = ClientProtocol(settings, quic=quic, server_name=server_name, random=os.urandom)
    protocol.negotiate()
    return protocol

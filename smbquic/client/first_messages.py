"""What the first messages of a connection need: it is compiled before they are made and come.

Messages and dataclasses compile their methods when they are first used (`smbquic.lazy_dataclass`,
`smbquic.wire.message`). For the NEGOTIATE, SESSION_SETUP and TREE_CONNECT of a program that has
just started that takes longer than all else that it does for them.
"""

from collections.abc import Iterator
from typing import Any

from smbquic.auth.ntlm.messages import AuthenticateMessage, ChallengeMessage, NegotiateMessage
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from smbquic.client.response_waiters import ResponseWaiter, Target
from smbquic.crypto.keys import SessionKeys
from smbquic.lazy_dataclass import compile_init
from smbquic.protocol.client import Sent, SentCompound
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.negotiation import Algorithms, Negotiated
from smbquic.protocol.response import OutstandingRequest, Response
from smbquic.protocol.transform import OutgoingElement
from smbquic.transport.base import Peer
from smbquic.wire.header import Header
from smbquic.wire.message import Message, compile_message
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.negotiate_contexts import (
    EncryptionCapabilities,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
    TransportCapabilities,
)
from smbquic.wire.session_setup import SessionSetupRequest, SessionSetupResponse
from smbquic.wire.tree_connect import TreeConnectRequest, TreeConnectResponse

CONNECTED: tuple[type[Any], ...] = (Peer,)
"""What is made when any transport is connected, in its order, as the others below."""
NEGOTIATED: tuple[type[Any], ...] = (
    *(NegotiateRequest, PreauthIntegrityCapabilities, EncryptionCapabilities),
    *(SigningCapabilities, NetnameNegotiateContextId, TransportCapabilities),
    *(OutstandingRequest, Header, OutgoingElement, SentCompound, Sent, Target, ResponseWaiter),
    *(NegotiateResponse, Response, Algorithms, Negotiated),
)
LOGGED_ON: tuple[type[Any], ...] = (
    *(NegotiateMessage, ClientSession, NegTokenInit, SessionSetupRequest, SessionSetupResponse),
    *(NegTokenResp, ChallengeMessage, AuthenticateMessage, SessionKeys),
    *(TreeConnectRequest, TreeConnectResponse),
)


def compile_steps(*, quic: bool) -> Iterator[None]:
    """Compile one thing after the other, each for at most a millisecond or two.

    What is compiled already is passed over.
    """
    for each in (*_connected_over_quic(quic=quic), *CONNECTED, *NEGOTIATED, *LOGGED_ON):
        if compile_init(each):
            yield
        if issubclass(each, Message) and compile_message(each):
            yield


def _connected_over_quic(*, quic: bool) -> tuple[type[Any], ...]:
    if not quic:
        return ()
    # A client over TCP does without it.
    from smbquic.transport.quic.engine import Security

    return (Security,)

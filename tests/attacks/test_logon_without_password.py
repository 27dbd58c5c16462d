"""A server that does not know the password wants to be taken for the real one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.messages import (
    NTLMSSP,
    AvId,
    ChallengeMessage,
    NegotiateFlags,
    encode_av_pairs,
)
from smbquic.auth.spnego.tokens import NegState, NegTokenResp, encode_hint
from smbquic.auth.users import UserStore
from smbquic.crypto.keys import SessionKeys, derive_session_keys
from smbquic.errors import AuthenticationError, LocalProtocolError, SecurityError, SmbError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.protection import Protection
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import SessionTable
from smbquic.protocol.settings import DIALECTS, ClientSettings, ServerSettings
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.negotiate import Dialect
from smbquic.wire.session_setup import SessionFlags, SessionSetupResponse

PUBLIC_KEYS = (bytes(16), b"K" * 16)
"""Session keys that anybody can have: of a logon that never was, and one that is made up."""

SUCCESS, MORE = NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED
SESSION_ID = 0x77
NO_FLAGS = SessionFlags(0)


def challenge(flags: int = 0xE2898215) -> bytes:
    """A challenge of NTLM, by default with the flags of Windows."""
    info = encode_av_pairs([(AvId.NB_COMPUTER_NAME, "FS".encode("utf-16-le"))])
    return ChallengeMessage(NegotiateFlags(flags), b"12345678", "FS", info).encode()


@dataclass(frozen=True)
class Step:
    """A response to one SESSION_SETUP; `key` signs it, unless it is None."""

    status: NtStatus
    token: bytes
    flags: SessionFlags = NO_FLAGS
    key: bytes | None = None


class FalseServer:
    """Negotiates as it should, and makes up the rest. The client is a real one."""

    def __init__(self, dialect: Dialect = Dialect.SMB_3_1_1, *, signs: bool = True) -> None:
        settings = ClientSettings(client_guid=bytes(16), signing_required=signs)
        self.client = ClientProtocol(settings, quic=False, server_name="fs", random=bytes)
        server = ServerProtocol(
            ServerSettings(guid=bytes(16), dialects=(dialect,)),
            SessionTable(bytes),
            Authenticator([NtlmMechanism(UserStore(), server_name="fs")]),
            quic=False,
            random=bytes,
        )
        [request] = server.receive(_joined(self.client.negotiate().buffers))
        answer = server.respond(request, server.negotiate(request, 1))
        assert answer is not None
        [response] = self.client.receive(_joined(answer))
        self.client.receive_negotiate_response(response)

    def log_on(self, steps: Sequence[Step]) -> ClientSession | None:
        """The session that the client takes for one; None while it has still something to say."""
        initiator = new_initiator(Credentials("alice", "a secret"), host="fs")
        session, sent = self.client.session_setup(initiator)
        for step in steps:
            [response] = self.client.receive(self._answer(session, sent, step))
            following = self.client.receive_session_setup_response(session, response)
            if following is None:
                return session
            sent = following
        return None

    def _answer(self, session: ClientSession, sent: Sent, step: Step) -> memoryview:
        header = Header(
            Command.SESSION_SETUP,
            message_id=sent.message_id,
            credits=10,
            flags=int(HeaderFlags.SERVER_TO_REDIR),
            session_id=SESSION_ID,
            status=step.status,
        )
        body: list[Buffer] = SessionSetupResponse(step.flags, step.token).buffers()
        if step.key is None:
            return _joined([header.encode(), *body])
        return _joined([self._protection(session, step.key).sign(header, body), *body])

    def _protection(self, session: ClientSession, key: bytes) -> Protection:
        negotiated = self.client.negotiated
        assert negotiated is not None
        keys: SessionKeys = derive_session_keys(
            negotiated.dialect,
            key,
            cipher=negotiated.cipher,
            preauth_hash=session.preauth.value,
        )
        return Protection.of_session(
            SESSION_ID,
            keys,
            negotiated.signing_algorithm,
            negotiated.cipher,
            server=True,
            random=bytes,
        )


def _joined(buffers: Sequence[Buffer]) -> memoryview:
    return memoryview(bytearray(b"".join(buffers)))


def responses() -> st.SearchStrategy[bytes]:
    """NegTokenResp with anything in it that a server could put there."""
    return st.builds(
        lambda *fields: NegTokenResp(*fields).encode(),
        st.sampled_from([None, *NegState]),
        st.sampled_from([None, NTLMSSP]),
        st.one_of(st.none(), st.just(challenge()), st.integers(0, 2**32 - 1).map(challenge)),
        st.one_of(st.none(), st.binary(max_size=20), st.just(b"\x01" + bytes(15))),
    )


TOKENS = st.one_of(
    st.just(b""),
    st.just(encode_hint([NTLMSSP])),
    st.just(challenge()),
    responses(),
    st.binary(max_size=30),
)
STEPS = st.builds(
    Step,
    st.sampled_from([SUCCESS, MORE]),
    TOKENS,
    st.sampled_from([SessionFlags(flags) for flags in range(8)]),
    st.sampled_from([None, *PUBLIC_KEYS]),
)


@given(dialect=st.sampled_from(DIALECTS), signs=st.booleans(), steps=st.lists(STEPS, max_size=4))
def test_no_messages_without_the_password_give_a_session(
    dialect: Dialect, signs: bool, steps: list[Step]
) -> None:
    server = FalseServer(dialect, signs=signs)
    try:
        session = server.log_on(steps)
    except SmbError:
        return
    assert session is None


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("token", [b"", NegTokenResp(NegState.ACCEPT_COMPLETED).encode()])
def test_success_in_answer_to_the_first_message(dialect: Dialect, token: bytes) -> None:
    with pytest.raises(SecurityError, match="before the client proved"):
        FalseServer(dialect).log_on([Step(SUCCESS, token, key=bytes(16))])


def test_success_with_a_challenge_in_it() -> None:
    steps = [Step(SUCCESS, NegTokenResp(NegState.ACCEPT_COMPLETED, NTLMSSP, challenge()).encode())]
    with pytest.raises(SecurityError, match="before the client proved"):
        FalseServer().log_on(steps)


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_logon_whose_end_is_not_signed(dialect: Dialect, signs: bool) -> None:
    """Below 3.1.1 nothing but the signature says that the server knows the password."""
    steps = [
        Step(MORE, NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP, challenge()).encode()),
        Step(SUCCESS, NegTokenResp(NegState.ACCEPT_COMPLETED).encode()),
    ]
    with pytest.raises(SecurityError, match="did not sign"):
        FalseServer(dialect, signs=signs).log_on(steps)


@pytest.mark.parametrize("flag", [SessionFlags.IS_GUEST, SessionFlags.IS_NULL])
@pytest.mark.parametrize("signs", [True, False])
def test_a_guest_instead_of_the_user(flag: SessionFlags, signs: bool) -> None:
    steps = [
        Step(MORE, NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP, challenge()).encode()),
        Step(SUCCESS, NegTokenResp(NegState.ACCEPT_COMPLETED).encode(), flag),
    ]
    with pytest.raises(AuthenticationError, match="guest"):
        FalseServer(signs=signs).log_on(steps)


def test_a_logon_that_never_ends() -> None:
    answer = NegTokenResp(NegState.ACCEPT_INCOMPLETE).encode()
    steps = [
        Step(MORE, NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP, challenge()).encode()),
        *[Step(MORE, answer)] * 20,
    ]
    with pytest.raises((AuthenticationError, SecurityError)):
        FalseServer().log_on(steps)


@pytest.mark.parametrize("size", range(16))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_short_key_is_not_filled_up(dialect: Dialect, size: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"a session key of {size} bytes"):
        derive_session_keys(dialect, b"k" * size, cipher=None, preauth_hash=bytes(64))

"""One session over several connections. [MS-SMB2] 3.3.5.5, 4.8"""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from smbquic.auth.identity import Identity
from smbquic.crypto.keys import derive_channel_signing_key
from smbquic.crypto.preauth import PreauthHash
from smbquic.crypto.signing import Signer
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.logon import SessionSetupOutcome
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session_state import SessionEvent
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.header import Header
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, SecurityMode
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from tests.protocol.conftest import ProtocolPair

MULTI_CHANNEL = {"server_capabilities": GlobalCapabilities.MULTI_CHANNEL}


def setup(token: bytes) -> SessionSetupRequest:
    return SessionSetupRequest(
        flags=SessionSetupFlags.BINDING,
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        channel=0,
        previous_session_id=0,
        security_buffer=token,
    )


Settings = dict[str, object]
"""Settings of a pair; see the fixture `make_pair`."""


class Binding:
    """Binds `session` of the connection `first` to the connection `second`, step by step."""

    def __init__(self, first: ProtocolPair, session: ClientSession, second: ProtocolPair) -> None:
        self.second = second
        self.original = session
        # Both connections belong to one server.
        second.server = ServerProtocol(
            second.server.settings,
            first.table,
            SimpleNamespace(  # type: ignore[arg-type]
                hint=lambda: b"", new_acceptor=lambda: BindingAcceptor(first)
            ),
            quic=False,
            random=first.random,
        )
        second.negotiate()
        self.session = ClientSession(session.initiator, PreauthHash(), id=session.id)
        self.session.protection = session.protection
        self.session.signing_required = True
        self.session.preauth = second.client._preauth.copy()

    def step(self, token: bytes) -> SessionSetupOutcome:
        """One SESSION_SETUP; the outcome on the server."""
        sent = self.second.client.request(setup(token), session=self.session)
        self.session.preauth.update(*sent.buffers)
        [self.request] = self.second.deliver(sent.buffers)
        assert self.request.failure is None
        outcome = self.second.server.session_setup(self.request, now=0.0)
        buffers = self.second.server.respond(self.request, outcome.response, outcome.status)
        assert buffers is not None
        self.message = memoryview(b"".join(buffers))
        if outcome.status != NtStatus.SUCCESS:
            [response] = self.second.take(buffers)
            self.session.preauth.update(response.raw)
        return outcome

    def rekey(self) -> None:
        """Sign with the new channel's key from now on."""
        negotiated = self.second.client.negotiated
        assert negotiated is not None
        key = derive_channel_signing_key(
            negotiated.dialect, b"B" * 16, preauth_hash=self.session.preauth.value
        )
        signer = Signer(negotiated.signing_algorithm, key)
        assert self.original.protection is not None
        self.session.protection = self.original.protection.for_channel(signer)
        self.session.change(SessionEvent.LOGGED_ON)
        self.second.client._sessions[self.session.id] = self.session


@pytest.fixture
def bind(make_session: Callable, make_pair: Callable) -> Callable:
    """Two connections, and what binds a session of the first to the second."""

    def make(
        second_settings: Settings | None = None, **settings: object
    ) -> tuple[ProtocolPair, Binding]:
        first, session = make_session(**{**MULTI_CHANNEL, **settings})
        second = make_pair(**{**MULTI_CHANNEL, **settings, **(second_settings or {})})
        return first, Binding(first, session, second)

    return make


class BindingAcceptor:
    """Accepts ``secret`` in the second step, as the user of the first session or another."""

    def __init__(self, pair: ProtocolPair) -> None:
        [session] = pair.server.sessions.values()
        self.identity = session.identity
        self.session_key = b"B" * 16
        self.complete = False

    def step(self, token: bytes) -> bytes:
        if token == b"hello":
            return b"challenge"
        if token == b"as bob":
            self.identity = Identity("bob", "")
        self.complete = True
        return b""


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1])
class TestBinding:
    def test_the_second_connection_signs_with_a_key_of_its_own(
        self, bind: Callable, dialect: Dialect
    ) -> None:
        first, binding = bind(client_dialects=(dialect,))
        outcome = binding.step(b"hello")
        assert outcome.status == NtStatus.MORE_PROCESSING_REQUIRED
        outcome = binding.step(b"secret")
        assert outcome.status == NtStatus.SUCCESS
        assert outcome.bound
        assert not outcome.established
        assert outcome.session.channels == 2
        assert not binding.original.protection.verify(
            binding.message, Header.decode(binding.message)
        )
        binding.rekey()
        assert binding.session.protection.verify(binding.message, Header.decode(binding.message))
        request = binding.second.ask(EchoRequest(), binding.session)
        assert request.failure is None
        binding.second.answer(request, EchoResponse())
        first.answer(first.ask(EchoRequest(), binding.original), EchoResponse())

    def test_the_session_ends_with_its_last_connection(
        self, bind: Callable, dialect: Dialect
    ) -> None:
        first, binding = bind(client_dialects=(dialect,))
        binding.step(b"hello")
        session = binding.step(b"secret").session
        assert first.server.close() == []
        assert session.is_valid
        assert binding.second.server.close() == [session]
        assert not session.is_valid


def refused(binding: Binding, token: bytes = b"hello") -> NtStatus:
    with pytest.raises(StatusError) as refusal:
        binding.step(token)
    return refusal.value.status


def test_somebody_else_may_not_join(bind: Callable) -> None:
    _, binding = bind()
    binding.step(b"hello")
    assert refused(binding, b"as bob") == NtStatus.NOT_SUPPORTED


def test_not_without_multi_channel(bind: Callable) -> None:
    _, binding = bind(server_capabilities=GlobalCapabilities(0))
    assert refused(binding) == NtStatus.REQUEST_NOT_ACCEPTED


CMAC = {"client_signing_algorithms": (SigningAlgorithm.AES_CMAC,)}
HMAC = {"client_signing_algorithms": (SigningAlgorithm.HMAC_SHA256,)}
GMAC = {"client_signing_algorithms": (SigningAlgorithm.AES_GMAC,)}


def test_not_in_another_dialect(bind: Callable) -> None:
    _, binding = bind({"client_dialects": (Dialect.SMB_3_0,)}, **CMAC)
    assert refused(binding) == NtStatus.INVALID_PARAMETER
    # That is signed with the session's key, which is what the client knows.
    request = binding.request
    assert request.signed
    assert request.protection is not None


@pytest.mark.parametrize("dialect", [Dialect.SMB_2_0_2, Dialect.SMB_2_1])
def test_not_in_dialects_that_know_no_channels(bind: Callable, dialect: Dialect) -> None:
    _, binding = bind(client_dialects=(dialect,))
    assert refused(binding) == NtStatus.REQUEST_NOT_ACCEPTED


def test_not_with_another_cipher(bind: Callable) -> None:
    _, binding = bind({"client_ciphers": (Cipher.AES_256_CCM,)})
    assert refused(binding) == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (GMAC, CMAC, NtStatus.REQUEST_OUT_OF_SEQUENCE),
        (GMAC, HMAC, NtStatus.REQUEST_OUT_OF_SEQUENCE),
        (CMAC, GMAC, NtStatus.NOT_SUPPORTED),
        (HMAC, GMAC, NtStatus.NOT_SUPPORTED),
    ],
)
def test_gmac_is_not_mixed_with_others(
    bind: Callable, first: Settings, second: Settings, status: NtStatus
) -> None:
    _, binding = bind(second, **first)
    assert refused(binding) == status


@pytest.mark.parametrize(("first", "second"), [(CMAC, HMAC), (HMAC, CMAC)])
def test_the_others_are(bind: Callable, first: Settings, second: Settings) -> None:
    _, binding = bind(second, **first)
    binding.step(b"hello")
    assert binding.step(b"secret").bound
    binding.rekey()
    assert binding.session.protection.verify(binding.message, Header.decode(binding.message))


def test_the_key_counts_and_not_the_guid(bind: Callable) -> None:
    """As on Windows, see `smb2.session.bind_negative_smb3signCtoHd`."""
    _, binding = bind({"client_client_guid": b"another client.."})
    binding.step(b"hello")
    assert binding.step(b"secret").bound


def test_not_what_does_not_exist(bind: Callable) -> None:
    first, binding = bind()
    first.server.close()
    assert refused(binding) == NtStatus.USER_SESSION_DELETED


@pytest.mark.parametrize("channels", [31, 32])
def test_not_more_than_windows_lets(bind: Callable, channels: int) -> None:
    first, binding = bind()
    [session] = first.server.sessions.values()
    session.channels = channels
    if channels == 32:
        assert refused(binding) == NtStatus.INSUFFICIENT_RESOURCES
    else:
        binding.step(b"hello")
        assert binding.step(b"secret").bound


def test_not_once_it_has_expired(bind: Callable) -> None:
    first, binding = bind()
    [session] = first.server.sessions.values()
    session.expire()
    assert refused(binding) == NtStatus.NETWORK_SESSION_EXPIRED


def test_not_unsigned(bind: Callable) -> None:
    _, binding = bind()
    binding.session.signing_required = False
    assert refused(binding) == NtStatus.INVALID_PARAMETER


def test_not_with_a_wrong_signature(bind: Callable) -> None:
    _, binding = bind()

    def flip(message: memoryview) -> None:
        message[-1] ^= 1

    binding.second.tamper = flip
    assert refused(binding) == NtStatus.ACCESS_DENIED


def test_not_twice(bind: Callable) -> None:
    _, binding = bind()
    binding.step(b"hello")
    binding.step(b"secret")
    binding.rekey()
    assert refused(binding) == NtStatus.REQUEST_NOT_ACCEPTED

"""The steps of a client's logon, against a server that says anything. [MS-SMB2] 3.2.5.3"""

from dataclasses import dataclass, field, replace

import pytest

from smbquic.crypto.keys import derive_session_keys
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import AuthenticationError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol import client_logon
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.protocol.response import Response
from smbquic.protocol.session_state import SessionState
from smbquic.protocol.settings import ClientSettings, EncryptionPolicy
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbquic.wire.session_setup import SessionFlags, SessionSetupFlags, SessionSetupResponse

MORE = NtStatus.MORE_PROCESSING_REQUIRED
KEY = b"K" * 16
NONE = SessionFlags(0)
SETTINGS = ClientSettings(client_guid=bytes(16))
NEGOTIATED = Negotiated(
    dialect=Dialect.SMB_3_1_1,
    signing_algorithm=SigningAlgorithm.AES_CMAC,
    signing_required=True,
    cipher=Cipher.AES_128_GCM,
)


@dataclass
class Steps:
    """An initiator that sends what is given, and is complete after so many steps."""

    answers: list[bytes] = field(default_factory=list)
    steps: int = 0
    session_key: bytes = KEY
    tokens: list[bytes | None] = field(default_factory=list)

    def step(self, token: bytes | None) -> bytes:
        self.tokens.append(token)
        return self.answers.pop(0) if self.answers else b""

    @property
    def complete(self) -> bool:
        return len(self.tokens) >= self.steps


def session_of(initiator: Steps, **fields: object) -> ClientSession:
    return ClientSession(initiator, PreauthHash(), **fields)  # type: ignore[arg-type]


def response(
    status: NtStatus = NtStatus.SUCCESS,
    token: bytes = b"",
    flags: SessionFlags = NONE,
    *,
    session_id: int = 7,
    signed_by: Protection | None = None,
) -> Response:
    header = Header(
        Command.SESSION_SETUP,
        flags=HeaderFlags.SERVER_TO_REDIR,
        status=status,
        session_id=session_id,
        message_id=3,
    )
    body = SessionSetupResponse(flags, token)
    buffers = body.buffers()
    start = header.encode() if signed_by is None else signed_by.sign(header, buffers)
    raw = memoryview(b"".join([start, *buffers]))
    return Response(3, header, status, body, raw)


def servers(session: ClientSession, key: bytes = KEY) -> Protection:
    """The keys of the server's end."""
    keys = derive_session_keys(
        NEGOTIATED.dialect, key, cipher=NEGOTIATED.cipher, preauth_hash=session.preauth.value
    )
    algorithm, cipher = NEGOTIATED.signing_algorithm, NEGOTIATED.cipher
    return Protection.of_session(
        session.id or 7, keys, algorithm, cipher, server=True, random=bytes
    )


@pytest.mark.parametrize("binds", [False, True])
@pytest.mark.parametrize("signing_required", [False, True])
def test_what_is_sent(binds: bool, signing_required: bool) -> None:
    session = session_of(Steps(), previous_session_id=9)
    session.binds = session if binds else None
    settings = replace(SETTINGS, signing_required=signing_required)
    request = client_logon.session_setup_request(session, b"token", settings)
    assert request.flags == (SessionSetupFlags.BINDING if binds else 0)
    assert request.security_mode == (3 if signing_required else 1)
    assert (request.capabilities, request.channel, request.previous_session_id) == (0, 0, 9)
    assert request.security_buffer == b"token"


def test_tokens_go_to_and_fro_and_are_hashed() -> None:
    initiator = Steps([b"second"])
    session = session_of(initiator)
    challenge = response(MORE, b"challenge")
    expected = PreauthHash()
    expected.update(challenge.raw)

    assert client_logon.next_token(session, challenge) == b"second"

    assert (session.id, initiator.tokens) == (7, [b"challenge"])
    assert session.preauth.value == expected.value
    # The last response is not part of what its own signature proves.
    assert client_logon.next_token(session, response()) is None
    assert session.preauth.value == expected.value


@pytest.mark.parametrize(
    ("token", "steps", "seen"), [(b"", 0, []), (b"last", 0, [b"last"]), (b"", 1, [b""])]
)
def test_the_last_token_completes_the_logon(token: bytes, steps: int, seen: list[bytes]) -> None:
    initiator = Steps(steps=steps)
    assert client_logon.next_token(session_of(initiator), response(token=token)) is None
    assert initiator.tokens == seen


def test_a_logon_that_is_not_complete_after_the_last_token() -> None:
    with pytest.raises(SecurityError, match="before the security context was ready"):
        client_logon.next_token(session_of(Steps(steps=2)), response(token=b"last"))


@pytest.mark.parametrize("size", [0, 15, 16])
def test_who_has_no_key_yet_has_proved_nothing(size: int) -> None:
    session = session_of(Steps(session_key=bytes(size)))
    if size == 16:
        assert client_logon.next_token(session, response()) is None
    else:
        with pytest.raises(SecurityError, match="before the client proved its password"):
            client_logon.next_token(session, response())


@pytest.mark.parametrize("status", [MORE, NtStatus.SUCCESS])
def test_a_session_keeps_its_id(status: NtStatus) -> None:
    session = session_of(Steps([b"more"]), id=7)
    with pytest.raises(SecurityError, match="changed the session's id"):
        client_logon.next_token(session, response(status, session_id=8))
    client_logon.next_token(session, response(status, session_id=7))


def test_a_server_that_wants_more_than_there_is() -> None:
    with pytest.raises(SecurityError, match="asks for more after the client's last token"):
        client_logon.next_token(session_of(Steps([b""])), response(MORE, b"more"))


def test_a_refusal_says_why() -> None:
    with pytest.raises(AuthenticationError, match="refuses the logon") as caught:
        client_logon.next_token(session_of(Steps()), response(NtStatus.LOGON_FAILURE))
    assert caught.value.status == NtStatus.LOGON_FAILURE


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("demanded", [False, True])
@pytest.mark.parametrize("signs", [False, True])
def test_either_end_has_a_session_encrypted(required: bool, demanded: bool, signs: bool) -> None:
    session = session_of(Steps(), id=7)
    flags = SessionFlags.ENCRYPT_DATA if demanded else NONE
    policy = EncryptionPolicy.REQUIRED if required else EncryptionPolicy.ALLOWED
    settings = replace(SETTINGS, encryption=policy)
    last = response(flags=flags, signed_by=servers(session))

    client_logon.establish(
        session, last, replace(NEGOTIATED, signing_required=signs), settings, bytes
    )

    assert session.encrypt_data is (required or demanded)
    assert (session.signing_required, session.guest) == (signs, False)
    assert session.state is SessionState.VALID
    assert session.protection is not None


@pytest.mark.parametrize("flag", [SessionFlags.IS_GUEST, SessionFlags.IS_NULL])
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("required", [False, True])
def test_a_guest_has_no_key(flag: SessionFlags, allowed: bool, required: bool) -> None:
    session = session_of(Steps(), id=7)
    policy = EncryptionPolicy.REQUIRED if required else EncryptionPolicy.ALLOWED
    settings = replace(SETTINGS, guest_allowed=allowed, signing_required=False, encryption=policy)
    last = response(flags=flag)
    if allowed and not required:
        client_logon.establish(session, last, NEGOTIATED, settings, bytes)
        assert (session.guest, session.protection, session.encrypt_data) == (True, None, False)
        assert session.state is SessionState.VALID
    else:
        with pytest.raises(AuthenticationError, match="offers a guest's session"):
            client_logon.establish(session, last, NEGOTIATED, settings, bytes)
        assert session.state is SessionState.IN_PROGRESS


def test_the_end_of_a_logon_is_signed() -> None:
    session = session_of(Steps(), id=7)
    with pytest.raises(SecurityError, match="did not sign the end of the logon"):
        client_logon.establish(session, response(), NEGOTIATED, SETTINGS, bytes)
    forged = response(signed_by=servers(session, b"another key, 16."))
    with pytest.raises(SecurityError, match="the signature of the logon's end is wrong"):
        client_logon.establish(session, forged, NEGOTIATED, SETTINGS, bytes)
    assert session.state is SessionState.IN_PROGRESS


@pytest.mark.parametrize("flag", [SessionFlags.IS_GUEST, SessionFlags.IS_NULL])
def test_no_connection_is_bound_as_a_guest_s(flag: SessionFlags) -> None:
    session = session_of(Steps(), id=7)
    session.protection = servers(session)
    with pytest.raises(SecurityError, match="bound a connection to the session as a guest's"):
        client_logon.bind(session, response(flags=flag), NEGOTIATED)

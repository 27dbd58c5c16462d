"""Logon between both ends, and what the transport makes of its protection."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from smbquic.auth.identity import Identity
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import AuthenticationError, RemoteProtocolError, SecurityError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.protection import Protection
from smbquic.protocol.session import SessionTable
from smbquic.protocol.session_state import SessionState
from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy
from smbquic.wire.close import CloseRequest
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.header import Header
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest, LogoffResponse
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, SecurityMode
from smbquic.wire.session_setup import SessionFlags, SessionSetupFlags, SessionSetupRequest
from smbquic.wire.tree_connect import TreeConnectRequest
from tests.protocol.conftest import TwoStepInitiator

NO_FLAGS = SessionSetupFlags(0)


def setup(token: bytes, flags: SessionSetupFlags = NO_FLAGS) -> SessionSetupRequest:
    return SessionSetupRequest(
        flags=flags,
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        channel=0,
        previous_session_id=0,
        security_buffer=token,
    )


GUEST = Identity("Guest", "", guest=True)
NOBODY = Identity("", "", anonymous=True)


class TestLogon:
    def test_wrong_password(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        with pytest.raises(StatusError) as refusal:
            pair.log_on(b"wrong")
        assert refusal.value.status == NtStatus.LOGON_FAILURE
        assert len(pair.table) == 0
        assert pair.server.sessions == {}

    def test_a_refusal_reaches_the_client(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        session, sent = pair.client.session_setup(_Initiator())
        [request] = pair.deliver(sent.buffers)
        response = pair.refuse(request, NtStatus.ACCOUNT_DISABLED)
        with pytest.raises(AuthenticationError) as refusal:
            pair.client.receive_session_setup_response(session, response)
        assert refusal.value.status == NtStatus.ACCOUNT_DISABLED

    def test_the_servers_last_token_reaches_the_client(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        session, _ = pair.log_on()
        assert session.initiator.tokens[1:] == [b"challenge", b"welcome"]

    def test_a_logon_that_ends_early_is_none(self, make_pair: Callable) -> None:
        """The key is there, but the mechanism has not said yet that both know the password."""

        class Waiting(TwoStepInitiator):
            complete = False

        pair = make_pair()
        pair.negotiate()
        session, sent = pair.client.session_setup(Waiting())
        with pytest.raises(SecurityError, match="before the security context was ready"):
            pair.go_on(session, sent)
        assert not session.established

    def test_another_key_is_noticed(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        with pytest.raises(SecurityError, match="signature of the logon's end"):
            pair.log_on(session_key=b"X" * 16)

    def test_a_guest_is_refused_by_a_client_that_signs(self, make_pair: Callable) -> None:
        pair = make_pair(identity=GUEST)
        pair.negotiate()
        with pytest.raises(AuthenticationError, match="guest"):
            pair.log_on()

    def test_a_guest_works_unsigned(self, make_pair: Callable) -> None:
        pair = make_pair(identity=GUEST, client_signing_required=False, client_guest_allowed=True)
        pair.negotiate()
        session, outcome = pair.log_on()
        assert session.guest
        assert outcome.session.protection is None
        request = pair.ask(EchoRequest(), session)
        assert not request.signed
        assert pair.answer(request, EchoResponse()).status == NtStatus.SUCCESS
        session.encrypt_data = True
        with pytest.raises(SecurityError, match="guest"):
            pair.ask(EchoRequest(), session)

    def test_a_user_signs_where_the_client_does_not_demand_it(self, make_pair: Callable) -> None:
        pair = make_pair(client_signing_required=False)
        pair.negotiate()
        session, outcome = pair.log_on()
        assert outcome.session.signing_required
        assert pair.ask(EchoRequest(), session).signed

    @pytest.mark.parametrize("client", [True, False])
    @pytest.mark.parametrize("server", [True, False])
    def test_either_end_may_require_signatures(
        self, make_pair: Callable, client: bool, server: bool
    ) -> None:
        pair = make_pair(client_signing_required=client, server_signing_required=server)
        pair.negotiate()
        session, outcome = pair.log_on()
        assert outcome.session.signing_required is (client or server)
        assert session.signing_required is (client or server)

    @pytest.mark.parametrize(
        ("identity", "encryption", "flags"),
        [
            (None, EncryptionPolicy.ALLOWED, 0),
            (None, EncryptionPolicy.REQUIRED, SessionFlags.ENCRYPT_DATA),
            (GUEST, EncryptionPolicy.ALLOWED, SessionFlags.IS_GUEST),
            (NOBODY, EncryptionPolicy.ALLOWED, SessionFlags.IS_NULL),
        ],
    )
    def test_the_client_is_told_what_it_is(
        self,
        make_pair: Callable,
        identity: Identity | None,
        encryption: EncryptionPolicy,
        flags: SessionFlags,
    ) -> None:
        pair = make_pair(
            identity=identity,
            server_encryption=encryption,
            client_signing_required=False,
            client_guest_allowed=True,
        )
        pair.negotiate()
        session, outcome = pair.log_on()
        assert outcome.response.session_flags == flags
        assert outcome.session.encrypt_data is (encryption is EncryptionPolicy.REQUIRED)
        assert session.guest is (identity is not None)
        assert outcome.session.created == 1.0

    def test_a_session_has_an_id_of_its_own(self, make_pair: Callable) -> None:
        pair = make_pair()
        numbers = iter([0, 1, 1, 0, 0xFFFF_FFFF])
        table = SessionTable(lambda size: next(numbers).to_bytes(size, "little"))
        made = [table.create(pair.authenticator.new_acceptor(), PreauthHash(), 7.0) for _ in "ab"]
        assert [(session.id, session.created) for session in made] == [(1, 7.0), (0xFFFF_FFFF, 7.0)]
        assert [table.get(number) for number in (1, 0xFFFF_FFFF, 0)] == [*made, None]

    def test_logoff(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(LogoffRequest(), session)
        pair.server.drop(request.session)
        response = pair.answer(request, LogoffResponse())
        assert response.header.is_signed
        assert request.session.state is SessionState.CLOSED
        assert pair.ask(EchoRequest(), session).failure == NtStatus.USER_SESSION_DELETED
        pair.client.forget(session)

    def test_a_lost_session_is_reported_with_the_requests_own_signature(
        self, make_session: Callable
    ) -> None:
        pair, session = make_session()
        pair.server.close()
        request = pair.ask(EchoRequest(), session)
        assert request.header.is_signed
        response = pair.refuse(request, request.failure)
        assert response.status == NtStatus.USER_SESSION_DELETED
        assert response.header.is_signed
        assert response.header.signature == request.header.signature

    def test_a_reconnection_replaces_the_former_session(self, make_session: Callable) -> None:
        pair, former = make_session()
        _, outcome = pair.log_on(previous_session_id=former.id)
        assert outcome.replaced is not None
        assert outcome.replaced.id == former.id
        assert len(pair.table) == 1

    @pytest.mark.parametrize("previous", [0, 12345])
    def test_an_unknown_former_session_is_ignored(
        self, make_session: Callable, previous: int
    ) -> None:
        pair, _ = make_session()
        _, outcome = pair.log_on(previous_session_id=previous)
        assert outcome.replaced is None
        assert outcome.established

    def test_a_logon_that_is_under_way_is_not_replaced(self, make_session: Callable) -> None:
        pair, _ = make_session()
        _, sent = pair.client.session_setup(_Initiator())
        [request] = pair.deliver(sent.buffers)
        other = pair.server.session_setup(request, now=0).session
        other.owner = pair.authenticator.identity
        _, outcome = pair.log_on(previous_session_id=other.id)
        assert outcome.replaced is None
        assert pair.table.get(other.id) is other

    def test_somebody_elses_session_is_not_replaced(self, make_session: Callable) -> None:
        pair, former = make_session()
        pair.server.sessions[former.id].owner = SimpleNamespace(
            user="bob", domain="", guest=False, anonymous=False
        )
        _, outcome = pair.log_on(previous_session_id=former.id)
        assert outcome.replaced is None

    def test_credits_come_with_the_success(self, make_pair: Callable) -> None:
        pair = make_pair(client_credits_wanted=100)
        pair.negotiate()
        pair.client.credit_pool.available = 10
        pair.log_on()
        first, last = (Header.decode(memoryview(message)) for message in pair.to_client[-2:])
        assert (first.status, first.credits) == (NtStatus.MORE_PROCESSING_REQUIRED, 1)
        assert last.status == NtStatus.SUCCESS
        assert last.credits > 90

    def test_logging_on_again_keeps_the_keys(self, make_session: Callable) -> None:
        pair, session = make_session()
        protection = pair.server.sessions[session.id].protection
        for token, status in [
            (b"hello", NtStatus.MORE_PROCESSING_REQUIRED),
            (b"secret", NtStatus.SUCCESS),
        ]:
            request = pair.ask(setup(token), session)
            outcome = pair.server.session_setup(request, now=2.0)
            assert outcome.status == status
            assert not outcome.established
            pair.take(pair.server.respond(request, outcome.response, outcome.status))
        assert pair.server.sessions[session.id].protection is protection
        pair.answer(pair.ask(EchoRequest(), session), EchoResponse())

    def test_an_expired_session_only_puts_things_away(self, make_session: Callable) -> None:
        pair, session = make_session()
        pair.server.sessions[session.id].expire()
        file_id = FileId(1, 1)
        unlock = LockElement(0, 1, LockFlags.UNLOCK)
        for body, failure in [
            (TreeConnectRequest(r"\\fs\data"), NtStatus.NETWORK_SESSION_EXPIRED),
            (FlushRequest(file_id), NtStatus.NETWORK_SESSION_EXPIRED),
            (CloseRequest(file_id), None),
            (LockRequest(0, file_id, [unlock]), None),
            (EchoRequest(), None),
            (LogoffRequest(), None),
        ]:
            request = pair.ask(body, session)
            assert request.failure == failure
            pair.server.fail(request, NtStatus.UNSUCCESSFUL)

    def test_logging_on_again_revives_it(self, make_session: Callable) -> None:
        pair, session = make_session()
        pair.server.sessions[session.id].expire()
        for token in (b"hello", b"secret"):
            request = pair.ask(setup(token), session)
            outcome = pair.server.session_setup(request, now=2.0)
            pair.take(pair.server.respond(request, outcome.response, outcome.status))
        assert outcome.repeated
        assert pair.ask(TreeConnectRequest(r"\\fs\data"), session).failure is None

    def test_its_owner_may_be_nobody_for_a_while(self, make_session: Callable) -> None:
        pair, session = make_session()
        alice = pair.server.sessions[session.id].identity
        for identity, flags in [(NOBODY, SessionFlags.IS_NULL), (alice, SessionFlags(0))]:
            pair.authenticator.identity = identity
            for token in (b"hello", b"secret"):
                request = pair.ask(setup(token), session)
                outcome = pair.server.session_setup(request, now=2.0)
                pair.take(pair.server.respond(request, outcome.response, outcome.status))
            assert outcome.response.session_flags == flags
            assert outcome.session.identity == identity
            assert pair.ask(EchoRequest(), session).signed

    def test_nobody_does_not_become_somebody(self, make_pair: Callable) -> None:
        """His keys are no secret, and would stay."""
        pair = make_pair(identity=NOBODY, client_signing_required=False, client_guest_allowed=True)
        pair.negotiate()
        session, _ = pair.log_on()
        pair.authenticator.identity = GUEST
        request = pair.ask(setup(b"hello"), session)
        pair.server.session_setup(request, now=2.0)
        pair.server.fail(request, NtStatus.SUCCESS)
        with pytest.raises(StatusError) as refusal:
            pair.server.session_setup(pair.ask(setup(b"secret"), session), now=2.0)
        assert refusal.value.status == NtStatus.ACCESS_DENIED

    def test_nobody_may_sign_but_not_encrypt(self, make_pair: Callable) -> None:
        pair = make_pair(identity=NOBODY, client_signing_required=False, client_guest_allowed=True)
        pair.negotiate()
        session, outcome = pair.log_on()
        assert not outcome.session.signing_required
        keys = outcome.session.protection
        session.protection = Protection(keys._signer, keys._cipher, server=False)
        session.guest, session.signing_required = False, True
        assert pair.ask(EchoRequest(), session).signed
        session.encrypt_data = True
        with pytest.raises(RemoteProtocolError, match="no user has logged on"):
            pair.ask(EchoRequest(), session)

    def test_logging_on_again_as_somebody_else_ends_the_session(
        self, make_session: Callable
    ) -> None:
        pair, session = make_session()
        pair.server.sessions[session.id].owner = GUEST
        request = pair.ask(setup(b"hello"), session)
        pair.server.session_setup(request, now=2.0)
        pair.server.fail(request, NtStatus.SUCCESS)
        request = pair.ask(setup(b"secret"), session)
        with pytest.raises(StatusError):
            pair.server.session_setup(request, now=2.0)
        assert pair.server.sessions == {}

    def test_binding_is_not_accepted(self, make_session: Callable) -> None:
        pair, session = make_session()
        body = setup(b"x", SessionSetupFlags.BINDING)
        with pytest.raises(StatusError) as refusal:
            pair.server.session_setup(pair.ask(body, session), now=0)
        assert refusal.value.status == NtStatus.REQUEST_NOT_ACCEPTED

    def test_an_unknown_session_is_not_set_up(self, make_session: Callable) -> None:
        pair, session = make_session()
        unknown = ClientSession(session.initiator, session.preauth, id=99)
        request = pair.ask(setup(b"x"), unknown)
        with pytest.raises(StatusError) as refusal:
            pair.server.session_setup(request, now=0)
        assert refusal.value.status == NtStatus.USER_SESSION_DELETED

    def test_a_session_in_progress_does_nothing_else(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        session, sent = pair.client.session_setup(_Initiator())
        [request] = pair.deliver(sent.buffers)
        outcome = pair.server.session_setup(request, now=0)
        pair.take(pair.server.respond(request, outcome.response, outcome.status))
        session.id = outcome.session.id
        assert pair.ask(LogoffRequest(), session).failure == NtStatus.USER_SESSION_DELETED


class _Initiator:
    def __init__(self, session_key: bytes = b"K" * 16) -> None:
        self.session_key = session_key
        self.steps = 0

    @property
    def complete(self) -> bool:
        return self.steps >= 2

    def step(self, token: bytes | None) -> bytes:
        self.steps += 1
        return b"hello" if self.steps == 1 else b"secret"


class TestTransportSecurity:
    def test_quic_speaks_3_1_1_only_and_skips_encryption(self, make_session: Callable) -> None:
        pair, session = make_session(quic=True, server_encryption=EncryptionPolicy.REQUIRED)
        assert pair.server.negotiated.transport_security
        assert pair.client.negotiated.transport_security
        assert not session.encrypt_data
        request = pair.ask(EchoRequest(), session)
        assert request.signed
        assert request.failure is None

    @pytest.mark.parametrize(
        "settings",
        [
            {"client_skip_encryption_over_quic": False},
            {"server_encryption_over_quic": EncryptionOverQuic.ALLOW},
        ],
    )
    def test_either_end_may_insist_on_encryption(
        self, make_session: Callable, settings: dict[str, object]
    ) -> None:
        pair, session = make_session(
            quic=True, server_encryption=EncryptionPolicy.REQUIRED, **settings
        )
        assert not pair.server.negotiated.transport_security
        assert not pair.client.negotiated.transport_security
        assert pair.ask(EchoRequest(), session).encrypted

    @pytest.mark.parametrize(
        ("over_quic", "client", "encrypted"),
        [
            (over_quic, client, over_quic is EncryptionOverQuic.REQUIRE or client == "encrypts")
            for over_quic in EncryptionOverQuic
            for client in ("skips", "allows", "encrypts")
        ],
    )
    def test_what_becomes_of_both_ends_wishes(
        self, make_session: Callable, over_quic: EncryptionOverQuic, client: str, encrypted: bool
    ) -> None:
        policy = EncryptionPolicy.REQUIRED if client == "encrypts" else EncryptionPolicy.ALLOWED
        pair, session = make_session(
            quic=True,
            server_encryption_over_quic=over_quic,
            client_encryption=policy,
            client_skip_encryption_over_quic=client == "skips",
        )
        skipped = over_quic is EncryptionOverQuic.SKIP and client == "skips"
        assert pair.server.negotiated.transport_security is skipped
        assert pair.client.negotiated.transport_security is skipped
        request = pair.ask(EchoRequest(), session)
        assert (request.failure, request.encrypted) == (None, encrypted)

    def test_a_demand_over_quic_says_nothing_about_tcp(self, make_session: Callable) -> None:
        pair, session = make_session(server_encryption_over_quic=EncryptionOverQuic.REQUIRE)
        assert not pair.ask(EchoRequest(), session).encrypted

    def test_who_cannot_encrypt_is_refused_where_it_is_demanded(
        self, make_session: Callable
    ) -> None:
        with pytest.raises(StatusError) as refusal:
            make_session(
                quic=True,
                server_encryption_over_quic=EncryptionOverQuic.REQUIRE,
                client_encryption=EncryptionPolicy.OFF,
            )
        assert refusal.value.status == NtStatus.ACCESS_DENIED

    def test_an_old_dialect_is_refused_over_quic(self, make_pair: Callable) -> None:
        pair = make_pair(client_dialects=(Dialect.SMB_3_0_2,))
        pair.server.quic = True
        with pytest.raises(StatusError) as refusal:
            pair.negotiate()
        assert refusal.value.status == NtStatus.NOT_SUPPORTED

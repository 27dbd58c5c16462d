"""The negotiation between both ends: dialects, algorithms and what protects it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import RemoteProtocolError, SecurityError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Header
from smbquic.wire.ioctl import ValidateNegotiateInfoRequest
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, SecurityMode
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm


@pytest.mark.parametrize("dialect", [d for d in Dialect if d != Dialect.WILDCARD])
class TestEveryDialect:
    def test_logs_on_and_signs(self, make_session: Callable, dialect: Dialect) -> None:
        pair, session = make_session(client_dialects=(dialect,))
        assert pair.client.dialect == pair.server.dialect == dialect
        request = pair.ask(EchoRequest(), session)
        assert request.signed
        assert request.failure is None
        response = pair.answer(request, EchoResponse())
        assert response.status == NtStatus.SUCCESS
        assert response.header.is_signed

    def test_a_changed_request_is_refused(self, make_session: Callable, dialect: Dialect) -> None:
        pair, session = make_session(client_dialects=(dialect,))

        def flip_last_bit(message: memoryview) -> None:
            message[-1] ^= 1

        pair.tamper = flip_last_bit
        assert pair.ask(EchoRequest(), session).failure == NtStatus.ACCESS_DENIED

    def test_a_changed_response_ends_the_connection(
        self, make_session: Callable, dialect: Dialect
    ) -> None:
        pair, session = make_session(client_dialects=(dialect,))
        request = pair.ask(EchoRequest(), session)

        def flip_last_bit(message: memoryview) -> None:
            message[-1] ^= 1

        pair.tamper = flip_last_bit
        with pytest.raises(SecurityError, match="signature"):
            pair.answer(request, EchoResponse())

    def test_an_unsigned_response_ends_the_connection(
        self, make_session: Callable, dialect: Dialect
    ) -> None:
        pair, session = make_session(client_dialects=(dialect,))
        request = pair.ask(EchoRequest(), session)

        def strip_signature(message: memoryview) -> None:
            message[16] &= ~8

        pair.tamper = strip_signature
        with pytest.raises(SecurityError, match="unsigned"):
            pair.answer(request, EchoResponse())

    @pytest.mark.parametrize("status", [NtStatus.ACCESS_DENIED, NtStatus.NOT_FOUND])
    def test_so_does_an_unsigned_refusal(
        self, make_session: Callable, dialect: Dialect, status: NtStatus
    ) -> None:
        pair, session = make_session(client_dialects=(dialect,))
        request = pair.ask(EchoRequest(), session)

        def strip_signature(message: memoryview) -> None:
            message[16] &= ~8

        pair.tamper = strip_signature
        with pytest.raises(SecurityError, match="unsigned"):
            pair.refuse(request, status)

    def test_encryption(self, make_session: Callable, dialect: Dialect) -> None:
        settings = {
            "client_dialects": (dialect,),
            "client_encryption": EncryptionPolicy.REQUIRED,
        }
        if dialect < Dialect.SMB_3_0:
            with pytest.raises(SecurityError, match="encryption is required"):
                make_session(**settings)
            return
        pair, session = make_session(**settings)
        request = pair.ask(EchoRequest(), session)
        assert pair.to_server[-1][:4] == b"\xfdSMB"
        assert request.encrypted
        response = pair.answer(request, EchoResponse())
        assert pair.to_client[-1][:4] == b"\xfdSMB"
        assert response.status == NtStatus.SUCCESS

    def test_a_server_that_demands_encryption(
        self, make_session: Callable, dialect: Dialect
    ) -> None:
        settings = {
            "client_dialects": (dialect,),
            "server_encryption": EncryptionPolicy.REQUIRED,
        }
        if dialect < Dialect.SMB_3_0:
            with pytest.raises(StatusError) as refusal:
                make_session(**settings)
            assert refusal.value.status == NtStatus.ACCESS_DENIED
            return
        pair, session = make_session(**settings)
        assert session.encrypt_data
        assert pair.ask(EchoRequest(), session).encrypted
        session.encrypt_data = False  # a client that does not keep to it
        assert pair.ask(EchoRequest(), session).failure == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize("cipher", list(Cipher))
@pytest.mark.parametrize("signing", list(SigningAlgorithm))
def test_every_algorithm(make_session: Callable, cipher: Cipher, signing: SigningAlgorithm) -> None:
    pair, session = make_session(client_ciphers=(cipher,), client_signing_algorithms=(signing,))
    assert pair.server.negotiated.cipher == pair.client.negotiated.cipher == cipher
    assert pair.server.negotiated.signing_algorithm == signing
    pair.answer(pair.ask(EchoRequest(), session), EchoResponse())
    session.encrypt_data = True
    request = pair.ask(EchoRequest(), session)
    assert request.encrypted
    assert pair.answer(request, EchoResponse()).status == NtStatus.SUCCESS


def test_windows_order_of_preference(make_session: Callable) -> None:
    pair, _ = make_session()
    assert pair.server.negotiated.dialect == Dialect.SMB_3_1_1
    assert pair.server.negotiated.cipher == Cipher.AES_128_GCM
    assert pair.server.negotiated.signing_algorithm == SigningAlgorithm.AES_GMAC


class TestPreauthIntegrity:
    @pytest.mark.parametrize("offset", range(64, 100, 4))
    def test_a_negotiation_changed_on_its_way_gives_no_session(
        self, make_pair: Callable, offset: int
    ) -> None:
        pair = make_pair()
        untampered = pair.tamper
        changed = 0

        def change(message: memoryview) -> None:
            nonlocal changed
            if Header.decode(message).message_id == 0 and not Header.decode(message).is_response:
                message[-offset + 60] ^= 0x40
                changed += 1

        pair.tamper = change

        def negotiate_and_log_on() -> None:
            pair.negotiate()
            pair.tamper = untampered
            pair.log_on()

        with pytest.raises((RemoteProtocolError, StatusError, AssertionError)):
            negotiate_and_log_on()
        assert changed == 1

    def test_the_end_of_the_logon_is_signed(self, make_pair: Callable) -> None:
        pair = make_pair(client_signing_required=False, client_guest_allowed=True)
        pair.negotiate()

        def strip_signature(message: memoryview) -> None:
            if Header.decode(message).is_response:
                message[16] &= ~8

        pair.tamper = strip_signature
        with pytest.raises(SecurityError, match="did not sign"):
            pair.log_on()


class TestValidateNegotiate:
    def test_confirms_what_was_negotiated(self, make_session: Callable) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_2_1, Dialect.SMB_3_0))
        assert pair.client.must_validate
        body = pair.client.validate_negotiate()
        request = pair.ask(body, session)
        info = _info_of(request)
        answer = pair.server.validate_negotiate(info)
        assert answer.dialect == Dialect.SMB_3_0
        pair.client.check_validation(_response(answer.encode()))

    def test_a_downgrade_is_noticed_by_the_client(self, make_session: Callable) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_3_0,))
        answer = pair.server.validate_negotiate(
            _info_of(pair.ask(pair.client.validate_negotiate(), session))
        )
        answer.dialect = Dialect.SMB_3_0_2
        with pytest.raises(SecurityError, match="man in the middle"):
            pair.client.check_validation(_response(answer.encode()))

    def test_a_downgrade_is_noticed_by_the_server(self, make_session: Callable) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_3_0,))
        info = _info_of(pair.ask(pair.client.validate_negotiate(), session))
        info.dialects = [Dialect.SMB_3_0, Dialect.SMB_3_0_2]
        with pytest.raises(RemoteProtocolError, match="differs"):
            pair.server.validate_negotiate(info)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("capabilities", GlobalCapabilities(0)),
            ("guid", bytes(16)),
            ("security_mode", SecurityMode.SIGNING_ENABLED),
            ("dialects", []),
        ],
    )
    def test_all_that_a_server_understood_counts(
        self, make_session: Callable, field: str, value: object
    ) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_3_0,))
        info = _info_of(pair.ask(pair.client.validate_negotiate(), session))
        assert getattr(info, field) != value
        setattr(info, field, value)
        with pytest.raises((RemoteProtocolError, StatusError)):
            pair.server.validate_negotiate(info)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("capabilities", GlobalCapabilities(0)),
            ("guid", bytes(16)),
            ("security_mode", SecurityMode.SIGNING_ENABLED),
            ("dialect", Dialect.SMB_2_1),
        ],
    )
    def test_all_that_a_server_says_counts(
        self, make_session: Callable, field: str, value: object
    ) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_3_0,))
        request = pair.ask(pair.client.validate_negotiate(), session)
        answer = pair.server.validate_negotiate(_info_of(request))
        pair.client.check_validation(_response(answer.encode()))
        assert getattr(answer, field) != value
        setattr(answer, field, value)
        with pytest.raises(SecurityError, match="man in the middle"):
            pair.client.check_validation(_response(answer.encode()))

    def test_what_is_asked(self, make_session: Callable) -> None:
        pair, _ = make_session(client_dialects=(Dialect.SMB_3_0,))
        body = pair.client.validate_negotiate()
        assert (body.ctl_code, body.file_id) == (Fsctl.VALIDATE_NEGOTIATE_INFO, FileId.RELATED)
        assert (body.max_input_response, body.max_output_response, body.flags) == (0, 24, 1)

    @pytest.mark.parametrize(
        ("dialects", "validates"),
        [
            ((Dialect.SMB_2_0_2, Dialect.SMB_2_1), False),
            ((Dialect.SMB_2_1, Dialect.SMB_3_0), True),
            ((Dialect.SMB_3_0_2, Dialect.SMB_3_1_1), False),
        ],
    )
    def test_who_has_to_ask(
        self, make_session: Callable, dialects: tuple[Dialect, ...], validates: bool
    ) -> None:
        pair, _ = make_session(client_dialects=dialects)
        assert pair.client.must_validate is validates

    def test_an_old_servers_signed_refusal_is_fine(self, make_session: Callable) -> None:
        pair, _ = make_session(client_dialects=(Dialect.SMB_2_1, Dialect.SMB_3_0))
        pair.client.check_validation(
            SimpleNamespace(status=NtStatus.INVALID_DEVICE_REQUEST, body=None)
        )

    def test_3_1_1_needs_none(self, make_session: Callable) -> None:
        pair, _ = make_session()
        assert not pair.client.must_validate
        with pytest.raises(RemoteProtocolError, match="nothing to validate"):
            pair.server.validate_negotiate(_info())


def _info() -> ValidateNegotiateInfoRequest:
    return ValidateNegotiateInfoRequest(
        capabilities=GlobalCapabilities(0),
        guid=bytes(16),
        security_mode=SecurityMode.SIGNING_ENABLED,
        dialects=[],
    )


def _info_of(request: Request) -> ValidateNegotiateInfoRequest:
    return ValidateNegotiateInfoRequest.decode(memoryview(request.body.input))


def _response(output: bytes) -> Any:
    return SimpleNamespace(status=NtStatus.SUCCESS, body=SimpleNamespace(output=output))


class TestMultiProtocolNegotiate:
    """SMB1's NEGOTIATE, as old clients and port scanners send it."""

    @staticmethod
    def smb1(*dialects: str) -> list[bytes]:
        names = b"".join(b"\x02" + name.encode() + b"\x00" for name in dialects)
        header = b"\xffSMB\x72" + bytes(27)
        return [header, b"\x00", len(names).to_bytes(2, "little"), names]

    def test_leads_to_an_smb2_negotiate(self, make_pair: Callable) -> None:
        pair = make_pair()
        [request] = pair.deliver(self.smb1("NT LM 0.12", "SMB 2.002", "SMB 2.???"))
        response = pair.server.negotiate(request, system_time=0)
        assert response.dialect_revision == Dialect.WILDCARD
        assert pair.server.negotiated is None
        message = b"".join(pair.server.respond(request, response))
        assert Header.decode(memoryview(message)).credits == 1
        pair.client.credit_pool.spend(1)
        pair.client.credit_pool.grant(1)
        pair.negotiate()
        assert pair.server.dialect == Dialect.SMB_3_1_1
        pair.log_on()

    def test_2_0_2_is_settled_at_once(self, make_pair: Callable) -> None:
        pair = make_pair()
        [request] = pair.deliver(self.smb1("SMB 2.002"))
        response = pair.server.negotiate(request, system_time=0)
        assert response.dialect_revision == pair.server.dialect == Dialect.SMB_2_0_2

    def test_twice_is_too_much(self, make_pair: Callable) -> None:
        pair = make_pair()
        [request] = pair.deliver(self.smb1("SMB 2.???"))
        pair.server.negotiate(request, system_time=0)
        with pytest.raises(RemoteProtocolError, match="SMB1"):
            pair.deliver(self.smb1("SMB 2.???"))

    def test_smb1_itself_is_not_spoken(self, make_pair: Callable) -> None:
        pair = make_pair()
        [request] = pair.deliver(self.smb1("NT LM 0.12"))
        with pytest.raises(RemoteProtocolError, match="new enough"):
            pair.server.negotiate(request, system_time=0)

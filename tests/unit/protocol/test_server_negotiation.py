"""The choices of a server, and the offers that it refuses."""

from dataclasses import replace
from typing import TypeVar

import pytest

from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.server_negotiation import build_multi_protocol_response, build_response
from smbquic.protocol.settings import (
    DIALECT_NAMES,
    DIALECTS,
    EncryptionOverQuic,
    EncryptionPolicy,
    ServerSettings,
)
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
    UnknownContext,
)

SERVER = ServerSettings(guid=bytes(16), dialects=DIALECTS, signing_required=False)
PREAUTH = PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], bytes(32))
GMAC = SigningCapabilities([SigningAlgorithm.AES_GMAC])
ACCEPT = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY
ContextT = TypeVar("ContextT")
ALL = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]


def ask(
    settings: ServerSettings = SERVER,
    *,
    dialects: list[int] | None = None,
    contexts: list[NegotiateContext] | None = None,
    capabilities: int = 0x7F,
    security_mode: int = 1,
    quic: bool = False,
) -> tuple[Negotiated, NegotiateResponse]:
    request = NegotiateRequest(
        dialects=ALL if dialects is None else dialects,
        security_mode=SecurityMode(security_mode),
        capabilities=GlobalCapabilities(capabilities),
        client_guid=bytes(16),
        contexts=[PREAUTH] if contexts is None else contexts,
    )
    return build_response(settings, request, quic=quic, hint=b"hint", system_time=5, random=bytes)


def contexts_of(response: NegotiateResponse, kind: type[ContextT]) -> list[ContextT]:
    return [context for context in response.contexts if isinstance(context, kind)]


class TestDialect:
    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            (ALL, Dialect.SMB_3_1_1),
            ([0x0202, 0x0300], Dialect.SMB_3_0),
            ([0x0210, 0x0202], Dialect.SMB_2_1),
            ([0x0202], Dialect.SMB_2_0_2),
            ([0x0202, 0x0999], Dialect.SMB_2_0_2),
        ],
    )
    def test_the_greatest_common_one(self, offered: list[int], chosen: Dialect) -> None:
        negotiated, response = ask(dialects=offered)
        assert negotiated.dialect == response.dialect_revision == chosen

    def test_windows_list_over_quic_is_not_refused(self) -> None:
        negotiated, _ = ask(dialects=ALL, quic=True)
        assert negotiated.dialect == Dialect.SMB_3_1_1

    @pytest.mark.parametrize(
        ("offered", "quic", "status"),
        [
            ([], False, NtStatus.INVALID_PARAMETER),
            ([0x0999], False, NtStatus.NOT_SUPPORTED),
            (ALL[:-1], True, NtStatus.NOT_SUPPORTED),
        ],
    )
    def test_none_in_common(self, offered: list[int], quic: bool, status: NtStatus) -> None:
        with pytest.raises(StatusError) as refusal:
            ask(dialects=offered, quic=quic)
        assert refusal.value.status == status

    def test_how_they_are_written(self) -> None:
        assert list(DIALECT_NAMES) == ["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"]
        assert DIALECT_NAMES["3.0.2"] is Dialect.SMB_3_0_2

    @pytest.mark.parametrize("quic", [False, True])
    def test_sizes(self, quic: bool) -> None:
        negotiated, response = ask(contexts=[PREAUTH, GMAC], quic=quic)
        assert response.max_read_size == response.max_write_size == 8 << 20
        assert negotiated.max_transact_size == response.max_transact_size == 8 << 20
        assert negotiated.multi_credit
        assert response.capabilities & GlobalCapabilities.LARGE_MTU

    def test_sizes_of_a_dialect_without_large_messages(self) -> None:
        negotiated, response = ask(dialects=[0x0202])
        assert response.max_transact_size == 65536
        assert not negotiated.multi_credit
        assert not response.capabilities & GlobalCapabilities.LARGE_MTU

    @pytest.mark.parametrize(
        ("dialect", "contexts", "size"),
        [
            (0x0210, [], 2 << 20),
            (0x0300, [], 2 << 20),
            (0x0311, [PREAUTH], 2 << 20),
            (0x0311, [PREAUTH, SigningCapabilities([1])], 2 << 20),
            (0x0311, [PREAUTH, GMAC, EncryptionCapabilities([Cipher.AES_128_CCM])], 2 << 20),
            (0x0311, [PREAUTH, GMAC, EncryptionCapabilities([Cipher.AES_256_CCM])], 2 << 20),
            (0x0311, [PREAUTH, GMAC, EncryptionCapabilities([Cipher.AES_128_GCM])], 8 << 20),
            (0x0311, [PREAUTH, GMAC, EncryptionCapabilities([Cipher.AES_256_GCM])], 8 << 20),
        ],
    )
    def test_sizes_are_smaller_where_an_algorithm_is_slow(
        self, dialect: int, contexts: list[NegotiateContext], size: int
    ) -> None:
        negotiated, response = ask(dialects=[dialect], contexts=contexts)
        sizes = {response.max_read_size, response.max_write_size, response.max_transact_size}
        assert sizes == {size}
        assert negotiated.max_transact_size == size

    def test_a_smaller_limit_of_the_server_holds(self) -> None:
        _, response = ask(replace(SERVER, max_size=1 << 20))
        assert response.max_read_size == 1 << 20


class TestSecurityMode:
    def test_signing_is_always_enabled(self) -> None:
        negotiated, response = ask()
        assert response.security_mode == SecurityMode.SIGNING_ENABLED
        assert not negotiated.signing_required

    def test_required_by_the_server(self) -> None:
        negotiated, response = ask(replace(SERVER, signing_required=True))
        assert response.security_mode == 3
        assert negotiated.signing_required

    def test_required_by_the_client(self) -> None:
        negotiated, response = ask(security_mode=3)
        assert response.security_mode == 1
        assert negotiated.signing_required


class TestEncryption3_0:
    def test_by_capability(self) -> None:
        negotiated, response = ask(dialects=[0x0300])
        assert negotiated.cipher == Cipher.AES_128_CCM
        assert response.capabilities & GlobalCapabilities.ENCRYPTION

    def test_not_for_a_client_without_it(self) -> None:
        negotiated, response = ask(dialects=[0x0302], capabilities=0)
        assert negotiated.cipher is None
        assert not response.capabilities & GlobalCapabilities.ENCRYPTION

    def test_not_if_switched_off(self) -> None:
        negotiated, _ = ask(replace(SERVER, encryption=EncryptionPolicy.OFF), dialects=[0x0300])
        assert negotiated.cipher is None


class TestContexts:
    @pytest.mark.parametrize(
        ("contexts", "status"),
        [
            ([], NtStatus.INVALID_PARAMETER),
            ([PREAUTH, PREAUTH], NtStatus.INVALID_PARAMETER),
            (
                [PreauthIntegrityCapabilities([9], b"")],
                NtStatus.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
            ),
            ([PREAUTH, SigningCapabilities([])], NtStatus.INVALID_PARAMETER),
            ([PREAUTH, CompressionCapabilities([])], NtStatus.INVALID_PARAMETER),
            ([PREAUTH, *[EncryptionCapabilities([1])] * 2], NtStatus.INVALID_PARAMETER),
            ([PREAUTH, *[TransportCapabilities(ACCEPT)] * 2], NtStatus.INVALID_PARAMETER),
        ],
    )
    def test_refused(self, contexts: list[NegotiateContext], status: NtStatus) -> None:
        with pytest.raises(StatusError) as refusal:
            ask(contexts=contexts)
        assert refusal.value.status == status

    def test_preauth_is_always_answered(self) -> None:
        _, response = ask()
        (answer,) = contexts_of(response, PreauthIntegrityCapabilities)
        assert answer.hash_algorithms == [HashAlgorithm.SHA_512]
        assert len(answer.salt) == 32
        assert len(response.contexts) == 1

    def test_unknown_contexts_are_ignored(self) -> None:
        _, response = ask(contexts=[PREAUTH, UnknownContext(0x100, b"?")])
        assert len(response.contexts) == 1

    def test_the_server_prefers(self) -> None:
        negotiated, response = ask(contexts=[PREAUTH, EncryptionCapabilities([4, 3, 2, 1])])
        assert negotiated.cipher == Cipher.AES_128_GCM
        assert contexts_of(response, EncryptionCapabilities) == [EncryptionCapabilities([2])]

    def test_no_common_cipher_is_said(self) -> None:
        negotiated, response = ask(contexts=[PREAUTH, EncryptionCapabilities([99])])
        assert negotiated.cipher is None
        assert contexts_of(response, EncryptionCapabilities) == [EncryptionCapabilities([0])]

    def test_encryption_switched_off_is_not_answered(self) -> None:
        _, response = ask(
            replace(SERVER, encryption=EncryptionPolicy.OFF),
            contexts=[PREAUTH, EncryptionCapabilities([2])],
        )
        assert contexts_of(response, EncryptionCapabilities) == []

    def test_compression_is_none(self) -> None:
        _, response = ask(contexts=[PREAUTH, CompressionCapabilities([4, 2, 3, 1, 5])])
        (answer,) = contexts_of(response, CompressionCapabilities)
        assert answer.compression_algorithms == [CompressionAlgorithm.NONE]

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            (None, SigningAlgorithm.AES_CMAC),
            ([0, 1, 2], SigningAlgorithm.AES_GMAC),
            ([0], SigningAlgorithm.HMAC_SHA256),
            ([77], SigningAlgorithm.AES_CMAC),
        ],
    )
    def test_signing(self, offered: list[int] | None, chosen: SigningAlgorithm) -> None:
        signing = [] if offered is None else [SigningCapabilities(offered)]
        negotiated, response = ask(contexts=[PREAUTH, *signing])
        assert negotiated.signing_algorithm == chosen
        answered = [] if offered is None else [SigningCapabilities([chosen])]
        assert contexts_of(response, SigningCapabilities) == answered

    @pytest.mark.parametrize(
        ("quic", "over_quic", "flags", "accepted"),
        [
            (True, EncryptionOverQuic.SKIP, ACCEPT, True),
            (True, EncryptionOverQuic.SKIP, TransportCapability(0), False),
            (True, EncryptionOverQuic.ALLOW, ACCEPT, False),
            (True, EncryptionOverQuic.REQUIRE, ACCEPT, False),
            (False, EncryptionOverQuic.SKIP, ACCEPT, False),
        ],
    )
    def test_transport_security(
        self, quic: bool, over_quic: EncryptionOverQuic, flags: TransportCapability, accepted: bool
    ) -> None:
        negotiated, response = ask(
            replace(SERVER, encryption_over_quic=over_quic),
            contexts=[PREAUTH, TransportCapabilities(flags)],
            quic=quic,
        )
        assert negotiated.transport_security is accepted
        (answer,) = contexts_of(response, TransportCapabilities)
        assert answer.flags == (ACCEPT if accepted else 0)


class TestMultiProtocol:
    def test_wildcard_first(self) -> None:
        response = build_multi_protocol_response(
            SERVER, ["NT LM 0.12", "SMB 2.002", "SMB 2.???"], hint=b"", system_time=0
        )
        assert response.dialect_revision == Dialect.WILDCARD

    def test_2_0_2_only(self) -> None:
        response = build_multi_protocol_response(
            SERVER, ["NT LM 0.12", "SMB 2.002"], hint=b"", system_time=0
        )
        assert response.dialect_revision == Dialect.SMB_2_0_2
        assert response.max_read_size == 65536

    @pytest.mark.parametrize("dialects", [[], ["NT LM 0.12"]])
    def test_smb1_is_not_spoken(self, dialects: list[str]) -> None:
        with pytest.raises(RemoteProtocolError, match="new enough"):
            build_multi_protocol_response(SERVER, dialects, hint=b"", system_time=0)


@pytest.mark.parametrize("quic", [False, True])
@pytest.mark.parametrize("policy", EncryptionPolicy)
@pytest.mark.parametrize("over_quic", EncryptionOverQuic)
@pytest.mark.parametrize("left_to_quic", [False, True])
def test_when_every_session_has_to_encrypt(
    quic: bool, policy: EncryptionPolicy, over_quic: EncryptionOverQuic, left_to_quic: bool
) -> None:
    settings = replace(SERVER, encryption=policy, encryption_over_quic=over_quic)
    contexts: list[NegotiateContext] = [PREAUTH, EncryptionCapabilities([Cipher.AES_128_GCM])]
    if left_to_quic:
        contexts.append(TransportCapabilities(ACCEPT))
    negotiated, _ = ask(settings, contexts=contexts, quic=quic)
    skips = quic and left_to_quic and over_quic is EncryptionOverQuic.SKIP
    assert negotiated.transport_security is skips
    demanded = policy is EncryptionPolicy.REQUIRED or (
        quic and over_quic is EncryptionOverQuic.REQUIRE
    )
    assert negotiated.encryption_required is (demanded and not skips)

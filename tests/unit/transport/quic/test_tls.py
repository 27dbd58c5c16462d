"""Trust anchors, and the words of a refusal."""

import ssl
from pathlib import Path

import pytest

from smbquic.errors import ConnectError, HandshakeError
from smbquic.transport.quic.engine import CloseReason
from smbquic.transport.quic.tls import (
    ClientTls,
    ServerTls,
    alert_of,
    certificates_in,
    handshake_failure,
    reason_phrase,
    system_trust,
)

PEER = "quic://192.0.2.1:443"


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (40, "nothing-in-common", "no TLS cipher suite, or no key exchange, in common"),
        (42, "bad-certificate", "our certificate was refused"),
        (43, "bad-certificate", "not supported"),
        (44, "revoked", "revoked"),
        (45, "expired", "expired"),
        (46, "bad-certificate", "refused"),
        (48, "unknown-ca", "not trusted"),
        (49, "access-denied", "access rules"),
        (50, "handshake", "make sense"),
        (51, "wrong-key", "without its key"),
        (70, "no-tls13", "TLS 1.3"),
        (71, "handshake", "stronger"),
        (80, "handshake", "failed"),
        (112, "unrecognized-name", "no certificate for this name"),
        (116, "no-certificate", "client certificate"),
        (120, "alpn", "ALPN smb"),
        (255, "refused", "error 0x1ff"),
    ],
)
def test_alerts_of_the_peer(code: int, reason: str, words: str) -> None:
    error = handshake_failure(CloseReason(0x100 + code, "said the peer"), PEER)

    assert isinstance(error, HandshakeError)
    assert error.reason == reason
    assert error.by_peer
    assert str(error).startswith(PEER)
    assert words in str(error)
    assert "(said the peer)" in str(error)


def test_other_refusals_of_the_peer() -> None:
    error = handshake_failure(CloseReason(2, ""), PEER)

    assert isinstance(error, HandshakeError)
    assert error.reason == "refused"
    assert str(error).endswith("(error 0x2)")


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("Certificate is not valid yet", "not-yet-valid"),
        ("Certificate is no longer valid", "expired"),
        ("certificate has expired", "expired"),
        ("hostname 'a' doesn't match 'b'", "wrong-name"),
        ("hostname 'a' doesn't match either of 'b', 'c'", "wrong-name"),
        ("Certificate does not contain any `subjectAltName`s.", "wrong-name"),
        ("Certificate message is empty", "no-certificate"),
        ("unable to get local issuer certificate", "unknown-ca"),
        ("unable to get issuer certificate", "unknown-ca"),
        ("self-signed certificate", "unknown-ca"),
        ("self signed certificate in certificate chain", "unknown-ca"),
    ],
)
def test_what_the_engine_refuses_is_explained(phrase: str, reason: str) -> None:
    error = handshake_failure(CloseReason(0x12A, phrase, ours=True), PEER)

    assert isinstance(error, HandshakeError)
    assert error.reason == reason
    assert f"the certificate of {PEER}" in str(error)
    assert f"({phrase})" in str(error)
    assert ("trust it with its CA file" in str(error)) is (reason == "unknown-ca")


@pytest.mark.parametrize(
    ("code", "phrase", "reason", "words"),
    [
        (0x12A, "something new", "bad-certificate", "its certificate was refused (something new)"),
        (0x178, "No common ALPN protocols", "alpn", "ALPN smb"),
        (0x7, "Failed to parse frame", "handshake", "the handshake failed"),
        (0x1, "", "handshake", "error 0x1"),
    ],
)
def test_other_failures_of_our_own(code: int, phrase: str, reason: str, words: str) -> None:
    error = handshake_failure(CloseReason(code, phrase, ours=True), PEER)

    assert isinstance(error, HandshakeError)
    assert error.reason == reason
    assert words in str(error)


@pytest.mark.parametrize(
    ("reason", "alert"),
    [
        ("access-check-failed", 80),
        ("access-denied", 49),
        ("expired", 45),
        ("no-certificate", 116),
        ("no-revocation-list", 80),
        ("revocation-list-expired", 80),
        ("revoked", 44),
        ("unknown-ca", 48),
        ("unrecognized-name", 112),
        ("unsupported-key", 43),
        ("weak-key", 42),
        ("wrong-key", 51),
    ],
)
def test_the_alert_for_a_reason(reason: str, alert: int) -> None:
    assert alert_of(HandshakeError("no", reason)) == alert


def test_a_refusal_by_verify_is_passed_on_unchanged() -> None:
    cause = HandshakeError("the key is weak", "weak-key")
    error = handshake_failure(CloseReason(0x12A, "the key is weak", ours=True, cause=cause), PEER)

    assert isinstance(error, HandshakeError)
    assert error.reason == "weak-key"
    assert not error.by_peer
    assert str(error) == f"{PEER}: the key is weak"


def test_a_peer_is_told_no_more_than_fits() -> None:
    assert reason_phrase(HandshakeError("the key is weak")) == "the key is weak"
    long = reason_phrase(HandshakeError("x" + "\N{EURO SIGN}" * 1000))
    assert long == "x" + "\N{EURO SIGN}" * 99
    assert len(long.encode()) <= 300


def test_silence_is_no_answer() -> None:
    error = handshake_failure(CloseReason(1, "Idle timeout", ours=True, idle=True), PEER)

    assert isinstance(error, ConnectError)
    assert "has stopped answering" in str(error)


def test_what_belongs_together_comes_together() -> None:
    path = Path("x")
    with pytest.raises(ValueError, match="come together"):
        ClientTls(certificate=path)
    with pytest.raises(ValueError, match="come together"):
        ClientTls(key=path)
    with pytest.raises(ValueError, match="needs verify"):
        ServerTls(path, path, client_ca=path)
    assert ServerTls(path, path, path, lambda chain: None).client_ca == path


def test_settings_that_trust_the_same_are_equal_and_show_no_tickets_or_keys() -> None:
    assert ClientTls() == ClientTls()
    assert ClientTls().tickets is not ClientTls().tickets
    assert "tickets" not in repr(ClientTls())
    assert "secret" not in repr(ServerTls(b"certificate", b"secret"))


def test_what_is_trusted_and_shown_has_a_fingerprint(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"one")
    other.write_bytes(b"other")
    settings = [
        ClientTls(),
        ClientTls(insecure=True),
        ClientTls(ca=one),
        ClientTls(ca=other),
        ClientTls(certificate=one, key=one),
    ]

    assert len({each.fingerprint() for each in settings}) == len(settings)
    assert ClientTls(ca=one).fingerprint() == ClientTls(ca=one).fingerprint()


def test_clients_resume_unless_they_show_certificates_or_the_policy_forbids_it() -> None:
    server = ServerTls(b"certificate", b"key")
    always, auto = (server.ticket_issuer(policy, b"key") for policy in ("always", "auto"))

    assert always is not None
    assert auto is not None
    assert (always.offers([0, 1]), auto.offers([0, 1])) == (True, False)
    assert server.ticket_issuer("never", b"key") is None
    certified = ServerTls(b"certificate", b"key", verify=lambda chain: None)
    assert certified.ticket_issuer("always", b"key") is None


@pytest.mark.parametrize(
    ("certificate", "key", "accepted"),
    [(b"certificate", b"key", True), (b"another", b"key", False), (b"certificate", b"own", False)],
)
def test_a_ticket_is_for_one_certificate_and_one_key(
    certificate: bytes, key: bytes, accepted: bool
) -> None:
    one = ServerTls(b"certificate", b"private").ticket_issuer("auto", b"key")
    other = ServerTls(certificate, b"private").ticket_issuer("auto", key)
    assert one is not None
    assert other is not None

    assert (other.accept(one.issue(1, b"secret")) is not None) is accepted


def test_only_certificates_are_taken_out_of_a_file() -> None:
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    one, two = (begin + b"\n" + each + b"\n" + end + b"\n" for each in (b"MQ==", b"Mg=="))
    text = b"subject: one\r\n" + one.replace(b"\n", b"\r\n") + b"issuer\n" + two

    assert certificates_in(text) == one + two


def test_a_file_without_certificates(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nnever ends")
    with pytest.raises(HandshakeError, match=r"ca\.pem holds no certificate") as caught:
        certificates_in(path)

    assert caught.value.reason == "certificate-file"


def test_the_system_is_asked_whom_it_trusts() -> None:
    paths = ssl.get_default_verify_paths()

    assert system_trust() == (paths.cafile, paths.capath)

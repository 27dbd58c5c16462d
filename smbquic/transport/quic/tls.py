"""TLS settings of both ends, and the errors of handshakes that failed.

TLS 1.3 and the ALPN protocol `smb` are required. Files are read when a connection or a listener is
made, so that renewed ones are found.
"""

import hashlib
import hmac
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from smbquic.errors import ConnectError, HandshakeError, TransportError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import Tickets
from smbquic.options.quic import TicketPolicy
from smbquic.transport.quic.engine import CRYPTO_ERROR, CloseReason
from smbquic.transport.quic.tickets import TicketCache, TicketIssuer
from smbquic.transport.server_names import find_by_name

ALPN = "smb"

VerifyServer = Callable[[list[bytes], str], object]
"""Verifies a server's chain (DER, leaf first) for the name that the client has connected to."""
VerifyClient = Callable[[list[bytes]], object]
"""Verifies a client's chain (DER, leaf first)."""

_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", flags=re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ClientTls:
    """The authorities that a client trusts, and its own certificate.

    `ca` is a PEM file of trusted roots; without it, the system's roots are used. `verify` takes the
    place of the engine's own verification of chain, dates and name, and raises `HandshakeError` to
    refuse. `insecure` accepts any certificate. `certificate` is a PEM file of a chain, leaf first,
    and `key` its private key in PEM without a password.

    `tickets` are from servers, for a shorter handshake the next time. They are used with the same
    settings and the same cache, provided that `verify` accepts the server's former chain again. If
    the engine verifies, there are none.
    """

    ca: Path | None = None
    insecure: bool = False
    certificate: Path | None = None
    key: Path | None = None
    verify: VerifyServer | None = None
    tickets: Tickets = field(default_factory=TicketCache, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client certificate and its key come together")

    def fingerprint(self) -> bytes:
        """Return bytes that differ if other servers are trusted or another certificate is shown.

        Raises `OSError`.
        """
        parts = [b"" if path is None else pem(path) for path in (self.ca, self.certificate)]
        return b"".join(hashlib.sha256(part).digest() for part in parts) + bytes([self.insecure])


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate (a PEM chain, leaf first), its key, and which clients it accepts.

    Both are files, or the contents of files. `leaf` is the certificate, DER, if it was given as
    contents; else nothing, as a file may change.

    With `client_ca` (PEM) or `verify` a client must show a certificate. `verify` is called with its
    chain and raises `HandshakeError` to refuse. `client_ca` without `verify` is an error, because
    no engine verifies clients by itself.
    """

    certificate: Path | bytes
    key: Path | bytes = field(repr=False)
    client_ca: Path | None = None
    verify: VerifyClient | None = None
    leaf: bytes = field(init=False, repr=False, compare=False, default=b"")

    def __post_init__(self) -> None:
        if self.client_ca is not None and self.verify is None:
            raise ValueError("client_ca needs verify, which verifies the chain with it")
        # Once, and not for each connection.
        if isinstance(self.certificate, bytes) and (first := _CERTIFICATE.search(self.certificate)):
            leaf = ssl.PEM_cert_to_DER_cert(first[0].decode())
            object.__setattr__(self, "leaf", leaf)

    def ticket_issuer(self, policy: TicketPolicy, key: bytes) -> TicketIssuer | None:
        """Return what makes tickets for this certificate; None if clients may not resume.

        Clients that have to show a certificate have to show it each time. Tickets for another
        certificate with the same `key` are not accepted. Raises `OSError`.
        """
        own_key = self.ticket_key(policy, key)
        return TicketIssuer(own_key, policy=policy) if own_key is not None else None

    def ticket_key(self, policy: TicketPolicy, key: bytes) -> bytes | None:
        """Return the key of the tickets for this certificate, 32 bytes; see `ticket_issuer`."""
        if self.verify is not None or policy == "never":
            return None
        return hmac.digest(key, b"smbquic ticket" + pem(self.certificate), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class CertificatesByName:
    """Several certificates on one listener, by the name that a client asks for (SNI).

    The names are in lower case; ``*.`` stands for one label. `default` is for clients that ask for
    no name, or for one that is not there. Without it they are refused. [MS-SMB2] 3.3.5.1
    """

    by_name: Mapping[str, ServerTls]
    default: ServerTls | None = None

    def find(self, name: str) -> ServerTls | None:
        """Return the certificate for a client that asks for `name`, which may be empty."""
        return find_by_name(self.by_name, name) or self.default

    @property
    def all(self) -> tuple[ServerTls, ...]:
        """Every certificate."""
        found = [*self.by_name.values(), *([self.default] if self.default else [])]
        return tuple({id(each): each for each in found}.values())


def pem(source: Path | bytes) -> bytes:
    """Return the contents of a file, if it is one. Raises `OSError`."""
    return source.read_bytes() if isinstance(source, Path) else source


def source_name(source: Path | bytes, what: str) -> str:
    """Return how messages call a source. A key that is no file must not be shown."""
    return str(source) if isinstance(source, Path) else f"the {what}"


def certificates_in(source: Path | bytes) -> bytes:
    """Return the PEM certificates of a file, without any text around them.

    Raises `OSError`, and `HandshakeError` if there is none.
    """
    found = _CERTIFICATE.findall(pem(source).replace(b"\r\n", b"\n"))
    if not found:
        where = source_name(source, "certificate")
        raise HandshakeError(f"{where} holds no certificate in PEM form", "certificate-file")
    return b"".join(certificate + b"\n" for certificate in found)


def unusable_identity(
    certificate: Path | bytes, key: Path | bytes, error: Exception
) -> HandshakeError:
    """Return the error for sources in which an engine has found no certificate and its key."""
    return HandshakeError(
        f"{source_name(certificate, 'certificate')} and {source_name(key, 'key')} do not hold a"
        f" certificate and its key: {error}",
        "certificate-file",
    )


def system_trust() -> tuple[str | None, str | None]:
    """Return the file and the folder of the system's trusted roots; None for what it lacks."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile, paths.capath


_ALERTS = {
    40: (
        "nothing-in-common",
        "the two sides have no TLS cipher suite, or no key exchange, in common (tls_ciphers,"
        " tls_groups)",
    ),
    50: ("handshake", "the other side cannot make sense of what it was sent"),
    70: ("no-tls13", "the other side does not speak TLS 1.3"),
    71: ("handshake", "the other side asks for stronger cryptography"),
    80: ("handshake", "the other side failed to complete the handshake; its log says why"),
    112: ("unrecognized-name", "the server has no certificate for this name"),
    116: ("no-certificate", "the server demands a client certificate: give one, with its key"),
    120: ("alpn", "the other side does not speak SMB over QUIC (ALPN smb) on this port"),
}
_CERTIFICATE_ALERTS = {
    42: ("bad-certificate", "was refused"),
    43: ("bad-certificate", "is of a kind that is not supported"),
    44: ("revoked", "is revoked: issue a new one"),
    45: ("expired", "has expired: renew it, and check the clock"),
    46: ("bad-certificate", "was refused"),
    48: ("unknown-ca", "comes from an authority that is not trusted"),
    49: ("access-denied", "is valid, but the access rules deny it"),
    51: ("wrong-key", "was shown without its key"),
}

_ALERTS_BY_REASON = {
    "access-check-failed": 80,
    "access-denied": 49,
    "expired": 45,
    "no-certificate": 116,
    "no-revocation-list": 80,
    "revocation-list-expired": 80,
    "revoked": 44,
    "unknown-ca": 48,
    "unrecognized-name": 112,
    "unsupported-key": 43,
    "wrong-key": 51,
}
_BAD_CERTIFICATE = 42
_PHRASE_LIMIT = 300

_PHRASES = (
    ("certificate message is empty", "no-certificate", "is missing: it showed none"),
    ("not valid yet", "not-yet-valid", "is not valid yet: check the clock"),
    ("no longer valid", "expired", "has expired: the server needs a new one"),
    ("has expired", "expired", "has expired, or its authority's has: it needs a new one"),
    ("doesn't match", "wrong-name", "is for another name"),
    ("subjectaltname", "wrong-name", "names no server at all"),
    ("issuer certificate", "unknown-ca", "comes from an authority that is not trusted"),
    ("self-signed", "unknown-ca", "comes from an authority that is not trusted"),
    ("self signed", "unknown-ca", "comes from an authority that is not trusted"),
)


def alert_of(error: HandshakeError) -> int:
    """Return the TLS alert ([RFC8446] 6.2) for a certificate that was refused."""
    return _ALERTS_BY_REASON.get(error.reason, _BAD_CERTIFICATE)


def malformed_certificate(error: Exception) -> HandshakeError:
    """Return the error for bytes that are no certificate, whatever an engine has raised."""
    return HandshakeError(
        f"a certificate was sent that cannot be read: {error.__cause__ or error}", "malformed"
    )


def wrong_key(error: Exception) -> HandshakeError:
    """Return the error for a handshake that another key than the certificate's has signed."""
    # cryptography's InvalidSignature says nothing; OpenSSL's error says what it found.
    detail = f": {error}" if str(error) else ""
    return HandshakeError(f"the peer does not have the key of its certificate{detail}", "wrong-key")


def reason_phrase(error: HandshakeError) -> str:
    """Return the reason phrase for the peer: it has to fit into a small datagram, three times."""
    return str(error).encode()[:_PHRASE_LIMIT].decode(errors="ignore")


def handshake_failure(close_reason: CloseReason, peer: str) -> TransportError:
    """Return the error for a handshake with `peer` that failed."""
    if isinstance(close_reason.cause, HandshakeError):
        error = HandshakeError(f"{peer}: {close_reason.cause}", close_reason.cause.reason)
        error.__cause__ = close_reason.cause
        return error
    if close_reason.idle:
        return ConnectError(f"{peer} has stopped answering during the handshake")
    alert = close_reason.code - CRYPTO_ERROR
    if close_reason.ours:
        return _refused_here(close_reason, peer, alert)
    reason, meaning = _meaning(alert, "our") or (
        "refused",
        f"the other side refused the connection (error 0x{close_reason.code:x})",
    )
    said = f" ({close_reason.phrase})" if close_reason.phrase else ""
    return HandshakeError(f"{peer}: {meaning}{said}", reason, by_peer=True)


def _refused_here(close_reason: CloseReason, peer: str, alert: int) -> HandshakeError:
    """Return the error for what the engine has refused, which it explains in English only."""
    phrase = close_reason.phrase.lower()
    for words, reason, meaning in _PHRASES:
        if words in phrase:
            help_ = "; trust it with its CA file" if reason == "unknown-ca" else ""
            return HandshakeError(
                f"the certificate of {peer} {meaning}{help_} ({close_reason.phrase})", reason
            )
    reason, meaning = _meaning(alert, "its") or ("handshake", "the handshake failed")
    said = close_reason.phrase or f"error 0x{close_reason.code:x}"
    return HandshakeError(f"{peer}: {meaning} ({said})", reason)


def _meaning(alert: int, whose: str) -> tuple[str, str] | None:
    """Return the reason and the meaning of a TLS alert, about a certificate or anything else."""
    if alert in _CERTIFICATE_ALERTS:
        reason, predicate = _CERTIFICATE_ALERTS[alert]
        return reason, f"{whose} certificate {predicate}"
    return _ALERTS.get(alert)

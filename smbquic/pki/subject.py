"""The subject of a certificate: the names that it carries, and its end of a connection."""

import ipaddress
import re
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII | re.IGNORECASE)
_DNS_NAME_LIMIT = 253


class Purpose(StrEnum):
    """Ends of a connection that a certificate can be for."""

    SERVER = "server"
    CLIENT = "client"

    @property
    def usage(self) -> x509.ObjectIdentifier:
        """The extended key usage that stands for it."""
        if self is Purpose.SERVER:
            return ExtendedKeyUsageOID.SERVER_AUTH
        return ExtendedKeyUsageOID.CLIENT_AUTH


def subject_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names and addresses that a certificate carries, as they were asked for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [
        str(value)
        for kind in (x509.DNSName, x509.IPAddress)
        for value in extension.value.get_values_for_type(kind)
    ]


def mail_addresses(certificate: x509.Certificate) -> list[str]:
    """Return the e-mail addresses that a certificate carries."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.RFC822Name)


def now_utc() -> datetime:
    """Return the time to the second, which is what a certificate can hold."""
    return datetime.now(UTC).replace(microsecond=0)


def general_name(name: str) -> x509.DNSName | x509.IPAddress:
    """Return a subject alternative name: an IP address if `name` reads as one, else a DNS name.

    A wildcard may stand for the first label. Raises `ValueError`.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    labels = name.removeprefix("*.").split(".")
    if len(name) > _DNS_NAME_LIMIT or not all(_DNS_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"{name!r} is neither a DNS name (an international one in its xn-- form) "
            "nor an IP address"
        )
    return x509.DNSName(name.lower())

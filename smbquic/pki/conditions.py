"""Conditions of rules about certificates: a fingerprint, an issuer, a subject, another name."""

import re
from collections.abc import Callable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Self

from cryptography import x509

from smbquic.lazy_dataclass import dataclass
from smbquic.pki.checks import find_extension
from smbquic.pki.explain import fingerprint

# The user's name in the certificates of Active Directory.
_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING = 0x0C
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
# People and Windows write a space after the commas of a name; RFC 4514 does not.
_SPACED_COMMA = re.compile(r"(?<!\\),\s+(?=[A-Za-z0-9.]+=)")

Test = Callable[[x509.Certificate], bool]


class Property(StrEnum):
    """The property of a certificate that a rule compares."""

    SHA256 = "sha256"
    ISSUER = "issuer"
    SUBJECT = "subject"
    SAN = "san"


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of one rule: ``sha256:0f3a...``, ``issuer:CN=Old CA,O=Example``.

    `issuer` and `subject` take a whole name as RFC 4514 writes it, or a pattern for the common
    name; `san` takes a pattern for a DNS name, address, e-mail address, URI or user principal
    name. In a pattern ``*`` stands for any characters. Case is ignored.
    """

    kind: Property
    value: str
    _holds: Test

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a condition from ``PROPERTY:VALUE``.

        Raises `ValueError` with what to write instead.
        """
        kind, colon, value = text.partition(":")
        value = value.strip()
        try:
            prop = Property(kind.strip().lower())
        except ValueError:
            prop = None
        if prop is None or not colon or not value:
            raise ValueError(
                f"{text!r} is not a rule: write sha256:HEX, issuer:NAME, subject:NAME or"
                " san:PATTERN"
            )
        return cls(prop, value, _test(prop, value))

    def matches(self, certificate: x509.Certificate) -> bool:
        """Return whether the certificate has the property."""
        return self._holds(certificate)

    @property
    def has_star(self) -> bool:
        """Return whether this is a pattern with exactly one ``*``."""
        return _is_pattern(self.kind, self.value) and self.value.count("*") == 1

    def star(self, certificate: x509.Certificate) -> list[str]:
        """Return what the ``*`` of the pattern stands for in each name that matches.

        In lower case.
        """
        before, _, after = (_regular(part) for part in self.value.casefold().partition("*"))
        found = re.compile(f"{before}(.+){after}", re.DOTALL)
        names = (name.casefold() for name in names_of(self.kind, certificate))
        return [match[1] for match in map(found.fullmatch, names) if match is not None]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def names_of(prop: Property, certificate: x509.Certificate) -> list[str]:
    """Return the names of a certificate that a pattern is compared with."""
    if prop is Property.SAN:
        return alternative_names(certificate)
    name = certificate.issuer if prop is Property.ISSUER else certificate.subject
    return [str(each.value) for each in name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Return what a certificate is for besides its subject, as text: hosts, addresses, people."""
    names = []
    for each in find_extension(certificate, x509.SubjectAlternativeName) or ():
        if isinstance(each, x509.OtherName):
            if each.type_id == _PRINCIPAL_NAME:
                names += _principal_name(each.value)
        elif not isinstance(each, x509.DirectoryName | x509.RegisteredID):
            names.append(str(each.value))
    return names


def _principal_name(value: bytes) -> list[str]:
    """Return the user of a DER UTF8String; none where it is not one."""
    if value[:1] != bytes([_UTF8_STRING]):
        return []
    # The length is one byte, or 0x80 and more, which count the bytes that hold it.
    size = value[1] & 0x7F if value[1] & 0x80 else 0
    return [value[2 + size :].decode("utf-8", "replace")]


def _is_pattern(prop: Property, value: str) -> bool:
    return prop is Property.SAN or (prop is not Property.SHA256 and "=" not in value)


def _test(prop: Property, value: str) -> Test:
    if prop is Property.SHA256:
        return _by_fingerprint(value)
    if not _is_pattern(prop, value):
        return _by_whole_name(prop, value)
    # Brackets are special in fnmatch, but not in the rules of a configuration.
    pattern = value.casefold().replace("[", "[[]")
    return lambda certificate: any(
        fnmatchcase(name.casefold(), pattern) for name in names_of(prop, certificate)
    )


def _by_fingerprint(value: str) -> Test:
    wanted = re.sub(r"[:\s]", "", value).lower()
    if not _FINGERPRINT.fullmatch(wanted):
        raise ValueError(
            f"{value!r} is not a SHA-256 fingerprint, which has 64 hexadecimal digits"
            + (" (40 are a SHA-1 thumbprint)" if len(wanted) == 40 else "")
        )
    return lambda certificate: fingerprint(certificate) == wanted


def _by_whole_name(prop: Property, value: str) -> Test:
    try:
        wanted = _folded(x509.Name.from_rfc4514_string(_SPACED_COMMA.sub(",", value)))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a name such as CN=Example CA,O=Example") from error
    if prop is Property.ISSUER:
        return lambda certificate: _folded(certificate.issuer) == wanted
    return lambda certificate: _folded(certificate.subject) == wanted


def _folded(name: x509.Name) -> list[tuple[str, str]]:
    return [(each.oid.dotted_string, str(each.value).casefold()) for each in name]


def _regular(text: str) -> str:
    """Return a regular expression for a part of a pattern that has no ``*``."""
    return re.escape(text).replace(r"\?", ".")

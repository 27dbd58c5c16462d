"""Rules about certificates, and what they match."""

import itertools
from collections.abc import Callable

import pytest
from cryptography import x509

from smbquic.pki.conditions import Condition, alternative_names
from smbquic.pki.explain import fingerprint

MakeCertificate = Callable[..., x509.Certificate]
PRINCIPAL = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a rule"),
        ("sha256", "is not a rule"),
        ("sha256:", "is not a rule"),
        ("thumbprint:ab", "is not a rule"),
        ("sha256:abc", "64 hexadecimal digits"),
        ("sha256:" + "a" * 40, "SHA-1 thumbprint"),
        ("issuer:CN=a,b", "is not a name"),
    ],
)
def test_rules_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Condition.parse(text)


def test_what_patterns_match(make_certificate: MakeCertificate) -> None:
    user = b"bob@corp.example"
    one = make_certificate(
        x509.DNSName("Laptop7.clients.example"),
        x509.RFC822Name("alice@example"),
        x509.UniformResourceIdentifier("spiffe://example/alice"),
        x509.OtherName(PRINCIPAL, b"\x0c" + bytes([len(user)]) + user),
        x509.OtherName(PRINCIPAL, b"\x0c\x81\x96" + b"x" * 150),
        x509.OtherName(PRINCIPAL, b"\x02\x01\x05"),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01x"),
        x509.DirectoryName(x509.Name([])),
    )
    assert len(alternative_names(one)) == 5
    matching = [
        "san:*.clients.example",
        "san:laptop?.CLIENTS.example",
        "SAN: alice@example",
        "san:spiffe://example/*",
        "san:bob@corp.example",
        "san:" + "x" * 150,
        "subject:alice*",
        "subject:Alice [IT]",
        "subject:CN=alice [it], O=Example\\, Inc.",
        "issuer:*",
        "sha256:" + ":".join(itertools.starmap(lambda a, b: a + b, batches(fingerprint(one)))),
    ]
    failing = [
        "san:clients.example",
        "san:*.other.example",
        "san:x",
        "subject:alice",
        "subject:alice i",
        "subject:CN=alice [it]",
        "issuer:CN=Other",
    ]
    for text in matching:
        assert Condition.parse(text).matches(one), text
    for text in failing:
        assert not Condition.parse(text).matches(one), text
    assert alternative_names(make_certificate()) == []


def batches(text: str) -> list[tuple[str, str]]:
    return list(zip(text[::2], text[1::2], strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("san:*@corp.example", ["alice", "bob"]),
        ("san:alice*", ["@corp.example"]),
        ("san:?ob@*", ["corp.example"]),
        ("san:alice@corp.example*", []),
        ("subject:Alice *", ["[it]"]),
        ("issuer:*", ["alice [it]"]),
    ],
)
def test_what_a_star_stands_for(
    make_certificate: MakeCertificate, text: str, found: list[str]
) -> None:
    names = ("Alice@corp.example", "bob@corp.example", "carol@corp.example.org")
    one = make_certificate(*map(x509.RFC822Name, names))
    condition = Condition.parse(text)
    assert condition.has_star
    assert condition.star(one) == found


def test_where_it_is_clear_what_a_star_stands_for() -> None:
    for text in ("san:*", "san:a*b", "subject:*", "issuer:* CA"):
        assert Condition.parse(text).has_star, text
    for text in ("san:a", "san:*@*", "subject:CN=*", "issuer:O=*", "sha256:" + "a" * 64):
        assert not Condition.parse(text).has_star, text

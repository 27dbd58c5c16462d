"""Whom a client may log on as, and why."""

from collections.abc import Callable

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from smbquic.pki import PkiDirectory, Purpose, Trust, verify
from smbquic.pki.container import ders
from smbquic.pki.explain import fingerprint
from smbquic.pki.files import load_certificates
from smbquic.pki.logons import LogonRule, Logons

MakeCertificate = Callable[..., x509.Certificate]


@pytest.fixture(scope="module")
def path(pki: PkiDirectory) -> list[x509.Certificate]:
    chain = load_certificates(pki.client.certificate)
    return verify(ders(chain), Purpose.CLIENT, Trust.load(pki.ca))


def permitted(path: list[x509.Certificate], user: str, *rules: str) -> bool:
    return Logons.parse(rules).decide(path, user).granted


def test_users_are_those_of_the_rules_that_match(path: list[x509.Certificate]) -> None:
    own = f"sha256:{fingerprint(path[0])}"
    assert permitted(path, "alice", f"{own} -> alice, Bob")
    assert permitted(path, "BOB", f"{own} -> alice, Bob")
    assert not permitted(path, "carol", f"{own} -> alice, Bob")
    assert permitted(path, "carol", f"{own} -> alice", "issuer:* -> carol")
    assert permitted(path, "anybody", "issuer:* -> *")
    assert not permitted(path, "alice", "subject:nobody -> alice")
    assert not permitted(path, "alice")


@pytest.mark.parametrize("which", [0, 1, 2])
def test_rules_are_tried_for_the_whole_chain(path: list[x509.Certificate], which: int) -> None:
    assert permitted(path, "alice", f"sha256:{fingerprint(path[which])} -> alice")


def test_a_name_in_the_certificate_is_the_users(make_certificate: MakeCertificate) -> None:
    own = make_certificate(
        x509.RFC822Name("Alice@corp.example"),
        x509.RFC822Name("adm-alice@corp.example"),
        common_name="alice",
    )
    path = [own, make_certificate(common_name="backup")]
    rule = "san:*@corp.example -> {}"
    assert permitted(path, "alice", rule)
    assert permitted(path, "ADM-Alice", rule)
    assert not permitted(path, "bob", rule)
    assert permitted(path, "corp-alice", "subject:* -> corp-{}")
    assert Logons.parse([rule]).names(path) == ["alice", "adm-alice"]


def test_an_authority_does_not_lend_its_name(make_certificate: MakeCertificate) -> None:
    path = [make_certificate(common_name="alice"), make_certificate(common_name="backup")]
    assert not permitted(path, "backup", "subject:* -> {}")
    assert permitted(path, "backup", "subject:backup -> backup")


@pytest.mark.parametrize("name", ["*", "{}", "alice", "?", "[a-z]", " "])
@given(user=st.text(max_size=3))
def test_what_a_certificate_says_is_no_pattern(
    make_certificate: MakeCertificate, name: str, user: str
) -> None:
    path = [make_certificate(common_name=name)]
    rules = Logons.parse(["subject:* -> {}"])
    assert rules.decide(path, user).granted is (user.casefold() == name)
    assert rules.names(path) == [name]


def test_nobody_is_not_let_in_by_an_empty_name(make_certificate: MakeCertificate) -> None:
    path = [make_certificate(x509.RFC822Name("@corp.example"))]
    assert not permitted(path, "", "san:*@corp.example -> {}")
    decision = Logons.parse(["san:*@corp.example -> {}"]).decide(path, "alice")
    assert "may log on as nobody, but not as alice" in decision.reason


def test_decisions_explain_themselves(path: list[x509.Certificate]) -> None:
    rules = Logons.parse(["issuer:* -> alice,bob", "subject:x -> carol"])
    granted = rules.decide(path, "bob")
    assert granted.granted
    assert granted.rule == "issuer:* -> alice, bob"
    assert granted.certificate == fingerprint(path[0])
    assert "matches the client's certificate" in granted.reason
    denied = rules.decide(path, "carol")
    assert denied.rule == granted.rule
    assert "may log on as alice, bob, but not as carol: the rule 'issuer:*" in denied.reason
    unknown = Logons.parse(["subject:x -> carol"]).decide(path, "carol")
    assert (unknown.rule, unknown.granted) == (None, False)
    assert f"sha256:{fingerprint(path[0])}" in unknown.reason
    assert Logons.parse(["issuer:* -> *"]).names(path) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write RULE -> USER"),
        ("san:a", "write RULE -> USER"),
        ("san:a ->", "write RULE -> USER"),
        ("san:a -> b,", "write RULE -> USER"),
        ("-> alice", "write sha256:HEX"),
        ("cn:a -> alice", "write sha256:HEX"),
        ("san:a -> {}", "needs a pattern with exactly one"),
        ("san:*@* -> {}", "needs a pattern with exactly one"),
        ("sha256:" + "a" * 64 + " -> {}", "needs a pattern with exactly one"),
        ("subject:CN=* -> {}", "needs a pattern with exactly one"),
    ],
)
def test_rules_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LogonRule.parse(text)

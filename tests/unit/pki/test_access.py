"""The access rules against a model that is nothing but the specification's sentence."""

from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import HandshakeError
from smbquic.pki import (
    CertificateError,
    Fault,
    FaultyPki,
    PkiDirectory,
    Purpose,
    Trust,
    init,
    verify,
)
from smbquic.pki.access import AccessDenied, ClientAccess, Rules
from smbquic.pki.container import ders
from smbquic.pki.explain import fingerprint
from smbquic.pki.files import load_certificates
from smbquic.pki.issuing import issue, revoke
from smbquic.transport.quic.tls import alert_of

ROLES = ("leaf", "intermediate", "root")


@pytest.fixture(scope="module")
def path(pki: PkiDirectory) -> list[x509.Certificate]:
    chain = load_certificates(pki.client.certificate)
    return verify(ders(chain), Purpose.CLIENT, Trust.load(pki.ca))


def rule_texts(path: list[x509.Certificate]) -> dict[str, str]:
    """Every kind of thing that a rule may name about this chain, and two that it has not."""
    texts = {
        f"{role} hash": f"sha256:{fingerprint(each)}"
        for role, each in zip(ROLES, path, strict=True)
    }
    texts |= {
        f"{role} issuer": f"issuer:{each.issuer.rfc4514_string()}"
        for role, each in zip(ROLES, path, strict=True)
    }
    texts |= {
        f"{role} subject": f"subject:{each.subject.rfc4514_string()}"
        for role, each in zip(ROLES, path, strict=True)
    }
    return texts | {"other hash": "sha256:" + "0" * 64, "other issuer": "issuer:CN=Other"}


CELLS = [f"{role} {what}" for what in ("hash", "issuer", "subject") for role in ROLES]
CELLS += ["other hash", "other issuer"]


def model(allow: list[str], deny: list[str]) -> bool:
    """Granted only if at least one allow is found and no deny is found."""
    here = [cell for cell in CELLS if not cell.startswith("other")]
    return any(cell in here for cell in allow) and not any(cell in here for cell in deny)


@pytest.mark.parametrize("allowed", [None, *CELLS])
@pytest.mark.parametrize("denied", [None, *CELLS])
@pytest.mark.parametrize("checked", [True, False])
def test_every_cell_of_the_matrix(
    pki: PkiDirectory,
    path: list[x509.Certificate],
    allowed: str | None,
    denied: str | None,
    checked: bool,
) -> None:
    texts = rule_texts(path)
    allow = [allowed] if allowed else []
    deny = [denied] if denied else []
    rules = Rules.parse((texts[cell] for cell in allow), (texts[cell] for cell in deny))
    access = ClientAccess(Trust.load(pki.ca), rules if checked else None)
    decision = access.decide(ders(path[:2]))
    assert decision.granted is (model(allow, deny) if checked else True)
    if decision.rule is not None:
        assert decision.rule in decision.reason
        assert decision.certificate in {fingerprint(each) for each in path}
    if decision.granted:
        access.authorize(ders(path[:2]))
    else:
        with pytest.raises(AccessDenied) as refused:
            access.authorize(ders(path[:2]))
        assert alert_of(refused.value) == 49
        assert refused.value.decision == decision


@given(st.lists(st.sampled_from(CELLS), max_size=4), st.lists(st.sampled_from(CELLS), max_size=4))
def test_any_list_of_rules(path: list[x509.Certificate], allow: list[str], deny: list[str]) -> None:
    texts = rule_texts(path)
    rules = Rules.parse((texts[cell] for cell in allow), (texts[cell] for cell in deny))
    assert rules.decide(path).granted is model(allow, deny)


def test_the_examples_of_the_specification(tmp_path: Path) -> None:
    """[MS-SMB2] 3.3.1.18, but for the root's fingerprint, which counts here."""
    pki = init(tmp_path / "pki")
    first = load_certificates(pki.client.certificate)
    second = load_certificates(issue(pki, "second", Purpose.CLIENT).certificate)
    root = load_certificates(pki.ca)[0].subject.rfc4514_string()
    intermediate = first[1].subject.rfc4514_string()
    access = ClientAccess(
        Trust.load(pki.ca),
        Rules.parse([f"issuer:{root}"], [f"sha256:{fingerprint(second[0])}"]),
    )
    assert access.decide(ders(first)).granted
    assert not access.decide(ders(second)).granted
    stricter = Rules.parse([f"issuer:{root}"], [f"issuer:{intermediate}"])
    assert not ClientAccess(Trust.load(pki.ca), stricter).decide(ders(first)).granted


def test_decisions_explain_themselves(path: list[x509.Certificate]) -> None:
    assert "no access rules" in str(Rules().decide(path))
    nothing = str(Rules.parse(["san:nobody"]).decide(path))
    assert f"sha256:{fingerprint(path[0])}" in nothing
    places = ("the client's certificate", "the intermediate", "the root")
    for role, words in zip(ROLES, places, strict=True):
        decision = Rules.parse([rule_texts(path)[f"{role} hash"]]).decide(path)
        assert str(decision).startswith("granted: the rule 'allow sha256:")
        assert words in decision.reason


def test_a_chain_that_does_not_hold_is_not_a_matter_of_rules(
    pki: PkiDirectory, bad_pki: FaultyPki
) -> None:
    access = ClientAccess(Trust.load(pki.ca, bad_pki.crl), Rules.parse(["san:*", "issuer:*"]))
    for fault, alert in (
        (Fault.EXPIRED, 45),
        (Fault.REVOKED, 44),
        (Fault.UNKNOWN_CA, 48),
        (Fault.WRONG_USAGE, 42),
    ):
        chain = ders(load_certificates(bad_pki.client(fault).certificate))
        with pytest.raises(CertificateError) as refused:
            access.authorize(chain)
        assert alert_of(refused.value) == alert
    with pytest.raises(CertificateError, match="no certificate"):
        access.authorize([])


def test_a_revocation_counts_before_the_rules(tmp_path: Path) -> None:
    pki = init(tmp_path / "pki")
    chain = load_certificates(pki.client.certificate)
    rules = Rules.parse([f"sha256:{fingerprint(chain[0])}"])
    ClientAccess(Trust.load(pki.ca, pki.crl), rules).authorize(ders(chain))
    revoke(pki, chain[0])
    with pytest.raises(CertificateError, match="revoked"):
        ClientAccess(Trust.load(pki.ca, pki.crl), rules).authorize(ders(chain))


def test_a_check_that_breaks_refuses(
    pki: PkiDirectory, path: list[x509.Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Rules, path: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Rules, "decide", broken)
    with pytest.raises(HandshakeError, match="a bug") as refused:
        ClientAccess(Trust.load(pki.ca), Rules()).authorize(ders(path))
    assert alert_of(refused.value) == 80

"""The tables of certificates without a connection: our result, the server's own, openssl's."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from smbquic.options.certificate import IdentityFiles
from smbquic.pki import CertificateError, Purpose, verify
from smbquic.pki.explain import VerificationStatus
from smbquic.pki.server_certificate import ServerCertificate
from tests.certificates import bad, good
from tests.certificates.good import Good
from tests.certificates.making import RevocationLists, Shown, pem, world
from tests.certificates.page import page
from tests.certificates.row import ACCEPTED, NOT_ASKED, Bad

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "certificates-refused.md"

bad_rows = pytest.mark.parametrize(
    ("row", "purpose"),
    [(row, end) for row in bad.BAD for end in row.ends],
    ids=[f"{end}-{'-'.join(row.name.split())}" for row in bad.BAD for end in row.ends],
)
good_rows = pytest.mark.parametrize(
    ("row", "purpose"),
    [(row, end) for row in good.GOOD for end in row.ends],
    ids=[f"{end}-{'-'.join(row.name.split())}" for row in good.GOOD for end in row.ends],
)


def test_there_are_enough() -> None:
    for purpose in Purpose:
        assert len(bad.rows(purpose)) >= 30
        assert len(good.rows(purpose)) >= 10
    assert sum(len(bad.rows(purpose)) for purpose in Purpose) >= 40


def test_each_has_a_reason_of_its_own() -> None:
    told = Counter((row.reason, row.says) for row in bad.BAD)
    # A handshake shows that a key or bytes are the wrong ones, not how that came about.
    assert {row.name for row in bad.BAD if told[row.reason, row.says] > 1} == {
        "the intermediate comes first",
        "with another key",
        "bytes that are no certificate",
        "an intermediate that is no certificate",
    }


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text() == page(), (
        "run: python -m tests.certificates > docs/reference/certificates-refused.md"
    )


@bad_rows
def test_the_verdict(row: Bad, purpose: Purpose) -> None:
    chain = row.make(world(), purpose).chain
    trust = world().trust(row.lists)
    name = row.asked if purpose is Purpose.SERVER else None
    if row.reason == "wrong-key":
        # Whose key it is, a handshake tells.
        return
    with pytest.raises(CertificateError) as refused:
        verify(chain, purpose, trust, name=name)
    assert refused.value.reason == row.reason
    assert row.words(purpose) in str(refused.value)


@good_rows
def test_the_verdict_on_good_ones(row: Good, purpose: Purpose) -> None:
    chain = row.make(world(), purpose).chain
    name = row.asked if purpose is Purpose.SERVER else None
    path = verify(chain, purpose, world().trust(row.lists), name=name)
    assert path[-1] in world().anchors


@pytest.mark.parametrize("row", [row for row in bad.rows(Purpose.SERVER) if not row.refuses])
def test_what_a_server_finds_wrong_with_its_own(row: Bad, tmp_path: Path) -> None:
    files = row.make(world(), Purpose.SERVER).write(tmp_path, "bad")
    loaded = ServerCertificate.load(IdentityFiles(certificate=files.certificate, key=files.key))
    problem = any(each.status is VerificationStatus.PROBLEM for each in loaded.issues)
    assert any(row.at_start in each.text for each in loaded.issues) == bool(row.at_start)
    assert problem == (bool(row.at_start) and not row.warns)


# openssl as the reference implementation: it shares no code with us, nor with the library that
# builds the paths.


def openssl_verify(
    shown: Shown, purpose: Purpose, asked: str, lists: RevocationLists, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Return openssl's result for a chain, with the same name, authorities and revocation lists."""
    leaf, chain = folder / "leaf.pem", folder / "chain.pem"
    leaf.write_bytes(pem(shown.chain[:1]))
    chain.write_bytes(pem(shown.chain[1:]))
    ca, crl = world().write_trust(folder, lists)
    options = ["-purpose", f"ssl{purpose}", "-CAfile", ca]
    if len(shown.chain) > 1:
        options += ["-untrusted", chain]
    if purpose is Purpose.SERVER:
        is_address = asked.replace(".", "").isdigit()
        options += ["-verify_ip" if is_address else "-verify_hostname", asked]
    if crl is not None:
        options += ["-crl_check_all", "-CRLfile", crl]
    return subprocess.run(
        ["openssl", "verify", "-x509_strict", "-auth_level", "2", *map(str, options), str(leaf)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.debian("openssl")
@bad_rows
def test_openssl_agrees_or_we_say_why_not(row: Bad, purpose: Purpose, tmp_path: Path) -> None:
    if row.openssl == NOT_ASKED:
        return
    shown = row.make(world(), purpose)
    done = openssl_verify(shown, purpose, row.asked, row.lists, tmp_path)
    if row.openssl == ACCEPTED:
        assert (done.returncode, done.stderr) == (0, "")
        assert row.stricter
    else:
        assert done.returncode != 0
        assert row.openssl in done.stderr


@pytest.mark.debian("openssl")
@good_rows
def test_openssl_accepts_the_good_ones(row: Good, purpose: Purpose, tmp_path: Path) -> None:
    shown = row.make(world(), purpose)
    done = openssl_verify(shown, purpose, row.asked, row.lists, tmp_path)
    assert done.returncode == 0, done.stderr

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smbquic.pki import (
    KeyType,
    PkiDirectory,
    PkiError,
    Purpose,
    RevokedError,
    Trust,
    init,
    verify,
)
from smbquic.pki.checks import CertificateError, Reason
from smbquic.pki.container import ders
from smbquic.pki.files import load_certificates, load_crls, load_key
from smbquic.pki.issuing import due, files_of, issue, renew, replace_intermediate, revoke
from smbquic.pki.subject import mail_addresses, subject_names


@pytest.fixture
def own(tmp_path: Path) -> PkiDirectory:
    return init(tmp_path / "pki", names=["fs.example"])


def test_a_server_gets_its_own_name(own: PkiDirectory) -> None:
    files = issue(own, "fs2.example", Purpose.SERVER)
    chain = load_certificates(files.certificate)
    path = verify(ders(chain), Purpose.SERVER, Trust.load(own.ca, own.crl), name="fs2.example")
    assert len(path) == 3
    assert load_key(files.key).public_key() == chain[0].public_key()


def test_a_client_needs_no_name(own: PkiDirectory) -> None:
    files = issue(own, "alice", Purpose.CLIENT, common_name="Alice", days=7)
    (leaf, _) = load_certificates(files.certificate)
    verify(ders([leaf, *load_certificates(own.intermediate)]), Purpose.CLIENT, Trust.load(own.ca))
    assert "CN=Alice" in leaf.subject.rfc4514_string()
    assert subject_names(leaf) == []
    assert leaf.not_valid_after_utc < datetime.now(UTC) + timedelta(days=8)


def test_nothing_is_replaced(own: PkiDirectory) -> None:
    before = own.server.certificate.read_bytes()
    with pytest.raises(FileExistsError, match="renew it instead"):
        issue(own, "server", Purpose.SERVER)
    assert own.server.certificate.read_bytes() == before


@pytest.mark.parametrize("stem", ["", "ca", "intermediate", "crl", "../x", "a\\b", ".hidden"])
def test_names_that_files_cannot_have(own: PkiDirectory, stem: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        files_of(own, stem)


def test_an_encrypted_authority_asks_for_its_password(tmp_path: Path) -> None:
    locked = init(tmp_path / "locked", password="secret")
    assert locked.is_encrypted()
    for key in (locked.ca_key, locked.intermediate_key):
        assert b"ENCRYPTED" in key.read_bytes()
    assert b"ENCRYPTED" not in locked.server.key.read_bytes()
    with pytest.raises(PkiError, match="encrypted, and needs its password"):
        issue(locked, "alice", Purpose.CLIENT)
    with pytest.raises(PkiError, match="the password is wrong"):
        issue(locked, "alice", Purpose.CLIENT, password="wrong")
    assert not (locked.path / "alice.key").exists()
    assert issue(locked, "alice", Purpose.CLIENT, password="secret").key.exists()


def test_a_renewed_certificate_says_the_same(own: PkiDirectory) -> None:
    old = load_certificates(own.server.certificate)[0]
    renew(own, "server", now=datetime.now(UTC) + timedelta(days=300))
    new = load_certificates(own.server.certificate)[0]
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert new.subject == old.subject
    assert set(subject_names(new)) == set(subject_names(old))
    assert new.public_key() == old.public_key()


@pytest.mark.parametrize("kind", [KeyType.EC_P256, KeyType.RSA_2048, KeyType.RSA_3072])
def test_a_new_key_is_of_the_same_kind(own: PkiDirectory, kind: KeyType) -> None:
    files = issue(own, "fs", Purpose.SERVER, key_type=kind)
    before = load_key(files.key)
    renew(own, "fs", new_key=True)
    after = load_key(files.key)
    assert after.key_size == before.key_size
    assert type(after) is type(before)
    assert after.public_key() != before.public_key()
    assert load_certificates(files.certificate)[0].public_key() == after.public_key()


def test_only_what_is_ours_and_whole_is_renewed(own: PkiDirectory, pki: PkiDirectory) -> None:
    strange = files_of(own, "strange")
    strange.certificate.write_bytes(pki.server.certificate.read_bytes())
    strange.key.write_bytes(pki.server.key.read_bytes())
    with pytest.raises(PkiError, match="was not issued by"):
        renew(own, "strange")
    strange.key.write_bytes(pki.client.key.read_bytes())
    with pytest.raises(PkiError, match="is not the key of"):
        renew(own, "strange")


def test_a_client_is_named_by_an_e_mail_address(own: PkiDirectory) -> None:
    files = issue(own, "alice", Purpose.CLIENT, ["alice@corp.example", "pc7.corp.example"])
    renew(own, "alice")
    chain = load_certificates(files.certificate)
    verify(ders(chain), Purpose.CLIENT, Trust.load(own.ca, own.crl))
    assert mail_addresses(chain[0]) == ["alice@corp.example"]
    assert subject_names(chain[0]) == ["pc7.corp.example"]


@pytest.mark.parametrize(
    ("purpose", "name", "words"),
    [
        (Purpose.SERVER, "alice@corp.example", "a server is reached by a DNS name"),
        (Purpose.CLIENT, "älice@corp.example", "not an e-mail address such as"),
        (Purpose.CLIENT, "Alice <alice@corp.example>", "not an e-mail address such as"),
    ],
)
def test_addresses_that_are_none(
    own: PkiDirectory, purpose: Purpose, name: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        issue(own, "alice", purpose, [name])
    assert not files_of(own, "alice").certificate.exists()


def test_a_revoked_certificate_is_not_renewed(own: PkiDirectory) -> None:
    revoked = load_certificates(issue(own, "alice", Purpose.CLIENT).certificate)[0]
    revoke(own, revoked)
    for attempt in (renew, lambda pki, stem: issue(pki, stem, Purpose.CLIENT)):
        with pytest.raises(RevokedError, match=r"alice\.pem is revoked.*renew .* --force"):
            attempt(own, "alice")
    assert load_certificates(files_of(own, "alice").certificate)[0] == revoked
    files = renew(own, "alice", force=True, new_key=True)
    verify(ders(load_certificates(files.certificate)), Purpose.CLIENT, Trust.load(own.ca, own.crl))
    assert load_key(files.key).public_key() != revoked.public_key()


def test_another_intermediate_does_not_issue_what_was_revoked(own: PkiDirectory) -> None:
    alice = issue(own, "alice", Purpose.CLIENT)
    before = alice.certificate.read_bytes()
    revoke(own, load_certificates(alice.certificate)[0])
    assert replace_intermediate(own) == [own.client, own.server]
    assert alice.certificate.read_bytes() == before
    with pytest.raises(RevokedError):
        renew(own, "alice")


def test_without_the_lists_nothing_is_renewed(own: PkiDirectory) -> None:
    own.crl.unlink()
    with pytest.raises(PkiError, match=r"crl\.pem: cannot read the revocation list"):
        renew(own, "server")


def test_what_is_due(own: PkiDirectory) -> None:
    assert due(own) == []
    issue(own, "short", Purpose.CLIENT, days=20)
    assert due(own) == ["short"]
    assert due(own, within=10) == []
    assert due(own, within=400) == ["client", "server", "short"]
    end = load_certificates(own.path / "short.pem")[0].not_valid_after_utc
    assert due(own, within=10, now=end - timedelta(days=10)) == ["short"]
    assert due(own, within=10, now=end - timedelta(days=10, seconds=1)) == []
    (own.path / "short.key").unlink()
    assert due(own, now=end) == []


def test_revoked_ones_are_refused(own: PkiDirectory) -> None:
    files = issue(own, "alice", Purpose.CLIENT)
    chain = load_certificates(files.certificate)
    verify(ders(chain), Purpose.CLIENT, Trust.load(own.ca, own.crl))
    assert revoke(own, chain[0])
    assert not revoke(own, chain[0])
    client = load_certificates(own.client.certificate)
    verify(ders(client), Purpose.CLIENT, Trust.load(own.ca, own.crl))
    assert revoke(own, client[0])
    assert len(load_crls(own.crl)) == 2
    for each in (chain, client):
        with pytest.raises(CertificateError) as refused:
            verify(ders(each), Purpose.CLIENT, Trust.load(own.ca, own.crl))
        assert refused.value.reason == Reason.REVOKED


def test_others_certificates_are_not_ours_to_revoke(own: PkiDirectory, pki: PkiDirectory) -> None:
    with pytest.raises(PkiError, match="only its issuer can revoke it"):
        revoke(own, load_certificates(pki.client.certificate)[0])


def test_a_revoked_intermediate_takes_all_that_it_issued_with_it(own: PkiDirectory) -> None:
    (intermediate,) = load_certificates(own.intermediate)
    alice = load_certificates(issue(own, "alice", Purpose.CLIENT).certificate)
    revoke(own, alice[0])
    assert revoke(own, intermediate)
    assert not revoke(own, intermediate)
    trust = Trust.load(own.ca, own.crl)
    for files, purpose in ((own.server, Purpose.SERVER), (own.client, Purpose.CLIENT)):
        with pytest.raises(CertificateError, match=r"'smbquic issuer .*' was revoked") as refused:
            verify(ders(load_certificates(files.certificate)), purpose, trust)
        assert refused.value.reason == Reason.REVOKED
    with pytest.raises(PkiError, match="run: smbquic pki replace-intermediate"):
        issue(own, "bob", Purpose.CLIENT)
    with pytest.raises(PkiError, match=r"intermediate\.pem is revoked"):
        renew(own, "client")
    # The other list in the file is as it was, and still the first.
    assert [len(list(each)) for each in load_crls(own.crl)] == [1, 1]
    assert load_crls(own.crl)[0].issuer == intermediate.subject


def test_an_intermediate_is_revoked_with_the_key_of_the_root(tmp_path: Path) -> None:
    locked = init(tmp_path / "locked", password="secret")
    (intermediate,) = load_certificates(locked.intermediate)
    with pytest.raises(PkiError, match=r"ca\.key: the password is wrong"):
        revoke(locked, intermediate, password="wrong")
    assert revoke(locked, intermediate, password="secret")
    locked.ca_key.unlink()
    (client, _) = load_certificates(locked.client.certificate)
    assert revoke(locked, client, password="secret")
    with pytest.raises(PkiError, match=r"ca\.key"):
        revoke(locked, intermediate, password="secret")


def test_a_root_cannot_be_revoked(own: PkiDirectory) -> None:
    with pytest.raises(PkiError, match="is the root and cannot be revoked"):
        revoke(own, load_certificates(own.ca)[0])


def test_another_intermediate_takes_over(own: PkiDirectory, pki: PkiDirectory) -> None:
    alice = issue(own, "alice", Purpose.CLIENT)
    strange = files_of(own, "strange")
    strange.certificate.write_bytes(pki.server.certificate.read_bytes())
    strange.key.write_bytes(pki.server.key.read_bytes())
    gone = load_certificates(issue(own, "gone", Purpose.CLIENT).certificate)
    files_of(own, "gone").key.unlink()
    before = load_certificates(own.server.certificate)
    root = own.ca.read_bytes()

    replaced = replace_intermediate(own)

    assert replaced == [alice, own.client, own.server]
    assert own.ca.read_bytes() == root
    assert strange.certificate.read_bytes() == pki.server.certificate.read_bytes()
    trust = Trust.load(own.ca, own.crl)
    for files, purpose in zip(replaced, ("client", "client", "server"), strict=True):
        chain = load_certificates(files.certificate)
        path = verify(ders(chain), Purpose(purpose), trust)
        assert chain[1] == path[1] == load_certificates(own.intermediate)[0]
        assert load_key(files.key).public_key() == chain[0].public_key()
    after = load_certificates(own.server.certificate)
    assert (after[0].subject, subject_names(after[0])) == (
        before[0].subject,
        subject_names(before[0]),
    )
    for former, purpose in ((before, Purpose.SERVER), (gone, Purpose.CLIENT)):
        with pytest.raises(CertificateError, match="was revoked"):
            verify(ders(former), purpose, trust)
    # It issues, renews and revokes as the old one did.
    renew(own, "alice")
    assert revoke(own, load_certificates(alice.certificate)[0])


def test_a_locked_intermediate_is_replaced_by_one(tmp_path: Path) -> None:
    locked = init(tmp_path / "locked", password="secret")
    before = locked.intermediate_key.read_bytes()
    with pytest.raises(PkiError, match="the password is wrong"):
        replace_intermediate(locked, password="wrong")
    assert locked.intermediate_key.read_bytes() == before
    replace_intermediate(locked, password="secret")
    assert b"ENCRYPTED" in locked.intermediate_key.read_bytes()
    assert issue(locked, "alice", Purpose.CLIENT, password="secret").key.exists()


def test_how_long_what_is_issued_is_valid(own: PkiDirectory) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    early = timedelta(minutes=10)
    day = timedelta(days=1)

    def validity(path: Path) -> tuple[timedelta, timedelta]:
        found = load_certificates(path)[0]
        return found.not_valid_before_utc - now, found.not_valid_after_utc - now

    alice = issue(own, "alice", Purpose.CLIENT, days=7, now=now).certificate
    assert validity(alice) == (-early, 7 * day)
    renew(own, "alice", days=9, now=now + day)
    assert validity(alice) == (day - early, 10 * day)
    end = load_certificates(own.intermediate)[0].not_valid_after_utc
    renew(own, "alice", now=end - day)
    assert validity(alice) == (end - now - day - early, end - now)
    before = load_certificates(own.intermediate)[0]
    (own.path / "alice.key").unlink()
    replace_intermediate(own, now=now + day)
    (root,) = load_certificates(own.ca)
    new = load_certificates(own.intermediate)[0]
    assert validity(own.intermediate) == (day - early, root.not_valid_after_utc - now)
    assert validity(own.server.certificate) == (day - early, 398 * day)
    assert new.subject != before.subject
    assert len(new.subject.rfc4514_string()) == len("CN=smbquic issuer 01234567,O=smbquic")
    lists = {each.issuer: each for each in load_crls(own.crl)}
    entry = lists[root.subject].get_revoked_certificate_by_serial_number(before.serial_number)
    assert entry is not None
    assert entry.revocation_date_utc == now + day
    assert lists[new.subject].last_update_utc == now + day - early


def test_earlier_revocations_keep_their_date(own: PkiDirectory) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    leaves = [
        load_certificates(issue(own, name, Purpose.CLIENT).certificate)[0]
        for name in ("alice", "bob")
    ]
    moments = [now - timedelta(days=2), now]
    for leaf, moment in zip(leaves, moments, strict=True):
        assert revoke(own, leaf, now=moment)
    assert not revoke(own, leaves[0], now=now)
    listed = next(each for each in load_crls(own.crl) if each.issuer == leaves[0].issuer)
    assert [(each.serial_number, each.revocation_date_utc) for each in listed] == list(
        zip((leaf.serial_number for leaf in leaves), moments, strict=True)
    )


def test_the_first_name_is_the_common_name_unless_one_is_given(own: PkiDirectory) -> None:
    def common_name(stem: str, purpose: Purpose, *names: str, **more: str) -> str:
        files = issue(own, stem, purpose, names, common_name=more.get("common_name"))
        return load_certificates(files.certificate)[0].subject.rfc4514_string().split(",")[0]

    assert common_name("fs1", Purpose.SERVER, "b.example", "a.example") == "CN=b.example"
    assert common_name("fs2", Purpose.SERVER) == "CN=fs2"
    assert common_name("alice", Purpose.CLIENT) == "CN=alice"
    assert common_name("bob", Purpose.CLIENT, "bob@x.example", common_name="Bob") == "CN=Bob"


def test_one_file_that_is_there_is_enough_to_refuse(own: PkiDirectory) -> None:
    alice = issue(own, "alice", Purpose.CLIENT)
    key = alice.key.read_bytes()
    alice.certificate.unlink()
    with pytest.raises(FileExistsError, match=r"renew it instead.*alice\.key"):
        issue(own, "alice", Purpose.CLIENT)
    assert alice.key.read_bytes() == key
    assert not alice.certificate.exists()

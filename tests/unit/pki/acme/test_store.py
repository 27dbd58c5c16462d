"""The files of an ACME certificate."""

import os
from pathlib import Path

import pytest

from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.pki import PkiDirectory, PkiError
from smbquic.pki.acme.store import AcmeAccount, AcmeStore, with_acme
from tests.unit.privileges import as_nobody


def options(state: Path | None, **given: object) -> AcmeOptions:
    return AcmeOptions(
        **{"names": ("fs.example",), "directory": "https://ca.example:14000/dir", **given},  # type: ignore[arg-type]
        state=state,
    )


@pytest.fixture
def store(tmp_path: Path) -> AcmeStore:
    store = AcmeStore(options(tmp_path / "state"))
    store.prepare()
    return store


def test_where_the_files_are(store: AcmeStore, tmp_path: Path) -> None:
    assert store.certificate == tmp_path / "state" / "ca.example_14000_dir" / "fs.example.pem"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").glob("**/")} == {0o700}


def test_the_default_is_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.pki.acme.store.user_data_directory", lambda: tmp_path)
    assert AcmeStore(options(None)).certificate.is_relative_to(tmp_path / "acme")


@pytest.mark.parametrize(
    ("directory", "folder"),
    [
        ("https://CA.example/a/../../b", "ca.example_a_.._.._b"),
        ("https://../../etc", "_.._etc"),
        ("https://ca.example/\n\0", "ca.example_"),
    ],
)
def test_no_url_leads_out_of_the_folder(tmp_path: Path, directory: str, folder: str) -> None:
    store = AcmeStore(options(tmp_path, directory=directory))
    assert store.certificate.parent == tmp_path / folder


def test_a_wildcard_is_a_file_name_too(tmp_path: Path) -> None:
    made = options(tmp_path, names=("*.example",), challenge="dns-01", hook=Path("hook"))
    assert AcmeStore(made).certificate.name == "_.example.pem"


def test_certificate_and_key_in_one_file(store: AcmeStore, pki: PkiDirectory) -> None:
    assert store.credential() is None
    server = pki.server
    store.save(server.key.read_bytes(), server.certificate.read_bytes())
    credential = store.credential()
    assert credential is not None
    assert credential.certificate_pem == server.certificate.read_bytes()
    assert credential.key.public_key() == credential.certificate.public_key()
    assert len(credential.chain) == 1
    assert store.certificate.stat().st_mode & 0o777 == 0o600


def test_a_damaged_certificate(store: AcmeStore) -> None:
    store.certificate.write_text("nothing")
    with pytest.raises(PkiError, match=r"fs\.example\.pem"):
        store.credential()


def test_the_account(store: AcmeStore) -> None:
    assert store.account() is None
    account = AcmeAccount(b"key", "https://ca.example/1")
    store.save_account(account)
    assert store.account() == account
    [file] = store.certificate.parent.glob("account*")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"key": 1, "url": ""}', "null"])
def test_a_damaged_account(store: AcmeStore, content: str) -> None:
    (store.certificate.parent / "account.json").write_text(content)
    with pytest.raises(PkiError, match="no ACME account"):
        store.account()


def test_one_process_at_a_time(store: AcmeStore) -> None:
    with store.locked() as first:
        assert first
        with store.locked() as second:
            assert not second
    with store.locked() as again:
        assert again


def test_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with as_nobody(), pytest.raises(PkiError, match="this user cannot write there"):
        AcmeStore(options(tmp_path / "state")).prepare()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(PkiError, match="name another folder for the ACME certificate"):
        AcmeStore(options(tmp_path / "state")).prepare()


def test_the_certificate_is_one_of_the_servers(tmp_path: Path) -> None:
    acme = options(tmp_path)
    file = AcmeStore(acme).certificate
    other = IdentityFiles(certificate=Path("other.pem"), key=Path("other.key"))
    own = IdentityFiles(certificate=file, key=file, allow=["san:*"])
    assert with_acme([other], None) == (other,)
    [alone] = with_acme([], acme)
    assert (alone.certificate, alone.key, alone.default) == (file, file, True)
    assert [each.default for each in with_acme([other], acme)] == [False, False]
    assert with_acme([own, other], acme) == (own, other)
    assert os.fspath(file).startswith(os.fspath(tmp_path))

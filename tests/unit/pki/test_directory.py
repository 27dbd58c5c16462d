import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from smbquic.pki import KeyType, PkiDirectory, PkiError, init
from smbquic.pki.files import load_certificates, load_key

FILES = {
    "ca.pem",
    "ca.key",
    "intermediate.pem",
    "intermediate.key",
    "server.pem",
    "server.key",
    "client.pem",
    "client.key",
    "crl.pem",
}


def dns_names(path: Path) -> list[str]:
    extensions = load_certificates(path)[0].extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def common_name(path: Path) -> object:
    subject = load_certificates(path)[0].subject
    return subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def test_init_writes_these_files_and_no_others(tmp_path: Path) -> None:
    pki = init(tmp_path / "deep" / "pki")
    assert {path.name for path in pki.path.iterdir()} == FILES
    assert {path.name for path in pki.files} == FILES
    assert [path.name for path in pki.path.parent.iterdir()] == ["pki"]
    for path in pki.path.iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == 0o600 if path.suffix == ".key" else mode & 0o133 == 0, path
    assert stat.S_IMODE(pki.path.stat().st_mode) == 0o700


def test_every_key_belongs_to_its_certificate(pki: PkiDirectory) -> None:
    keys = set()
    for path in pki.path.glob("*.key"):
        key = load_key(path).public_key()
        assert load_certificates(path.with_suffix(".pem"))[0].public_key() == key
        keys.add(key.public_numbers())
    assert len(keys) == 4


def test_names(tmp_path: Path) -> None:
    plain = init(tmp_path / "plain")
    assert dns_names(plain.server.certificate) == ["localhost"]
    assert common_name(plain.server.certificate) == "localhost"
    named = init(tmp_path / "named", names=["fs.example", "localhost", "b.example"])
    assert dns_names(named.server.certificate) == ["localhost", "fs.example", "b.example"]
    assert common_name(named.server.certificate) == "fs.example"


def test_two_roots_have_two_names(pki: PkiDirectory, tmp_path: Path) -> None:
    assert common_name(init(tmp_path / "other").ca) != common_name(pki.ca)


def test_lifetimes(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    pki = init(tmp_path / "pki", now=now)
    leaf, issuer = load_certificates(pki.server.certificate)
    assert leaf.not_valid_after_utc == now + timedelta(days=397)
    assert issuer.not_valid_after_utc == now + timedelta(days=3650)


def test_rsa_on_request(tmp_path: Path) -> None:
    pki = init(tmp_path / "pki", key_type=KeyType.RSA_2048)
    assert {load_key(path).key_size for path in pki.path.glob("*.key")} == {2048}


def test_an_existing_directory_keeps_what_else_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    pki = init(tmp_path)
    assert pki.ca.exists()
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"notes.txt"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match="a PKI here already") as caught:
        init(tmp_path)
    assert caught.value.filename == str(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_bad_name_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a DNS name"):
        init(tmp_path / "pki", names=["not a name"])
    assert list(tmp_path.iterdir()) == []


def test_a_faster_rival_in_a_new_directory_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pki"
    rename = Path.rename

    def lose(self: Path, other: Path) -> Path:
        monkeypatch.undo()
        init(target)
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", lose)
    with pytest.raises(FileExistsError, match="has just made a PKI here"):
        init(target)
    assert {path.name for path in target.iterdir()} == FILES
    assert list(tmp_path.iterdir()) == [target]


def test_a_faster_rival_in_an_existing_directory_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.hardlink_to

    def lose(self: Path, other: Path) -> None:
        if self.name == "crl.pem":
            self.write_text("the rival's")
        link(self, other)

    monkeypatch.setattr(Path, "hardlink_to", lose)
    with pytest.raises(FileExistsError):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["crl.pem"]
    assert (tmp_path / "crl.pem").read_text() == "the rival's"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        init(tmp_path / "file" / "pki")
    with pytest.raises(FileExistsError):
        init(tmp_path / "file")


def test_other_failures_of_the_rename_are_told_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, other: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(other))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        init(tmp_path / "pki")
    assert list(tmp_path.iterdir()) == []


def test_the_issuer_signs_with_the_intermediate(pki: PkiDirectory) -> None:
    issuer = pki.issuer()
    assert [issuer.certificate] == load_certificates(pki.intermediate)
    assert issuer.chain == (issuer.certificate,)


def test_an_issuer_with_a_foreign_key_is_refused(pki: PkiDirectory, tmp_path: Path) -> None:
    copy = PkiDirectory(tmp_path / "copy")
    shutil.copytree(pki.path, copy.path)
    shutil.copy(pki.ca_key, copy.intermediate_key)
    with pytest.raises(PkiError, match=r"intermediate\.key is not the key of .*intermediate\.pem"):
        copy.issuer()

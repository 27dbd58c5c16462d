import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.pki import (
    PkiDirectory,
    PkiError,
    Purpose,
    RevokedError,
    Trust,
    ensure_private_ca,
    init,
    user_data_directory,
    verify,
)
from smbquic.pki.files import load_certificates
from smbquic.pki.issuing import revoke
from smbquic.pki.subject import now_utc

NOW = now_utc()


def contents(pki: PkiDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pki.path.iterdir()}


def changed(before: dict[str, bytes], pki: PkiDirectory) -> set[str]:
    after = contents(pki)
    assert before.keys() == after.keys()
    return {name for name in after if before[name] != after[name]}


def test_it_is_made_once_and_then_kept(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, ["fs.example"], now=NOW)
    assert pki.path == tmp_path / "pki"
    before = contents(pki)
    assert ensure_private_ca(tmp_path, ["FS.example"], now=NOW + timedelta(days=300)) == pki
    assert ensure_private_ca(tmp_path) == pki
    assert changed(before, pki) == set()


def test_the_leaf_is_renewed_with_the_same_key_and_names(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, ["fs.example", "192.0.2.1"], now=NOW)
    before = contents(pki)
    later = NOW + timedelta(days=368)
    ensure_private_ca(tmp_path, now=later)
    assert changed(before, pki) == {"server.pem"}
    chain = load_certificates(pki.server.certificate)
    assert chain[0].not_valid_after_utc > later + timedelta(days=390)
    trust = Trust.load(pki.ca, pki.crl)
    der = [each.public_bytes(Encoding.DER) for each in chain]
    for name in ("localhost", "::1", "fs.example", "192.0.2.1"):
        assert len(verify(der, Purpose.SERVER, trust, name=name, at=later)) == 3


def test_a_new_name_is_added_to_the_old_ones(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, ["old.example"], now=NOW)
    before = contents(pki)
    ensure_private_ca(tmp_path, ["new.example", "192.0.2.9"], now=NOW)
    assert changed(before, pki) == {"server.pem"}
    leaf = load_certificates(pki.server.certificate)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "old.example", "new.example"]
    assert ip_address("192.0.2.9") in names.get_values_for_type(x509.IPAddress)


def test_a_renewed_leaf_ends_with_its_issuer(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, now=NOW)
    ensure_private_ca(tmp_path, now=NOW + timedelta(days=3500))
    leaf, issuer = load_certificates(pki.server.certificate)
    assert leaf.not_valid_after_utc == issuer.not_valid_after_utc


def test_at_the_end_of_the_root_somebody_has_to_act(tmp_path: Path) -> None:
    ensure_private_ca(tmp_path, now=NOW)
    with pytest.raises(PkiError, match=r"expires on 20..-..-..; move it away, start again"):
        ensure_private_ca(tmp_path, now=NOW + timedelta(days=3630))


def test_a_revoked_leaf_is_neither_served_nor_renewed(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, ["fs.example"], now=NOW)
    leaf = load_certificates(pki.server.certificate)[0]
    revoke(pki, leaf)
    for later in (timedelta(), timedelta(days=390)):
        with pytest.raises(RevokedError, match=r"pki renew .* server --new-key --force"):
            ensure_private_ca(tmp_path, ["fs.example"], now=NOW + later)
    assert load_certificates(pki.server.certificate)[0] == leaf


def test_a_damaged_directory_is_told_and_left_alone(tmp_path: Path) -> None:
    pki = ensure_private_ca(tmp_path, now=NOW)
    pki.server.key.unlink()
    with pytest.raises(PkiError, match=r"server\.key: cannot read"):
        ensure_private_ca(tmp_path, now=NOW)
    assert not pki.server.key.exists()


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ensure_private_ca(tmp_path), range(8)))
    assert set(made) == {PkiDirectory(tmp_path / "pki")}
    assert [path.name for path in tmp_path.iterdir()] == ["pki"]
    assert len(contents(made[0])) == 9


def test_a_rival_that_was_faster_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = init(tmp_path / "ready", names=["fs.example"])

    def lose(path: Path, **options: object) -> PkiDirectory:
        shutil.copytree(ready.path, path)
        return init(path)

    monkeypatch.setattr("smbquic.pki.private.init", lose)
    pki = ensure_private_ca(tmp_path / "data", ["fs.example"])
    assert contents(pki) == contents(ready)


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "home/.local/share/smbquic"),
        ("linux", {"XDG_DATA_HOME": "/srv/data"}, "/srv/data/smbquic"),
        ("darwin", {}, "home/Library/Application Support/smbquic"),
        ("win32", {}, "home/AppData/Local/smbquic"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/smbquic"),
    ],
)
def test_the_users_data_directory(
    platform: str,
    environment: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert user_data_directory() == tmp_path / expected

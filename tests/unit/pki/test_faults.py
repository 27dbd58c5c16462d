import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, faults, write_faults
from smbquic.pki.files import load_certificates, load_crls, load_key
from smbquic.pki.subject import now_utc


def test_the_set_is_complete(bad_pki: FaultyPki) -> None:
    expected = {
        f"{purpose}-{fault}.{suffix}"
        for purpose in Purpose
        for fault in Fault
        for suffix in ("pem", "key")
        if (purpose, fault) != (Purpose.CLIENT, Fault.WRONG_NAME)
    }
    assert {path.name for path in bad_pki.path.iterdir()} == expected | {"crl.pem"}
    for path in bad_pki.path.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        certificate = load_certificates(path.with_suffix(".pem"))[0]
        assert certificate.public_key() == load_key(path).public_key()


def test_only_one_key_is_weak(bad_pki: FaultyPki) -> None:
    key = load_key(bad_pki.server(Fault.RSA_1024).key)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 1024
    assert load_key(bad_pki.server(Fault.EXPIRED).key).key_size == 256


def test_how_long_the_faulty_ones_are_valid(
    pki: PkiDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_utc()
    monkeypatch.setattr(faults, "now_utc", lambda: now)
    faulty = write_faults(tmp_path / "bad", pki)
    day = timedelta(days=1)

    def validity(fault: Fault) -> tuple[timedelta, timedelta]:
        found = load_certificates(faulty.server(fault).certificate)[0]
        return found.not_valid_before_utc - now, found.not_valid_after_utc - now

    usual = (-timedelta(minutes=10), 397 * day)
    assert {fault: validity(fault) for fault in Fault} == {
        **dict.fromkeys(Fault, usual),
        Fault.EXPIRED: (-30 * day, -day),
        Fault.NOT_YET_VALID: (day, 30 * day),
    }
    (listed,) = load_crls(faulty.crl)
    assert [(each.serial_number, each.revocation_date_utc) for each in listed] == [
        (load_certificates(faulty.files(purpose, Fault.REVOKED).certificate)[0].serial_number, now)
        for purpose in Purpose
    ]


def test_the_good_pki_is_not_touched(pki: PkiDirectory, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in pki.path.iterdir()}
    faulty = write_faults(tmp_path / "bad", pki, names=["only.example"])
    assert {path: path.read_bytes() for path in pki.path.iterdir()} == before
    assert faulty.ca == pki.ca

"""The private PKI of a server that has no certificate from elsewhere."""

import os
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from smbquic.errors import PkiError
from smbquic.pki.authority import Validity
from smbquic.pki.directory import LEAF_DAYS, CertificateFiles, PkiDirectory, init
from smbquic.pki.files import RevokedError, load_certificates, load_key
from smbquic.pki.issuing import is_revoked
from smbquic.pki.subject import Purpose, general_name, now_utc, subject_names

RENEW_BEFORE = timedelta(days=30)
"""How long before its end a certificate of the private CA is replaced."""


def user_data_directory() -> Path:
    """Return the folder for data of this user, ending in ``smbquic``."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "smbquic"


def ensure_private_ca(
    data_directory: Path, names: Iterable[str] = (), *, now: datetime | None = None
) -> PkiDirectory:
    """Return the PKI under `data_directory`; make it, or renew its certificate, if needed.

    The server's certificate is issued anew, with the same key, when it ends within `RENEW_BEFORE`
    or does not carry every one of `names`; names that it already carries stay. The root stays the
    same, so that clients that trust it go on trusting it. Several processes may call this at once.
    Raises `RevokedError` where the server's certificate is revoked, `PkiError` for a directory that
    is damaged or too old, `ValueError` for a name that is none, and `OSError`.
    """
    now = now or now_utc()
    pki = PkiDirectory(data_directory / "pki")
    names = tuple(names)
    if not pki.path.exists():
        try:
            return init(pki.path, names=names, now=now)
        except FileExistsError:
            # Another process made it in the meantime, and whole: use that one.
            pass
    _renew_server(pki, names, now)
    return pki


def _renew_server(pki: PkiDirectory, names: tuple[str, ...], now: datetime) -> None:
    files: CertificateFiles = pki.server
    current = load_certificates(files.certificate)[0]
    if is_revoked(pki, current):
        raise RevokedError(
            f"{files.certificate} is revoked: give the server a certificate with --cert, or make"
            f" another here: smbquic pki renew {pki.path} server --new-key --force"
        )
    key = load_key(files.key)
    present = subject_names(current)
    wanted = {general_name(name) for name in names}
    fresh = current.not_valid_after_utc - now > RENEW_BEFORE
    if fresh and wanted <= {general_name(name) for name in present}:
        return
    issuer = pki.issuer()
    end = issuer.certificate.not_valid_after_utc
    if end - now <= RENEW_BEFORE:
        raise PkiError(
            f"the private CA in {pki.path} expires on {end:%Y-%m-%d}; move it away, start again, "
            "and make the clients trust the new ca.pem"
        )
    common_name = current.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    validity = Validity.starting(now, LEAF_DAYS).within(issuer.certificate)
    files.write(issuer.issue(Purpose.SERVER, str(common_name), key, validity, (*present, *names)))

"""The files of a server with an ACME certificate: the account, and the certificate with its key.

    STATE/DIRECTORY/account.json      the account's key and URL
    STATE/DIRECTORY/NAME.pem          the key, the certificate and its chain

Each file is replaced as a whole, so that no crash leaves a certificate without its key. All are
readable by their owner only.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Sequence

from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.authority import Credential
from smbquic.pki.container import read_credential
from smbquic.pki.files import PRIVATE, write_file
from smbquic.pki.private import user_data_directory

_PRIVATE_FOLDER = 0o700
_OTHERS = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class AcmeAccount:
    """An account at an ACME server: its private key, PEM, and its URL."""

    key_pem: bytes
    url: str


class AcmeStore:
    """The files for one certificate. `certificate` is the file for `IdentityFiles`."""

    def __init__(self, options: AcmeOptions) -> None:
        self._state = options.state or user_data_directory() / "acme"
        self._folder = self._state / _file_name(options.directory.removeprefix("https://"))
        self._account = self._folder / "account.json"
        self.certificate = self._folder / f"{_file_name(options.names[0])}.pem"

    def prepare(self) -> None:
        """Make the folders. Raises `PkiError` where this user cannot write there."""
        try:
            self._state.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
            self._folder.mkdir(_PRIVATE_FOLDER, exist_ok=True)
            with self.locked():
                pass
        except OSError as error:
            raise PkiError(
                f"{error.filename}: this user cannot write there: {error.strerror}; name another"
                " folder for the ACME certificate with state in the table acme"
            ) from error

    def credential(self) -> Credential | None:
        """Return the certificate with its key; None without one. Raises `PkiError`."""
        if not self.certificate.exists():
            return None
        return read_credential(self.certificate, self.certificate)

    def save(self, key_pem: bytes, chain_pem: bytes) -> None:
        """Replace the certificate and its key. Raises `OSError`."""
        # The key first: the certificates end the file.
        write_file(self.certificate, key_pem + chain_pem, PRIVATE)

    def account(self) -> AcmeAccount | None:
        """Return the account at the ACME server; None without one. Raises `PkiError`."""
        try:
            found = json.loads(self._account.read_text())
            return AcmeAccount(found["key"].encode(), found["url"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PkiError(
                f"{self._account}: this is no ACME account: {error}; move it away, and the server"
                " makes another"
            ) from error

    def save_account(self, account: AcmeAccount) -> None:
        """Store the account. Raises `OSError`."""
        content = {"url": account.url, "key": account.key_pem.decode()}
        write_file(self._account, json.dumps(content, indent=1).encode(), PRIVATE)

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Keep other processes from obtaining a certificate here; False if one does so now."""
        try:
            import fcntl
        except ImportError:
            # Windows: two servers may both renew, and the later certificate stays.
            yield True
            return
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)


def with_acme(
    certificates: Sequence[IdentityFiles], acme: AcmeOptions | None
) -> tuple[IdentityFiles, ...]:
    """Return the certificates, and the one from the ACME server if it is not one of them."""
    if acme is None:
        return tuple(certificates)
    file = AcmeStore(acme).certificate
    if any(each.certificate == file for each in certificates):
        return tuple(certificates)
    return (*certificates, IdentityFiles(certificate=file, key=file, default=not certificates))


def _file_name(text: str) -> str:
    """Return a text as the name of a file, without leading dots."""
    return _OTHERS.sub("_", text.casefold()).lstrip(".")

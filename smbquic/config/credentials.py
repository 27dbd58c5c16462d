"""Where a client finds a password: in a file of its own, an authentication file, the keyring."""

from pathlib import Path

from smbquic.auth.secret_files import exposure
from smbquic.client.url import SmbUrl
from smbquic.errors import ConfigError
from smbquic.lazy_dataclass import dataclass

SERVICE = "smbquic"
"""The service name of this program's passwords in the keyring."""

_KEYS = ("username", "password", "domain")
# For Kerberos, which this client does not speak.
_IGNORED = "realm"


@dataclass(frozen=True, slots=True)
class Login:
    """The contents of an authentication file. Without a password line `password` is None."""

    user: str = ""
    domain: str = ""
    password: str | None = None


def read_password(path: Path) -> str:
    """Return the password on the first line of a file. Raises `ConfigError`."""
    return _secret(path).partition("\n")[0].rstrip("\r")


def read_authentication_file(path: Path) -> Login:
    """Read a file as smbclient's ``-A`` does: lines of ``username = alice``.

    Empty lines and comments, which begin with ``#`` or ``;``, are skipped. Raises `ConfigError`.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_secret(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        key, separator, value = line.partition("=")
        key = key.strip().casefold()
        if not separator or key not in (*_KEYS, _IGNORED):
            raise ConfigError(
                f"{path}:{number}: this is no line of an authentication file: write"
                " username = NAME, password = PASSWORD or domain = DOMAIN"
            )
        found[key] = value.lstrip()
    return Login(found.get("username", ""), found.get("domain", ""), found.get("password"))


def _secret(path: Path) -> str:
    try:
        problem = exposure(path, "password")
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is not UTF-8 text; save it as such") from error
    if problem is not None:
        raise ConfigError(problem)
    return text


def keyring_password(url: SmbUrl) -> str:
    """Return the password of a URL's user from the system's keyring. Raises `ConfigError`."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise ConfigError(
            "the package keyring is not installed: run pip install 'smbquic[keyring]'"
        ) from error
    name = keyring_name(url)
    try:
        password = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise ConfigError(f"the keyring gave no password for {name}: {error}") from error
    if password is None:
        raise ConfigError(
            f"the keyring has no password for {name}: store it with keyring set {SERVICE} '{name}'"
        )
    return password


def keyring_name(url: SmbUrl) -> str:
    """Return the name under which the keyring has the password of a URL's user."""
    domain = f"{url.domain};" if url.domain else ""
    return f"{domain}{url.user}@{url.host}"

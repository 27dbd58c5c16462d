"""The format of a server's connection IDs, made of its options and of the file with its key."""

from pathlib import Path

from smbquic.auth.secret_files import exposure
from smbquic.errors import ConfigError
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.transport.quic.connection_ids import ConnectionIdFormat


def connection_id_format(options: ConnectionIdOptions) -> ConnectionIdFormat:
    """Return the format.

    Raises `ConfigError` for a file that has no key or that others can read, and for wrong sizes.
    """
    key = None if options.key_file is None else _key(options.key_file)
    try:
        return ConnectionIdFormat(
            server_id=options.server_id or b"",
            key=key,
            nonce_size=options.nonce_size,
            rotation=options.rotation,
        )
    except ValueError as error:
        raise ConfigError(f"connection_ids: {error}") from error


def _key(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        exposed = exposure(path, "key")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if exposed is not None:
        raise ConfigError(exposed)
    try:
        return bytes.fromhex(content.decode("ascii"))
    except ValueError as error:
        raise ConfigError(
            f"{path}: the key of connection IDs is 32 hexadecimal digits: make one with"
            " openssl rand -hex 16"
        ) from error

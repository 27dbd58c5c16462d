"""The exception tree of the package.

A caller catches by what it can do about the failure: a peer that broke the protocol
(`RemoteProtocolError`), a path that does not carry us (`TransportError`), credentials that were
refused (`AuthenticationError`), or a server that understood the request and said no
(`StatusError`, whose subclasses also inherit the matching builtin, so that
``except FileNotFoundError`` works).
"""

from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL

from smbquic.ntstatus import NtStatus


class SmbError(Exception):
    """Root of every error that this package raises on purpose."""


class ProtocolError(SmbError):
    """The SMB protocol was broken, by us or by the peer."""


class LocalProtocolError(ProtocolError):
    """A call that the protocol or the connection's state forbids; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol forbids; the connection cannot go on.

    `status` hints at the NTSTATUS that a server may answer before it hangs up.
    """

    def __init__(self, message: str, status: NtStatus = NtStatus.INVALID_PARAMETER) -> None:
        super().__init__(message)
        self.status = status


class WireError(RemoteProtocolError):
    """Bytes that do not decode to the structure they should be."""


class SecurityError(RemoteProtocolError):
    """A signature, an encrypted message or a negotiation that does not verify."""

    def __init__(self, message: str, status: NtStatus = NtStatus.ACCESS_DENIED) -> None:
        super().__init__(message, status)


class TransportError(SmbError):
    """The transport does not carry messages (any more)."""


class ConnectError(TransportError):
    """No connection could be made: name, network, port."""


class ListenError(TransportError, OSError):
    """An address that cannot be listened on. `address` is its URL, `errno` the system's reason."""

    def __init__(self, address: str, cause: OSError) -> None:
        super().__init__(cause.errno, cause.strerror)
        self.address = address

    def __str__(self) -> str:
        place = self.address.rpartition(":")[0]
        return f"cannot listen on {self.address}: " + {
            EADDRINUSE: "another program has the port; end that one, or use another port,"
            f" such as {place}:{EXAMPLE_PORT}",
            EACCES: "ports below 1024 need the right to (CAP_NET_BIND_SERVICE); use a higher port,"
            f" such as {place}:{EXAMPLE_PORT}",
            EADDRNOTAVAIL: "this machine does not have that address",
        }.get(self.errno or 0, str(self.strerror))


EXAMPLE_PORT = 8443
"""The port that errors propose where port 443 cannot be had."""


class HandshakeError(TransportError):
    """The peer was reached, but TLS or ALPN failed. `reason` is a machine-readable word for it.

    `by_peer` says that it was the peer who refused us, with a TLS alert.
    """

    def __init__(self, message: str, reason: str = "handshake", *, by_peer: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.by_peer = by_peer


class ConnectionClosed(TransportError):  # noqa: N818  (an end, not always an error)
    """The connection ended while it was still needed.

    `sent` says that a request had been sent, which the server may have carried out.
    """

    sent = False


class IdleTimeout(ConnectionClosed):
    """The connection ended because nothing was received from the peer for too long."""


class OpenLostError(ConnectionClosed):
    """The connection was lost, and a file that was open is not there to be opened again."""


class UnflushedError(TransportError):
    """The connection was lost before a FLUSH, and the server may have lost what was written.

    Only if its machine failed, which a client cannot tell from a failure of the network. The file
    is open again: what was written since the last FLUSH has to be written or verified once more.
    """


class AuthenticationError(SmbError):
    """The credentials were refused, or the exchange that proves them failed."""

    def __init__(self, message: str, status: NtStatus = NtStatus.LOGON_FAILURE) -> None:
        super().__init__(message)
        self.status = status


class StatusError(SmbError):
    """The server's NTSTATUS said no.

    On the server a handler raises it; exactly one place makes an error response of it. `data`
    is the ErrorData that goes along with some of them ([MS-SMB2] 2.2.2).
    """

    def __init__(
        self, status: NtStatus, command: str = "", path: str = "", data: bytes = b""
    ) -> None:
        self.status = status
        self.command = command
        self.path = path
        self.data = data
        super().__init__(status, command, path)

    def __str__(self) -> str:
        text = self.status.meaning
        if self.path:
            text = f"{self.path}: {text}"
        if self.command:
            text = f"{self.command}: {text}"
        return f"{text} ({self.status.label})"

    @staticmethod
    def of(status: NtStatus, command: str = "", path: str = "", data: bytes = b"") -> "StatusError":
        """Return an error of the most specific subclass for this status."""
        return _BY_STATUS.get(status, StatusError)(status, command, path, data)


class UrlError(SmbError, ValueError):
    """A URL that does not say where to go. The message says what is wrong with it."""


class PathError(LocalProtocolError, ValueError):
    """A path that cannot name anything inside a share."""


class EngineError(SmbError, ValueError):
    """No QUIC engine can do all that is asked for; the message says what to change."""


class PkiError(SmbError):
    """A file of the PKI is missing, damaged, or does not fit the others. The message names it."""


class UsersError(SmbError):
    """A name that an account cannot have, or a users file that is not one."""


class ConfigError(SmbError):
    """A configuration that cannot be used: the message names file, line, key, and what to do."""


class SourceChangedError(SmbError):
    """A file was changed while it was copied; the target is left as it was."""


class DeletionsLeftOut(SmbError):  # noqa: N818  (nothing is lost)
    """Nothing was deleted at the target of a sync: there were errors, or it would be too much."""


class MountError(SmbError):
    """A share cannot be mounted on this machine; the message says what is missing or in the way."""


class NameCollisionError(SmbError, FileExistsError):
    """Two files of one transfer have names that are the same name on the target."""


class NotFoundError(StatusError, FileNotFoundError):
    """The file, the folder, the share or the path to it does not exist."""


class ExistsError(StatusError, FileExistsError):
    """The name is already taken."""


class DeniedError(StatusError, PermissionError):
    """The server understood and refuses."""


class NotListedError(DeniedError):
    """The server does not list its shares over QUIC, as [MS-SMB2] 3.3.5.9 wants it."""

    def __str__(self) -> str:
        return (
            f"the server does not list its shares over QUIC ({self.status.label}): ask who runs it"
            " for their names, or list them over TCP"
        )


class LockedError(StatusError, BlockingIOError):
    """Somebody else has locked that part of the file."""


class DirectoryExpectedError(StatusError, NotADirectoryError):
    """A folder was needed and a file is there."""


class FileExpectedError(StatusError, IsADirectoryError):
    """A file was needed and a folder is there."""


_BY_STATUS: dict[NtStatus, type[StatusError]] = {
    NtStatus.NO_SUCH_FILE: NotFoundError,
    NtStatus.OBJECT_NAME_NOT_FOUND: NotFoundError,
    NtStatus.OBJECT_PATH_NOT_FOUND: NotFoundError,
    NtStatus.BAD_NETWORK_NAME: NotFoundError,
    NtStatus.OBJECT_NAME_COLLISION: ExistsError,
    NtStatus.ACCESS_DENIED: DeniedError,
    NtStatus.MEDIA_WRITE_PROTECTED: DeniedError,
    NtStatus.CANNOT_DELETE: DeniedError,
    NtStatus.SHARING_VIOLATION: DeniedError,
    NtStatus.LOCK_NOT_GRANTED: LockedError,
    NtStatus.FILE_LOCK_CONFLICT: LockedError,
    NtStatus.NONEXISTENT_EA_ENTRY: NotFoundError,
    NtStatus.NOT_A_DIRECTORY: DirectoryExpectedError,
    NtStatus.FILE_IS_A_DIRECTORY: FileExpectedError,
}

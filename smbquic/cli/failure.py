"""Makes one line for people and an exit code of an error."""

import errno
import signal
from enum import IntEnum

import click

from smbquic.cli.output import printable
from smbquic.errors import (
    AuthenticationError,
    ConfigError,
    DeletionsLeftOut,
    EngineError,
    HandshakeError,
    MountError,
    NameCollisionError,
    PathError,
    PkiError,
    SecurityError,
    SmbError,
    SourceChangedError,
    StatusError,
    TransportError,
    UrlError,
    UsersError,
)


class ExitCode(IntEnum):
    """The exit codes of the program."""

    DONE = 0
    PARTLY = 1
    USAGE = 2
    AUTHENTICATION = 3
    TRANSPORT = 4
    REFUSED = 5
    INTERRUPTED = 130


class Terminated(Exception):  # noqa: N818  (an end, not an error)
    """Raised when SIGTERM or SIGHUP has ended a command, after it has cleaned up."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"ended by {number.name}")
        self.exit_code = 128 + number


class PartialFailure(click.ClickException):
    """Raised when some of the work failed; each failure was reported when it happened."""

    exit_code = ExitCode.PARTLY


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ends a command."""
    if isinstance(error, AuthenticationError):
        return ExitCode.AUTHENTICATION
    if isinstance(error, TransportError | SecurityError | PkiError):
        return ExitCode.TRANSPORT
    if isinstance(error, StatusError):
        return ExitCode.REFUSED
    if isinstance(
        error, UrlError | PathError | UsersError | ConfigError | EngineError | MountError
    ):
        return ExitCode.USAGE
    if isinstance(error, SourceChangedError | NameCollisionError | DeletionsLeftOut):
        return ExitCode.PARTLY
    if isinstance(error, SmbError):
        return ExitCode.TRANSPORT
    return ExitCode.PARTLY


def describe(error: BaseException) -> str:
    """Return one line for people: what is wrong, and what to do about it."""
    if isinstance(error, OSError) and not isinstance(error, SmbError):
        return printable(_describe_os_error(error))
    text = printable(" ".join(str(error).split())) or type(error).__name__
    if isinstance(error, HandshakeError) and error.reason in {"unknown-ca", "self-signed"}:
        if error.by_peer:
            return f"{text}; the server has to trust the authority of the client certificate"
        text += "; name the authority's certificate with --ca FILE"
    return text


def _describe_os_error(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    text = f"{what}{error.strerror or error}"
    if error.errno == errno.ENOSPC:
        text += "; free some space and run the command again"
    return text

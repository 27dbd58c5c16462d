"""Failures as a person sees them."""

import ast
import importlib
import io
import pkgutil
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import smbquic.cli
from smbquic.cli import main
from smbquic.cli.failure import ExitCode, PartialFailure, Terminated, describe, exit_code
from smbquic.cli.urls import MissingFolder
from smbquic.client.url import SmbUrl
from smbquic.errors import (
    AuthenticationError,
    ConfigError,
    ConnectError,
    ConnectionClosed,
    DeletionsLeftOut,
    DeniedError,
    DirectoryExpectedError,
    EngineError,
    ExistsError,
    FileExpectedError,
    HandshakeError,
    IdleTimeout,
    ListenError,
    LocalProtocolError,
    LockedError,
    MountError,
    NameCollisionError,
    NotFoundError,
    NotListedError,
    OpenLostError,
    PathError,
    PkiError,
    ProtocolError,
    RemoteProtocolError,
    SecurityError,
    SmbError,
    SourceChangedError,
    StatusError,
    TransportError,
    UnflushedError,
    UrlError,
    UsersError,
    WireError,
)
from smbquic.ntstatus import NtStatus
from smbquic.pki.access import AccessDenied
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.checks import CertificateError
from smbquic.pki.files import RevokedError
from tests.engines import MISSING
from tests.syntax import parse


@pytest.mark.parametrize(
    ("by_peer", "advice"),
    [
        (False, "name the authority's certificate with --ca FILE"),
        (True, "the server has to trust the authority of the client certificate"),
    ],
)
def test_whoever_lacks_the_authority_has_to_get_it(by_peer: bool, advice: str) -> None:
    error = HandshakeError("fs: it is unknown", "unknown-ca", by_peer=by_peer)
    assert describe(error) == f"fs: it is unknown; {advice}"
    assert exit_code(error) is ExitCode.TRANSPORT


# --- exit codes ---------------------------------------------------------------------------------

CODES: dict[type[BaseException], ExitCode] = {
    # files and arguments of this machine
    **dict.fromkeys((OSError, io.UnsupportedOperation), ExitCode.PARTLY),
    **dict.fromkeys((DeletionsLeftOut, SourceChangedError, NameCollisionError), ExitCode.PARTLY),
    **dict.fromkeys((UrlError, PathError, UsersError, ConfigError, EngineError), ExitCode.USAGE),
    MountError: ExitCode.USAGE,
    # who we are
    AuthenticationError: ExitCode.AUTHENTICATION,
    # the way there, its certificates, and who speaks at the other end
    **dict.fromkeys((TransportError, ConnectError, ListenError), ExitCode.TRANSPORT),
    **dict.fromkeys(
        (ConnectionClosed, IdleTimeout, OpenLostError, UnflushedError), ExitCode.TRANSPORT
    ),
    **dict.fromkeys((HandshakeError, CertificateError, AccessDenied), ExitCode.TRANSPORT),
    **dict.fromkeys((PkiError, RevokedError, AcmeError), ExitCode.TRANSPORT),
    **dict.fromkeys((ProtocolError, LocalProtocolError), ExitCode.TRANSPORT),
    **dict.fromkeys((RemoteProtocolError, WireError, SecurityError), ExitCode.TRANSPORT),
    # what the server says
    **dict.fromkeys((StatusError, NotFoundError, ExistsError, DeniedError), ExitCode.REFUSED),
    **dict.fromkeys((DirectoryExpectedError, FileExpectedError, LockedError), ExitCode.REFUSED),
    NotListedError: ExitCode.REFUSED,
}
"""The exit code of every error of the package, and of those that the system raises."""

OF_CLICK: dict[str, int] = {
    "click.UsageError": ExitCode.USAGE,
    "PartialFailure": ExitCode.PARTLY,
    "failure.PartialFailure": ExitCode.PARTLY,
    "_DemoFailed": ExitCode.PARTLY,
    "MissingFolder": ExitCode.REFUSED,
    "VerbError": ExitCode.USAGE,
    "LocalCommandFailed": ExitCode.PARTLY,
}
"""The exit codes of what only the commands raise."""

OWN_CODE = {"click.exceptions.Exit", "SystemExit", "Terminated"}
"""Exceptions that have an exit code of their own."""

CAUGHT = {"ValueError"}
"""Exceptions that every caller turns into a usage error."""


def every_error(base: type[BaseException] = SmbError) -> Iterator[type[BaseException]]:
    """The subclasses, and theirs."""
    for each in base.__subclasses__():
        yield each
        yield from every_error(each)


def raised_by_commands() -> Iterator[tuple[str, str]]:
    """Where the command line raises something, and what."""
    for path in sorted(Path(smbquic.cli.__file__).parent.rglob("*.py")):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                yield f"{path.name}:{node.lineno}", ast.unparse(node.exc.func)


def test_every_error_of_the_package_has_an_exit_code() -> None:
    for module in pkgutil.walk_packages(smbquic.__path__, "smbquic."):
        # An adapter cannot be imported without its library.
        missing = not MISSING.isdisjoint(module.name.split("."))
        if not missing and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {each for each in every_error() if each.__module__.startswith("smbquic.")} <= set(CODES)


@pytest.mark.parametrize("kind", CODES)
def test_the_exit_code_of_an_error(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = kind.__new__(kind)
    assert exit_code(error) is CODES[kind]

    def fail(*arguments: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    monkeypatch.setattr(main, "describe", lambda error: "it fails")
    assert main.main(["ls"]) is CODES[kind]


def test_every_place_where_a_command_fails_has_an_exit_code() -> None:
    # `Document.error` makes a `ConfigError`.
    known = {each.__name__ for each in CODES} | set(OF_CLICK) | OWN_CODE | CAUGHT | {"error"}
    places = list(raised_by_commands())
    assert len(places) > 30
    unknown = [
        (where, what)
        for where, what in places
        if what not in known and what.rpartition(".")[2] not in known
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (click.UsageError("no"), 2),
        (click.BadParameter("no"), 2),
        (click.exceptions.Abort(), 130),
        (PartialFailure("no"), 1),
        (MissingFolder(SmbUrl.parse("smb://h/s/x/")), 5),
        (Terminated(signal.SIGTERM), 143),
        (Terminated(signal.SIGHUP), 129),
    ],
)
def test_the_exit_codes_of_what_only_commands_raise(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    assert main.main(["ls"]) == code


def test_names_in_messages_are_as_on_a_disk_and_steer_no_terminal() -> None:
    error = NotFoundError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", "a\uf022b\x1b[1m\uf0e9")
    assert r"CREATE: a:b\x1b[1m\xe9: no such" in describe(error)

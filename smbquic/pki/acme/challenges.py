"""The answers to an ACME server's challenges, and where they are published. [RFC 8555] 8"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from smbquic.errors import PkiError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.acme import AcmeOptions
from smbquic.pki.files import PUBLIC, write_file

WELL_KNOWN = "/.well-known/acme-challenge/"
HOOK_TIMEOUT = 300.0
"""Seconds for a hook, which may have to wait until a DNS record is seen everywhere."""


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """The answer for one name. `value` is what the ACME server has to find.

    For http-01 that is the content of the file `token`, for dns-01 the TXT record of
    ``_acme-challenge.`` and the name.
    """

    name: str
    token: str
    value: str


class Publisher(Protocol):
    """Publishes answers; called on the thread that speaks to the ACME server."""

    def publish(self, answer: ChallengeAnswer) -> None:
        """Publish an answer. Raises `PkiError` and `OSError`."""

    def withdraw(self, answer: ChallengeAnswer) -> None:
        """Remove an answer that may have been published. Raises `PkiError` and `OSError`."""


class HttpAnswers:
    """The answers that the server's own HTTP listener gives, by path."""

    def __init__(self) -> None:
        self.by_path: dict[str, bytes] = {}

    def publish(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        self.by_path[WELL_KNOWN + answer.token] = answer.value.encode()

    def withdraw(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        self.by_path.pop(WELL_KNOWN + answer.token, None)


class Webroot:
    """A folder whose files another program serves at port 80."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WELL_KNOWN.strip("/")

    def publish(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_file(self._folder / answer.token, answer.value.encode(), PUBLIC)

    def withdraw(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        (self._folder / answer.token).unlink(missing_ok=True)


class Hook:
    """A program that publishes and removes answers, called as dehydrated calls its hooks."""

    def __init__(self, program: Path, timeout: float = HOOK_TIMEOUT) -> None:
        self._program = program
        self._timeout = timeout

    def publish(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        self._call("deploy_challenge", answer)

    def withdraw(self, answer: ChallengeAnswer) -> None:
        """See `Publisher`."""
        self._call("clean_challenge", answer)

    def _call(self, what: str, answer: ChallengeAnswer) -> None:
        command = [str(self._program), what, answer.name, answer.token, answer.value]
        # Standard output is for the server's events and audit records.
        with subprocess.Popen(  # noqa: S603  (the administrator's program)
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,
            start_new_session=True,
            **_rights(),
        ) as process:
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                raise PkiError(
                    f"{self._program} {what}: it does not end within {self._timeout:g} s"
                ) from None
            finally:
                # What it has started may not outlive it either.
                _kill_group(process)
        if code:
            raise PkiError(f"{self._program} {what} {answer.name}: it ended with exit code {code}")


def publisher(options: AcmeOptions, answers: HttpAnswers) -> Publisher:
    """Return what publishes answers by these options; `answers` are those of our own listener."""
    if options.hook is not None:
        return Hook(options.hook)
    return answers if options.webroot is None else Webroot(options.webroot)


def _rights() -> dict[str, Any]:
    """Return the user for a program, where this process has taken on another one's rights.

    A shell would go back to the real user, who is root then (``serve --run-as``).
    """
    if sys.platform == "win32" or os.geteuid() == os.getuid():
        return {}
    return {"user": os.geteuid(), "group": os.getegid()}


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

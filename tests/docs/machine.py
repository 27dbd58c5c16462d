"""A machine for the reader of a page: a home, a network and folders of its own.

It is made of namespaces of Linux (`man 7 namespaces`), so that a page may say `fs.example`
or `/srv/data` and be run word for word, by root and by ordinary users alike. The reader
on it is an ordinary user with no capability, whoever runs the tests. The machine's own files can
be read there, and not be written to; nothing leaves its network.
"""

import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Self

import pytest

from benchmarks.link import LinkUnavailable
from benchmarks.link.hold import hold

PASSWORD = "correct horse 7"
"""The password that the reader types where one is asked for, unless the test says otherwise."""
PATIENCE = 300.0
"""Seconds that a program may take before a test gives it up."""
NAMES = f"127.0.0.1 localhost fs.example {socket.gethostname()}\n::1 localhost\n"
"""The machine's /etc/hosts."""
_ASKED = re.compile(r"(?i)(password|passphrase|confirm)[^\n]*: ?$")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")

_BOOT = r"""
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/srv" /srv
mount -t tmpfs none /run
for place in home tmp; do
    mount --bind "$1/$place" "$1/$place"
done
mount -o remount,bind,ro /
"""
# A block goes on where the one before it in the same terminal left off.
_SHELL = r"""
set -e -o pipefail
. "$1"
. "$2"
{ export -p; printf 'cd %q\n' "$PWD"; } >"$1"
"""
# What root installs and writes is gone with the machine.
_ROOT_BOOT = r"""
mount -t tmpfs none "$1/changes"
for place in /etc /opt /usr/local /var/lib /var/log; do
    changes="$1/changes/$(basename "$place")"
    mkdir -p "$changes" "$changes.work"
    mount -t overlay none -o "lowerdir=$place,upperdir=$changes,workdir=$changes.work" "$place"
done
"""


class ReaderMachine:
    """The machine; `home` and `srv` are its folders, as seen from outside."""

    _namespaces: tuple[str, ...] = ("--user", "--map-root-user", "--net", "--mount", "--pid")
    _enter: tuple[str, ...] = ("--user", "--net", "--mount", "--preserve-credentials")
    _become: tuple[str, ...] = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    _boot = _BOOT

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        # Not in /home, where what the tests are run with may be.
        self.home = folder / "home"
        self.srv = folder / "srv"
        for each in (self.home, self.srv / "data", folder / "tmp"):
            each.mkdir(parents=True)
        (folder / "hosts").write_text(NAMES)
        self._environment = {
            "HOME": str(self.home),
            "USER": "newcomer",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "200",
            "TMPDIR": str(folder / "tmp"),
            "XDG_RUNTIME_DIR": str(folder / "tmp"),
            **environment,
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        command = ["unshare", *self._namespaces, "--fork", "--kill-child"]
        try:
            holder = hold(self._stack, command, script=self._boot, arguments=[str(self.folder)])
        except LinkUnavailable as error:
            self._stack.close()
            pytest.skip(f"needs namespaces of its own: {error}")
        self._process = holder.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def terminal(self, name: str) -> "Terminal":
        """A terminal of the reader's, in the home folder."""
        state = self.folder / "tmp" / f"{name}.state"
        exports = [f"export {key}={quote(value)}\n" for key, value in self._environment.items()]
        state.write_text("".join([*exports, "cd\n"]))
        terminal = Terminal(self, name, state)
        self._stack.callback(terminal.close)
        return terminal

    def command(self, *command: str) -> list[str]:
        """The command that runs `command` on the machine, as the reader."""
        pids = f"--pid=/proc/{self._process}/ns/pid_for_children"
        enter = ["nsenter", f"--target={self._process}", *self._enter, pids, "--"]
        return [*enter, *self._become, *command]


class RootsMachine(ReaderMachine):
    """A machine whose reader is root, and may install and change what a page says.

    Only root can make one, since other users appear on it.
    """

    _namespaces = ("--net", "--mount", "--pid")
    _enter: tuple[str, ...] = ("--net", "--mount")
    _become = ()
    _boot = _ROOT_BOOT + _BOOT

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root")
        super().__init__(folder, environment)
        (folder / "changes").mkdir()


class Terminal:
    """Where the reader types; one block after the other, and the answers to what is asked."""

    def __init__(self, machine: ReaderMachine, name: str, state: Path) -> None:
        self.machine = machine
        self.name = name
        self.password = PASSWORD
        self.output = ""
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self._screen = -1
        self._answered = 0

    def start(self, script: str) -> None:
        """Begin to run a script."""
        assert self._process is None, f"something still runs in the terminal {self.name}"
        path = self._state.with_suffix(".sh")
        path.write_text(script)
        self._screen, inside = os.openpty()
        try:
            shell = ["setsid", "--ctty", "--wait", "bash", "-c", _SHELL, "bash"]
            self._process = subprocess.Popen(
                self.machine.command(*shell, str(self._state), str(path)),
                stdin=inside,
                stdout=inside,
                stderr=inside,
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        finally:
            os.close(inside)
        self.output, self._answered = "", 0

    def run(self, script: str) -> str:
        """Run a script to its end, which has to be a good one; what it printed."""
        self.start(script)
        self._read_until(None)
        code = self._end()
        assert code == 0, f"exit code {code}:\n{script}\n{self.output}"
        return self.output

    def wait_for(self, text: str) -> str:
        """Wait until the running script has printed `text` (a regular expression)."""
        self._read_until(re.compile(text))
        return self.output

    def interrupt(self) -> str:
        """Press Ctrl-C, and wait for the end; what was printed in all."""
        return self.type("\x03")

    def type(self, text: str) -> str:
        """Type a text, and wait for the end; what was printed in all."""
        os.write(self._screen, text.encode())
        self._read_until(None)
        self._end()
        return self.output

    def close(self) -> None:
        """Close the terminal; what runs in it gets SIGHUP."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> int:
        assert self._process is not None
        code = self._process.wait(PATIENCE)
        os.close(self._screen)
        self._process = None
        return code

    def _read_until(self, pattern: re.Pattern[str] | None) -> None:
        """Read what is printed, and answer questions, until `pattern` or the end of the program."""
        deadline = time.monotonic() + PATIENCE
        while pattern is None or pattern.search(self.output) is None:
            ready, _, _ = select.select([self._screen], [], [], deadline - time.monotonic())
            assert ready, f"nothing more after {PATIENCE:g} s:\n{self.output}"
            try:
                data = os.read(self._screen, 65536)
            except OSError:  # everybody at the other end has closed it
                data = b""
            if not data:
                assert pattern is None, f"it ended without {pattern.pattern!r}:\n{self.output}"
                return
            self.output += _CONTROL.sub("", data.decode("utf-8", "replace"))
            self._answer()

    def _answer(self) -> None:
        found = _ASKED.search(self.output, self._answered)
        if found is not None:
            self._answered = found.end()
            os.write(self._screen, f"{self.password}\n".encode())

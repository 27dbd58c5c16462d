"""Two machines of readers with a cable between them, each with a home of its own."""

from collections.abc import Mapping
from pathlib import Path

from tests.docs.machine import ReaderMachine

_CABLE = r"""
touch "$1/tmp/other"
unshare --net="$1/tmp/other" true
ip link add cable type veth peer name cable netns "$1/tmp/other"
ip address add 192.0.2.1/24 dev cable
ip link set cable up
nsenter --net="$1/tmp/other" sh -ec '
    ip link set lo up
    ip address add 192.0.2.2/24 dev cable
    ip link set cable up
'
"""


class ServerMachine(ReaderMachine):
    """The machine that both know as `fs.example`; `other` is the other one."""

    _boot = ReaderMachine._boot + _CABLE

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder, environment)
        (folder / "hosts").write_text("127.0.0.1 localhost\n192.0.2.1 fs.example\n")
        self.other = _OtherMachine(self)


class _OtherMachine(ReaderMachine):
    """Lives as long as the first one, with whose files and processes it shares the machine."""

    def __init__(self, server: ServerMachine) -> None:
        self.folder, self.srv = server.folder, server.srv
        self.home = server.folder / "tmp" / "home"
        self.home.mkdir()
        self._server = server
        self._environment = {**server._environment, "HOME": str(self.home)}
        self._stack = server._stack

    def command(self, *command: str) -> list[str]:
        """Return the command that runs `command` on this machine, as the reader."""
        enter = self._server.command()[: -len(self._become)]
        cable = ["nsenter", f"--net={self.folder / 'tmp' / 'other'}", "--"]
        return [*enter, *cable, *self._become, *command]

"""Wireshark's dissector looks at what our server and our client say."""

import asyncio
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

import smbquic
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command
from tests.interop.processes import PASSWORD, USER, ServerProcess, Smbclient
from tests.interop.tap import tapped

pytestmark = pytest.mark.debian("tshark")

BY_OUR_CLIENT = {
    Command.NEGOTIATE,
    Command.SESSION_SETUP,
    Command.LOGOFF,
    Command.TREE_CONNECT,
    Command.CREATE,
    Command.CLOSE,
    Command.FLUSH,
    Command.READ,
    Command.WRITE,
    Command.QUERY_DIRECTORY,
    Command.QUERY_INFO,
    Command.SET_INFO,
    Command.ECHO,
}
BY_SMBCLIENT = {*BY_OUR_CLIENT, Command.TREE_DISCONNECT, Command.IOCTL} - {
    Command.LOGOFF,
    Command.FLUSH,
    Command.ECHO,
}


def dissected(file: Path, selection: str, *fields: str) -> list[list[str]]:
    """The fields of the packets that a display filter selects."""
    command = ["tshark", "-n", "-r", str(file), "-Y", selection]
    arguments = [argument for field in fields for argument in ("-e", field)]
    done = subprocess.run(
        [*command, "-T", "fields", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@dataclass(frozen=True)
class Element:
    """One request or response of a packet, which may hold several."""

    command: Command
    is_response: bool
    is_interim: bool
    is_signed: bool
    session: int


def elements(file: Path) -> list[Element]:
    """Everything that was said."""
    fields = ("cmd", "flags.response", "flags.signature", "sesid", "nt_status")
    found = []
    for row in dissected(file, "smb2", *(f"smb2.{field}" for field in fields)):
        commands, directions, signatures, sessions, statuses = (text.split(",") for text in row)
        is_response = directions[0] in ("1", "True")
        if not is_response:
            statuses = ["0"] * len(commands)  # only responses have any
        for command, signature, session, status in zip(
            commands, signatures, sessions, statuses, strict=True
        ):
            found.append(
                Element(
                    command=Command(int(command)),
                    is_response=is_response,
                    is_interim=is_response and int(status, 0) == NtStatus.PENDING,
                    is_signed=signature in ("1", "True"),
                    session=int(session, 0),
                )
            )
    return found


def check(file: Path, commands: set[Command]) -> None:
    """Nothing is malformed, every request has its answer, and they are what was asked for."""
    complaint = dissected(file, "_ws.malformed || _ws.expert.group == 0x07000000", "frame.number")
    assert complaint == []
    said = [element for element in elements(file) if not element.is_interim]
    requests = Counter(element.command for element in said if not element.is_response)
    responses = Counter(element.command for element in said if element.is_response)
    assert set(requests) == commands
    assert requests == responses
    after_logon = [e for e in said if e.session and e.command > Command.SESSION_SETUP]
    assert [element for element in after_logon if not element.is_signed] == []


async def use_our_client(port: int, folder: Path) -> None:
    (folder / "file").write_bytes(bytes(200_000))
    async with smbquic.connect(f"smb://{USER}@localhost:{port}/data", password=PASSWORD) as share:
        await share.makedirs("outer/inner")
        await share.put(folder / "file", "outer/file")
        await share.rename("outer/file", "outer/inner/Grüße")
        await share.get("outer/inner/Grüße", folder / "back")
        await share.stat("outer/inner/Grüße")
        await share.utime("outer/inner/Grüße", modified=10**18)
        await share.volume()
        with pytest.raises(FileNotFoundError):
            await share.stat("nothing")
        await share.session.connection.echo()
        await share.rmtree("outer")


def test_our_client_and_our_server_are_understood(
    server: ServerProcess, local: Path, tmp_path: Path
) -> None:
    capture = tmp_path / "capture.pcap"
    with tapped(server.ports["tcp"], capture) as port:
        asyncio.run(use_our_client(port, local))
    check(capture, BY_OUR_CLIENT)


@pytest.mark.debian("smbclient")
def test_our_server_with_smbclient_is_understood(
    server: ServerProcess, local: Path, tmp_path: Path
) -> None:
    capture = tmp_path / "capture.pcap"
    (local / "file").write_bytes(bytes(200_000))
    with tapped(server.ports["tcp"], capture) as port:
        _, output = Smbclient(port, local)(
            "mkdir folder; put file folder/Grüße; ls; ls folder/*; get folder/Grüße back; get no;"
            "setmode folder/Grüße +rhs; utimes folder/Grüße -1 -1 -1 -1; allinfo folder; volume;"
            "setmode folder/Grüße -rhs; rename folder/Grüße x; rm x; du; rmdir folder",
            "--client-protection=sign",
        )
    assert list(server.share.iterdir()) == [], output
    check(capture, BY_SMBCLIENT)

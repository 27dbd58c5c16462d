import pytest

from smbquic.client.share import Share
from smbquic.errors import DeniedError, ExistsError, StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass, LinkInformation
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.reparse import SYMLINK_FLAG_RELATIVE, SymbolicLinkReparseData
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from tests.unit.client.fakes import Answer, FakeServer, Received


def serve(server: FakeServer, output: bytes) -> None:
    def control(request: Received) -> Answer:
        assert request.body.ctl_code == Fsctl.GET_REPARSE_POINT
        return IoctlResponse(request.body.ctl_code, request.body.file_id, output=output)

    server.handlers[Command.IOCTL] = control


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (SymbolicLinkReparseData(r"..\a\b", "shown", SYMLINK_FLAG_RELATIVE), "../a/b"),
        (SymbolicLinkReparseData(r"\??\C:\a\b", r"C:\a\b", 0), "C:/a/b"),
        (SymbolicLinkReparseData(r"\??\C:\a\b", "", 0), "C:/a/b"),
        (SymbolicLinkReparseData(r"\??\C:\a\b", "", 2), "C:/a/b"),
    ],
)
async def test_links_are_read(
    share: Share, server: FakeServer, link: SymbolicLinkReparseData, target: str
) -> None:
    serve(server, link.encode())
    assert await share.readlink("a/link") == target
    assert server.commands() == ["CREATE", "IOCTL", "CLOSE"]
    [create] = server.bodies(Command.CREATE)
    assert create.create_options == CreateOptions.FILE_OPEN_REPARSE_POINT
    assert (create.desired_access, create.create_disposition) == (0x100080, 1)
    [control] = server.bodies(Command.IOCTL)
    assert (bytes(control.input), control.max_output_response) == (b"", 16_384)
    assert control.file_id == FileId.RELATED


async def test_a_hard_link(share: Share, server: FakeServer) -> None:
    await share.link("a/file", "b/second")
    assert server.commands() == ["CREATE", "SET_INFO", "CLOSE"]
    [create] = server.bodies(Command.CREATE)
    assert (create.name, create.create_disposition) == (r"a\file", CreateDisposition.FILE_OPEN)
    assert (create.desired_access, create.create_options) == (0x100180, 0)
    [setting] = server.bodies(Command.SET_INFO)
    assert setting.file_info_class == FileInformationClass.FileLinkInformation
    assert LinkInformation.decode(setting.buffer) == LinkInformation(r"b\second")


async def test_what_is_no_link(share: Share, server: FakeServer) -> None:
    server.handlers[Command.IOCTL] = lambda request: (NtStatus.NOT_A_REPARSE_POINT, None)
    with pytest.raises(StatusError, match="not a reparse point"):
        await share.readlink("x")
    mount_point = bytes.fromhex("030000A0 0400 0000 00000000")
    serve(server, mount_point)
    with pytest.raises(StatusError) as caught:
        await share.readlink("x")
    assert caught.value.status == NtStatus.IO_REPARSE_TAG_NOT_HANDLED
    for output in (b"", b"nonsense", bytes.fromhex("0C0000A0 0400 0000 00000000")):
        serve(server, output)
        with pytest.raises(WireError):
            await share.readlink("x")


@pytest.mark.parametrize(
    ("target", "substitute", "flags"),
    [
        ("../a/b", r"..\a\b", 1),
        (r"C:\a", r"\??\C:\a", 0),
        ("//host/share/a", r"\??\UNC\host\share\a", 0),
    ],
)
@pytest.mark.parametrize("folder", [False, True])
async def test_links_are_made(
    share: Share, server: FakeServer, target: str, substitute: str, flags: int, folder: bool
) -> None:
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id
    )
    await share.symlink(target, "a/link", target_is_directory=folder)
    [create] = server.bodies(Command.CREATE)
    assert create.create_disposition == CreateDisposition.FILE_CREATE
    assert create.create_options == 0x200000 | (0x1 if folder else 0x40)
    assert (create.desired_access, create.file_attributes) == (0x110180, 0x10 if folder else 0)
    [control] = server.bodies(Command.IOCTL)
    assert (control.ctl_code, control.max_output_response) == (Fsctl.SET_REPARSE_POINT, 0)
    assert control.file_id == FileId.RELATED
    made = SymbolicLinkReparseData.decode(control.input)
    assert (made.substitute_name, made.flags) == (substitute, flags)
    assert made.print_name == target.replace("/", "\\")


@pytest.mark.parametrize("folder", [False, True])
async def test_a_server_without_links_keeps_nothing(
    share: Share, server: FakeServer, folder: bool
) -> None:
    server.handlers[Command.IOCTL] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="IOCTL: a/link: "):
        await share.symlink("x", "a/link", target_is_directory=folder)
    assert server.commands() == ["CREATE", "IOCTL", "CLOSE", "CREATE", "SET_INFO", "CLOSE"]
    removing = server.bodies(Command.CREATE)[1]
    assert removing.create_options == 0x200000 | (0x1 if folder else 0x40)


async def test_what_cannot_be_removed_either_hides_no_error(
    share: Share, server: FakeServer
) -> None:
    for command in (Command.IOCTL, Command.SET_INFO):
        server.handlers[command] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="IOCTL: a/link: "):
        await share.symlink("x", "a/link")


async def test_a_name_that_is_taken_is_not_deleted(share: Share, server: FakeServer) -> None:
    for command in (Command.CREATE, Command.IOCTL, Command.CLOSE):
        server.handlers[command] = lambda request: (NtStatus.OBJECT_NAME_COLLISION, None)
    with pytest.raises(ExistsError):
        await share.symlink("x", "link")
    assert server.commands() == ["CREATE", "IOCTL", "CLOSE"]


@pytest.mark.parametrize("target", ["", "a\0b"])
async def test_targets_that_are_none(share: Share, server: FakeServer, target: str) -> None:
    with pytest.raises(ValueError, match="lead"):
        await share.symlink(target, "link")
    assert server.seen == []

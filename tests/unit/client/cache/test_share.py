"""What requests change, so that a cache forgets it before and after."""

import pytest

from smbquic.client import requests
from smbquic.client.cache.share import ObservedShare, RequestedChange, canonical
from smbquic.client.share import Share
from smbquic.errors import DeniedError, PathError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from tests.unit.client.fakes import FakeServer

OPENING = requests.create("d\\a", requests.READ)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], None),
        ([requests.read(0, 9), requests.query_standard(), requests.close()], None),
        ([requests.ioctl(Fsctl.GET_REPARSE_POINT, FileId.RELATED, b"", 9)], None),
        (
            [requests.ioctl(Fsctl.SET_REPARSE_POINT, FileId.RELATED, b"", 9)],
            RequestedChange(["d/a"], content=True),
        ),
        ([requests.set_basic(), requests.close()], RequestedChange(["d/a"])),
        ([requests.write(0, b"x")], RequestedChange(["d/a"], content=True)),
        ([requests.truncate(0)], RequestedChange(["d/a"], content=True)),
        ([requests.delete()], RequestedChange(["d/a"], moves=True)),
        ([requests.rename("e\\b", replace=True)], RequestedChange(["d/a", "e/b"], moves=True)),
        ([requests.link("e\\b")], RequestedChange(["d/a", "e/b"])),
        (
            [requests.change(FileInformationClass.FileAllocationInformation, bytes(8))],
            RequestedChange(["d/a"], content=True),
        ),
        ([requests.read(0, 9), requests.write(0, b"x")], RequestedChange(["d/a"], content=True)),
    ],
)
def test_what_requests_change(others: list[Message], expected: RequestedChange | None) -> None:
    assert RequestedChange.of(OPENING, others) == expected


def test_what_a_create_changes() -> None:
    making = requests.create("d\\a", requests.READ, disposition=CreateDisposition.FILE_CREATE)
    assert RequestedChange.of(making, []) == RequestedChange(["d/a"], moves=False)
    for disposition, content in enumerate([True, False, False, False, True, True]):
        opening = requests.create("a", requests.WRITE, disposition=CreateDisposition(disposition))
        change = RequestedChange.of(opening, [])
        assert (change is not None and change.content) is content
        assert (change is None) is (disposition == CreateDisposition.FILE_OPEN)
    emptying = requests.create("a", requests.WRITE, disposition=CreateDisposition.FILE_OVERWRITE)
    assert RequestedChange.of(emptying, []) == RequestedChange(["a"], content=True)
    deleting = requests.create("d\\a", requests.DELETE, options=CreateOptions.FILE_DELETE_ON_CLOSE)
    assert RequestedChange.of(deleting, []) == RequestedChange(["d/a"], moves=False)


def test_paths_have_one_form() -> None:
    assert canonical("/d//./a\\b/../c") == "d/a/c"
    assert canonical("/") == ""
    with pytest.raises(PathError):
        canonical("../a")


class Observer:
    """Notes what it is told, and asks for other attributes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def before(self, change: RequestedChange, opening: CreateRequest) -> CreateRequest:
        self.told.append(f"before {change.paths}")
        opening.file_attributes = 7
        return opening

    def after(self, change: RequestedChange) -> None:
        self.told.append(f"after {change.paths}")


async def test_changes_are_told(share: Share, server: FakeServer) -> None:
    observer = Observer()
    observed = ObservedShare(share, observer.before, observer.after)
    await observed.stat("d/a")
    assert observer.told == []
    await observed.mkdir("d/b")
    assert observer.told == ["before ['d/b']", "after ['d/b']"]
    assert server.bodies(Command.CREATE)[1].file_attributes == 7
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await observed.remove("d/c")
    assert observer.told[2:] == ["before ['d/c']", "after ['d/c']"]
    assert observed.tree is share.tree
    assert observed.open_slots is share.open_slots
    assert observed.memory is share.memory

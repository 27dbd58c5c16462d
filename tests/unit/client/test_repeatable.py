"""Which requests may be carried out twice."""

from dataclasses import replace

import pytest

from smbquic.client import requests
from smbquic.client.repeatable import are_repeatable, are_replayable, only_reads
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_contexts import DurableHandleRequestV2
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import InfoType

D = CreateDisposition


def create(disposition: CreateDisposition, options: int = 0) -> Message:
    return requests.create("a", requests.READ, disposition=disposition, options=options)


@pytest.mark.parametrize(
    "body",
    [
        *map(create, (D.FILE_OPEN, D.FILE_OPEN_IF, D.FILE_OVERWRITE, D.FILE_OVERWRITE_IF)),
        requests.read(0, 1),
        requests.write(0, b"x"),
        requests.flush(),
        requests.close(),
        requests.truncate(5),
        requests.set_basic(last_write_time=1),
        requests.query(InfoType.FILE, FileInformationClass.FileStandardInformation, 24),
        EchoRequest(),
        QueryDirectoryRequest(37, FileId.RELATED, "*", 100),
        requests.ioctl(Fsctl.GET_REPARSE_POINT, FileId.RELATED, b"", 100),
    ],
    ids=lambda body: type(body).__name__,
)
def test_what_has_the_same_effect_twice(body: Message) -> None:
    assert are_repeatable([body])


def test_what_only_reads() -> None:
    asking = requests.ioctl(Fsctl.GET_REPARSE_POINT, FileId.RELATED, b"", 100)
    assert all(map(only_reads, [requests.read(0, 1), requests.flush(), requests.close(), asking]))
    copying = requests.ioctl(Fsctl.SRV_COPYCHUNK_WRITE, FileId.RELATED, b"", 12)
    changes = [requests.write(0, b"x"), requests.truncate(5), requests.delete(), copying]
    assert not any(map(only_reads, changes))


@pytest.mark.parametrize(
    "body",
    [
        create(D.FILE_CREATE),
        create(D.FILE_SUPERSEDE),
        create(D.FILE_OPEN, CreateOptions.FILE_DELETE_ON_CLOSE),
        requests.rename("b", replace=True),
        requests.delete(),
        LockRequest(0, FileId.RELATED, [LockElement(0, 1, 1)]),
        IoctlRequest(0, FileId.RELATED, 0, 0),
        requests.ioctl(Fsctl.SRV_COPYCHUNK_WRITE, FileId.RELATED, b"", 12),
    ],
    ids=lambda body: type(body).__name__,
)
def test_what_has_not(body: Message) -> None:
    assert not are_repeatable([body])
    assert not are_repeatable([requests.read(0, 1), body, requests.close()])


def test_what_may_be_replayed_on_another_connection() -> None:
    making = requests.create("a", requests.WRITE, disposition=D.FILE_CREATE)
    handle = DurableHandleRequestV2(timeout=0, flags=0, create_guid=bytes(16))
    durable = replace(making, contexts=[handle.context()])
    assert are_replayable([durable])
    assert not are_replayable([making])
    assert not are_replayable([durable, requests.write(0, b"x")])
    assert are_replayable([create(D.FILE_OPEN)])
    assert are_replayable([requests.write(0, b"x"), requests.flush()])
    assert not are_replayable([requests.rename("b", replace=True), requests.close()])


def test_what_depends_on_the_open_is_not_replayed() -> None:
    listing = QueryDirectoryRequest(37, FileId.RELATED, "*", 100)
    assert not are_replayable([listing])
    assert are_replayable([create(D.FILE_OPEN), listing, listing])
    assert are_replayable([requests.close()])
    assert not are_replayable([requests.write(0, b"x"), requests.close()])
    assert are_replayable([create(D.FILE_OPEN), requests.read(0, 1), requests.close()])


def test_a_lease_may_be_given_back_again() -> None:
    assert are_replayable([LeaseBreakAcknowledgment(bytes(16), 0)])
    assert not are_repeatable([LeaseBreakAcknowledgment(bytes(16), 0)])

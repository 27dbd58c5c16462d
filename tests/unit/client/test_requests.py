import pytest

from smbquic.client import requests
from smbquic.wire.close import CloseFlags
from smbquic.wire.create import CreateDisposition, OplockLevel, ShareAccess
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest

FILE = FileId(3, 4)
EPOCH = 116444736000000000
"""1970-01-01 as FILETIME, in units of 100 ns."""


def test_a_create_opens_what_is_there_and_lets_others_do_the_same() -> None:
    request = requests.create("a\\b", requests.READ)
    assert request.name == "a\\b"
    assert request.desired_access == requests.READ
    assert request.create_disposition == CreateDisposition.FILE_OPEN
    assert request.share_access == (
        ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
    )
    assert request.requested_oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
    assert not request.contexts
    assert (request.create_options, request.file_attributes) == (0, 0)
    assert request.impersonation_level == 2


def test_a_close_asks_for_attributes_only_if_told() -> None:
    assert requests.close(FILE).flags == 0
    assert requests.close(FILE, attributes=True).flags == CloseFlags.POSTQUERY_ATTRIB


def test_requests_are_about_the_file_that_their_compound_opens() -> None:
    assert {
        requests.close().file_id,
        requests.read(0, 1).file_id,
        requests.write(0, b"").file_id,
        requests.flush().file_id,
        requests.query(InfoType.FILE, 5, 24).file_id,
        requests.rename("x", replace=False).file_id,
        requests.delete().file_id,
        requests.truncate(0).file_id,
        requests.set_basic().file_id,
    } == {FileId.RELATED}
    assert requests.truncate(0, FILE).file_id == FILE


def test_reads_and_writes_are_at_their_offset() -> None:
    reading, writing = requests.read(10, 20, FILE), requests.write(30, b"data", FILE)
    assert (reading.offset, reading.length, reading.file_id) == (10, 20, FILE)
    assert (writing.offset, bytes(writing.data), writing.file_id) == (30, b"data", FILE)


def test_a_query_says_how_much_it_takes() -> None:
    request = requests.query(InfoType.FILESYSTEM, 7, 1024, FILE)
    assert (request.info_type, request.file_info_class) == (InfoType.FILESYSTEM, 7)
    assert request.output_buffer_length == 1024
    assert (request.additional_information, request.flags) == (0, 0)
    standard = requests.query_standard(FILE)
    assert (standard.info_type, standard.file_info_class) == (InfoType.FILE, 5)
    assert (standard.output_buffer_length, standard.file_id) == (24, FILE)


def test_what_is_asked_for_to_read_write_look_and_delete() -> None:
    assert requests.READ == 0x100081
    assert requests.WRITE == 0x100102
    assert requests.STAT == 0x100080
    assert requests.DELETE == 0x110080


def test_a_control_code_has_its_input_and_room_for_its_output() -> None:
    request = requests.ioctl(Fsctl.SET_SPARSE, FILE, b"\1", 7)
    assert (request.ctl_code, request.file_id) == (Fsctl.SET_SPARSE, FILE)
    assert (bytes(request.input), request.max_output_response) == (b"\1", 7)


def test_a_link_is_another_name_in_the_place_of_none() -> None:
    data = decoded(requests.link("a\\new"), FileInformationClass.FileLinkInformation)
    information = LinkInformation.decode(data)
    assert (information.file_name, information.replace_if_exists) == ("a\\new", False)


def decoded(request: SetInfoRequest, expected: FileInformationClass) -> memoryview:
    assert request.info_type == InfoType.FILE
    assert request.file_info_class == expected
    assert request.additional_information == 0
    return memoryview(bytes(request.buffer))


@pytest.mark.parametrize("replace", [False, True])
def test_a_rename_replaces_only_if_told(replace: bool) -> None:
    request = requests.rename("a\\new", replace=replace)
    data = decoded(request, FileInformationClass.FileRenameInformation)
    information = RenameInformation.decode(data)
    assert (information.file_name, information.replace_if_exists) == ("a\\new", replace)


def test_a_deletion_marks_the_file() -> None:
    data = decoded(requests.delete(), FileInformationClass.FileDispositionInformation)
    assert DispositionInformation.decode(data).delete_pending


def test_a_file_is_cut_to_a_size() -> None:
    data = decoded(requests.truncate(1 << 40), FileInformationClass.FileEndOfFileInformation)
    assert EndOfFileInformation.decode(data).end_of_file == 1 << 40


def test_times_and_attributes_that_are_not_given_stay() -> None:
    data = decoded(requests.set_basic(), FileInformationClass.FileBasicInformation)
    assert BasicInformation.decode(data) == BasicInformation(0, 0, 0, 0, 0)


def test_times_are_in_nanoseconds_since_1970() -> None:
    request = requests.set_basic(creation_time=0, last_access_time=10**9, last_write_time=2 * 10**9)
    information = BasicInformation.decode(memoryview(bytes(request.buffer)))
    assert information.creation_time == EPOCH
    assert information.last_access_time == EPOCH + 10_000_000
    assert information.last_write_time == EPOCH + 20_000_000
    assert information.change_time == 0
    request = requests.set_basic(change_time=3 * 10**9)
    information = BasicInformation.decode(memoryview(bytes(request.buffer)))
    assert information.change_time == EPOCH + 30_000_000


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (FileAttributes.HIDDEN, FileAttributes.HIDDEN),
        # Zero would leave the attributes as they are. [MS-FSCC] 2.4.7
        (FileAttributes(0), FileAttributes.NORMAL),
    ],
)
def test_attributes_are_replaced_by_those_that_are_given(
    given: FileAttributes, sent: FileAttributes
) -> None:
    request = requests.set_basic(attributes=given)
    assert BasicInformation.decode(memoryview(bytes(request.buffer))).file_attributes == sent

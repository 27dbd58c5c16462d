"""impacket's client against our server, over TCP."""

import io
import random
from collections.abc import Iterator
from typing import Any

import pytest
from impacket.smb3structs import (  # type: ignore[import-untyped]
    SMB2_DIALECT_002,
    SMB2_DIALECT_21,
    SMB2_DIALECT_30,
    SMB2_DIALECT_311,
)
from impacket.smbconnection import SessionError, SMBConnection  # type: ignore[import-untyped]

from tests.interop.processes import PASSWORD, READ_ONLY_SHARE, SHARE, USER, ServerProcess

LOGON_FAILURE = 0xC000006D
BAD_NETWORK_NAME = 0xC00000CC
OBJECT_NAME_NOT_FOUND = 0xC0000034
OBJECT_NAME_COLLISION = 0xC0000035
DIRECTORY_NOT_EMPTY = 0xC0000101
ACCESS_DENIED = 0xC0000022
DIALECTS = [SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30, SMB2_DIALECT_311]

CONTENT = random.Random(1).randbytes(1_234_567)


def connect(server: ServerProcess, dialect: int | None = None) -> Any:
    """A connection that has negotiated. Without a dialect, SMB 1 asks whether there is more."""
    port = server.ports["tcp"]
    return SMBConnection("localhost", "127.0.0.1", sess_port=port, preferredDialect=dialect)


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[Any]:
    """A connection that is logged on."""
    connection = connect(server)
    connection.login(USER, PASSWORD)
    yield connection
    connection.close()


@pytest.mark.parametrize("dialect", [*DIALECTS, None])
def test_files_and_folders_in_every_dialect(old_server: ServerProcess, dialect: int | None) -> None:
    connection = connect(old_server, dialect)
    connection.login(USER, PASSWORD)
    assert not connection.isGuestSession()
    assert connection.getDialect() == (dialect or SMB2_DIALECT_311)
    connection.createDirectory(SHARE, "folder")
    connection.putFile(SHARE, "folder/file", io.BytesIO(CONTENT).read)
    assert (old_server.share / "folder" / "file").read_bytes() == CONTENT
    [entry] = [
        entry
        for entry in connection.listPath(SHARE, "folder/*")
        if entry.get_longname() not in (".", "..")
    ]
    assert (entry.get_longname(), entry.get_filesize()) == ("file", len(CONTENT))
    assert not entry.is_directory()
    connection.rename(SHARE, "folder/file", "folder/renamed")
    back = io.BytesIO()
    connection.getFile(SHARE, "folder/renamed", back.write)
    assert back.getvalue() == CONTENT
    connection.deleteFile(SHARE, "folder/renamed")
    connection.deleteDirectory(SHARE, "folder")
    assert list(old_server.share.iterdir()) == []
    connection.logoff()
    connection.close()


def test_parts_of_a_file(connection: Any, server: ServerProcess) -> None:
    (server.share / "file").write_bytes(bytes(100))
    tree = connection.connectTree(SHARE)
    file = connection.openFile(tree, "file")
    assert connection.writeFile(tree, file, b"in the middle", 40) == 13
    assert connection.readFile(tree, file, 38, 17) == b"\0\0in the middle\0\0"
    information = connection.queryInfo(tree, file)
    assert information["EndOfFile"] == 100
    connection.closeFile(tree, file)
    connection.disconnectTree(tree)
    assert (server.share / "file").read_bytes() == bytes(40) + b"in the middle" + bytes(47)


def test_a_folder_of_thousands_is_listed_whole(connection: Any, server: ServerProcess) -> None:
    names = {f"número {number}" for number in range(2000)}
    for name in names:
        (server.share / name).touch()
    listed = [entry.get_longname() for entry in connection.listPath(SHARE, "*")]
    assert sorted(listed) == sorted({*names, ".", ".."})


def test_what_is_refused(connection: Any, server: ServerProcess) -> None:
    (server.share / "folder").mkdir()
    (server.share / "folder" / "file").touch()
    for status, call, arguments in (
        (BAD_NETWORK_NAME, connection.connectTree, ("nowhere",)),
        (OBJECT_NAME_NOT_FOUND, connection.deleteFile, (SHARE, "nothing")),
        (OBJECT_NAME_COLLISION, connection.createDirectory, (SHARE, "folder")),
        (DIRECTORY_NOT_EMPTY, connection.deleteDirectory, (SHARE, "folder")),
        (ACCESS_DENIED, connection.createDirectory, (READ_ONLY_SHARE, "other")),
        (ACCESS_DENIED, connection.deleteFile, (READ_ONLY_SHARE, "folder/file")),
    ):
        with pytest.raises(SessionError) as caught:
            call(*arguments)
        assert caught.value.getErrorCode() == status
    assert (server.share / "folder" / "file").exists()


@pytest.mark.parametrize("name", ["..\\secret", "folder\\..\\..\\secret", "\\..\\secret"])
def test_no_way_out_of_the_share(connection: Any, server: ServerProcess, name: str) -> None:
    """The hole that impacket's own server had."""
    (server.share.parent / "secret").write_bytes(b"secret")
    (server.share / "folder").mkdir()
    tree = connection.connectTree(SHARE)
    with pytest.raises(SessionError):
        connection.openFile(tree, name)


def test_a_wrong_password_is_refused(server: ServerProcess) -> None:
    connection = connect(server)
    with pytest.raises(SessionError) as caught:
        connection.login(USER, "wrong")
    assert caught.value.getErrorCode() == LOGON_FAILURE
    connection.close()


@pytest.mark.parametrize("user", ["", "unknown", "guest"])
def test_unknown_users_are_refused(server: ServerProcess, user: str) -> None:
    connection = connect(server)
    with pytest.raises(SessionError) as caught:
        connection.login(user, "")
    assert caught.value.getErrorCode() == LOGON_FAILURE
    connection.close()


def test_an_unknown_user_is_a_guest_who_only_reads(guest_server: ServerProcess) -> None:
    """Not in 3.1.1, where impacket signs in any case; a guest has no key for that."""
    (guest_server.share / "file").write_bytes(CONTENT)
    connection = connect(guest_server, SMB2_DIALECT_30)
    connection.login("unknown", "whatever")
    assert connection.isGuestSession()
    back = io.BytesIO()
    connection.getFile(SHARE, "file", back.write)
    assert back.getvalue() == CONTENT
    with pytest.raises(SessionError) as caught:
        connection.deleteFile(SHARE, "file")
    assert caught.value.getErrorCode() == ACCESS_DENIED
    assert (guest_server.share / "file").exists()
    connection.close()

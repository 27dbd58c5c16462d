"""Sessions and open files on the page."""

from typing import Any

from smbquic.server.server import Server
from smbquic.web.page import files
from smbquic.web.page.paging import Query
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions, OplockLevel
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from tests.unit.server.smb_client import Connect


async def rows(made: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await made)["rows"]
    return found


async def test_sessions(server: Server, connect: Connect) -> None:
    alice = await connect()
    await alice.open("one")
    await connect(token="bob:secret", share="ro")
    bob, first = await rows(files.sessions(server, Query()))
    assert (bob["user"], bob["shares"], bob["opens"]) == ("bob", ["ro"], 0)
    assert (first["user"], first["shares"], first["opens"]) == ("alice", ["data"], 1)
    assert (first["addresses"], first["transports"]) == (["127.0.0.1"], ["tcp"])
    assert (first["connections"], first["dialect"]) == (1, "SMB_3_1_1")
    assert files.find_session(server, first["id"]) is server.sessions[first["id"]]
    assert files.find_session(server, 0) is None
    for text, user in (("alice", "alice"), ("ro", "bob")):
        assert [row["user"] for row in await rows(files.sessions(server, Query(text)))] == [user]
    assert len(await rows(files.sessions(server, Query("127.0.0.1")))) == 2


async def test_open_files(server: Server, connect: Connect) -> None:
    alice = await connect()
    entry = await alice.open("one", desired_access=AccessMask.FILE_READ_DATA | AccessMask.DELETE)
    found = await files.opens(server, Query())
    [row] = found["rows"]
    assert (found["total"], found["files"]) == (1, 1)
    assert (row["share"], row["path"], row["user"]) == ("data", "one", "alice")
    assert (row["access"], row["shared"]) == (["read", "delete"], ["read", "write", "delete"])
    assert (row["folder"], row["locks"], row["durable"], row["grant"]) == (False, 0, False, None)
    assert files.find_open(server, row["id"]) is not None
    assert files.find_open(server, 10_000) is None
    assert await rows(files.opens(server, Query("data\\one"))) == [row]
    assert await rows(files.opens(server, Query("alice"))) == [row]
    assert await rows(files.opens(server, Query("bob"))) == []
    assert entry


async def test_oplocks_locks_and_deletion_are_shown(server: Server, connect: Connect) -> None:
    alice = await connect()
    entry = await alice.open(
        "one",
        requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH,
        create_options=CreateOptions.FILE_DELETE_ON_CLOSE,
        desired_access=AccessMask.MAXIMUM_ALLOWED,
    )
    locked = LockElement(0, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    await alice.call(LockRequest(lock_sequence=0, file_id=entry, locks=[locked]))
    [row] = await rows(files.opens(server, Query()))
    assert (row["grant"], row["caching"], row["breaking"]) == ("oplock", "RWH", False)
    assert (row["locks"], row["deleting"]) == (1, True)

"""Writes a file through a durable open until it is killed, and says what was acknowledged.

    python -m tests.integration.writing URL CA

Prints one JSON document per line: what is needed to come back, and then the number of each chunk.
"""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

from smbquic.client.concurrency import run_each
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.wire.create_contexts import DurableHandleReconnectV2, DurableHandleRequestV2, LeaseV2
from smbquic.wire.file_id import FileId
from smbquic.wire.write import WriteRequest
from tests.integration.caching import Caching, caching

CLIENT, CREATE, KEY = b"the same client.", b"the create guid.", b"K" * 16
NAME = "file"
CHUNK = 1 << 16
CHUNKS = 256
WINDOW = 16
LEASE = LeaseV2(KEY, READ | WRITE | HANDLE)


def chunk(number: int, turn: int = 0) -> bytes:
    """Return the content of one place of the file; no part of it is like any other."""
    seed = f"{number}/{turn}".encode()
    return b"".join(hashlib.sha256(seed + bytes([n])).digest() for n in range(64)) * 32


async def begin(client: Caching) -> FileId:
    """Open it durably, for good."""
    asks = DurableHandleRequestV2(0, 0, CREATE).context()
    response = await client.create(NAME, asks, LEASE.context())
    assert response.status == NtStatus.SUCCESS, response.status.label
    assert any(context.name == asks.name for context in response.body.contexts)
    file_id: FileId = response.body.file_id
    return file_id


async def come_back(client: Caching, file_id: FileId) -> FileId:
    """Go on with what was open."""
    returns = DurableHandleReconnectV2(file_id, CREATE).context()
    response = await client.create(NAME, returns, LEASE.context())
    assert response.status == NtStatus.SUCCESS, response.status.label
    again: FileId = response.body.file_id
    return again


async def put(client: Caching, file_id: FileId, number: int, turn: int = 0) -> None:
    """Write one chunk; returns once it is acknowledged."""
    response = await client.call(WriteRequest(number * CHUNK, file_id, chunk(number, turn)))
    assert response.status == NtStatus.SUCCESS, response.status.label


async def main(url: str, ca: Path) -> None:
    """Run the command."""
    async with caching(url, ca, CLIENT) as client:
        file_id = await begin(client)
        print(json.dumps({"session": client.session_id, "file": file_id}), flush=True)

        async def write(number: int) -> None:
            await put(client, file_id, number)
            print(number, flush=True)

        await run_each(range(CHUNKS), write, limit=WINDOW)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))

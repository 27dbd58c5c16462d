"""smbprotocol's client over our QUIC, in a process of its own.

    python -m benchmarks.ends.smbprotocol_client put|get HOST PORT PASSWORD CA PATH FILE

Prints what it took as JSON. As many requests are under way as with our own client; smbprotocol
itself has no transfer of that kind.
"""

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

from smbprotocol.open import (  # type: ignore[import-untyped]
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.tree import TreeConnect  # type: ignore[import-untyped]

from benchmarks.ends.options import USER
from benchmarks.usage import Stopwatch
from smbquic.client.smbprotocol import register

CHUNK = 1 << 20
WINDOW = 16


def opened(tree: Any, name: str, access: int, disposition: int) -> Any:
    """An open file."""
    file = Open(tree, name)
    file.create(
        ImpersonationLevel.Impersonation,
        access,
        0,
        ShareAccess.FILE_SHARE_READ,
        disposition,
        CreateOptions.FILE_NON_DIRECTORY_FILE,
    )
    return file


def put(tree: Any, path: str, source: Path) -> None:
    """Store a file."""
    access = FilePipePrinterAccessMask.GENERIC_WRITE
    file = opened(tree, path, access, CreateDisposition.FILE_OVERWRITE_IF)
    under_way: deque[Any] = deque()
    with source.open("rb", buffering=0) as local:
        offset = 0
        while data := local.read(CHUNK):
            request, answer = file.write(data, offset, send=False)
            under_way.append((send(tree, request, len(data)), answer))
            offset += len(data)
            if len(under_way) == WINDOW:
                finish(under_way.popleft())
        while under_way:
            finish(under_way.popleft())
    file.close()


def get(tree: Any, path: str, target: Path) -> None:
    """Fetch a file."""
    access = FilePipePrinterAccessMask.GENERIC_READ
    file = opened(tree, path, access, CreateDisposition.FILE_OPEN)
    under_way: deque[Any] = deque()
    with target.open("wb", buffering=0) as local:
        for offset in range(0, file.end_of_file, CHUNK):
            size = min(CHUNK, file.end_of_file - offset)
            request, answer = file.read(offset, size, send=False)
            under_way.append((send(tree, request, size), answer))
            if len(under_way) == WINDOW:
                local.write(finish(under_way.popleft()))
        while under_way:
            local.write(finish(under_way.popleft()))
    file.close()


def send(tree: Any, message: Any, size: int) -> Any:
    """Put a request on its way."""
    connection, session = tree.session.connection, tree.session
    return connection.send(
        message,
        sid=session.session_id,
        tid=tree.tree_connect_id,
        credit_request=max(1, -(-size // 65536)),
    )


def finish(pair: tuple[Any, Any]) -> Any:
    """Wait for an answer and make of it what smbprotocol does."""
    request, answer = pair
    return answer(request)


def main() -> None:
    """See the module's docstring."""
    way, host, port, password, ca, path, name = sys.argv[1:]
    connection = register(host, int(port), username=USER, password=password, ca=ca)
    [session] = connection.session_table.values()
    tree = TreeConnect(session, rf"\\{host}\data")
    tree.connect()
    # It asks for no more credits than it is about to spend, and fails where they do not suffice.
    connection.echo(session.session_id, credit_request=2 * WINDOW * CHUNK // 65536)
    stopwatch = Stopwatch()
    stopwatch.begin()
    {"put": put, "get": get}[way](tree, path, Path(name))
    stopwatch.end()
    connection.disconnect()
    print(json.dumps(stopwatch.report()))


if __name__ == "__main__":
    main()

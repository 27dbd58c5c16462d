"""A client that connects, and that moves bytes, as lines on standard input say.

    python -m tests.cluster.sizing_client URL --ca FILE --folder FOLDER

The lines are ``connect COUNT``, ``put MIBS`` and ``get MIBS``. Connections stay to the end of the
input. Prints how long each took.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path

import smbquic
from tests.cluster.nodes import PASSWORD

AT_ONCE = 8
NAME = "sizing"


async def main(given: argparse.Namespace) -> None:
    """Run the command."""
    content = given.folder / "content"
    async with contextlib.AsyncExitStack() as stack:
        shares: list[smbquic.Share] = []
        slots = asyncio.Semaphore(AT_ONCE)

        async def connect() -> None:
            async with slots:
                connecting = smbquic.connect(given.url, password=PASSWORD, ca=given.ca, timeout=60)
                shares.append(await stack.enter_async_context(connecting))

        while line := (await asyncio.to_thread(sys.stdin.readline)).split():
            command, count = line[0], int(line[1])
            if command == "put":
                piece = os.urandom(1 << 20)
                with content.open("wb") as file:
                    for _ in range(count):
                        file.write(piece)
            began = time.monotonic()
            if command == "connect":
                await asyncio.gather(*(connect() for _ in range(count)))
            elif command == "put":
                await shares[0].put(content, NAME)
            else:
                async for _ in shares[0].stream(NAME):
                    pass
            print(json.dumps({"seconds": time.monotonic() - began}), flush=True)
        if shares:
            await shares[0].remove(NAME)
        content.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.sizing_client")
    parser.add_argument("url")
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asyncio.run(main(parser.parse_args()))
